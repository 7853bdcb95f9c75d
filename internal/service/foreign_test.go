package service_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/corpus"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// pcapOf writes datagrams between two hosts into a capture, 10 ms apart.
func pcapOf(at time.Time, datagrams ...datagram) []byte {
	le, be := binary.LittleEndian, binary.BigEndian
	out := make([]byte, 24)
	le.PutUint32(out, 0xa1b2c3d4)
	le.PutUint32(out[20:], 1)
	for _, d := range datagrams {
		frame := make([]byte, 42, 42+len(d.body))
		frame[12], frame[14], frame[22], frame[23] = 8, 0x45, 64, 17
		be.PutUint16(frame[16:], uint16(28+len(d.body)))
		copy(frame[26:], []byte{192, 0, 2, d.from, 192, 0, 2, 3 - d.from})
		be.PutUint16(frame[34:], d.port)
		be.PutUint16(frame[36:], d.port)
		be.PutUint16(frame[38:], uint16(8+len(d.body)))
		frame = append(frame, d.body...)
		h := make([]byte, 16)
		le.PutUint32(h, uint32(at.Unix()))
		le.PutUint32(h[4:], uint32(at.Nanosecond()/1000))
		le.PutUint32(h[8:], uint32(len(frame)))
		le.PutUint32(h[12:], uint32(len(frame)))
		out = append(append(out, h...), frame...)
		at = at.Add(10 * time.Millisecond)
	}
	return out
}

type datagram struct {
	from byte // 1 or 2: the last octet of its address
	port uint16
	body []byte
}

// sipCall is a call with SIP and A-law both ways for a second.
func sipCall(from, to string) []datagram {
	sdp := func(host int) string {
		return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 192.0.2.%d\r\ns=-\r\nc=IN IP4 192.0.2.%d\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n", host, host)
	}
	message := func(first, body string) []byte {
		head := fmt.Sprintf("%s\r\nFrom: <sip:%s@192.0.2.1>;tag=a\r\nTo: <sip:%s@192.0.2.2>\r\nCall-ID: %s-%s\r\nCSeq: 1 INVITE\r\n", first, from, to, from, to)
		if body != "" {
			head += "Content-Type: application/sdp\r\n"
		}
		return []byte(head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
	}
	list := []datagram{
		{1, 5060, message("INVITE sip:"+to+"@192.0.2.2 SIP/2.0", sdp(1))},
		{2, 5060, message("SIP/2.0 180 Ringing", "")},
		{2, 5060, message("SIP/2.0 200 OK", sdp(2))},
	}
	for i := range 50 {
		for side := byte(1); side <= 2; side++ {
			packet := make([]byte, 172)
			packet[0], packet[1], packet[11] = 0x80, 8, side
			binary.BigEndian.PutUint16(packet[2:], uint16(i))
			binary.BigEndian.PutUint32(packet[4:], uint32(160*i))
			for k := range packet[12:] {
				packet[12+k] = 0xd5 ^ byte(k*i)&0x2f
			}
			list = append(list, datagram{side, 4000, packet})
		}
	}
	return list
}

// foreign is a recorder of a folder that is correlated by SIP.
func foreign(t *testing.T, change func(*service.Config)) *rig {
	t.Helper()
	return newRig(t, func(c *service.Config) {
		folder := filepath.Join(filepath.Dir(c.Catalog), "drop")
		if err := os.MkdirAll(folder, 0o750); err != nil {
			t.Fatal(err)
		}
		in := ingest.Config{Name: "drop", Kind: ingest.KindFolder, Path: folder, Correlate: ingest.CorrelateSIP}
		in.Poll, in.Settle = ingest.Duration(100*time.Millisecond), ingest.Duration(300*time.Millisecond)
		c.Inbox = []ingest.Config{in}
		c.PBX = nil
		c.Agent = []service.AgentConfig{{Number: "24", Name: "Anna Rossi"}}
		c.CDR.FirstWait = pbx.Duration(200 * time.Millisecond)
		if change != nil {
			change(c)
		}
	})
}

func (r *rig) drop(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "drop", name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// theOnly waits until the one recording that there is has come to an end.
func theOnly(t *testing.T, cfg service.Config) recording.Recording {
	t.Helper()
	var rec recording.Recording
	until(t, "the capture comes to its end", func() (err error) {
		if rec, err = firstRow(t, cfg); err == nil && !rec.State.Ended() {
			err = fmt.Errorf("state %s: %s", rec.State, rec.Retry.Reason)
		}
		return err
	})
	return rec
}

func firstRow(t *testing.T, cfg service.Config) (recording.Recording, error) {
	t.Helper()
	c, err := catalog.Open(t.Context(), cfg.Catalog)
	if err != nil {
		return recording.Recording{}, err
	}
	defer c.Close()
	return c.Get(t.Context(), 1)
}

func sipCDR(conf, own, other string, at time.Time) string {
	return fmt.Sprintf(`log-msg<cdr guid="" cn="Anna Rossi" e164="%s" dir="to" utc="%d"><user/>`+
		`<event msg="setup-to" time="100" e164="%s" type="ext" conf="%s"/><event msg="alert-from" time="101" conf="%s"/>`+
		`<event msg="conn-from" time="107" conf="%s"/><event msg="rel-to" time="130" conf="%s"/></cdr>`, own, at.Unix(), other, conf, conf, conf, conf)
}

// TestForeignBySIPAlone files a capture of which nobody knows anything but its
// own SIP.
func TestForeignBySIPAlone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, from, to string
		state          recording.State
		rule           string
		file           string // part of the name
	}{
		{"an agent is called", "0123456", "24", recording.Done, "sip-agent-took-part", "_24_i_0123456_0_"},
		{"an agent calls", "24", "0123456", recording.Done, "sip-agent-took-part", "_24_o_0123456_0_"},
		{"no agent", "0123456", "77", recording.Discarded, "sip-no-agent", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := foreign(t, nil)
			r.drop(t, "line 7.pcap", pcapOf(time.Now(), sipCall(row.from, row.to)...))
			rec := theOnly(t, r.cfg)
			if rec.State != row.state || rec.Verdict.Rule != row.rule || !strings.Contains(rec.Name, row.file) {
				t.Errorf("%s by %s as %q: %s %s", rec.State, rec.Verdict.Rule, rec.Name, rec.Verdict.Reason, rec.Retry.Reason)
			}
			if row.state == recording.Done && (rec.Audio.DurationS < 0.99 || rec.Audio.SidesBy != recording.ByNumbers) {
				t.Errorf("%.2f s, sides by %s", rec.Audio.DurationS, rec.Audio.SidesBy)
			}
			until(t, "the source is gone", func() error {
				if left, _ := os.ReadDir(filepath.Join(r.dir, "drop")); len(left) > 0 {
					return errors.New("it is there")
				}
				return nil
			})
		})
	}
}

