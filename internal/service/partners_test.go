package service_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"callreel/internal/clock"
	"callreel/internal/link"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
	"callreel/internal/signature"
)

// appServer is one that keeps the lines it reads.
type appServer struct {
	addr  string
	say   chan string // what it sends
	mu    sync.Mutex
	lines []string
	conns int
}

func newAppServer(t *testing.T) *appServer {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &appServer{addr: ln.Addr().String(), say: make(chan string)}
	var all sync.WaitGroup
	life, end := context.WithCancel(context.Background())
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			a.mu.Lock()
			a.conns++
			a.mu.Unlock()
			all.Go(func() {
				stop := context.AfterFunc(life, func() { _ = conn.Close() })
				defer stop()
				go a.talk(life, conn)
				for in := bufio.NewScanner(conn); in.Scan(); {
					a.mu.Lock()
					a.lines = append(a.lines, in.Text())
					a.mu.Unlock()
				}
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); end(); all.Wait() })
	return a
}

func (a *appServer) talk(life context.Context, conn net.Conn) {
	for {
		select {
		case <-life.Done():
			return
		case line := <-a.say:
			if _, err := conn.Write([]byte(line)); err != nil {
				return
			}
		}
	}
}

// got are the lines that came, sorted, without keep-alives.
func (a *appServer) got() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(a.lines), func(s string) bool { return s == "!ALIV!" })
	slices.Sort(list)
	return list
}

func (a *appServer) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conns
}

