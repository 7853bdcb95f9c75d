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
