package alarm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"callreel/internal/clock"
	"callreel/internal/signature"
)

// Webhook posts messages as JSON to a URL, signed as package signature says.
type Webhook struct {
	cfg   WebhookConfig
	name  string
	clock clock.Clock
	web   *http.Client
}

// NewWebhook makes a sender; nothing is sent yet.
func NewWebhook(cfg WebhookConfig, clk clock.Clock) (*Webhook, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("alarm.webhook: url: %w", err)
	}
	trust, err := trusted(u.Hostname(), cfg.CAFile, false)
	if err != nil {
		return nil, fmt.Errorf("alarm.webhook: %w", err)
	}
	web := &http.Client{
		Transport: &http.Transport{TLSClientConfig: trust, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect is no receipt, and where it leads nobody has set up
		},
	}
	// Paths of hooks are secrets: the name, which is shown and logged, has the host, and
	// a digest that tells two of one host apart.
	sum := sha256.Sum256([]byte(cfg.URL))
	return &Webhook{cfg, "webhook " + u.Host + " " + hex.EncodeToString(sum[:3]), clk, web}, nil
}

// Name names the way.
func (w *Webhook) Name() string { return w.name }

// Takes reports that everything is posted.
func (w *Webhook) Takes(Kind) bool { return true }

// Send posts one message. Whatever is answered but 2xx is a failure.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "callreel")
	r.Header.Set(signature.HeaderID, m.ID)
	r.Header.Set(signature.Header, signature.Sign([]byte(w.cfg.Secret), body, w.clock.Now()))
	resp, err := w.web.Do(r)
	if err != nil {
		return fmt.Errorf("%s: %s", w.name, strings.ReplaceAll(err.Error(), w.cfg.URL, "(url)"))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%s answers %s", w.name, resp.Status)
	}
	return nil
}
