package alarm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"callreel/internal/clock"
)

// Webhook posts messages as JSON to a URL. The header X-Callreel-Signature holds
// "sha256=" and, in hex, the HMAC-SHA256 with the secret of X-Callreel-Timestamp (seconds
// since 1970), a dot and the body: who gets one knows that it is ours, and by the time
// that it is not an old one sent again.
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
	at := strconv.FormatInt(w.clock.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "callreel")
	r.Header.Set("X-Callreel-Id", m.ID)
	r.Header.Set("X-Callreel-Timestamp", at)
	r.Header.Set("X-Callreel-Signature", sign(w.cfg.Secret, at, body))
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

// sign is the signature of a body posted at a time.
func sign(secret, at string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(at + "."))
	h.Write(body)
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}
