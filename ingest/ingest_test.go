package ingest_test

import (
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/recording"
)

func writePEM(t *testing.T, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseName(t *testing.T) {
	short := guid[1:] // a dropped leading zero
	for name, want := range map[string][4]string{
		guid: {guid}, guid + ".pcap": {guid}, short + ".PCAP": {short}, strings.ToUpper(guid): {strings.ToUpper(guid)},
		capName:                                 {guid, "009033010203", "17", ""},
		guid + "-00-90-33-01-02-03-1a":          {guid, "00-90-33-01-02-03", "1a", ""},
		guid + "-009033010203-17-abc.pcap":      {guid, "009033010203", "17", "abc"},
		guid + "-009033010203-17-a-b.c.pcap.gz": {guid, "009033010203", "17", "a-b.c"},
		oddName:                                 {guid, "00-90-33-01-02-03", "1a", "Müller & Söhne %41#1?"},
	} {
		uid, mac, serial, reg, ok := ingest.ParseName(name)
		if got := [4]string{uid, mac, serial, reg}; got != want || !ok || ingest.IsForeign(name) {
			t.Errorf("%s: %q, %v; want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"call.pcap", "x.PcapNG", "a b.pcap.gz", guid + "-x.pcap", guid + "0.pcap"} {
		if _, _, _, _, ok := ingest.ParseName(name); ok || !ingest.IsForeign(name) {
			t.Errorf("%s is foreign", name)
		}
	}
	for _, name := range []string{"", "x.wav", "pcap", ".pcap", "../x.pcap", `a\b.pcap`, "a:b.pcap", "a\x00.pcap", "a\n.pcap", guid + "-009033010203-17-../../x", "\xff.pcap", strings.Repeat("x", 256) + ".pcap", "\u202e.pcap"} {
		if ingest.IsCapture(name) {
			t.Errorf("%.40q was taken", name)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add(capName)
	f.Add(oddName)
	f.Add("../evil.pcap")
	f.Fuzz(func(t *testing.T, name string) {
		if ingest.IsCapture(name) && (!filepath.IsLocal(name) || filepath.Base(name) != name || strings.ContainsAny(name, "/\\:\x00\r\n")) {
			t.Fatalf("%q was taken", name)
		}
		if uid, _, _, _, ok := ingest.ParseName(name); ok {
			if _, err := recording.ParseConfID(uid); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCaptureOf(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("", 3600))
	cfg := ingest.Config{Name: "main", Swap: true, GatewayMACs: []string{"00-90-33-01-02-03"}}
	c := ingest.CaptureOf(cfg, ingest.Entry{Name: capName, Stamp: recording.Stamp{Size: 7}}, now)
	if c.Source != (recording.Source{Inbox: "main", Name: capName}) || c.UID != guid || string(c.Conf) != guid || c.MAC != "009033010203" ||
		c.Serial != "17" || c.RecordedOn != recording.OnGateway || !c.Swap || c.Stamp.Size != 7 || c.Polls != 1 || c.SeenAt != now.UTC() {
		t.Errorf("%+v", c)
	}
	c = ingest.CaptureOf(cfg, ingest.Entry{Name: guid[1:]}, now)
	if c.UID != guid[1:] || string(c.Conf) != "0"+guid[1:] || c.RecordedOn != recording.OnPhone {
		t.Errorf("%+v", c)
	}
}

func TestComplete(t *testing.T) {
	now := time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		polls int
		still time.Duration
		facts ingest.Facts
		want  bool
	}{
		"lives, size stands for an hour (hold)": {700, time.Hour, ingest.Facts{SOAPKnows: true, Live: true}, false},
		"ended, one listing":                    {1, 0, ingest.Facts{SOAPKnows: true}, false},
		"ended, two listings":                   {2, 5 * time.Second, ingest.Facts{SOAPKnows: true}, true},
		"no SOAP, too soon":                     {12, 59 * time.Second, ingest.Facts{}, false},
		"no SOAP, settled":                      {13, time.Minute, ingest.Facts{}, true},
		"no SOAP, seen once":                    {1, time.Hour, ingest.Facts{}, false},
		"clock went back":                       {5, -time.Hour, ingest.Facts{}, false},
	} {
		row.facts.Settle, row.facts.Now = time.Minute, now
		got, why := ingest.Complete(recording.Capture{Polls: row.polls, StillAt: now.Add(-row.still)}, row.facts)
		if got != row.want || why == "" {
			t.Errorf("%s: %v (%s)", name, got, why)
		}
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "CF card [0]")
	cfg := ingest.Config{Name: "cf", Path: dir, DeleteDelay: ingest.Duration(2 * time.Second)}
	h := newHandClock()
	in, err := ingest.New(cfg, h.clock(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := in.List(t.Context()); err == nil || errors.Is(err, recording.ErrNotFound) {
		t.Errorf("missing folder: %v", err)
	}
	if _, err := in.Stat(t.Context(), capName); err == nil || errors.Is(err, recording.ErrNotFound) {
		t.Errorf("a file of a missing folder counts as gone: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "TMP.pcap"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{capName, "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("0123456789"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Symlink("/etc/passwd", filepath.Join(dir, "link.pcap"))
	_ = os.WriteFile(filepath.Join(dir, `a\b.pcap`), nil, 0o600)
	e := one(t, in)
	_, stats, _ := in.List(t.Context())
	if stats.Ignored < 2 || stats.Refused > 1 {
		t.Errorf("%+v", stats)
	}
	if got, err := readFrom(t, in, e, 4); got != "456789" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	other := e.Stamp
	other.Size++
	if err := in.Delete(t.Context(), e.Name, other); !errors.Is(err, recording.ErrChanged) {
		t.Errorf("another file: %v", err)
	}
	if _, err := in.Open(t.Context(), e.Name, 0, other); !errors.Is(err, recording.ErrChanged) {
		t.Errorf("another file: %v", err)
	}
	for _, evil := range []string{"../x.pcap", "link.pcap", "TMP.pcap", "/etc/passwd"} {
		if _, err := in.Open(t.Context(), evil, 0, recording.Stamp{}); err == nil {
			t.Errorf("%q was opened", evil)
		}
	}
	sp := newSpool(t)
	c, err := fetcher(t, in, sp, h).Fetch(t.Context(), "1", captureOf(e))
	if err != nil {
		t.Fatal(err)
	}
	wantCopy(t, sp, c, "0123456789")
	began := h.clock().Now()
	if err := errors.Join(in.Delete(t.Context(), e.Name, e.Stamp), in.Delete(t.Context(), e.Name, e.Stamp)); err != nil {
		t.Error(err)
	}
	if took := h.clock().Now().Sub(began); took != 4*time.Second {
		t.Errorf("two deletes waited %s", took)
	}
	if _, err := in.Stat(t.Context(), e.Name); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("after the delete: %v", err)
	}
}

func TestConfig(t *testing.T) {
	good := `name = "main"
url = "https://pbx.example/drop/"
user = "rec"
password_env = "X"
recorded_on = "gateway"
gateway_macs = ["00-90-33-01-02-03"]
poll = "1s"`
	var c ingest.Config
	if err := toml.Unmarshal([]byte(good), &c); err != nil {
		t.Fatal(err)
	}
	c = c.WithDefaults()
	if err := c.Validate(); err != nil || c.Kind != ingest.KindWebDAV || c.Poll != ingest.Duration(time.Second) || c.Settle != ingest.Duration(time.Minute) {
		t.Errorf("%+v, %v", c, err)
	}
	for line, want := range map[string]string{
		`name = ""`:                            `name is ""`,
		`kind = "ftp"`:                         `kind is "ftp": want "webdav"`,
		`kind = "folder"`:                      `path is ""`,
		`url = "ftp://x/"`:                     `url is "ftp://x/": want http or https`,
		`url = "http://u:geheim@x/"`:           `want it without user and password`,
		`recorded_on = "trunk"`:                `recorded_on is "trunk": want "phone" or "gateway"`,
		`gateway_macs = ["00903301"]`:          `gateway_macs is "00903301": want 12 hex digits`,
		`poll = "0.001s"`:                      `poll is "1ms": want 10ms to 1h0m0s`,
		`poll = "5"`:                           `"5" is no duration`,
		`auth = "ntlm"`:                        `auth is "ntlm"`,
		`pin_sha256 = "abc"`:                   `pin_sha256 is "abc": want 64 hex digits`,
		`password_file = "x"` + "\nuser=\"u\"": `only one of password`,
		`user = ""`:                            `user is ""`,
		`standby = "a/b"`:                      `standby is "a/b": want "host"`,
		`standby = "ftp://x/"`:                 `standby is "ftp://x/"`,
		`standby = "http://u:geheim@x/"`:       `standby is "(not shown)"`,
		`follow_pbx = true`:                    `follow_pbx is "true"`,
	} {
		key, _, _ := strings.Cut(line, " ")
		var kept []string
		for l := range strings.SplitSeq(good, "\n") {
			if !strings.HasPrefix(l, key+" ") && (!strings.Contains(line, "user=") || !strings.HasPrefix(l, "user ")) {
				kept = append(kept, l)
			}
		}
		var c ingest.Config
		err := toml.Unmarshal([]byte(strings.Join(kept, "\n")+"\n"+line), &c)
		if err == nil {
			err = c.WithDefaults().Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v, want %q", line, err, want)
		}
	}
	for _, c := range []ingest.Config{
		{Name: "a", URL: "https://x/", User: "u", PasswordEnv: "CALLREEL_NOT_SET"},
		{Name: "a", URL: "https://x/", User: "u", PasswordFile: "/does/not/exist"},
		{Name: "a", URL: "https://x/", CAFile: "/does/not/exist"},
		{},
	} {
		if _, err := ingest.New(c, clock.System(), slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}
