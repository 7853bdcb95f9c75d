package pbx_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
)

// tray is a Sink in memory.
type tray struct {
	mu      sync.Mutex
	cdrs    []string
	garbage []string
	reasons []string
	err     error
	at      time.Time
}

func (s *tray) CDR(_ context.Context, body string, received time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cdrs, s.at = append(s.cdrs, body), received
	return s.err
}

func (s *tray) Garbage(_ context.Context, body []byte, _, reason string, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.garbage, s.reasons = append(s.garbage, string(body)), append(s.reasons, reason)
	return s.err
}

func TestReceiver(t *testing.T) {
	const cdr = `<cdr cn="Müller"><event/></cdr>`
	full := errors.New("disk full")
	rows := []struct {
		name, method, path, body, contentType string
		sink                                  error
		status                                int
		cdr, reason                           string
	}{
		{"as the PBX sends it", "POST", "/cdr", "log-msg" + cdr, "", nil, 200, cdr, ""},
		{"several", "POST", "/cdr", "log-msg" + cdr + "\n" + cdr, "", nil, 200, cdr + "\n" + cdr, ""},
		{"bare, with prolog", "POST", "/cdr", `<?xml version="1.0" encoding="iso-8859-1"?>` + "<cdr cn=\"M\xfcller\"/>", "", nil, 200, `<cdr cn="Müller"/>`, ""},
		{"latin-1 by header", "POST", "/cdr", "log-msg<cdr cn=\"M\xfcller\"/>", "text/plain; charset=ISO-8859-1", nil, 200, `<cdr cn="Müller"/>`, ""},
		{"latin-1 unsaid", "POST", "/cdr", "log-msg<cdr cn=\"M\xfcller\"/>", "", nil, 200, `<cdr cn="Müller"/>`, ""},
		{"garbage", "POST", "/cdr", "hello", "", nil, 200, "", "no <cdr> element"},
		{"a longer name", "POST", "/cdr", "<cdrs><cdrx/></cdrs>", "", nil, 200, "", "no <cdr> element"},
		{"empty", "POST", "/cdr", " \n", "", nil, 200, "", "empty body"},
		{"charset", "POST", "/cdr", cdr, "text/plain; charset=klingon", nil, 200, "", `charset "klingon" is not known`},
		{"too large", "POST", "/cdr", cdr + strings.Repeat(" ", 1<<20), "", nil, 200, "", "larger than"},
		{"sink fails", "POST", "/cdr", cdr, "", full, 503, cdr, ""},
		{"sink fails on garbage", "POST", "/cdr", "x", "", full, 503, "", "no <cdr> element"},
		{"method", "GET", "/cdr", "", "", nil, 405, "", ""},
		{"by GET", "GET", "/cdr?event=syslog&time=1&msg=" + url.QueryEscape(cdr), "", "", nil, 200, cdr, ""},
		{"by GET, latin-1", "GET", "/cdr?event=syslog&msg=%3Ccdr%20cn%3D%22M%FCller%22%2F%3E", "", "", nil, 200, `<cdr cn="Müller"/>`, ""},
		{"by GET, a gateway's record", "GET", "/cdr?event=A:Call&time=876&ref=453b6335e909d311b89e009033060014", "", "", nil, 200, "", ""},
		{"by GET, garbage", "GET", "/cdr?msg=hello", "", "", nil, 200, "", "no <cdr> element"},
		{"by GET, bad escape", "GET", "/cdr?msg=%zz", "", "", nil, 200, "", "query cannot be read"},
		{"by GET, sink fails", "GET", "/cdr?msg=" + url.QueryEscape(cdr), "", "", full, 503, cdr, ""},
		{"other method", "PUT", "/cdr", cdr, "", nil, 405, "", ""},
		{"path", "POST", "/other", cdr, "", nil, 404, "", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			sink := &tray{err: row.sink}
			now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
			clk := clock.Clock{Now: func() time.Time { return now }}
			h := pbx.NewReceiver(pbx.DefaultReceiverConfig(), sink, clk, slog.New(slog.DiscardHandler))
			req := httptest.NewRequestWithContext(t.Context(), row.method, row.path, strings.NewReader(row.body))
			req.Header.Set("Content-Type", row.contentType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code != row.status {
				t.Errorf("status %d, want %d", w.Code, row.status)
			}
			if got := strings.Join(sink.cdrs, "|"); got != row.cdr {
				t.Errorf("records %q, want %q", got, row.cdr)
			}
			if got := strings.Join(sink.reasons, "|"); (got == "") != (row.reason == "") || !strings.Contains(got, row.reason) {
				t.Errorf("garbage because of %q, want %q", got, row.reason)
			}
			if len(sink.garbage) > 0 && len(sink.garbage[0]) > 1<<20 {
				t.Errorf("%d bytes of garbage", len(sink.garbage[0]))
			}
			if row.cdr != "" && !sink.at.Equal(now) {
				t.Errorf("received at %v", sink.at)
			}
		})
	}
}

