package pbx_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/recording"
)

// markTray is a MarkSink in memory; agents have two digits.
type markTray struct {
	got []recording.Mark
	err error
}

func (s *markTray) Mark(_ context.Context, m recording.Mark) (bool, error) {
	s.got = append(s.got, m)
	return len(m.Number) == 2, s.err
}

func marker(cfg pbx.ReceiverConfig, sink *markTray) http.Handler {
	log := slog.New(slog.DiscardHandler)
	return pbx.NewMarker(cfg, sink, pbx.NewReceiver(cfg, &tray{}, clock.System(), log), log)
}

func TestMarker(t *testing.T) {
	const id = "c03a55c2e909d311b6450090331b3e3b"
	for _, row := range []struct {
		name, method, target string
		sink                 error
		status               int
		want                 recording.Mark
		says                 string
	}{
		{"keep", "GET", "/mark?n=24", nil, 200, recording.Mark{Kind: "keep", Number: "24"}, "marked"},
		{"skip", "GET", "/mark?n=24&skip=1", nil, 200, recording.Mark{Kind: "skip", Number: "24"}, "marked"},
		{"POST", "POST", "/mark?n=24", nil, 200, recording.Mark{Kind: "keep", Number: "24"}, "marked"},
		{"with the call", "GET", "/mark?n=24&conf=" + strings.ToUpper(id), nil, 200, recording.Mark{Kind: "keep", Number: "24", Conf: id}, "marked"},
		{"nobody's", "GET", "/mark?n=%2B3904711&x=y", nil, 200, recording.Mark{Kind: "keep", Number: "+3904711"}, "no agent is known"},
		{"for a script", "GET", "/mark?n=24&answer=voicemail", nil, 200, recording.Mark{Kind: "keep", Number: "24"}, `<assign out="ok" value="1"/>`},
		{"for a script, nobody's", "GET", "/mark?n=241&answer=voicemail", nil, 200, recording.Mark{Kind: "keep", Number: "241"}, `<assign out="ok" value="0"/>`},
		{"for a script, not stored", "GET", "/mark?n=24&answer=voicemail", errors.New("disk full"), 200, recording.Mark{Kind: "keep", Number: "24"}, `<assign out="ok" value="0"/>`},
		{"with an Asterisk's call", "GET", "/mark?n=24&conf=1335310195.17", nil, 200, recording.Mark{Kind: "keep", Number: "24", Conf: recording.ConfIDOfUnique("1335310195.17")}, "marked"},
		{"of no number", "GET", "/mark?conf=" + id, nil, 400, recording.Mark{}, "n must be"},
		{"of control characters", "GET", "/mark?n=2%004", nil, 400, recording.Mark{}, "n must be"},
		{"too long", "GET", "/mark?n=" + strings.Repeat("1", 65), nil, 400, recording.Mark{}, "n must be"},
		{"of half an escape", "GET", "/mark?n=%2", nil, 400, recording.Mark{}, "cannot be read"},
		{"no conference", "GET", "/mark?n=24&conf=12", nil, 400, recording.Mark{}, "conf: conference id"},
		{"skip or not", "GET", "/mark?n=24&skip=no", nil, 400, recording.Mark{}, "skip"},
		{"not stored", "GET", "/mark?n=24", errors.New("disk full"), 503, recording.Mark{Kind: "keep", Number: "24"}, "send again"},
		{"DELETE", "DELETE", "/mark?n=24", nil, 405, recording.Mark{}, "GET or POST"},
		{"not a mark", "GET", "/marks?n=24", nil, 404, recording.Mark{}, "received at /cdr"},
	} {
		sink := &markTray{err: row.sink}
		w := httptest.NewRecorder()
		marker(pbx.DefaultReceiverConfig(), sink).ServeHTTP(w, httptest.NewRequest(row.method, row.target, http.NoBody))
		if w.Code != row.status || !strings.Contains(w.Body.String(), row.says) {
			t.Errorf("%s: %d %q", row.name, w.Code, w.Body)
		}
		got := recording.Mark{}
		if len(sink.got) > 0 {
			got = sink.got[0]
			got.From = ""
		}
		if got != row.want {
			t.Errorf("%s: stored %+v, want %+v", row.name, got, row.want)
		}
	}
}

