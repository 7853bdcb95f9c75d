package service

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// TestPBXWithoutNameKeepsItsCalls opens a recorder anew in the middle of a call of a PBX
// that the setup gives no name, and wants the call to be one of a PBX that is set up.
func TestPBXWithoutNameKeepsItsCalls(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "callreel.toml")
	text := `[archive]
path = "archive"
[player]
listen = ""
[receiver]
listen = "127.0.0.1:0"
[[pbx]]
url = "http://127.0.0.1:1/PBX0/user.soap"
user = "u"
password = "p"
group = "rec"
[[inbox]]
name = "drop"
path = "drop"
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "archive"), 0o750); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), cfg, Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, want := s.links.names(), []string{"pbx"}; !slices.Equal(got, want) {
		t.Errorf("links are of %q, want %q", got, want)
	}
	leg := recording.Leg{Agent: recording.Agent{PBX: "pbx", CN: "A"}, Conf: "c03a55c2e909d311b6450090331b3e3b", Began: s.clock.Now()}
	if err := s.catalog.SaveLeg(t.Context(), leg); err != nil {
		t.Fatal(err)
	}
	if err := s.forgotten(t.Context()); err != nil {
		t.Fatal(err)
	}
	if live, err := s.catalog.LiveLegs(t.Context()); err != nil || len(live) != 1 {
		t.Errorf("%d calls live, %v, want 1", len(live), err)
	}
}
