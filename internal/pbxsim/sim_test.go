package pbxsim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/icholy/digest"

	"callreel/internal/clock"
)

// fast is the time scale of the tests.
const fast = 40

func start(t *testing.T, cfg Config) *Sim {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cfg.InboxDir, cfg.Seed, cfg.Clock = t.TempDir(), 7, clock.Scaled(fast)
	s, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// mailbox keeps the bodies that the sender posts.
type mailbox struct {
	mu      sync.Mutex
	bodies  []string
	refuse  int // how many to refuse first
	refused int
}

func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse > 0 {
		m.refuse--
		m.refused++
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	m.bodies = append(m.bodies, string(b))
}

func (m *mailbox) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.bodies...)
}

func target(t *testing.T, s *Sim, m *mailbox) {
	t.Helper()
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	s.SetCDRTarget(server.URL)
}

func wait(t *testing.T, s *Sim) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// side of a capture as gopacket reads it.
type heard struct {
	voice      map[uint16][]byte // by source port; gaps in RTP time as silence
	next       map[uint16]uint32
	packets    map[uint16]int
	sip        []string
	first, end time.Time
}

func readCapture(t *testing.T, path string) heard {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	h := heard{voice: map[uint16][]byte{}, next: map[uint16]uint32{}, packets: map[uint16]int{}}
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return h
		}
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
		udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok {
			t.Fatalf("a packet is no UDP: %v", p)
		}
		if udp.SrcPort == portSIP {
			first, _, _ := strings.Cut(string(udp.Payload), "\r\n")
			h.sip = append(h.sip, first)
			continue
		}
		if h.first.IsZero() {
			h.first = ci.Timestamp
		}
		h.end = ci.Timestamp
		h.rtp(uint16(udp.SrcPort), udp.Payload)
	}
}

func (h *heard) rtp(port uint16, b []byte) {
	stamp := uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7])
	if h.packets[port] > 0 {
		h.voice[port] = append(h.voice[port], silence(int(stamp-h.next[port]))...)
	}
	h.voice[port] = append(h.voice[port], b[12:]...)
	h.next[port] = stamp + uint32(len(b)-12)
	h.packets[port]++
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestCallsLeaveCapturesAndRecords(t *testing.T) {
	rows := []struct {
		name string
		plan Plan
		kept bool
	}{
		{"incoming to an agent", Plan{Scenario: ExternalToAgent, User: "Anna Rossi", External: "0012345", Ring: 3 * time.Second, Talk: 6 * time.Second}, true},
		{"outgoing from an agent, with hold", Plan{Scenario: AgentToExternal, Ring: 2 * time.Second, Talk: 9 * time.Second, Hold: 3 * time.Second}, true},
		{"incoming to a user", Plan{Scenario: ExternalToUser, Ring: time.Second, Talk: 4 * time.Second}, false},
		{"not answered", Plan{Scenario: ExternalToAgent, Ring: 4 * time.Second}, false},
	}
	s := start(t, Config{})
	var box mailbox
	target(t, s, &box)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c, err := s.Place(t.Context(), row.plan)
			if err != nil {
				t.Fatal(err)
			}
			wait(t, s)
			if err := c.Err(); err != nil {
				t.Fatal(err)
			}
			if c.Kept != row.kept {
				t.Errorf("kept %v, want %v", c.Kept, row.kept)
			}
			checkRecords(t, c, box.all())
			if c.File != "" {
				checkCapture(t, c, readCapture(t, filepath.Join(s.cfg.InboxDir, c.File)))
			}
		})
	}
}

func checkRecords(t *testing.T, c *Call, bodies []string) {
	t.Helper()
	mine := 0
	for _, b := range bodies {
		if strings.Contains(b, c.Conf) {
			mine++
			if !strings.HasPrefix(b, "log-msg<cdr ") || !strings.HasSuffix(b, "</cdr>") {
				t.Errorf("record %q", b)
			}
		}
	}
	if mine != 2 {
		t.Errorf("%d records, want one of the user and one of the trunk", mine)
	}
}