// TestAppServerIsTold: of each agent's call the AppServer reads when it begins and, with
// the name of its file, when that can be heard; of others nothing.
func TestAppServerIsTold(t *testing.T) {
	t.Parallel()
	a := newAppServer(t)
	r := newRig(t, func(c *service.Config) {
		c.AppServer.Address, c.AppServer.Charset = a.addr, "utf-8"
		c.Keys.EncryptAudio = true
	})
	r.light(t, service.LampPBX, service.Green)
	for _, p := range []pbxsim.Scenario{pbxsim.ExternalToAgent, pbxsim.AgentToExternal, pbxsim.UserToExternal} {
		r.call(t, p)
	}
	r.allFiled(t)
	var want []string
	for _, c := range r.calls {
		list, err := recordingsOf(t, r.cfg, c.Conf)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range list {
			if rec.State == recording.Discarded {
				continue
			}
			who := rec.Verdict.Owner
			file := filepath.Base(strings.TrimPrefix(string(rec.Place), "file:"))
			want = append(want, fmt.Sprintf("!FRST!%s!%s!%s", who.E164, c.Conf, who.CN), fmt.Sprintf("!LAST!%s!%s!%s!%s", who.E164, c.Conf, file, who.CN))
		}
	}
	if len(want) != 4 {
		t.Fatalf("%d lines are to come, want 4", len(want))
	}
	slices.Sort(want)
	until(t, "the AppServer's lines", func() error {
		if got := a.got(); !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}

// TestAppServerOverARestart: the AppServer is away while a call begins, and the recorder is
// started anew before it comes back. It is told of the call, and once.
func TestAppServerOverARestart(t *testing.T) {
	t.Parallel()
	a := newAppServer(t)
	r := newRig(t, func(c *service.Config) { c.AppServer.Address = "127.0.0.1:1" })
	r.light(t, service.LampPBX, service.Green)
	r.light(t, service.LampSoftware, service.Red)
	c := r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	r.end()
	cfg := r.cfg
	cfg.AppServer.Address = a.addr
	for n := range 3 {
		s, err := service.Open(t.Context(), cfg, service.Options{Clock: clock.System(), Log: slog.New(slog.DiscardHandler), Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		until(t, "the AppServer's lines", func() error {
			got := a.got()
			if a.connections() != n+1 || len(got) != 2 || !strings.HasPrefix(got[0], "!FRST!") || !strings.HasPrefix(got[1], "!LAST!") || !strings.Contains(got[1], c.Conf) {
				return fmt.Errorf("got %q", got)
			}
			return nil
		})
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := a.got(); len(got) != 2 { // it has read all, for the recorder waits for that when it stops
		t.Errorf("after all it was told %q", got)
	}
}

// TestAppServerPlays: the AppServer, and a link of the Reporting, make the page of a name
// play a recording by the name of its file; and a page that listens holds no stop up.
func TestAppServerPlays(t *testing.T) {
	t.Parallel()
	a := newAppServer(t)
	r := newRig(t, func(c *service.Config) { c.AppServer.Address = a.addr })
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	list, err := recordingsOf(t, r.cfg, c.Conf)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d recordings, %v", len(list), err)
	}
	file := filepath.Base(strings.TrimPrefix(string(list[0].Place), "file:"))
	page := "http://" + r.s.Addr("player")
	stream, err := http.Get(page + "/api/player?name=Rossi") //nolint:noctx // it ends with the recorder
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	events := bufio.NewScanner(stream.Body)
	hears := func(want string) {
		t.Helper()
		for events.Scan() {
			if got, is := strings.CutPrefix(events.Text(), "data: "); is {
				if got != want {
					t.Errorf("the page hears %s, want %s", got, want)
				}
				return
			}
		}
		t.Fatalf("the stream ended, want %s: %v", want, events.Err())
	}
	plays := fmt.Sprintf(`{"do":"play","file":%q,"id":%d}`, file, list[0].ID)
	a.say <- "!PLAY!Rossi!" + file + "\r\n"
	hears(plays)
	a.say <- "!PLAY!Rossi!none.wav\r\n!PLAY!Rossi!" + c.Conf + "\n!STOP!Rossi\n"
	hears(`{"do":"play","file":"none.wav"}`)
	hears(fmt.Sprintf(`{"do":"play","file":%q,"id":%d}`, c.Conf, list[0].ID))
	hears(`{"do":"stop"}`)
	for query, want := range map[string]int{
		"player=rossi&play=" + file: 204, "player=Verdi&play=" + file: 404, "player=Rossi&play=" + file + "x": 404,
	} {
		resp, err := http.Get(page + "/rc?" + query) //nolint:noctx // answers at once
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", query, resp.Status, want)
		}
	}
	hears(plays)
	began := time.Now()
	r.end()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

// TestWebhookIsTold: a webhook hears everything that happens to calls, each once, and one
// that wants some of it hears only that.
func TestWebhookIsTold(t *testing.T) {
	t.Parallel()
	const secret = "a secret of the test"
	var mu sync.Mutex
	heard := map[string][]string{} // by path
	var bodies [][]byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err == nil {
			err = signature.Verify([]byte(secret), body, q.Header.Get(signature.Header), time.Now(), time.Minute)
		}
		var e link.Event
		if err = errors.Join(err, json.Unmarshal(body, &e)); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, body)
		what := fmt.Sprintf("%s %s %s", e.Conf, e.Type, e.Agent.Number)
		if e.Recording != nil {
			what += " " + e.Recording.Rule
		}
		heard[q.URL.Path] = append(heard[q.URL.Path], what)
	}))
	t.Cleanup(server.Close)
	r := newRig(t, func(c *service.Config) {
		c.Webhook = []link.WebhookConfig{
			{Name: "all", URL: server.URL + "/all", Secret: secret},
			{Name: "filed", URL: server.URL + "/filed", Secret: secret, Events: []link.Type{link.CallFiled}},
		}
	})
	r.light(t, service.LampPBX, service.Green)
	kept, other := r.call(t, pbxsim.ExternalToAgent), r.call(t, pbxsim.UserToExternal)
	r.allFiled(t)
	verdict := func(call *pbxsim.Call, want recording.Decision) recording.Verdict {
		list, err := recordingsOf(t, r.cfg, call.Conf)
		if err != nil || len(list) != 1 || list[0].Verdict.Decision != want {
			t.Fatalf("%+v, %v; want one recording to %s", list, err, want)
		}
		return list[0].Verdict
	}
	v := verdict(kept, recording.Keep)
	no := verdict(other, recording.Discard) // early, or on a busy machine once it was fetched
	want := map[string][]string{
		"/all": {
			kept.Conf + " call.started " + v.Owner.E164, kept.Conf + " call.ended " + v.Owner.E164,
			kept.Conf + " call.filed " + v.Owner.E164 + " " + v.Rule, other.Conf + " call.discarded  " + no.Rule,
		},
		"/filed": {kept.Conf + " call.filed " + v.Owner.E164 + " " + v.Rule},
	}
	slices.Sort(want["/all"])
	until(t, "the webhooks", func() error {
		mu.Lock()
		defer mu.Unlock()
		all := slices.Sorted(slices.Values(heard["/all"]))
		if !slices.Equal(all, want["/all"]) || !slices.Equal(heard["/filed"], want["/filed"]) {
			return fmt.Errorf("heard %q, want %q", heard, want)
		}
		return nil
	})
	event := newProgram(t, "http://"+r.s.Addr("player")).doc.Components.Schemas["Event"].Value
	mu.Lock()
	defer mu.Unlock()
	for _, body := range bodies {
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		if err := event.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("the event is not as described: %v\n%s", err, body)
		}
		if fields, ok := v.(map[string]any); ok {
			fields["more"] = 1
		}
		if event.VisitJSON(v, openapi3.EnableJSONSchema2020()) == nil {
			t.Error("an event with a field that is not described fits")
		}
	}
}
