package service

import (
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/doctor"
	"callreel/internal/recording"
)

// spoil changes rows of a recorder's catalog behind its back.
func spoil(t *testing.T, s *Service, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+s.cfg.Catalog+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%s: %d rows, %v; want 1", query, n, err)
	}
}

// reopened is the recorder after a restart: it remembers no leg.
func reopened(t *testing.T, s *Service) *Service {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), s.cfg, Options{Clock: s.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	return again
}

// A row that cannot be read keeps nobody's line back but those of its own call, which
// stay as they are, and it is told until it can be read.
func TestRowThatCannotBeRead(t *testing.T) {
	const other = recording.ConfID("d03a55c2e909d311b6450090331b3e3b")
	const conf = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")
	for _, row := range []struct {
		name, spoil, mend string
	}{
		{"a capture", `UPDATE recording SET doc = '{"capture":7}', state = 'discarded'`, `UPDATE recording SET doc = '{}'`},
		{"a leg", `UPDATE leg SET doc = 'x'`, `UPDATE leg SET doc = '{"agent":{"cn":"99"}}'`},
		{"a line of before", `UPDATE ledger SET doc = 'x', again = 1`, `UPDATE ledger SET doc = '{}' WHERE doc = 'x'`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, now := keeper(t), time.Now()
			s.clock.Now = func() time.Time { return now }
			if _, err := s.catalog.Add(t.Context(), recording.Capture{UID: "u", Conf: conf, SeenAt: now}); err != nil {
				t.Fatal(err)
			}
			s.Leg(t.Context(), "p", recording.Leg{Agent: recording.Agent{E164: "99", PBX: "p", CN: "99"}, Conf: conf, Began: now.Add(-time.Hour), Ended: now.Add(-time.Minute)})
			if strings.Contains(row.spoil, "ledger") {
				keep(t, s)
			}
			spoil(t, s, row.spoil)
			s = reopened(t, s)
			recordOf(t, s, "99", other)
			recordOf(t, s, "99", conf)
			keep(t, s)
			if list := linesOf(t, s, other); len(list) != 1 {
				t.Errorf("the other call: %+v, want its line", list)
			}
			st := s.Lamp(LampSoftware)
			if st.Light != Red || !strings.Contains(st.Error, string(conf)) || !strings.Contains(st.Error, "cannot be read") {
				t.Errorf("lamp SOFTWARE: %+v", st)
			}
			l, err := OpenLedger(t.Context(), s.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			from, to := now.Add(-24*time.Hour), now.Add(24*time.Hour)
			if list, err := l.Between(t.Context(), from, to); err != nil || len(list) != 1 || list[0].Conf != other {
				t.Errorf("who reads the ledger: %+v, %v; want the other call", list, err)
			}
			check, err := l.Check(t.Context(), from, to)
			if err != nil || !strings.Contains(strings.Join(check.Differences, "\n"), string(conf)) {
				t.Errorf("differences %q, %v; want the conference named", check.Differences, err)
			}
			list, err := Doctor(t.Context(), s.cfg, s.clock, 7)
			told := slices.ContainsFunc(list, func(f doctor.Finding) bool { return f.Kind == doctor.Row })
			if err != nil || told != strings.Contains(row.spoil, "recording") {
				t.Errorf("the doctor: %+v, %v", list, err)
			}
			spoil(t, s, row.mend)
			s = reopened(t, s)
			now = now.Add(unreadAgain)
			keep(t, s)
			if st := s.Lamp(LampSoftware); st.Light != Green {
				t.Errorf("when it can be read: %+v", st)
			}
			if n, first, err := s.catalog.LedgerFaults(t.Context()); n != 0 || err != nil {
				t.Errorf("%d faults, %v, %v", n, first, err)
			}
		})
	}
}

// An agent's row that cannot be read neither stops the ledger, nor the PBX from naming
// him anew.
func TestAgentWhoCannotBeRead(t *testing.T) {
	const conf = recording.ConfID("c03a55c2e909d311b6450090331b3e3b")
	s := keeper(t)
	both := []recording.Agent{{CN: "Rossi", E164: "24", PBX: "p"}, {CN: "Verdi", E164: "25", PBX: "p"}}
	s.Agents(t.Context(), "p", both)
	s.Up(t.Context(), "p", s.clock.Now())
	s.Down(t.Context(), "p", s.clock.Now(), nil)
	s.lamps.Good(LampPBX, "pbx p")
	spoil(t, s, `UPDATE agent SET doc = 'x' WHERE cn = 'Verdi'`)
	s.roster.changed()
	recordOf(t, s, "24", conf)
	keep(t, s)
	if list := linesOf(t, s, conf); len(list) != 1 {
		t.Errorf("the other's call: %+v, want its line", list)
	}
	if st := s.Lamp(LampSoftware); st.Light != Red || !strings.Contains(st.Error, "agent") {
		t.Errorf("lamp SOFTWARE: %+v", st)
	}
	s.Agents(t.Context(), "p", both)
	if list, err := s.catalog.Agents(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v; want both", list, err)
	}
	keep(t, s)
	if st := s.Lamp(LampSoftware); st.Light != Green {
		t.Errorf("lamp SOFTWARE: %+v", st)
	}
}