func checkCapture(t *testing.T, c *Call, h heard) {
	t.Helper()
	want := []string{"INVITE", "SIP/2.0 180", "SIP/2.0 200", "BYE"}
	if len(h.sip) != len(want) {
		t.Fatalf("SIP in the capture: %q", h.sip)
	}
	for i, w := range want {
		if !strings.HasPrefix(h.sip[i], w) {
			t.Errorf("SIP message %d is %q, want %s", i, h.sip[i], w)
		}
	}
	if got := digestOf(h.voice[portLocal]); got != c.InternalSHA256 {
		t.Errorf("local side is not the internal party's voice: %d bytes", len(h.voice[portLocal]))
	}
	if got := digestOf(h.voice[portRemote]); got != c.ExternalSHA256 {
		t.Errorf("remote side is not the external party's voice: %d bytes", len(h.voice[portRemote]))
	}
	if h.packets[portLocal] != c.Frames || h.packets[portRemote] != c.Frames {
		t.Errorf("packets %v, want %d of each", h.packets, c.Frames)
	}
	if !h.first.Equal(c.Start) || c.InternalSHA256 == c.ExternalSHA256 {
		t.Errorf("first packet at %v, want %v; sides must differ", h.first, c.Start)
	}
	if took := h.end.Sub(c.Start).Round(20 * time.Millisecond); took != time.Duration(c.Frames+c.HoldFrames-1)*20*time.Millisecond {
		t.Errorf("voice for %v", took)
	}
}

