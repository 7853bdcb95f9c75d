package service_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// TestCDRAfterTheDiscard shows an agent's CDR that came when his call had been
// discarded already.
func TestCDRAfterTheDiscard(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.ExternalToUser)
	until(t, "discard", func() error { return r.count("discarded", 1) })
	r.light(t, service.LampReporting, service.Green)
	record := fmt.Sprintf(`log-msg<cdr guid="" cn="Anna Rossi" e164="24" dir="to" utc="%d"><user/>`+
		`<event msg="setup-to" time="1" e164="0012345" type="ext" conf="%s"/><event msg="conn-from" time="2"/></cdr>`, time.Now().Unix(), c.Conf)
	resp, err := http.Post("http://"+r.s.Addr("receiver")+"/cdr", "text/xml", strings.NewReader(record))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if st := r.light(t, service.LampReporting, service.Red); !strings.Contains(st.Error, "was discarded by rule") || !strings.Contains(st.Error, "Anna Rossi") {
		t.Errorf("lamp REPORTING says %q", st.Error)
	}
}

// TestCDRAfterTheFiling: a CDR by which a filed call would be another's, or nobody's, is told,
// and one that changes nothing is not. The recording stays where it is.
func TestCDRAfterTheFiling(t *testing.T) {
	t.Parallel()
	record := func(number string, from, to int) string {
		return fmt.Sprintf(`<cdr guid="" sys="S" cn="" e164="%s" dir="to" utc="%d" local="0"><user/>`+
			`<event msg="setup-to" time="%d" type="ext" e164="0012345" conf="%s"/><event msg="conn-from" time="%d" e164="0012345"/><event msg="rel-to" time="%d"/></cdr>`,
			number, time.Now().Unix(), from, lonely, from+1, to)
	}
	for _, row := range []struct {
		name, first, late string
		want              string // in the lamp; empty: it stays green
	}{
		{"the first agent's", record("25", 20, 30), record("24", 0, 19), "it would be for 24"},
		{"the second agent's", record("24", 0, 19), record("25", 20, 30), ""},
		{"a user's", record("24", 0, 19), record("31", 20, 30), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			cfg := plain(t)
			cfg.Agent = []service.AgentConfig{{Number: "24"}, {Number: "25"}}
			s := running(t, cfg)
			post(t, s, row.first)
			file := filepath.Join(cfg.Inbox[0].Path, string(lonely)+".pcap")
			if err := os.WriteFile(file, pcapOf(time.Now(), sipCall("0012345", "24")...), 0o600); err != nil {
				t.Fatal(err)
			}
			done := func() error {
				list := rows(t, cfg, lonely)
				if len(list) != 1 || list[0].State != recording.Done {
					return fmt.Errorf("%+v", list)
				}
				return nil
			}
			until(t, "it is filed", done)
			before := rows(t, cfg, lonely)[0]
			post(t, s, row.late) // is answered when it has been looked at
			st := s.Lamp(service.LampReporting)
			if (row.want != "") != (st.Light == service.Red) || !strings.Contains(st.Error, row.want) {
				t.Errorf("lamp REPORTING: %+v, want %q", st, row.want)
			}
			if after := rows(t, cfg, lonely)[0]; after.Verdict.Owner != before.Verdict.Owner || after.Place != before.Place {
				t.Errorf("%+v, was %+v", after, before)
			}
			text, _ := told(t, cfg, fmt.Sprint(before.ID))
			if row.want != "" && !strings.Contains(text, "not known when it was decided") {
				t.Errorf("explain says %s", text)
			}
		})
	}
}

// TestForeignFileIsKept sets a capture aside whose name says nothing, and says
// why.
func TestForeignFileIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if err := os.WriteFile(filepath.Join(r.dir, "inbox", "trace.pcap"), []byte("not empty"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "quarantine", func() error { return r.count("quarantined", 1) })
	if st := r.light(t, service.LampReporting, service.Red); !strings.Contains(st.Error, "holds no conference id") {
		t.Errorf("lamp REPORTING says %q", st.Error)
	}
}

// TestKeyRingIsLost refuses to go on with a new ring beside old recordings.
func TestKeyRingIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	cfg := r.cfg
	cfg.Keys.File += ".lost"
	cfg.Receiver.Listen, cfg.Player.Listen = "", ""
	s, err := service.Open(t.Context(), cfg, service.Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("opened with a new ring", s.Close())
	}
	if !strings.Contains(err.Error(), "put it back from its copy") {
		t.Errorf("the refusal says %v", err)
	}
	if _, err := os.Stat(cfg.Keys.File); err == nil {
		t.Error("a new ring was made")
	}
}

// TestEmptyFileWaits leaves a file without a byte alone for longer than a size
// has to stand still: it may be one that is being put there.
func TestEmptyFileWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	name := "c03a55c2e909d311b6450090331b3e3b-009033010203-1.pcap"
	file := filepath.Join(r.dir, "inbox", name)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "file seen", func() error { return r.count("seen", 1) })
	<-time.After(time.Duration(r.cfg.Inbox[0].Settle) + time.Second)
	if err := r.count("seen", 1); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
