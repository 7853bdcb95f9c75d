package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGoodConfig(t *testing.T) {
	cfg, err := LoadConfig("testdata/config/good.toml")
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Inbox) != 2 || len(cfg.PBX) != 1 || !cfg.Keys.EncryptAudio || cfg.CDR.Tries != 9999 {
		t.Errorf("read %+v", cfg)
	}
	if got := time.Duration(cfg.CDR.FirstWait); got != 5*time.Second {
		t.Errorf("first_wait = %v, want the default of 5 s", got)
	}
	dir, err := filepath.Abs("testdata/config")
	if err != nil {
		t.Fatal(err)
	}
	for what, row := range map[string][2]string{
		"inbox path": {cfg.Inbox[1].Path, filepath.Join(dir, "drop")},
		"catalog":    {cfg.Catalog, filepath.Join(dir, "callreel.db")},
		"spool":      {cfg.Spool, filepath.Join(cfg.Archive.Path, "REC")},
	} {
		if row[0] != row[1] {
			t.Errorf("%s = %s, want %s", what, row[0], row[1])
		}
	}
}

// TestBadConfigs holds every bad file against the message beside it: file,
// line, key and what is allowed.
func TestBadConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.bad.toml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d bad files found, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".bad.toml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseConfig(name, data)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), strings.TrimSpace(string(want))) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if !strings.HasPrefix(err.Error(), name+":") {
				t.Errorf("the message does not begin with file and line: %v", err)
			}
		})
	}
}

func TestUnreadableConfig(t *testing.T) {
	_, err := LoadConfig(filepath.Join(t.TempDir(), "none.toml"))
	if err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("error %v does not name the file", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	good, err := os.ReadFile("testdata/config/good.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("[[pbx]]\n[[pbx]]\nurl=1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ParseConfig("f.toml", data); err != nil && !strings.HasPrefix(err.Error(), "f.toml") {
			t.Errorf("message does not name the file: %v", err)
		}
	})
}