func TestCaptureGrowsDuringTheCall(t *testing.T) {
	s := start(t, Config{})
	c, err := s.Place(t.Context(), Plan{Scenario: ExternalToAgent, Talk: 40 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for done := false; !done; {
		select {
		case <-c.Done():
			done = true
		case <-time.After(20 * time.Millisecond):
		}
		info, err := os.Stat(filepath.Join(s.cfg.InboxDir, c.File))
		if err == nil && (len(sizes) == 0 || info.Size() > sizes[len(sizes)-1]) {
			sizes = append(sizes, info.Size())
		}
	}
	if len(sizes) < 3 {
		t.Errorf("sizes seen: %v, want it to grow in steps", sizes)
	}
}

func TestSenderRepeatsUntilAccepted(t *testing.T) {
	s := start(t, Config{})
	s.Fault(CDRDuplicate, true)
	s.Fault(CDRGarbage, true)
	box := mailbox{refuse: 3}
	target(t, s, &box)
	c, err := s.Place(t.Context(), Plan{Scenario: ExternalToAgent, Talk: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, s)
	got := box.all()
	if box.refused != 3 || len(got) != 6 {
		t.Fatalf("%d refused, %d accepted; want 3 and 6", box.refused, len(got))
	}
	if strings.Contains(got[0], c.Conf) || got[1] != got[2] || !strings.Contains(got[1], c.Conf) {
		t.Errorf("order is not garbage, record, the same again: %q", got)
	}
}

func TestUploadToAFullDropDirectoryFails(t *testing.T) {
	s := start(t, Config{})
	s.Fault(InboxFull, true)
	c, err := s.Place(t.Context(), Plan{Scenario: ExternalToAgent, Talk: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "507") {
		t.Errorf("error %v, want HTTP 507", err)
	}
}

func TestTrafficKeepsUsersApart(t *testing.T) {
	s := start(t, Config{})
	var box mailbox
	target(t, s, &box)
	calls, err := s.Traffic(t.Context(), TrafficPlan{
		Calls: 12, Every: 500 * time.Millisecond, MaxRing: 3 * time.Second, MinTalk: time.Second, MaxTalk: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, s)
	names := map[string]bool{}
	for _, c := range calls {
		if names[c.File] || c.Err() != nil {
			t.Errorf("call %s: name used twice or upload failed: %v", c.File, c.Err())
		}
		names[c.File] = true
		checkCapture(t, c, readCapture(t, filepath.Join(s.cfg.InboxDir, c.File)))
	}
	if len(calls) != 12 || len(box.all()) != 24 {
		t.Errorf("%d calls, %d records", len(calls), len(box.all()))
	}
}

func TestInboxFaults(t *testing.T) {
	s := start(t, Config{})
	const name = "file.pcap"
	if err := os.WriteFile(filepath.Join(s.cfg.InboxDir, name), make([]byte, 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{
		Transport:     &digest.Transport{Username: s.cfg.User, Password: s.cfg.Password, Transport: &http.Transport{}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       2 * time.Second,
	}
	t.Cleanup(client.CloseIdleConnections)
	do := func(method, url string) (int, string, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if method == "PROPFIND" {
			req.Header.Set("Depth", "1")
		}
		res, err := client.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return res.StatusCode, string(b), err
	}
	rows := []struct {
		fault  Fault
		method string
		good   func(status int, body string, err error) bool
	}{
		{"", "PROPFIND", func(c int, b string, err error) bool { return c == 207 && strings.Contains(b, name) && err == nil }},
		{"", "GET", func(c int, b string, err error) bool { return c == 200 && len(b) == 10_000 && err == nil }},
		{InboxUnauthorized, "GET", func(c int, _ string, err error) bool { return c == 401 || err != nil }},
		{InboxRedirect, "PROPFIND", func(c int, _ string, _ error) bool { return c == 302 }},
		{InboxCutListing, "PROPFIND", func(c int, b string, err error) bool {
			return c == 207 && err == nil && !strings.Contains(b, "</D:multistatus>")
		}},
		{InboxEvilNames, "PROPFIND", func(c int, b string, _ error) bool { return c == 207 && strings.Contains(b, "..%2f..%2f") }},
		{InboxCutBody, "GET", func(_ int, b string, err error) bool { return err != nil && len(b) == 5_000 }},
		{InboxHangHeaders, "GET", func(_ int, _ string, err error) bool { return err != nil }},
		{InboxHangBody, "GET", func(_ int, b string, err error) bool { return err != nil && len(b) == 5_000 }},
	}
	for _, row := range rows {
		t.Run(row.method+" "+string(row.fault), func(t *testing.T) {
			if row.fault != "" {
				s.Fault(row.fault, true)
				defer s.Fault(row.fault, false)
			}
			url := s.InboxURL()
			if row.method == "GET" {
				url += name
			}
			if status, body, err := do(row.method, url); !row.good(status, body, err) {
				t.Errorf("status %d, %d bytes, error %v", status, len(body), err)
			}
		})
	}
}

func TestStartRefusesAddressesThatAreNotLoopback(t *testing.T) {
	_, err := Start(t.Context(), Config{InboxDir: t.TempDir(), Listen: "0.0.0.0:0"})
	if err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("error %v", err)
	}
}

func TestVersionTenNamesAndLateRecords(t *testing.T) {
	s := start(t, Config{PlainNames: true, OpenInbox: true})
	s.Fault(CDRLate, true)
	var box mailbox
	target(t, s, &box)
	c, err := s.Place(t.Context(), Plan{Scenario: UserToExternal, Talk: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, s)
	if c.File != c.Conf || len(c.Conf) != 32 {
		t.Errorf("name %q of conference %q", c.File, c.Conf)
	}
	checkCapture(t, c, readCapture(t, filepath.Join(s.cfg.InboxDir, c.File)))
	if late := s.clock.Now().Sub(c.End); late < LateBy || len(box.all()) != 2 {
		t.Errorf("%d records after %v", len(box.all()), late)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	s := start(t, Config{})
	rows := []struct {
		name, want string
		plan       Plan
	}{
		{"scenario", "not known", Plan{Scenario: "conference"}},
		{"hold longer than talk", "hold not longer", Plan{Scenario: ExternalToAgent, Talk: 1, Hold: 2}},
		{"unknown user", "no user", Plan{Scenario: ExternalToAgent, User: "Nobody"}},
		{"no agent", "no user", Plan{Scenario: ExternalToAgent, User: "Reception"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if _, err := s.Place(t.Context(), row.plan); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
	s.Close()
	if _, err := s.Place(t.Context(), Plan{Scenario: ExternalToAgent}); err == nil {
		t.Error("a call was placed after the end")
	}
}
