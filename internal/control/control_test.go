package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callreel/internal/control"
)

// echo is a recorder that says what it was asked.
type echo struct{ did []string }

func (e *echo) Ask(_ context.Context, what string) (any, error) {
	if what == "unknown" {
		return nil, control.ErrUnknown
	}
	return map[string]string{"asked": what}, nil
}

func (e *echo) Do(_ context.Context, what string, how url.Values) (any, error) {
	if how.Get("n") == "bad" {
		return nil, errors.New("n bad is not allowed")
	}
	e.did = append(e.did, what+" "+how.Get("n"))
	return len(e.did), nil
}

func (e *echo) Metrics(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "up 1\n")
	return err
}

// open serves a recorder and returns the file that leads to it.
func open(t *testing.T, e *echo) (file string, server *httptest.Server) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "callreel.db.control")
	server = httptest.NewUnstartedServer(nil)
	h, remove, err := control.Handler(file, server.Listener.Addr().String(), e)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = h
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := remove(); err != nil {
			t.Error(err)
		}
		if _, err := control.Find(file); !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("after the end: %v", err)
		}
	})
	return file, server
}

func TestAskAndDo(t *testing.T) {
	e := &echo{}
	file, _ := open(t, e)
	c, err := control.Find(file)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := c.Ask(t.Context(), "status", &got); err != nil || got["asked"] != "status" {
		t.Errorf("asked: %v, %v", got, err)
	}
	var n int
	if err := c.Do(t.Context(), "reset", url.Values{"n": {"7 & 8"}}, &n); err != nil || n != 1 || e.did[0] != "reset 7 & 8" {
		t.Errorf("did %v, answered %d, %v", e.did, n, err)
	}
	if err := c.Ask(t.Context(), "unknown", &got); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("unknown: %v", err)
	}
	if err := c.Do(t.Context(), "reset", url.Values{"n": {"bad"}}, &n); err == nil || err.Error() != "n bad is not allowed" {
		t.Errorf("a wrong one: %v", err)
	}
}

// Who does not know the token commands nothing, and no browser's page gets anywhere.
func TestGuard(t *testing.T) {
	e := &echo{}
	file, server := open(t, e)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var door struct{ Token string }
	if err := json.Unmarshal(b, &door); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("the file is open to others: %v, %v", info.Mode(), err)
	}
	known := "Bearer " + door.Token
	for _, row := range []struct {
		name, method, path, host, token string
		head                            map[string]string
		want                            int
	}{
		{"metrics", "GET", "/metrics", "", "", nil, 200},
		{"metrics typed in", "GET", "/metrics", "", "", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		{"metrics of a page", "GET", "/metrics", "", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"metrics by a name that points here", "GET", "/metrics", "evil.example", "", nil, 403},
		{"ask", "GET", "/ask/status", "", known, nil, 200},
		{"ask without token", "GET", "/ask/status", "", "", nil, 401},
		{"ask with another", "GET", "/ask/status", "", known + "x", nil, 401},
		{"ask by a name that points here", "GET", "/ask/status", "evil.example:80", known, nil, 403},
		{"do", "POST", "/do/reset", "localhost:1", known, nil, 200},
		{"do without token", "POST", "/do/reset", "", "", nil, 401},
		{"do as Basic", "POST", "/do/reset", "", "Basic " + door.Token, nil, 401},
		{"do by a page", "POST", "/do/reset", "", known, map[string]string{"Origin": "http://127.0.0.1:8080"}, 403},
		{"do by a link", "GET", "/do/reset", "", known, nil, 405},
		{"elsewhere", "GET", "/", "", known, nil, 404},
	} {
		r := httptest.NewRequestWithContext(t.Context(), row.method, row.path, nil)
		r.Host = server.Listener.Addr().String()
		if row.host != "" {
			r.Host = row.host
		}
		if row.token != "" {
			r.Header.Set("Authorization", row.token)
		}
		for name, v := range row.head {
			r.Header.Set(name, v)
		}
		w := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(w, r)
		if w.Code != row.want {
			t.Errorf("%s: %d, want %d (%s)", row.name, w.Code, row.want, w.Body)
		}
	}
	if len(e.did) != 1 {
		t.Errorf("it did %v", e.did)
	}
}

// A recorder that was killed left its file behind: nobody answers there, or another
// program does.
func TestKilled(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	addr := other.Listener.Addr().String()
	file := filepath.Join(t.TempDir(), "control")
	if err := os.WriteFile(file, []byte(`{"address":"`+addr+`","token":"abc"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := control.Find(file)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Ask(t.Context(), "status", new(any)); !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("error %v", err)
		}
		other.Close()
	}
}

// Whatever the file holds, the token goes to this machine only.
func FuzzFind(f *testing.F) {
	for _, s := range []string{
		`{"address":"127.0.0.1:1","token":"x"}`, `{"address":"evil.example:80","token":"x"}`, `{"address":"127.0.0.1@evil.example:80","token":"x"}`,
		`{"address":"127.0.0.1:80/x","token":"x"}`, `{"address":"[::1]:1","token":"a\nb"}`, `{}`, ``,
	} {
		f.Add([]byte(s))
	}
	file := filepath.Join(f.TempDir(), "control")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := control.Find(file); err != nil {
			return
		}
		var d struct{ Address, Token string }
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse("http://" + d.Address + "/")
		if err != nil || u.Hostname() != "::1" && !strings.HasPrefix(u.Hostname(), "127.") && !strings.HasPrefix(u.Hostname(), "::ffff:") {
			t.Errorf("taken: %q", d.Address)
		}
	})
}
