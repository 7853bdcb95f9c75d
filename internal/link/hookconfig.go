package link

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"callreel/internal/clock"
)

// WebhookConfig is one [[webhook]] of the setup.
type WebhookConfig struct {
	Name   string `toml:"name"`
	URL    string `toml:"url"`
	Secret string `toml:"secret"`
	// Where the secret is, if it is not in the setup itself.
	SecretFile string         `toml:"secret_file"`
	SecretEnv  string         `toml:"secret_env"`
	Events     []Type         `toml:"events"` // empty: all
	Timeout    clock.Duration `toml:"timeout"`
	KeepDays   int            `toml:"keep_days"`
	CAFile     string         `toml:"ca_file"`
}

// leastSecret is how short a secret may be, in bytes.
const leastSecret = 16

// WithDefaults fills in what the setup leaves out.
func (c WebhookConfig) WithDefaults() WebhookConfig {
	if c.Name == "" {
		c.Name = "webhook"
	}
	if len(c.Events) == 0 {
		c.Events = Types()
	}
	if c.Timeout == 0 {
		c.Timeout = clock.Duration(15 * time.Second)
	}
	if c.KeepDays == 0 {
		c.KeepDays = 7
	}
	return c
}

// Validate checks the values; errors name the key and what is allowed.
func (c WebhookConfig) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return fmt.Errorf("webhook: url of %q is missing", c.Name)
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("webhook: url of %q must be like \"https://example.com/calls\"", c.Name)
	case u.Scheme == "http" && !onThisMachine(u.Hostname()):
		return fmt.Errorf("webhook: url of %q is not allowed: numbers would go over the network in clear; allowed: https, or http to this machine", c.Name)
	case c.SecretFile+c.SecretEnv == "" && len(c.Secret) < leastSecret:
		return fmt.Errorf("webhook: secret of %q is too short; write at least %d characters, and the same at the receiver", c.Name, leastSecret)
	case strings.ContainsFunc(c.Name, func(r rune) bool { return r < ' ' }):
		return fmt.Errorf("webhook: name %q must be one line", c.Name)
	case c.KeepDays < 1 || c.KeepDays > mostDays:
		return fmt.Errorf("webhook: keep_days %d is not allowed; allowed: 1 to %d", c.KeepDays, mostDays)
	}
	for _, e := range c.Events {
		if !slices.Contains(Types(), e) {
			return fmt.Errorf("webhook: events has %q, which is none; allowed: %s", e, strings.Join(typeNames(), ", "))
		}
	}
	return nil
}

func onThisMachine(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

func typeNames() (out []string) {
	for _, t := range Types() {
		out = append(out, string(t))
	}
	return out
}