// TestWhoMayMark asks from a PBX, from elsewhere and from a page in a browser.
func TestWhoMayMark(t *testing.T) {
	ask := func(cfg pbx.ReceiverConfig, from, password string, header http.Header) int {
		req := httptest.NewRequest("GET", "/mark?n=24", http.NoBody)
		req.RemoteAddr, req.Header = from, header
		if password != "" {
			req.SetBasicAuth("pbx", password)
		}
		sink, w := &markTray{}, httptest.NewRecorder()
		marker(cfg, sink).ServeHTTP(w, req)
		if stored := len(sink.got) == 1; stored != (w.Code == 200) {
			t.Errorf("answered %d, stored %v", w.Code, stored)
		}
		return w.Code
	}
	open, listed := pbx.DefaultReceiverConfig(), pbx.DefaultReceiverConfig()
	listed.MarkAllow = []string{"192.0.2.0/24", "2001:db8::1"}
	secret := open
	secret.User, secret.Password = "pbx", "secret"
	both := secret
	both.MarkAllow = listed.MarkAllow
	for _, row := range []struct {
		name, from, password string
		cfg                  pbx.ReceiverConfig
		header               http.Header
		want                 int
	}{
		{"nothing set up", "203.0.113.9:1", "", open, http.Header{}, 200},
		{"listed", "192.0.2.7:1", "", listed, http.Header{}, 200},
		{"listed, as IPv6 writes it", "[::ffff:192.0.2.7]:1", "", listed, http.Header{}, 200},
		{"listed, IPv6", "[2001:db8::1]:1", "", listed, http.Header{}, 200},
		{"not listed", "192.0.3.7:1", "", listed, http.Header{}, 403},
		{"without password", "192.0.2.7:1", "", secret, http.Header{}, 401},
		{"with it", "192.0.2.7:1", "secret", secret, http.Header{}, 200},
		{"with a wrong one", "192.0.2.7:1", "secre", secret, http.Header{}, 401},
		{"listed, a password is set up", "192.0.2.7:1", "", both, http.Header{}, 200},
		{"not listed, with password", "203.0.113.9:1", "secret", both, http.Header{}, 200},
		{"neither", "203.0.113.9:1", "", both, http.Header{}, 401},
		{"a page of another site", "192.0.2.7:1", "", open, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"its form", "192.0.2.7:1", "", open, http.Header{"Origin": {"http://example.org"}}, 403},
		{"an address that was typed in", "192.0.2.7:1", "", open, http.Header{"Sec-Fetch-Site": {"none"}}, 200},
	} {
		if got := ask(row.cfg, row.from, row.password, row.header); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}

// FuzzMarker holds that whatever is sent, only whole marks are stored.
func FuzzMarker(f *testing.F) {
	for _, q := range []string{"n=24", "n=24&conf=c03a55c2e909d311b6450090331b3e3b&skip=1", "n=%00", "n=&n=24;", "conf=%ff"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		sink, w := &markTray{}, httptest.NewRecorder()
		req := httptest.NewRequest("GET", "/mark", http.NoBody)
		req.URL.RawQuery = query
		marker(pbx.DefaultReceiverConfig(), sink).ServeHTTP(w, req)
		if (w.Code == 200) != (len(sink.got) == 1) {
			t.Fatalf("answered %d, stored %d", w.Code, len(sink.got))
		}
		for _, m := range sink.got {
			if !pbx.ValidMarkNumber(m.Number) || m.Conf != "" && len(m.Conf) != 32 {
				t.Errorf("stored %+v", m)
			}
		}
	})
}
