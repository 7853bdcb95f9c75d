// Package foreign takes the frames of codecs that are not built in out of RTP
// payloads and writes them as other programs read them from a file: AMR and AMR-WB
// (RFC 4867), G.723.1 (RFC 3551 §4.5.3) and iLBC (RFC 3952). It decodes none.
package foreign

import (
	"errors"
	"strings"
)

// ErrUndecodable is what whoever decodes such a file returns where the decoder refuses
// it; any other error is of a decoder that could not do its work just then.
var ErrUndecodable = errors.New("refused by its decoder")

// Format is how a codec's frames come and go.
type Format struct {
	Name    string // of the file format: amr, amrwb, g723_1, ilbc
	Magic   string // what the file begins with
	Rate    int    // of the samples, Hz
	Samples int    // of a frame

	count func(head uint16, length int) int
	quiet func(head uint16, length int) int // nil: never
	split func(payload []byte) []Frame
}

// Frame is one frame as it stands in the file; Data is empty where there is no
// speech in it (silence descriptions, frames that were not sent).
type Frame struct{ Data []byte }

// Of finds the format of an encoding name with its clock, channels and parameters
// (a=fmtp); false where that cannot be written.
func Of(name string, clock, channels int, parameters string) (Format, bool) {
	if channels > 1 {
		return Format{}, false
	}
	switch strings.ToUpper(name) {
	case "AMR":
		return amrFormat(narrow(), parameters), clock == 8000 && !beyond(parameters)
	case "AMR-WB":
		return amrFormat(wide(), parameters), clock == 16000 && !beyond(parameters)
	case "G723":
		return g723(), clock == 8000
	case "ILBC":
		return ilbc(parameters), clock == 8000
	}
	return Format{}, false
}

// Count is how many frames a payload holds of which the first two bytes and the
// length are given, if all are alike; 0 where it cannot be one.
func (f Format) Count(head uint16, length int) int {
	if length < 1 {
		return 0
	}
	return f.count(head, length)
}

// Quiet is how many frames at the end of a payload, of which the first two bytes and
// the length are given, are no speech: descriptions of silence, and frames that were
// not sent. It is 0 where that does not show.
func (f Format) Quiet(head uint16, length int) int {
	if length < 1 || f.quiet == nil {
		return 0
	}
	return f.quiet(head, length)
}

// Split takes a payload apart. What is no frame ends it.
func (f Format) Split(payload []byte) []Frame { return f.split(payload) }

// parameter is the value that a=fmtp gives to a name.
func parameter(parameters, name string) string {
	for part := range strings.SplitSeq(parameters, ";") {
		if key, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok && strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// g723: frames of 24, 20, 4 or 1 octets, which the lowest bits of each tell; only
// the last may be a silence description.
func g723() Format {
	size := func(first byte) int { return [4]int{24, 20, 4, 1}[first&3] }
	return Format{
		Name: "g723_1", Rate: 8000, Samples: 240,
		count: func(head uint16, length int) int {
			n := size(byte(head >> 8))
			return (length + n - 1) / n
		},
		quiet: func(head uint16, length int) int {
			n := size(byte(head >> 8))
			// So long that frames of 24 and of 20 octets cannot give the same length.
			certain := map[int]int{24: 5 * 24, 20: 2 * 20}[n]
			alone, behind := n < 20 && length == n, length < certain && (length%n == 4 || length%n == 1)
			if alone || behind {
				return 1
			}
			return 0
		},
		split: func(b []byte) (out []Frame) {
			for len(b) > 0 && len(b) >= size(b[0]) {
				n := size(b[0])
				f := Frame{}
				if n >= 20 {
					f.Data = b[:n]
				}
				out, b = append(out, f), b[n:]
			}
			return out
		},
	}
}

// ilbc: frames of 20 ms in 38 octets or of 30 ms in 50 (RFC 3952 §4); 30 where
// nothing is said.
func ilbc(parameters string) Format {
	f, size := Format{Name: "ilbc", Magic: "#!iLBC30\n", Rate: 8000, Samples: 240}, 50
	if parameter(parameters, "mode") == "20" {
		f.Magic, f.Samples, size = "#!iLBC20\n", 160, 38
	}
	f.count = func(_ uint16, length int) int {
		if length%size != 0 {
			return 0
		}
		return length / size
	}
	f.split = func(b []byte) (out []Frame) {
		for ; len(b) >= size; b = b[size:] {
			out = append(out, Frame{b[:size]})
		}
		return out
	}
	return f
}