func TestReceiverAsksForCredentials(t *testing.T) {
	cfg := pbx.DefaultReceiverConfig()
	cfg.User, cfg.Password = "pbx", "secret"
	sink := &tray{}
	h := pbx.NewReceiver(cfg, sink, clock.System(), slog.New(slog.DiscardHandler))
	for password, want := range map[string]int{"secret": 200, "wrong": 401, "": 401} {
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/cdr", strings.NewReader("log-msg<cdr/>"))
		if password != "" {
			req.SetBasicAuth("pbx", password)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != want {
			t.Errorf("password %q: status %d, want %d", password, w.Code, want)
		}
	}
	if len(sink.cdrs) != 1 {
		t.Errorf("%d records", len(sink.cdrs))
	}
}

func TestServeUntilTheEnd(t *testing.T) {
	sim := simulate(t, pbxsim.Config{})
	sim.Fault(pbxsim.CDRGarbage, true)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sink := &tray{}
	served := make(chan error, 1)
	go func() {
		served <- pbx.Serve(ctx, ln, pbx.NewReceiver(pbx.DefaultReceiverConfig(), sink, clock.System(), slog.New(slog.DiscardHandler)))
	}()
	sim.SetCDRTarget("http://" + ln.Addr().String() + "/cdr")
	c := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 2 * time.Second})
	limit, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if err := sim.Wait(limit); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
	// The simulated garbage does begin like a record: whoever parses it will
	// find out. What counts here is that nothing was lost or blocked.
	if len(sink.cdrs) != 4 || !strings.Contains(sink.cdrs[1], c.Conf) {
		t.Errorf("records: %q", sink.cdrs)
	}
}

func TestReceiverConfigIsChecked(t *testing.T) {
	rows := []struct {
		name, want string
		cfg        pbx.ReceiverConfig
	}{
		{"default", "", pbx.DefaultReceiverConfig()},
		{"listen", "must be host:port", pbx.ReceiverConfig{Listen: "8901", Path: "/cdr"}},
		{"path", "must start with", pbx.ReceiverConfig{Listen: ":1", Path: "cdr"}},
		{"query", "plain path", pbx.ReceiverConfig{Listen: ":1", Path: "/cdr?x"}},
		{"password alone", "together", pbx.ReceiverConfig{Listen: ":1", Path: "/", Password: "x"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			err := row.cfg.Validate()
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}

func FuzzReceiver(f *testing.F) {
	f.Add([]byte("log-msg<cdr/>"), "text/plain; charset=utf-8")
	f.Add([]byte("log-msg<cdr cn=\"\xfc\"></cdr><cdr>"), "text/plain; charset=iso-8859-1")
	f.Add([]byte("<cdr"), "")
	f.Add([]byte("<?xml version=\"1.0\" encoding=\"windows-1252\"?><cdr\t>"), "x/y")
	f.Fuzz(func(t *testing.T, raw []byte, contentType string) {
		sink := &tray{}
		h := pbx.NewReceiver(pbx.DefaultReceiverConfig(), sink, clock.System(), slog.New(slog.DiscardHandler))
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/cdr", io.NopCloser(bytes.NewReader(raw)))
		req.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if len(sink.cdrs)+len(sink.garbage) != 1 {
			t.Errorf("%d records and %d pieces of garbage of one body", len(sink.cdrs), len(sink.garbage))
		}
		if len(sink.cdrs) == 1 && !strings.HasPrefix(sink.cdrs[0], "<cdr") {
			t.Errorf("record %q", sink.cdrs[0])
		}
	})
}