// TestForeignMeetsItsCDR finds the conference of a capture by its SIP; the CDR
// knows more than the SIP.
func TestForeignMeetsItsCDR(t *testing.T) {
	t.Parallel()
	r := foreign(t, func(c *service.Config) { c.CDR.FirstWait = pbx.Duration(time.Minute) })
	now := time.Now()
	r.drop(t, "a.pcap", pcapOf(now, sipCall("123456", "24")...))
	until(t, "it waits for a CDR", func() error {
		rec, err := firstRow(t, r.cfg)
		if err == nil && rec.Retry.Tries == 0 {
			err = fmt.Errorf("state %s: %s", rec.State, rec.Retry.Reason)
		}
		return err
	})
	post(t, r.s, sipCDR("0badc0de0badc0de0badc0de0badc0de", "24", "00123456", now.Add(2*time.Second)))
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Done || rec.Capture.Conf != "0badc0de0badc0de0badc0de0badc0de" || rec.Verdict.Rule != "agent-took-part" {
		t.Fatalf("%s, conference %s, by %s: %s", rec.State, rec.Capture.Conf, rec.Verdict.Rule, rec.Retry.Reason)
	}
	if rec.Verdict.External != "00123456" || rec.Verdict.Ring != 6 || !strings.Contains(rec.Call.Found, "0badc0de") {
		t.Errorf("external %s, ring %d, found: %s", rec.Verdict.External, rec.Verdict.Ring, rec.Call.Found)
	}
}

