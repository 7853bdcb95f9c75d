package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"callreel/internal/link"
	"callreel/internal/pbxsim"
	"callreel/internal/player"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// program is one that asks the API, and holds every answer against the description that
// the API itself serves.
type program struct {
	base   string
	client *http.Client
	router routers.Router
	doc    *openapi3.T

	mu    sync.Mutex
	asked map[string]bool // "GET /api/status 200"
}

func newProgram(t *testing.T, base string) *program {
	t.Helper()
	for _, kind := range []string{"audio/wav", "text/xml", "text/event-stream", "application/yaml"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	p := &program{base: base, client: http.DefaultClient, asked: map[string]bool{}}
	resp, err := http.Get(base + "/api/openapi.yaml") //nolint:noctx // answers at once
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if p.doc, err = openapi3.NewLoader().LoadFromData(text); err != nil {
		t.Fatal(err)
	}
	if p.router, err = legacy.NewRouter(p.doc, openapi3.DisableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	return p
}

// ask sends a request with a token and wants an answer with this status, as described.
func (p *program) ask(t *testing.T, token, method, path, body string, want int) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if strings.HasSuffix(path, "#range") {
		req.Header.Set("Range", "bytes=10-19")
	}
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s: %s %.300s, want %d, %v", method, path, resp.Status, got, want, err)
	}
	p.fits(t, req, body, resp, got)
	return got
}

