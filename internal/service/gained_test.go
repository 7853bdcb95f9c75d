package service

import (
	"context"
	"fmt"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// keeper is a recorder whose ledger is kept by hand, with an agent of the setup, so that
// somebody is known.
func keeper(t *testing.T) *Service {
	t.Helper()
	s, _ := folderService(t, func(cfg *Config) { cfg.Agent = []AgentConfig{{Number: "99"}} })
	return s
}

// recordOf hands a recorder the CDR of a call of somebody outside with a number.
func recordOf(t *testing.T, s *Service, number string, conf recording.ConfID) {
	t.Helper()
	body := fmt.Sprintf(`<cdr guid="" sys="S" cn="" e164="%s" dir="to" utc="%d" local="0"><user/>`+
		`<event msg="setup-to" time="0" type="ext" e164="0012345" conf="%s"/><event msg="conn-from" time="1" e164="0012345"/></cdr>`,
		number, s.clock.Now().Unix(), conf)
	if err := s.CDR(t.Context(), body, s.clock.Now()); err != nil {
		t.Fatal(err)
	}
}

// keep makes all lines that are due.
func keep(t *testing.T, s *Service) {
	t.Helper()
	for n := 1; n > 0; {
		var err error
		if n, err = s.writeLedger(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func linesOf(t *testing.T, s *Service, conf recording.ConfID) []recording.Entry {
	t.Helper()
	list, err := s.catalog.LedgerOf(t.Context(), catalog.LedgerKey{Conf: conf})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A call whose record came while the agents of its site could not be known gets its line
// when they are; one of a user who was no agent then gets none.
func TestLineOfAnAgentWhoIsKnownLater(t *testing.T) {
	const conf, site = recording.ConfID("c03a55c2e909d311b6450090331b3e3b"), "main/Verona"
	rossi := []recording.Agent{{CN: "Rossi", E164: "24", PBX: site}}
	verdi := []recording.Agent{{CN: "Verdi", E164: "25", PBX: site}}
	for _, row := range []struct {
		name   string
		before func(context.Context, *Service) // the record comes
		after  func(*time.Time)                // it has come, and before the agents are told
		want   int
	}{
		{"the site was never heard", func(ctx context.Context, s *Service) { s.Down(ctx, site, s.clock.Now(), nil) }, nil, 1},
		{"never, and the record is older than is looked back", func(context.Context, *Service) {},
			func(now *time.Time) { *now = now.Add(7*24*time.Hour + time.Hour) }, 0},
		{"its link is up, and he becomes an agent later", func(ctx context.Context, s *Service) {
			s.Agents(ctx, site, verdi)
			s.Up(ctx, site, s.clock.Now())
		}, nil, 0},
		{"its link is down since before", func(ctx context.Context, s *Service) {
			s.Agents(ctx, site, verdi)
			s.Up(ctx, site, s.clock.Now())
			s.Down(ctx, site, s.clock.Now(), nil)
		}, nil, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, now := keeper(t), time.Now()
			s.clock.Now = func() time.Time { return now }
			row.before(t.Context(), s)
			now = now.Add(time.Minute)
			recordOf(t, s, "24", conf)
			keep(t, s)
			if list := linesOf(t, s, conf); len(list) != 0 {
				t.Fatalf("before he is known: %+v", list)
			}
			now = now.Add(time.Minute)
			if row.after != nil {
				row.after(&now)
			}
			s.Agents(t.Context(), site, append(rossi, verdi...))
			keep(t, s)
			if list := linesOf(t, s, conf); len(list) != row.want {
				t.Errorf("%+v, want %d lines", list, row.want)
			}
		})
	}
}

// What the agents were when the recorder stopped holds for the calls until then, and not
// for those that follow before the PBX has told them anew.
func TestLineOfAnAgentAfterARestart(t *testing.T) {
	const before, after, site = recording.ConfID("c03a55c2e909d311b6450090331b3e3b"), recording.ConfID("d03a55c2e909d311b6450090331b3e3b"), "main"
	s := keeper(t)
	s.Agents(t.Context(), site, []recording.Agent{{CN: "Verdi", E164: "25", PBX: site}})
	s.Up(t.Context(), site, s.clock.Now())
	recordOf(t, s, "24", before)
	keep(t, s)
	s.clock.Now = func() time.Time { return time.Now().Add(time.Hour) }
	again := reopened(t, s)
	recordOf(t, again, "24", after)
	keep(t, again)
	again.Agents(t.Context(), site, []recording.Agent{{CN: "Rossi", E164: "24", PBX: site}})
	keep(t, again)
	if list := linesOf(t, again, before); len(list) != 0 {
		t.Errorf("he was no agent then: %+v", list)
	}
	if list := linesOf(t, again, after); len(list) != 1 || list[0].Agent.CN != "Rossi" {
		t.Errorf("after the restart: %+v, want a line", list)
	}
}