// TestForeignIsNotGuessed keeps what cannot be told, and takes it back when a CDR
// comes that tells.
func TestForeignIsNotGuessed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		content []datagram
		reason  string
	}{
		{"no SIP", sipCall("1", "2")[3:], "no call is set up in the capture by SIP"},
		{"SIP that names nobody", sipCall("", ""), "neither of its parties is an agent by number"},
		{"an agent's number with a country", sipCall("0123456", "+4912324"), "one of its parties may be agent Anna Rossi"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := foreign(t, nil)
			r.drop(t, "a.pcap", pcapOf(time.Now(), row.content...))
			rec := theOnly(t, r.cfg)
			if rec.State != recording.Quarantined || !strings.Contains(rec.Retry.Reason, row.reason) {
				t.Errorf("%s: %s", rec.State, rec.Retry.Reason)
			}
			if _, err := os.Stat(filepath.Join(r.cfg.Spool, rec.Capture.Spool)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestForeignHoldsTwoCalls makes a recording of each call in a capture: one is an
// agent's and is kept, the other is not. The copy in the spool goes when both are
// done.
func TestForeignHoldsTwoCalls(t *testing.T) {
	t.Parallel()
	r := foreign(t, nil)
	second := sipCall("0999999", "77")
	for i := range second {
		second[i].port += 2
	}
	r.drop(t, "a.pcap", pcapOf(time.Now(), append(sipCall("0123456", "24"), second...)...))
	c, err := catalog.OpenReader(t.Context(), r.cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	states := map[string]recording.State{}
	until(t, "both calls come to their end", func() error {
		for id := range recording.ID(2) {
			rec, err := c.Get(t.Context(), id+1)
			if err != nil {
				return err
			}
			if !rec.State.Ended() {
				return fmt.Errorf("call %d is %s: %s", rec.Capture.Call, rec.State, rec.Retry.Reason)
			}
			states[rec.Call.SIP.Parties.To] = rec.State
			if rec.State == recording.Done && (rec.Audio.Calls != 2 || rec.Audio.DurationS > 1.1) {
				t.Errorf("%d calls, %.2f s", rec.Audio.Calls, rec.Audio.DurationS)
			}
		}
		left, err := os.ReadDir(r.cfg.Spool)
		if err == nil && slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), ".pcap") }) {
			err = errors.New("the spool is not empty")
		}
		return err
	})
	if states["24"] != recording.Done || states["77"] != recording.Discarded {
		t.Errorf("%v", states)
	}
}

// TestForeignOfTwoCalls is not filed under one of two calls that fit equally well.
func TestForeignOfTwoCalls(t *testing.T) {
	t.Parallel()
	r := foreign(t, nil)
	now := time.Now()
	post(t, r.s, sipCDR("0badc0de0badc0de0badc0de0badc0d1", "24", "0123456", now))
	post(t, r.s, sipCDR("0badc0de0badc0de0badc0de0badc0d2", "24", "0123456", now.Add(time.Second)))
	r.drop(t, "a.pcap", pcapOf(now, sipCall("0123456", "24")...))
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Quarantined || !strings.Contains(rec.Retry.Reason, "more than one call fits") {
		t.Fatalf("%s: %s", rec.State, rec.Retry.Reason)
	}
}

// TestForeignBesideAPBX: where there is a PBX, SIP without an agent's number is
// not enough to throw a capture away; the CDR that comes late tells who it was.
func TestForeignBesideAPBX(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) {
		folder := filepath.Join(filepath.Dir(c.Catalog), "drop")
		if err := os.MkdirAll(folder, 0o750); err != nil {
			t.Fatal(err)
		}
		in := ingest.Config{Name: "drop", Kind: ingest.KindFolder, Path: folder, Correlate: ingest.CorrelateSIP}
		in.Poll, in.Settle = ingest.Duration(100*time.Millisecond), ingest.Duration(300*time.Millisecond)
		c.Inbox = append(c.Inbox, in)
		c.CDR.FirstWait = pbx.Duration(100 * time.Millisecond)
	})
	r.light(t, service.LampPBX, service.Green)
	now := time.Now()
	r.drop(t, "a.pcap", pcapOf(now, sipCall("0123456", "500")...))
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Quarantined || !strings.Contains(rec.Retry.Reason, "neither of its parties is an agent") {
		t.Fatalf("%s: %s", rec.State, rec.Retry.Reason)
	}
	const conf = "0badc0de0badc0de0badc0de0badc0de"
	group := strings.Replace(sipCDR(conf, "500", "0123456", now), "<user/>", "", 1)
	group = strings.Replace(group, `cn="Anna Rossi"`, `cn="Hunt group" pseudo="waiting"`, 1)
	post(t, r.s, group+strings.TrimPrefix(sipCDR(conf, pbxsimAgent(t), "0123456", now), "log-msg"))
	until(t, "it is filed", func() error {
		rec, err := firstRow(t, r.cfg)
		if err == nil && rec.State != recording.Done {
			err = fmt.Errorf("state %s: %s", rec.State, rec.Retry.Reason)
		}
		return err
	})
	if rec := theOnly(t, r.cfg); rec.Verdict.Internal != pbxsimAgent(t) || rec.Capture.Conf != conf {
		t.Errorf("for %s by %s, conference %s", rec.Verdict.Internal, rec.Verdict.Rule, rec.Capture.Conf)
	}
}

