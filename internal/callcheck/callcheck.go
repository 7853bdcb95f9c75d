// Package callcheck holds what a recorder filed against the calls that were
// played to it: each kept call exactly once, with the right owner, numbers and
// direction, every sample right on both sides, and nothing that should not be
// there. Tests use it; it reads archives as an auditor would, from the files
// alone.
package callcheck

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"callreel/crypto"
	"callreel/internal/media/mp3"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/sidecar"
)

// Filed is one pair of an archive.
type Filed struct {
	Path    string // of the audio, below the folder
	Audio   []byte // clear
	Sidecar recording.Recording
}

// Read opens every pair below folder. An audio file without sidecar, a sidecar
// without audio, and a file that is not what its sidecar says are errors.
func Read(folder string, ring *crypto.Ring) (out []Filed, err error) {
	err = walk(folder, ring, func(f Filed) { out = append(out, f) })
	return out, err
}

// walk is Read that hands the pairs on one by one: those of a large archive do not fit
// into memory.
func walk(folder string, ring *crypto.Ring, take func(Filed)) error {
	var problems []error
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "REC" || d.Name() == "TMP") {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".wav", ".mp3", ".pcap":
			f, err := readPair(path, ring)
			if err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", path, err))
				return nil
			}
			take(f)
		case ".xml":
			if !hasAudio(strings.TrimSuffix(path, ".xml")) {
				problems = append(problems, fmt.Errorf("%s: sidecar without audio", path))
			}
		}
		return nil
	})
	return errors.Join(append(problems, err)...)
}

func hasAudio(name string) bool {
	for _, ext := range []string{".wav", ".mp3", ".pcap"} {
		if _, err := os.Stat(name + ext); err == nil {
			return true
		}
	}
	return false
}

func readPair(path string, ring *crypto.Ring) (Filed, error) {
	f := Filed{Path: path}
	onDisk, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	sealed, err := os.ReadFile(strings.TrimSuffix(path, filepath.Ext(path)) + ".xml")
	if err != nil {
		return f, err
	}
	if !crypto.IsSealed(sealed[:min(8, len(sealed))]) {
		return f, errors.New("the sidecar is not sealed")
	}
	plain, err := crypto.OpenBytes(ring, sealed)
	if err != nil {
		return f, fmt.Errorf("sidecar: %w", err)
	}
	if f.Sidecar, _, err = sidecar.Decode(plain); err != nil {
		return f, fmt.Errorf("sidecar: %w", err)
	}
	f.Audio = onDisk
	if f.Sidecar.Seal.AudioSealed {
		if f.Audio, err = crypto.OpenBytes(ring, onDisk); err != nil {
			return f, fmt.Errorf("audio: %w", err)
		}
	}
	for _, row := range []struct {
		what, want string
		data       []byte
	}{{"file", f.Sidecar.Seal.FileSHA256, onDisk}, {"clear audio", f.Sidecar.Seal.ClearSHA256, f.Audio}} {
		sum := sha256.Sum256(row.data)
		if got := hex.EncodeToString(sum[:]); got != row.want {
			return f, fmt.Errorf("SHA-256 of the %s is %s, the sidecar says %s", row.what, got, row.want)
		}
	}
	return f, nil
}

// Calls checks that exactly the kept calls are in the archive, each once and
// true, and returns everything that is wrong.
func Calls(folder string, ring *crypto.Ring, calls []*pbxsim.Call) error {
	byConf := map[string]*pbxsim.Call{}
	for _, c := range calls {
		byConf[c.Conf] = c
	}
	var problems []error
	times := map[string]int{}
	err := walk(folder, ring, func(f Filed) {
		conf := string(f.Sidecar.Capture.Conf)
		times[conf]++
		c := byConf[conf]
		if c == nil {
			problems = append(problems, fmt.Errorf("conference %s is in the archive and was never played", conf))
		} else if c.Kept {
			for _, problem := range check(c, f) {
				problems = append(problems, fmt.Errorf("call %s of %s: %w", c.Conf, c.CN, problem))
			}
		}
	})
	problems = append(problems, err)
	for _, c := range calls {
		switch n := times[c.Conf]; {
		case c.Kept && n != 1:
			problems = append(problems, fmt.Errorf("call %s of %s: filed %d times, want once", c.Conf, c.CN, n))
		case !c.Kept && n != 0:
			problems = append(problems, fmt.Errorf("call %s of %s: filed, but it is not to be kept", c.Conf, c.CN))
		}
	}
	return errors.Join(problems...)
}

