package link

import (
	"context"
	"net/http"
)

// TryWebhook asks the server of a webhook with HEAD, which none takes for an event. That
// it answers at all, in time and with a certificate that is trusted, is all that is
// wanted.
func TryWebhook(ctx context.Context, cfg WebhookConfig) error {
	w, err := NewWebhook(cfg, Client{})
	if err != nil {
		return err
	}
	defer w.client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, w.cfg.URL, http.NoBody)
	if err != nil {
		return err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
