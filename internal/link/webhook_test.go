package link_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"callreel/internal/clock"
	"callreel/internal/link"
	"callreel/internal/recording"
)

const secret = "a secret of the test"

// receiver is somebody's endpoint. It checks every signature by the words of the
// documentation, not by our own code.
type receiver struct {
	t      *testing.T
	clock  clock.Clock
	answer func(n int, e link.Event) (status int, head map[string]string) // to the n-th request, from 1

	mu    sync.Mutex
	tries int
	taken []string // UIDs of what was answered with success
	types []link.Type
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		r.t.Error(err)
	}
	t, sum, _ := strings.Cut(strings.TrimPrefix(q.Header.Get("Callreel-Signature"), "t="), ",v1=")
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(h, "%s.%s", t, body)
	var e link.Event
	if err := json.Unmarshal(body, &e); err != nil {
		r.t.Errorf("the body is no JSON: %v", err)
	}
	switch {
	case hex.EncodeToString(h.Sum(nil)) != sum:
		r.t.Errorf("the signature %q does not hold", q.Header.Get("Callreel-Signature"))
	case q.Header.Get("Content-Type") != "application/json" || q.Header.Get("Callreel-Id") != e.ID || q.Header.Get("Callreel-Event") != string(e.Type) || len(e.ID) != 32:
		r.t.Errorf("headers %v of %+v", q.Header, e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	status, head := 204, map[string]string(nil)
	if r.answer != nil {
		status, head = r.answer(r.tries, e)
	}
	for k, v := range head {
		w.Header().Set(k, v)
	}
	if status < 300 {
		r.taken, r.types = append(r.taken, e.UID), append(r.types, e.Type)
	}
	w.WriteHeader(status)
}

func (r *receiver) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken)
}

// hook runs a webhook to a receiver; events are those of a queue that fill has filled.
func hook(t *testing.T, b *bench, cfg link.WebhookConfig, uids ...string) *link.Webhook {
	t.Helper()
	cfg.Secret = secret
	w, err := link.NewWebhook(cfg, b.client())
	if err != nil {
		t.Fatal(err)
	}
	var list []recording.Message
	for _, uid := range uids {
		m, err := link.Event{Type: link.CallFiled, At: b.clock.Now(), UID: uid}.Message(w.To(), uid)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	if err := b.c.SaveLegs(t.Context(), nil, list); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func takes(t *testing.T, r *receiver, want ...string) {
	t.Helper()
	until(t, "events", func() error {
		if got := r.took(); !slices.Equal(got, want) {
			return fmt.Errorf("took %q, want %q", got, want)
		}
		return nil
	})
}

// Whatever the receiver answers, what it took at last is everything, once and in order.
func TestWebhookRetries(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(n int, e link.Event) (int, map[string]string){
		"always well": nil,
		"500 sometimes": func(n int, _ link.Event) (int, map[string]string) {
			return map[bool]int{true: 500, false: 200}[n%3 == 1], nil
		},
		"401 at first": func(n int, _ link.Event) (int, map[string]string) {
			return map[bool]int{true: 401, false: 201}[n < 5], nil
		},
		"429 and asks to wait": func(n int, _ link.Event) (int, map[string]string) {
			return map[bool]int{true: 429, false: 200}[n == 2], map[string]string{"Retry-After": "60"}
		},
		"410 for long": func(n int, _ link.Event) (int, map[string]string) {
			return map[bool]int{true: 410, false: 200}[n < 15], nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, clock.Scaled(5000), "")
			r := &receiver{t: t, clock: b.clock, answer: answer}
			server := httptest.NewServer(r)
			t.Cleanup(server.Close)
			hook(t, b, link.WebhookConfig{Name: "crm", URL: server.URL + "/calls"}, "a", "b", "c", "d")
			takes(t, r, "a", "b", "c", "d")
			until(t, "the lamp", func() error {
				if f := b.fault("webhook crm"); f != "" {
					return errors.New(f)
				}
				return nil
			})
		})
	}
}

// What is refused for its content is given up after some tries, and not in silence; what
// is behind it gets its turn.
func TestWebhookRefusesOne(t *testing.T) {
	t.Parallel()
	b := newBench(t, clock.Scaled(20_000), "")
	r := &receiver{t: t, clock: b.clock, answer: func(_ int, e link.Event) (int, map[string]string) {
		return map[bool]int{true: 422, false: 200}[e.UID == "bad"], nil
	}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	hook(t, b, link.WebhookConfig{Name: "crm", URL: server.URL}, "a", "bad", "c")
	takes(t, r, "a", "c")
	if f := b.fault("webhook crm given up"); !strings.HasPrefix(f, "1 messages to webhook crm") {
		t.Errorf("the lamp says %q", f)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tries != 12+2 {
		t.Errorf("%d tries", r.tries)
	}
}

// A webhook that is dead for longer than keep_days loses what is older, with an alarm.
func TestWebhookIsDead(t *testing.T) {
	t.Parallel()
	b := newBench(t, clock.Scaled(30_000), "")
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	w := hook(t, b, link.WebhookConfig{Name: "crm", URL: server.URL + "/secret-path", KeepDays: 1}, "a", "b")
	until(t, "the lamps", func() error {
		if f := b.fault("webhook crm given up"); !strings.HasPrefix(f, "2 messages") {
			return fmt.Errorf("says %q, state %+v", f, w.State())
		}
		return nil
	})
	if n := b.waiting(t, w.To()); n != 0 {
		t.Errorf("%d wait", n)
	}
	if f := b.fault("webhook crm"); !strings.Contains(f, "it answers 404") || strings.Contains(f, "secret") {
		t.Errorf("the lamp says %q", f)
	}
}

// Nothing goes where a redirect points, nor to a server whose certificate is not known.
func TestWebhookGoesNowhereElse(t *testing.T) {
	t.Parallel()
	elsewhere := &receiver{t: t}
	other := httptest.NewServer(elsewhere)
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 307, 308} {
		b := newBench(t, clock.Scaled(5000), "")
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		t.Cleanup(server.Close)
		w := hook(t, b, link.WebhookConfig{URL: server.URL}, "a")
		until(t, "state", func() error {
			if st := w.State(); !strings.Contains(st.Error, "sends us elsewhere") {
				return fmt.Errorf("%+v", st)
			}
			return nil
		})
	}
	if n := len(elsewhere.took()); n > 0 {
		t.Errorf("%d events went elsewhere", n)
	}

	b := newBench(t, clock.Scaled(5000), "")
	r := &receiver{t: t}
	server := httptest.NewUnstartedServer(r)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it is refused, as it should be
	server.StartTLS()
	t.Cleanup(server.Close)
	w := hook(t, b, link.WebhookConfig{Name: "unknown", URL: server.URL}, "a")
	until(t, "state", func() error {
		if st := w.State(); !strings.Contains(st.Error, "certificate") {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	if n := len(r.took()); n > 0 {
		t.Errorf("%d events went to a server whose certificate is not known", n)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	hook(t, b, link.WebhookConfig{Name: "known", URL: server.URL, CAFile: ca}, "b")
	takes(t, r, "b")
}
