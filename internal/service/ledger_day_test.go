package service

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/recording"
	"callreel/rules"
)

// TestLedgerOfTheDay: yesterday's lines are written once, when its captures should be
// here, and with them those of a day at whose end the recorder stood still. Reports that
// are older than the CDRs are kept go.
func TestLedgerOfTheDay(t *testing.T) {
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	now := noon
	clk := clock.System()
	clk.Now = func() time.Time { return now }
	cfg := DefaultConfig()
	cfg.Archive.Path = t.TempDir()
	cfg.Agent = []AgentConfig{{Number: "24"}}
	tmp := filepath.Join(cfg.Archive.Path, "TMP")
	old := filepath.Join(tmp, "ledger_2026_08_22.csv") // 91 days before
	kept := filepath.Join(tmp, "ledger_2026_08_23.csv")
	if err := os.MkdirAll(tmp, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.WriteFile(kept, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	s := &Service{making: making{cfg: cfg, location: time.UTC}, catalog: c, clock: clk, lamps: newLamps(clk), log: NewLog(io.Writer(&text), 0)}
	s.books = bookkeeper{cfg: cfg, catalog: c, rules: rules.First(), clock: clk, setup: cfg.agents, listed: func() (time.Time, string) { return now, "" }}
	entry := recording.Entry{Conf: "c", Agent: recording.Agent{E164: "24"}, Began: noon, External: "0012345", Outcome: recording.OutcomeFiled, Reason: "r"}
	earlier := entry
	earlier.Conf, earlier.Began, earlier.External = "d", noon.AddDate(0, 0, -2), "0067890"
	for _, e := range []recording.Entry{entry, earlier} {
		if err := c.SaveLedger(t.Context(), []catalog.LedgerLines{{Entries: []recording.Entry{e}, Touched: catalog.Touched{LedgerKey: catalog.LedgerKey{Conf: e.Conf}}}}); err != nil {
			t.Fatal(err)
		}
	}
	report := filepath.Join(tmp, "ledger_2026_11_21.csv")
	now = time.Date(2026, 11, 22, 1, 9, 0, 0, time.UTC)
	s.reportDays(t.Context())
	if _, err := os.Stat(report); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("written before the captures of the day can be here: %v", err)
	}
	now = now.Add(2 * time.Minute)
	s.reportDays(t.Context())
	s.reportDays(t.Context())
	table, err := os.ReadFile(report)
	if err != nil || strings.Count(string(table), "\n") != 2 || !strings.Contains(string(table), "0012345") {
		t.Errorf("%s, %v", table, err)
	}
	missed, err := os.ReadFile(filepath.Join(tmp, "ledger_2026_11_19.csv"))
	if err != nil || strings.Count(string(missed), "\n") != 2 || !strings.Contains(string(missed), "0067890") {
		t.Errorf("%s, %v", missed, err)
	}
	if n := strings.Count(text.String(), "1 calls of agents: 1 filed"); n != 2 || strings.Contains(text.String(), "0012345") {
		t.Errorf("logged %d times: %s", n, text.String())
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", old, err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}
