package service_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"callreel/convert"
	"callreel/internal/callcheck"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// A recorder set to MP3 files sealed MP3s, whole and as long as the calls.
func TestCallsAsMP3(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) {
		c.Audio.Format, c.Keys.EncryptAudio = convert.MP3, true
	})
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	ring, err := service.ReadRing(r.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	filed, err := callcheck.Read(r.cfg.Archive.Path, ring)
	if err != nil || len(filed) != 1 {
		t.Fatalf("%d filed, %v", len(filed), err)
	}
	f := filed[0]
	if a := f.Sidecar.Audio; filepath.Ext(f.Path) != ".mp3" || a.Format != "mp3" || a.Kbps != 32 || !f.Sidecar.Seal.AudioSealed {
		t.Errorf("%s: %+v", f.Path, a)
	}
	err = filepath.WalkDir(r.cfg.Archive.Backup, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".wav" {
			t.Errorf("%s is no MP3", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCallsAsTheyCame: in the mode pcap the capture itself is filed, sealed if the setup
// says so; the page lets people hear it all the same, whole and any part.
func TestCallsAsTheyCame(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) {
		c.Rules.File = writeRules(t, "mode = \"pcap\"\n")
		c.Keys.EncryptAudio = true
	})
	r.light(t, service.LampPBX, service.Green)
	call := r.call(t, pbxsim.ExternalToAgent)
	rec := r.filed(t, call)
	until(t, "done", func() error { return r.count("done", 1) })
	ring, err := service.ReadRing(r.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	list, err := callcheck.Read(r.cfg.Archive.Path, ring)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d filed, %v", len(list), err)
	}
	f := list[0].Sidecar
	if filepath.Ext(list[0].Path) != ".pcap" || f.Audio.Format != "pcap" || f.Seal.ClearSHA256 != f.Capture.SHA256 || !f.Seal.AudioSealed || f.Verdict.Mode != "pcap" {
		t.Errorf("%s: %+v, %+v", list[0].Path, f.Audio, f.Seal)
	}
	if f.Audio.DurationS < 0.5 || f.Audio.Start.IsZero() || f.Audio.Status != recording.AudioOK {
		t.Errorf("%.2f s from %s, %s", f.Audio.DurationS, f.Audio.Start, f.Audio.Status)
	}
	if text, _ := told(t, r.cfg, list[0].Path); !strings.Contains(text, "kept for "+rec.Verdict.Owner.E164) {
		t.Errorf("explained by the name of its file: %s", text)
	}
	url := fmt.Sprintf("http://%s/api/recordings/%d/audio", r.s.Addr("player"), rec.ID)
	wav := fetch(t, url, "")
	begin := bytes.Index(wav, []byte("data")) + 8
	var left []byte
	for i := begin; i < len(wav); i += 2 {
		left = append(left, wav[i])
	}
	if sum := sha256.Sum256(left); hex.EncodeToString(sum[:]) != call.ExternalSHA256 {
		t.Errorf("the external side, %d bytes, is not what was said", len(left))
	}
	if part := fetch(t, url, "bytes=100-199"); !bytes.Equal(part, wav[100:200]) {
		t.Errorf("a part of %d bytes is another", len(part))
	}
}

// fetch gets a page, or a part of it.
func fetch(t *testing.T, url, part string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if part != "" {
		req.Header.Set("Range", part)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s: %s, %v: %s", url, res.Status, err, body)
	}
	return body
}
