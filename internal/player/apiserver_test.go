package player_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"callreel/internal/player"
	"callreel/internal/recording"
)

// office is an archive whose API has one token, "good".
type office struct {
	*archive
	scope player.Scope
}

func (o office) Authorize(_ context.Context, _, secret string) (player.Token, error) {
	if secret != "good" {
		return player.Token{}, player.ErrNoToken
	}
	return player.Token{Name: "crm", Scope: o.scope}, nil
}

func (o office) Tokens(context.Context) ([]player.Token, error) { return nil, o.fault }
func (o office) Revoke(context.Context, string) error           { return o.fault }

func (o office) AddMark(context.Context, player.MarkRequest, string) (bool, error) {
	return true, o.fault
}

func (o office) LedgerLines(context.Context, string, string) ([]recording.Entry, error) {
	return nil, o.fault
}

func (o office) LinkStates(context.Context) ([]player.LinkState, error) { return nil, o.fault }

func (o office) Tell(ctx context.Context, name string, c player.Command) error {
	if o.fault != nil {
		return o.fault
	}
	return o.archive.Tell(ctx, name, c)
}

// TestAPIFaults: a fault inside is told as one, and the log names the token and the
// recording, and no number that was asked for.
func TestAPIFaults(t *testing.T) {
	for _, row := range []struct{ method, path, body, logged string }{
		{"GET", "/api/status", "", "status=500"},
		{"GET", "/api/recordings?number=0039047155", "", "status=500"},
		{"GET", "/api/recordings/7", "", "status=500 recording=7"},
		{"GET", "/api/recordings/7/audio", "", "status=500 recording=7"},
		{"GET", "/api/recordings/7/sidecar", "", "status=500 recording=7"},
		{"GET", "/api/ledger", "", "status=500"},
		{"POST", "/api/marks", `{"number":"0039047155","kind":"keep"}`, "status=500"},
		{"POST", "/api/player", `{"player":"Rossi","do":"stop"}`, "status=500"},
		{"GET", "/api/links", "", "status=500"},
		{"GET", "/api/tokens", "", "status=500"},
		{"DELETE", "/api/tokens/x", "", "status=500"},
	} {
		var log bytes.Buffer
		a := sample()
		a.fault = errors.New("the disk is gone")
		h := player.NewAPI(office{a, player.ScopeAdmin}, slog.New(slog.NewTextHandler(&log, nil)))
		r := httptest.NewRequestWithContext(t.Context(), row.method, row.path, strings.NewReader(row.body))
		r.Header.Set("Authorization", "bearer good")
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "the disk is gone") {
			t.Errorf("%s %s: %d %s", row.method, row.path, w.Code, w.Body)
		}
		if got := log.String(); !strings.Contains(got, "token=crm") || !strings.Contains(got, row.logged) || strings.Contains(got, "0039047155") || strings.Contains(got, "good") {
			t.Errorf("%s %s: the log says %s", row.method, row.path, got)
		}
	}
}

// A token is taken from its header only, and from nowhere that gets into logs.
func TestWhereATokenStands(t *testing.T) {
	h := player.NewAPI(office{sample(), player.ScopeRead}, slog.New(slog.DiscardHandler))
	for _, row := range []struct {
		header, path string
		want         int
	}{
		{"Bearer good", "/api/status", 200},
		{"bearer  good", "/api/status", 200},
		{"", "/api/status", 401},
		{"good", "/api/status", 401},
		{"Basic good", "/api/status", 401},
		{"Bearer", "/api/status", 401},
		{"", "/api/status?token=good&access_token=good", 401},
		{"Bearer good", "/api/other", 404},
		{"Bearer good", "/", 404}, // the page is not here
		{"Bearer good", "/rc?player=Rossi&stop", 404},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, row.path, nil)
		if row.header != "" {
			r.Header.Set("Authorization", row.header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != row.want {
			t.Errorf("%q, %s: %d, want %d", row.header, row.path, w.Code, row.want)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%q, %s: headers %v", row.header, row.path, w.Header())
		}
	}
}