// fits holds a question that was answered well, and every answer, against the description.
func (p *program) fits(t *testing.T, req *http.Request, body string, resp *http.Response, got []byte) {
	t.Helper()
	bare := req.Clone(context.Background())
	bare.URL.Host, bare.URL.Scheme, bare.URL.Fragment, bare.Host = "", "", "", ""
	route, params, err := p.router.FindRoute(bare)
	if err != nil {
		t.Fatalf("%s %s is not described: %v", req.Method, req.URL.Path, err)
	}
	bare.Body = io.NopCloser(strings.NewReader(body))
	in := &openapi3filter.RequestValidationInput{
		Request: bare, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if resp.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
			t.Errorf("%s %s was answered, but is not as described: %v", req.Method, req.URL, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: in.Options}
	if err := openapi3filter.ValidateResponse(t.Context(), out.SetBodyBytes(got)); err != nil {
		t.Errorf("the answer %s to %s %s is not as described: %v\n%.500s", resp.Status, req.Method, req.URL, err, got)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[fmt.Sprintf("%s %s %d", req.Method, route.Path, resp.StatusCode)] = true
}

// neverAsked are the described answers that no test has seen.
func (p *program) neverAsked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for path, item := range p.doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status := range op.Responses.Map() {
				if key := method + " " + path + " " + status; !p.asked[key] {
					out = append(out, key)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// newToken makes a token beside the recorder.
func newToken(t *testing.T, cfg service.Config, name string, scope player.Scope, expires time.Time) string {
	t.Helper()
	store, err := service.OpenTokens(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	secret, err := store.Add(t.Context(), name, scope, time.Now(), expires)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// TestAPI asks every question of the API, of a recorder with real calls: all its answers are
// as described, each token may do what its scope allows, and the log says who asked what.
func TestAPI(t *testing.T) {
	t.Parallel()
	a := newAppServer(t)
	r := newRig(t, func(c *service.Config) {
		c.API.Listen, c.AppServer.Address = "127.0.0.1:0", a.addr
		c.Webhook = []link.WebhookConfig{{Name: "away", URL: "http://127.0.0.1:1/", Secret: "a secret of the test"}}
		c.Keys.EncryptAudio = true
	})
	p := newProgram(t, "http://"+r.s.Addr("api"))
	p.ask(t, "", "GET", "/api/openapi.yaml", "", 200)
	read := newToken(t, r.cfg, "crm", player.ScopeRead, time.Time{})
	mark := newToken(t, r.cfg, "dialer", player.ScopeMark, time.Now().Add(time.Hour))
	admin := newToken(t, r.cfg, "boss", player.ScopeAdmin, time.Time{})
	ended := newToken(t, r.cfg, "old", player.ScopeAdmin, time.Now().Add(-time.Second))

	r.light(t, service.LampPBX, service.Green)
	c := r.talking(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Anna Rossi", Talk: 2 * time.Second})
	r.calls = append(r.calls, c)
	p.ask(t, read, "GET", "/api/status", "", 200) // with an open one
	got := p.ask(t, mark, "POST", "/api/marks", `{"number":"Anna Rossi","kind":"keep"}`, 200)
	if string(got) != `{"agent_known":true}` {
		t.Errorf("the mark is answered with %s", got)
	}
	<-c.Done()
	r.call(t, pbxsim.UserToExternal)
	r.allFiled(t)

	got = p.ask(t, read, "GET", "/api/recordings?limit=10", "", 200)
	var rows []player.Row
	if err := json.Unmarshal(got, &rows); err != nil || len(rows) != 1 || !rows[0].Star || !strings.Contains(rows[0].File, c.Conf) {
		t.Fatalf("rows %s, %v", got, err)
	}
	one := fmt.Sprintf("/api/recordings/%d", rows[0].ID)
	got = p.ask(t, read, "GET", one, "", 200)
	var d player.Details
	if err := json.Unmarshal(got, &d); err != nil || d.Integrity != "original" || len(d.Flow) < 3 {
		t.Errorf("details %s, %v", got, err)
	}
	wav := p.ask(t, read, "GET", one+"/audio", "", 200)
	if part := p.ask(t, read, "GET", one+"/audio#range", "", 206); !bytes.Equal(part, wav[10:20]) || string(wav[:4]) != "RIFF" {
		t.Errorf("the audio begins %q, its part is %q", wav[:20], part)
	}
	if xml := p.ask(t, read, "GET", one+"/sidecar", "", 200); !bytes.Contains(xml, []byte(c.Conf)) {
		t.Errorf("sidecar %.100s", xml)
	}
	until(t, "the ledger", func() error {
		got := p.ask(t, read, "GET", "/api/ledger", "", 200)
		var lines []recording.Entry
		if err := json.Unmarshal(got, &lines); err != nil || len(lines) != 1 || lines[0].Outcome != recording.OutcomeFiled {
			return fmt.Errorf("%s, %w", got, err)
		}
		return nil
	})
	for path, want := range map[string]string{
		"/api/ledger?from=2001-01-01&to=2001-01-31": "[]",
		"/api/recordings?number=987654321":          "[]",
	} {
		if got := p.ask(t, read, "GET", path, "", 200); string(got) != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	got = p.ask(t, mark, "POST", "/api/marks", `{"number":"no agent","kind":"skip","conf":"`+c.Conf+`"}`, 200)
	if string(got) != `{"agent_known":false}` {
		t.Errorf("the mark of nobody is answered with %s", got)
	}
	until(t, "the links", func() error {
		got := p.ask(t, admin, "GET", "/api/links", "", 200)
		var links []player.LinkState
		if err := json.Unmarshal(got, &links); err != nil {
			return err
		}
		if len(links) != 2 || links[0].Name != "appserver" || links[0].Error != "" || links[1].Name != "webhook away" ||
			!strings.Contains(links[1].Error, "refused") || links[1].Waiting < 3 {
			return fmt.Errorf("links %s", got)
		}
		return nil
	})

	checkRemote(t, p, mark, d)
	checkRefusals(t, p, map[string]string{"read": read, "mark": mark, "admin": admin, "ended": ended}, one)

	// The page itself stays as it was: it knows no tokens and takes no marks.
	for path, want := range map[string]int{"/api/recordings": 200, "/api/openapi.yaml": 200, "/api/tokens": 404, "/api/links": 404} {
		resp, err := http.Get("http://" + r.s.Addr("player") + path) //nolint:noctx // answers at once
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("the page answers %s with %s, want %d", path, resp.Status, want)
		}
	}
	for _, left := range p.neverAsked() { // a fault inside needs one: TestAPIFaults
		if !strings.HasSuffix(left, " 500") {
			t.Errorf("never seen: %s", left)
		}
	}
}

// checkRemote listens as a player and pilots it.
func checkRemote(t *testing.T, p *program, mark string, d player.Details) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/api/player?name=Rossi", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+mark)
	stream, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	p.ask(t, mark, "POST", "/api/player", fmt.Sprintf(`{"player":"Rossi","do":"play","file":%q}`, d.Recording.Name+".wav"), 204)
	p.ask(t, mark, "POST", "/api/player", `{"player":"Rossi","do":"play","file":"none.wav"}`, 404)
	p.ask(t, mark, "POST", "/api/player", `{"player":"Verdi","do":"stop"}`, 404)
	want := fmt.Sprintf("retry: 2000\n\ndata: {\"do\":\"play\",\"file\":%q,\"id\":%d}\n\n", d.Recording.Name+".wav", d.Recording.ID)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(stream.Body, got); err != nil || string(got) != want {
		t.Errorf("the player hears %q, want %q, %v", got, want, err)
	}
	p.fits(t, req, "", stream, got)
}

// checkRefusals asks what must not be answered.
func checkRefusals(t *testing.T, p *program, tokens map[string]string, one string) {
	t.Helper()
	questions := []struct{ method, path, body, needs string }{
		{"GET", "/api/status", "", "read"},
		{"GET", "/api/recordings", "", "read"},
		{"GET", one, "", "read"},
		{"GET", one + "/audio", "", "read"},
		{"GET", one + "/sidecar", "", "read"},
		{"GET", "/api/ledger", "", "read"},
		{"POST", "/api/marks", `{"number":"24","kind":"keep"}`, "mark"},
		{"GET", "/api/player?name=x", "", "mark"},
		{"POST", "/api/player", `{"player":"x","do":"stop"}`, "mark"},
		{"GET", "/api/links", "", "admin"},
		{"GET", "/api/tokens", "", "admin"},
		{"DELETE", "/api/tokens/nobody", "", "admin"},
	}
	for _, row := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/api/recordings?limit=0", "", 400},
		{"GET", "/api/recordings/0", "", 400},
		{"GET", "/api/recordings/0/audio", "", 400},
		{"GET", "/api/recordings/0/sidecar", "", 400},
		{"GET", "/api/recordings/99", "", 404},
		{"GET", "/api/recordings/99/audio", "", 404},
		{"GET", "/api/recordings/99/sidecar", "", 404},
		{"GET", "/api/ledger?from=yesterday", "", 400},
		{"GET", "/api/ledger?from=2026-01-01&to=2026-03-01", "", 400},
		{"POST", "/api/marks", `{"number":"","kind":"keep"}`, 400},
		{"POST", "/api/marks", `{"number":"24","kind":"drop"}`, 400},
		{"POST", "/api/marks", `{"number":"24","kind":"keep","conf":"x"}`, 400},
		{"POST", "/api/marks", `{"number":"24","kind":"keep","more":1}`, 400},
		{"POST", "/api/marks", `{"number":"24","kind":"keep"}{}`, 400},
		{"POST", "/api/marks", `{"number":"` + strings.Repeat("2", 20_000) + `","kind":"keep"}`, 400},
		{"POST", "/api/player", `{"player":"Rossi","do":"dance"}`, 400},
		{"POST", "/api/player", `{"player":"Rossi","do":"play"}`, 400},
		{"GET", "/api/player?name=", "", 400},
		{"DELETE", "/api/tokens/nobody", "", 404},
	} {
		p.ask(t, tokens["admin"], row.method, row.path, row.body, row.want)
	}
	for _, path := range []string{"/api/marks", "/api/player"} { // no body, so no type either
		p.ask(t, tokens["admin"], "POST", path, "", 415)
	}
	askRange(t, p, tokens["read"], one)
	n := 0
	wrong := []string{"", "callreel_" + strings.Repeat("A", 43), tokens["ended"], tokens["read"] + "x"}
	for _, q := range questions {
		for _, has := range []string{"read", "mark"} {
			if q.needs == "admin" || q.needs == "mark" && has == "read" {
				p.ask(t, tokens[has], q.method, q.path, q.body, 403)
			}
		}
		n++
		want := 401
		if n > 10 { // of one minute
			want = 429
		}
		p.ask(t, wrong[n%4], q.method, q.path, q.body, want)
	}
	for _, q := range questions {
		p.ask(t, wrong[1], q.method, q.path, q.body, 429)
	}
	here := p.client
	p.client = &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext}}
	for _, q := range questions[2:] { // another address has tries of its own
		p.ask(t, wrong[1], q.method, q.path, q.body, 401)
	}
	p.client.CloseIdleConnections()
	p.client = here
	p.ask(t, tokens["read"], "GET", "/api/status", "", 200) // a good one from the same address

	if got := p.ask(t, tokens["admin"], "GET", "/api/tokens", "", 200); bytes.Contains(got, []byte("callreel_")) || !bytes.Contains(got, []byte(`"name":"dialer","scope":"mark"`)) {
		t.Errorf("tokens %s", got)
	}
	p.ask(t, tokens["admin"], "DELETE", "/api/tokens/crm", "", 204)
	p.ask(t, tokens["admin"], "DELETE", "/api/tokens/crm", "", 404)
	p.ask(t, tokens["read"], "GET", "/api/status", "", 429) // revoked, and at once
}

func askRange(t *testing.T, p *program, token, one string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+one+"/audio", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Range", "bytes=999999999-")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != 416 {
		t.Fatalf("beyond the end: %s, %v", resp.Status, err)
	}
	p.fits(t, req, "", resp, got)
}