func check(c *pbxsim.Call, f Filed) (problems []error) {
	v := f.Sidecar.Verdict
	for _, row := range []struct{ what, got, want string }{
		{"agent", v.Owner.CN, c.CN},
		{"internal number", v.Internal, c.Internal},
		{"external number", v.External, c.External},
		{"direction", string(v.Direction), c.Direction},
	} {
		if row.got != row.want && (row.what != "external number" || row.got != "" || !c.Untold) {
			problems = append(problems, fmt.Errorf("%s is %q, want %q", row.what, row.got, row.want))
		}
	}
	if d := v.Ring - c.Ring; !c.Untold && (d < -1 || d > 1) {
		problems = append(problems, fmt.Errorf("rang %d s, want %d", v.Ring, c.Ring))
	}
	if d := f.Sidecar.Audio.Start.Sub(c.Start).Abs(); d > 100*time.Millisecond {
		problems = append(problems, fmt.Errorf("starts at %v, want %v", f.Sidecar.Audio.Start, c.Start))
	}
	if err := sides(c, f.Sidecar.Audio, f.Audio); err != nil {
		problems = append(problems, err)
	}
	return problems
}

// slack is how far the two sides may be shifted against each other, in samples:
// they are aligned by the capture times of their first packets.
const slack = 160

// sides compares every sample of a WAV: external left, internal right. An MP3 must
// be whole and as long as the call.
func sides(c *pbxsim.Call, audio recording.Audio, file []byte) error {
	if audio.Format == "mp3" {
		return isWhole(c, audio, file)
	}
	return wavSides(c, file)
}

func isWhole(c *pbxsim.Call, audio recording.Audio, file []byte) error {
	s, err := mp3.Walk(bytes.NewReader(file))
	if err != nil {
		return err
	}
	external, _ := c.Voice()
	if n := int(s.Samples); n < len(external) || n > len(external)+slack || s.Samples != audio.Samples || s.Channels != 2 {
		return fmt.Errorf("%+v, want %d samples and at most %d more", s, len(external), slack)
	}
	return nil
}

func wavSides(c *pbxsim.Call, wav []byte) error {
	data, err := samples(wav)
	if err != nil {
		return err
	}
	external, internal := c.Voice()
	if n := len(data) / 2; n < len(external) || n > len(external)+slack {
		return fmt.Errorf("%d samples a side, want %d and at most %d more", n, len(external), slack)
	}
	left, right := make([]byte, 0, len(data)/2), make([]byte, 0, len(data)/2)
	for i := 0; i+1 < len(data); i += 2 {
		left, right = append(left, data[i]), append(right, data[i+1])
	}
	return errors.Join(whole("left", left, external), whole("right", right, internal))
}

// whole wants a side to be what was said, with silence before and after it.
func whole(name string, got, want []byte) error {
	const silence = 0xD5
	for shift := 0; shift+len(want) <= len(got); shift++ {
		if !bytes.Equal(got[shift:shift+len(want)], want) {
			continue
		}
		rest := append(bytes.Clone(got[:shift]), got[shift+len(want):]...)
		if len(bytes.Trim(rest, string([]byte{silence}))) == 0 {
			return nil
		}
	}
	return fmt.Errorf("the %s side is not what was said", name)
}

// samples returns the data of a stereo A-law WAV file at 8 kHz.
func samples(wav []byte) ([]byte, error) {
	const alaw = 6
	if len(wav) < 12 || string(wav[:4]) != "RIFF" || string(wav[8:12]) != "WAVE" {
		return nil, errors.New("no WAV file")
	}
	if got := binary.LittleEndian.Uint32(wav[4:]); int(got) != len(wav)-8 {
		return nil, fmt.Errorf("RIFF size is %d, want %d", got, len(wav)-8)
	}
	for rest := wav[12:]; len(rest) >= 8; {
		size := int(binary.LittleEndian.Uint32(rest[4:]))
		if size > len(rest)-8 {
			return nil, fmt.Errorf("chunk %q is cut", rest[:4])
		}
		body := rest[8 : 8+size]
		switch string(rest[:4]) {
		case "fmt ":
			if size < 16 || binary.LittleEndian.Uint16(body) != alaw || body[2] != 2 || binary.LittleEndian.Uint32(body[4:]) != 8000 {
				return nil, fmt.Errorf("format % x is not stereo A-law at 8 kHz", body)
			}
		case "data":
			return body, nil
		}
		rest = rest[min(8+size+size%2, len(rest)):]
	}
	return nil, errors.New("no data chunk")
}

// Empty reports files in a folder whose names end in one of the given ways.
func Empty(folder string, endings ...string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		for _, end := range endings {
			if strings.HasSuffix(e.Name(), end) {
				return fmt.Errorf("%s is still in %s", e.Name(), folder)
			}
		}
	}
	return nil
}
