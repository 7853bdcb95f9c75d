package service_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"callreel/convert"
	"callreel/internal/callcheck"
	"callreel/internal/pbxsim"
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
