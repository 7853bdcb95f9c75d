package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/mp3"
)

const realCall = "../../convert/testdata/call1_alaw.pcap.gz"

// convertRun runs the command and returns its exit code and what it printed.
func convertRun(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var stderr bytes.Buffer
	err := run(t.Context(), append([]string{"convert"}, args...), &stderr, &stderr)
	return exitCode(err, &stderr), stderr.String()
}

func TestConvertARealCall(t *testing.T) {
	dir := t.TempDir()
	out, report := filepath.Join(dir, "o.wav"), filepath.Join(dir, "r.json")
	if code, text := convertRun(t, realCall, "-o", out, "--report", report); code != exitDone {
		t.Fatal(code, text)
	}
	info, err := os.Stat(out)
	if err != nil || info.Size() != 58+2*64847 {
		t.Errorf("%v, %v", info, err)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Status, SidesBy string
		Streams         []struct{ SSRC, Side, Codec string }
		DurationS       float64 `json:"duration_s"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Status != "ok" || r.DurationS != 8.105875 || len(r.Streams) != 2 || r.Streams[0].SSRC != "0x1b5d8c64" || r.Streams[0].Side != "left" {
		t.Errorf("%+v", r)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("%d files, want the two asked for", len(left))
	}
}

func TestConvertSeveralCalls(t *testing.T) {
	capture := corpus.File(t, "generated/bs_two_concurrent_pcma.pcap")
	for _, row := range []struct {
		name string
		args []string
		code int
		want []string
		text string
	}{
		{"all", []string{"--report", "r.json"}, exitDone, []string{"o-2.wav", "o.wav", "r-2.json", "r.json"}, "holds 2 calls"},
		{"the second", []string{"--call", "2"}, exitDone, []string{"o.wav"}, ""},
		{"together", []string{"--together"}, exitDone, []string{"o.wav"}, ""},
		{"one that is not there", []string{"--call", "3"}, exitFault, nil, "number 3 of 2"},
		{"wrong", []string{"--call", "-1"}, exitUsage, nil, "counted from 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			code, text := convertRun(t, append(row.args, "-o", "o.wav", capture)...)
			if code != row.code || !strings.Contains(text, row.text) {
				t.Fatalf("exit code %d, %q", code, text)
			}
			var got []string
			left, _ := os.ReadDir(".")
			for _, e := range left {
				got = append(got, e.Name())
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

func TestConvertToMP3(t *testing.T) {
	dir := t.TempDir()
	out, report := filepath.Join(dir, "o.MP3"), filepath.Join(dir, "r.json")
	if code, text := convertRun(t, realCall, "-o", out, "--report", report); code != exitDone {
		t.Fatal(code, text)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := mp3.Walk(f)
	if err != nil || s.Samples != 64847 || s.Kbps != 32 || s.Channels != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	b, err := os.ReadFile(report)
	if err != nil || !bytes.Contains(b, []byte(`"codec": "mp3"`)) || !bytes.Contains(b, []byte(`"kbps": 32`)) {
		t.Errorf("report %s, %v", b, err)
	}
}

func TestConvertSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	page, out, report := filepath.Join(dir, "page.pcap"), filepath.Join(dir, "o.wav"), filepath.Join(dir, "r.json")
	if err := os.WriteFile(page, []byte("<html>404</html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		args []string
		code int
		text string
	}{
		{"no capture", []string{"--report", report, "-o", out, page}, exitNothing, "damaged: no packet capture"},
		{"no output", []string{page}, exitUsage, "-o OUT is missing"},
		{"no input", []string{"-o", out}, exitUsage, "one capture or folder must be named"},
		{"two inputs", []string{"-o", out, page, page}, exitUsage, "got 2"},
		{"a folder with a report", []string{"--report", report, "-o", out, dir}, exitUsage, "does not go with a folder"},
		{"workers", []string{"--workers", "-1", "-o", out, dir}, exitUsage, "--workers -1"},
		{"onto itself", []string{"-o", page, page}, exitUsage, "the capture itself"},
		{"format", []string{"--format", "ogg", "-o", out, page}, exitUsage, "--format ogg does not go with the output o.wav"},
		{"no such format", []string{"--format", "ogg", "-o", dir, page}, exitUsage, "wav, mp3"},
		{"format against the ending", []string{"--format", "wav", "-o", dir + "/o.mp3", page}, exitUsage, "--format wav does not go with the output o.mp3"},
		{"bit rate of a wav", []string{"--bitrate", "32", "-o", out, page}, exitUsage, "bitrate 32: is for mp3"},
		{"bit rate", []string{"--bitrate", "33", "-o", dir + "/o.mp3", page}, exitUsage, "must be one of [16 24 32"},
		{"channels", []string{"--channels", "5.1", "-o", out, page}, exitUsage, "stereo, mono, internal, external"},
		{"wideband", []string{"--wideband", "48k", "-o", out, page}, exitUsage, "pcm16, g711"},
		{"device", []string{"--recorded-on", "tape", "-o", out, page}, exitUsage, "phone or gateway"},
		{"unknown flag", []string{"--loud"}, exitUsage, "loud"},
		{"not there", []string{"-o", out, filepath.Join(dir, "none")}, exitFault, "none"},
		{"no folder for the output", []string{"-o", filepath.Join(dir, "no", "o.wav"), realCall}, exitFault, "no"},
		{"help", []string{"-h"}, exitDone, "Usage: callreel convert"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if code, text := convertRun(t, row.args...); code != row.code || !strings.Contains(text, row.text) {
				t.Errorf("exit code %d, %q; want %d, %q", code, text, row.code, row.text)
			}
		})
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("an output was written")
	}
	b, err := os.ReadFile(report)
	if err != nil || !bytes.Contains(b, []byte(`"status": "damaged"`)) {
		t.Errorf("report of the failure: %s, %v", b, err)
	}
}
