package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"callreel/internal/recording"
	"callreel/internal/signature"
	"callreel/internal/trust"
)

// HeaderEvent is the header of a webhook that bears the event's type; the others are
// those of package signature.
const HeaderEvent = "Callreel-Event"

const (
	longestHookPause = 15 * time.Minute // between two tries
	tellFrom         = 3                // tries in a row that fail before the lamp tells: one may be chance
	triesRefused     = 12               // tries of a message that is refused for what is in it; then others get their turn
	mostAnswer       = 64 << 10         // bytes that are read of an answer
	longestAsked     = time.Hour        // that a server may ask us to wait
)

// Webhook is the link to one. Run works it.
type Webhook struct {
	cfg    WebhookConfig
	secret []byte
	client *http.Client
	outbox

	mu    sync.Mutex
	state WebhookState
}

// WebhookState is how a webhook stands.
type WebhookState struct {
	Name  string `json:"name"`
	Error string `json:"error,omitempty"` // of the last try; empty if it succeeded
	Sent  int64  `json:"sent"`            // since the start
}

// NewWebhook makes the link; it sends when it runs.
func NewWebhook(cfg WebhookConfig, c Client) (*Webhook, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	roots, err := trust.Roots(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("webhook: ca_file of %s: %w", cfg.Name, err)
	}
	return &Webhook{
		cfg: cfg, secret: []byte(cfg.Secret), state: WebhookState{Name: cfg.Name},
		outbox: newOutbox("webhook "+cfg.Name, time.Duration(cfg.KeepDays)*day, c),
		client: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				MaxIdleConns: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
			},
			// What is signed for one is sent to nobody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Wants reports whether the webhook is told of an event.
func (w *Webhook) Wants(t Type) bool { return slices.Contains(w.cfg.Events, t) }

// State tells how the webhook stands.
func (w *Webhook) State() WebhookState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// Run sends what waits, one message after the other, until ctx is done. While one cannot
// be sent those behind it wait, so that their order stays.
func (w *Webhook) Run(ctx context.Context) {
	defer w.client.CloseIdleConnections()
	tries := 0
	for ctx.Err() == nil {
		w.tidy(ctx)
		pause := lookAgain
		for _, m := range w.next(ctx, 0) {
			if pause = w.deliver(ctx, m, &tries); pause > 0 {
				break
			}
		}
		if tries > 0 { // a new message changes nothing
			w.Clock.Wait(ctx.Done(), pause)
			continue
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-w.Clock.After(pause):
		}
	}
}

// deliver sends one message and returns how long to wait before the next is sent.
func (w *Webhook) deliver(ctx context.Context, m recording.Message, tries *int) time.Duration {
	err := w.post(ctx, m)
	if ctx.Err() != nil {
		return 0
	}
	if err == nil {
		*tries = 0
		w.sent(nil)
		w.Told(w.to, nil)
		if w.queueSays(ctx, w.Queue.Sent(ctx, w.to, m.Seq, w.Clock.Now())) {
			return 0
		}
		return lookAgain // it is sent again
	}
	*tries++
	w.sent(err)
	if *tries >= tellFrom {
		w.Told(w.to, fmt.Errorf("the webhook %s (key url of [[webhook]]) does not take what it is sent: %w; it is tried again with growing pauses, "+
			"for %d days at most, and the events behind it wait", w.cfg.Name, err, w.cfg.KeepDays))
	}
	answer, answered := errors.AsType[*answerError](err)
	if answered && answer.forContent() && *tries >= triesRefused {
		*tries = 0
		w.Log.Error("a message was given up: it is refused for what is in it", "to", w.to, "message", m.Seq, "error", err)
		w.queueSays(ctx, w.Queue.GiveUpOne(ctx, w.to, m.Seq, w.Clock.Now()))
		w.tellDead(ctx)
		return 0
	}
	pause := growing(*tries, longestHookPause)
	if answered {
		pause = max(pause, answer.after)
	}
	return pause
}

func (w *Webhook) sent(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.Error = ""
	if err != nil {
		w.state.Error = err.Error()
		return
	}
	w.state.Sent++
}

// answerError is an answer that is no success.
type answerError struct {
	status int
	after  time.Duration // that the server asked us to wait
}

func (e *answerError) Error() string {
	if e.status >= 300 && e.status < 400 {
		return fmt.Sprintf("it answers %d and sends us elsewhere, where we do not go: write the address that it means", e.status)
	}
	return fmt.Sprintf("it answers %d %s", e.status, http.StatusText(e.status))
}

// forContent reports whether the answer speaks of what was sent: to send it again will not
// help.
func (e *answerError) forContent() bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}, e.status)
}

// post sends a message once. Its error names no URL: there may be a secret in it.
func (w *Webhook) post(ctx context.Context, m recording.Message) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(w.cfg.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.URL, bytes.NewReader(m.Doc))
	if err != nil {
		return withoutURL(err)
	}
	var e Event
	if err := json.Unmarshal(m.Doc, &e); err != nil {
		return fmt.Errorf("message %d cannot be read: %w", m.Seq, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "callreel")
	req.Header.Set(HeaderEvent, string(e.Type))
	req.Header.Set(signature.HeaderID, e.ID)
	req.Header.Set(signature.Header, signature.Sign(w.secret, m.Doc, w.Clock.Now()))
	resp, err := w.client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, mostAnswer)) // so that the connection can be used again
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	return &answerError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"))}
}

func withoutURL(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}

// retryAfter reads the seconds that a server asks us to wait; a date does not count.
func retryAfter(text string) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 1<<20))*time.Second, longestAsked)
}
