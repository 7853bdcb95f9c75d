package service_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/doctor"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// found waits until the doctor finds exactly these, each as "kind where".
func (r *rig) found(t *testing.T, want ...string) (list []doctor.Finding) {
	t.Helper()
	until(t, "findings", func() (err error) {
		if list, err = service.Doctor(t.Context(), r.cfg, clock.System(), 7); err != nil {
			return err
		}
		var got []string
		for _, f := range list {
			got = append(got, f.Kind+" "+f.Where)
		}
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			return fmt.Errorf("found %+v", list)
		}
		return nil
	})
	return list
}

// TestDoctorFindsNothing: calls of all kinds are recorded without fault.
func TestDoctorFindsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *service.Config) { withMail(cfg, "127.0.0.1:1") })
	r.light(t, service.LampPBX, service.Green)
	for range 3 {
		r.call(t, pbxsim.ExternalToAgent)
	}
	r.call(t, pbxsim.AgentToExternal)
	r.allFiled(t)
	r.found(t)
}

// TestDoctorOnClocks: the PBX's records are three hours ahead, and so is the clock of the
// Reporting server.
func TestDoctorOnClocks(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(3*time.Hour).UTC().Format(http.TimeFormat))
		_, _ = fmt.Fprint(w, "<report/>")
	}))
	t.Cleanup(server.Close)
	r := newRig(t, func(cfg *service.Config) {
		withMail(cfg, "127.0.0.1:1")
		cfg.Reporting = []pbx.ReportingConfig{{URL: server.URL + "/?conf={conf}"}}
	})
	r.sim.SetClockOffset(3 * time.Hour)
	r.light(t, service.LampPBX, service.Green)
	for range 3 {
		r.call(t, pbxsim.ExternalToAgent)
	}
	st := r.status(t)
	if len(st.Clocks) != 1 || st.Clocks[0].Where != "of the call detail records" || st.Clocks[0].Seconds < 10_700 || !strings.Contains(st.Text(time.UTC, 0), "clock of the call detail records: 2 hours ahead of this machine's") {
		t.Errorf("the status knows %+v:\n%s", st.Clocks, st.Text(time.UTC, 0))
	}
	if !holds(r.log(t, "error"), `msg="a clock differs from this machine's" clock="of the call detail records"`) {
		t.Error("the log does not say so")
	}
	list := r.found(t, "clock Reporting reporting", "clock PBX")
	if !strings.Contains(list[0].What, "ahead of this machine's") || !strings.Contains(list[1].What, "2 hours ahead") {
		t.Errorf("found %+v", list)
	}
}

// TestDoctorOnWhatIsMissing: no record comes from the PBX, an inbox is away, another one
// holds an old capture, and nobody is told of it.
func TestDoctorOnWhatIsMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.sim.SetCDRTarget("http://127.0.0.1:1/")
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	old := filepath.Join(t.TempDir(), "card")
	file := filepath.Join(old, "c03a55c209d311188fc00903306225fa.pcap")
	past := time.Now().Add(-50 * time.Hour)
	if err := os.Mkdir(old, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("some"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, past, past); err != nil {
		t.Fatal(err)
	}
	card, away := ingest.Config{}, ingest.Config{}
	card.Name, card.Kind, card.Path = "card", "folder", old
	away.Name, away.Kind, away.Path = "away", "folder", old+"-away"
	r.cfg.Inbox = append(r.cfg.Inbox, card, away)
	list := r.found(t, "inbox-filling inbox card", "inbox-unread inbox away", "no-cdr PBX", "nobody-told [alarm]")
	if !strings.Contains(list[0].What, "1 capture lies in it (0 MB), the oldest for 2 days.") {
		t.Errorf("found %+v", list[0])
	}
}

// fixedPorts is a capture of a telephone: a quarter of a minute of A-law, from the port of
// its own side and, unless it is deaf, from that of the other one.
func fixedPorts(at time.Time, payload byte, deaf bool) []byte {
	var list []datagram
	for i := range 750 {
		for side, port := range []uint16{16386, 16388} {
			packet := make([]byte, 172)
			packet[0], packet[1], packet[11] = 0x80, payload, byte(side)
			binary.BigEndian.PutUint16(packet[2:], uint16(i))
			binary.BigEndian.PutUint32(packet[4:], uint32(160*i))
			if deaf && side == 1 {
				port, packet = 9, packet[:1] // something that is no voice takes its place in time
			}
			list = append(list, datagram{byte(side + 1), port, packet})
		}
	}
	return pcapOf(at, list...)
}

// TestDoctorOnCaptures files real captures: of a telephone that does not hear the other
// side, of a gateway that is set up as a telephone, of a device whose clock is ahead, and
// one in a codec that nobody knows.
func TestDoctorOnCaptures(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	withMail(&cfg, "127.0.0.1:1")
	cfg.Agent = []service.AgentConfig{{Number: "24"}, {Number: "25"}, {Number: "26"}}
	s := running(t, cfg)
	n := 0
	drop := func(mac, agent string, content []byte) {
		t.Helper()
		n++
		conf := fmt.Sprintf("c03a55c2909d31188fc00903300000%02d", n)
		if err := os.WriteFile(filepath.Join(cfg.Inbox[0].Path, fmt.Sprintf("%s-%s-%d.pcap", conf, mac, n)), content, 0o600); err != nil {
			t.Fatal(err)
		}
		post(t, s, cdrOf(agent, recording.ConfID(conf)))
	}
	then := time.Now().Add(-15 * time.Second)
	for range 2 {
		drop("0090330000aa", "24", fixedPorts(then, 8, true))
	}
	for _, agent := range []string{"24", "25", "26"} {
		drop("0090330000bb", agent, fixedPorts(then, 8, false))
		drop("0090330000cc", "24", fixedPorts(then.Add(10*time.Minute), 8, false))
	}
	drop("0090330000dd", "24", fixedPorts(then, 110, false))
	r := &rig{s: s, cfg: cfg}
	list := r.found(t, "one-way device 0090330000aa in inbox card", "swapped device 0090330000bb in inbox card",
		"clock device 0090330000cc in inbox card", "codec captures")
	for i, want := range []string{
		"Of 2 recordings 2 have nothing on the external side.", "has recorded 3 agents", "minutes ahead of this machine's.", "1 cannot be heard: ",
	} {
		if !strings.Contains(list[i].What, want) {
			t.Errorf("finding %d: %s, want %q in it", i, list[i].What, want)
		}
	}
}
