package service_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callreel/internal/clock"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

// TestFilterOfTheRulesFile drops an agent's call by a filter and keeps his other one.
func TestFilterOfTheRulesFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *service.Config) {
		cfg.Rules.File = writeRules(t, "[[filter]]\nname = \"outgoing\"\naction = \"drop\"\ndirection = \"out\"\n")
	})
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.AgentToExternal)
	until(t, "discard", func() error { return r.count("discarded", 1) })
	r.calls = nil // it has left nothing in the archive
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
}

// TestBadRulesFile: with rules that are not understood the recorder does not start.
func TestBadRulesFile(t *testing.T) {
	for _, row := range []struct{ file, want string }{
		{writeRules(t, "\nmode = \"some\"\n"), `rules.toml:2: mode "some" is not allowed`},
		{filepath.Join(t.TempDir(), "none.toml"), "read the rules"},
	} {
		cfg := service.DefaultConfig()
		cfg.Rules.File = row.file
		s, err := service.Open(t.Context(), cfg, service.Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			t.Fatal("opened", s.Close())
		}
		if !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}

func writeRules(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