// TestForeignRealCall takes a real capture with SIP of its own.
func TestForeignRealCall(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(corpus.File(t, "generated/bs_pcma_hold_dtmf.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	r := foreign(t, func(c *service.Config) { c.Agent, c.Agents = nil, "all" })
	r.drop(t, "hold.pcap", content)
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Done || rec.Verdict.Owner.CN != "bob" || rec.Verdict.External != "alice" || rec.Verdict.Direction != recording.In {
		t.Errorf("%s for %q with %q, %s: %s", rec.State, rec.Verdict.Owner.CN, rec.Verdict.External, rec.Verdict.Direction, rec.Retry.Reason)
	}
}

// TestCountdownSurvivesARestart stops the recorder in the middle of the countdown
// and looks whether the next one goes on with it.
func TestCountdownSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := service.DefaultConfig()
	cfg.Catalog, cfg.Keys.File = filepath.Join(dir, "callreel.db"), filepath.Join(dir, "callreel.keys")
	cfg.Archive.Path, cfg.Spool = filepath.Join(dir, "archive"), filepath.Join(dir, "spool")
	cfg.Receiver.Listen, cfg.Player.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Agent = []service.AgentConfig{{Number: "24"}}
	cfg.CDR.FirstWait, cfg.CDR.Tries = pbx.Duration(20*time.Second), 7
	in := ingest.Config{Name: "drop", Kind: ingest.KindFolder, Path: filepath.Join(dir, "drop")}
	in.Poll, in.Settle = ingest.Duration(time.Second), ingest.Duration(2*time.Second)
	cfg.Inbox = []ingest.Config{in}
	if err := os.MkdirAll(in.Path, 0o750); err != nil {
		t.Fatal(err)
	}
	const name = "c03a55c2909d31188fc00903306225aa-009033010203-17.pcap"
	if err := os.WriteFile(filepath.Join(in.Path, name), pcapOf(time.Now(), sipCall("1", "2")...), 0o600); err != nil {
		t.Fatal(err)
	}
	fast := clock.Scaled(20)
	run := func(enough func(recording.Recording) bool) recording.Recording {
		s, err := service.Open(t.Context(), cfg, service.Options{Clock: fast, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)), Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		var rec recording.Recording
		until(t, "countdown goes on", func() error {
			var err error
			if rec, err = firstRow(t, cfg); err == nil && !enough(rec) {
				err = fmt.Errorf("state %s, %d looks: %s", rec.State, rec.Retry.Tries, rec.Retry.Reason)
			}
			return err
		})
		stop()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
		return rec
	}
	before := run(func(rec recording.Recording) bool { return rec.Retry.Tries >= 3 })
	stopped, err := firstRow(t, cfg)
	if err != nil || stopped.Retry.Tries < before.Retry.Tries || stopped.Retry.Until.IsZero() || !strings.Contains(stopped.Retry.Reason, "look ") {
		t.Fatalf("%v: %+v", err, stopped.Retry)
	}
	first := run(func(rec recording.Recording) bool { return rec.Retry.Tries > stopped.Retry.Tries || rec.State.Ended() })
	if first.Retry.Tries != stopped.Retry.Tries+1 {
		t.Errorf("after %d looks the next one is counted as %d", stopped.Retry.Tries, first.Retry.Tries)
	}
	if gap := first.Retry.Until.Sub(stopped.Retry.Until); gap < 19*time.Second {
		t.Errorf("the next look is %v after the one that was due: it did not wait for it", gap)
	}
	last := run(func(rec recording.Recording) bool { return rec.State == recording.Quarantined })
	if !strings.Contains(last.Retry.Reason, "looked 8 times") {
		t.Errorf("reason: %s", last.Retry.Reason)
	}
}

// TestForeignAsksReporting asks by number and time where no conference id is
// known; no answer is not "no record".
func TestForeignAsksReporting(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const conf = "0badc0de0badc0de0badc0de0badc0de"
	o := &office{down: true, records: []string{strings.TrimPrefix(sipCDR(conf, "24", "0123456", now), "log-msg")}}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	r := foreign(t, func(c *service.Config) {
		c.Reporting = []pbx.ReportingConfig{{Name: "ap", URL: server.URL + "/report?number={number}&from={from}&to={to}"}}
	})
	r.drop(t, "a.pcap", pcapOf(now, sipCall("0123456", "24")...))
	until(t, "the countdown stands still", func() error {
		rec, err := firstRow(t, r.cfg)
		if err == nil && !strings.Contains(rec.Retry.Reason, "the countdown stands still") {
			err = fmt.Errorf("state %s: %s", rec.State, rec.Retry.Reason)
		}
		return err
	})
	o.set(false)
	rec := theOnly(t, r.cfg)
	if asked := o.lastAsked(); rec.State != recording.Done || rec.Capture.Conf != conf || asked.Get("number") != "24" {
		t.Errorf("%s, conference %s, asked %v: %s", rec.State, rec.Capture.Conf, asked, rec.Retry.Reason)
	}
}
