package alarm

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"callreel/internal/clock"
)

// Config is [alarm] of the setup.
type Config struct {
	Arm    clock.Duration `toml:"arm"`    // after the start, before causes latch
	Gather clock.Duration `toml:"gather"` // causes of so long make one message
	Again  clock.Duration `toml:"again"`  // between two messages that something is wrong
	Link   string         `toml:"link"`   // address in messages; empty = that of the page
	NoCDR  bool           `toml:"no_cdr"` // a capture that no CDR comes for is an error

	Mail    MailConfig      `toml:"mail"`
	Syslog  SyslogConfig    `toml:"syslog"`
	Webhook []WebhookConfig `toml:"webhook"`
}

// MailConfig is [alarm.mail]. Without a server nothing is mailed.
type MailConfig struct {
	Server   string `toml:"server"`   // host or host:port
	Security string `toml:"security"` // starttls, tls or none
	User     string `toml:"user"`
	Password string `toml:"password"`
	// Where the password is, if it is not in the setup itself.
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`

	From     string   `toml:"from"`
	To       []string `toml:"to"`
	CAFile   string   `toml:"ca_file"`
	Insecure bool     `toml:"insecure"`

	WeeklyDay  string `toml:"weekly_day"`  // a weekday in English; empty = none is sent
	WeeklyHour int    `toml:"weekly_hour"` // of that day, in the setup's time zone
}

// SyslogConfig is [alarm.syslog]. Without an address nothing is sent.
type SyslogConfig struct {
	Address  string `toml:"address"`  // host or host:port
	Network  string `toml:"network"`  // udp, tcp or tls
	Facility int    `toml:"facility"` // 0 to 23
	CAFile   string `toml:"ca_file"`
	Insecure bool   `toml:"insecure"`
}

// WebhookConfig is one [[alarm.webhook]].
type WebhookConfig struct {
	URL        string `toml:"url"`
	Secret     string `toml:"secret"`      // signs the body
	SecretFile string `toml:"secret_file"` // its first line is the secret
	SecretEnv  string `toml:"secret_env"`  // the environment has it under this name
	CAFile     string `toml:"ca_file"`
}

// DefaultConfig returns what holds where the file is silent.
func DefaultConfig() Config {
	return Config{
		Arm: clock.Duration(20 * time.Second), Gather: clock.Duration(30 * time.Second), Again: clock.Duration(30 * time.Minute), NoCDR: true,
		Mail:   MailConfig{Security: securitySTARTTLS, WeeklyHour: 8},
		Syslog: SyslogConfig{Network: networkUDP, Facility: 1},
	}
}

// The values of MailConfig.Security and SyslogConfig.Network.
const (
	securitySTARTTLS = "starttls"
	securityTLS      = "tls"
	securityNone     = "none"
	networkUDP       = "udp"
	networkTCP       = "tcp"
	networkTLS       = "tls"
)

// Validate checks [alarm] itself; the parts have checks of their own.
func (c Config) Validate() error {
	if c.Link == "" {
		return nil
	}
	if u, err := url.Parse(c.Link); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("alarm: link %q must start with http:// or https:// and name the machine", c.Link)
	}
	return nil
}

// Validate checks the values; errors name the key and what is allowed.
func (c MailConfig) Validate() error {
	if _, ok := weekdays()[strings.ToLower(c.WeeklyDay)]; !ok && c.WeeklyDay != "" {
		return fmt.Errorf("alarm.mail: weekly_day %q is no day of the week; write for instance \"monday\"", c.WeeklyDay)
	}
	switch {
	case !slices.Contains([]string{securitySTARTTLS, securityTLS, securityNone}, c.Security):
		return fmt.Errorf("alarm.mail: security %q is not allowed; allowed: starttls, tls, none", c.Security)
	case c.WeeklyHour < 0 || c.WeeklyHour > 23:
		return fmt.Errorf("alarm.mail: weekly_hour %d is not allowed; allowed: 0 to 23", c.WeeklyHour)
	case c.Server == "" && (len(c.To) > 0 || c.WeeklyDay != "" || c.From != ""):
		return errors.New(`alarm.mail: server is missing; write for instance server = "mail.example.com"`)
	case c.Server == "":
		return nil
	case len(c.To) == 0:
		return errors.New(`alarm.mail: to is missing; write for instance to = ["admin@example.com"]`)
	case (c.User == "") != (c.Password+c.PasswordFile+c.PasswordEnv == ""):
		return errors.New("alarm.mail: user and password go together; write both or none")
	case c.User != "" && c.Security == securityNone:
		return errors.New("alarm.mail: security none with a user would send the password in clear; use starttls or tls")
	case c.Insecure && c.CAFile != "":
		return errors.New("alarm.mail: insecure and ca_file exclude each other")
	}
	return c.checkAddresses()
}

func (c MailConfig) checkAddresses() error {
	if _, _, err := hostPort(c.Server, c.port()); err != nil {
		return fmt.Errorf("alarm.mail: server %q must be a host or host:port", c.Server)
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		return fmt.Errorf("alarm.mail: from %q is no mail address; write for instance \"callreel@example.com\"", c.From)
	}
	for _, to := range c.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return fmt.Errorf("alarm.mail: to %q is no mail address", to)
		}
	}
	return nil
}

// port is where a server listens that is named without one.
func (c MailConfig) port() int {
	switch c.Security {
	case securityTLS:
		return 465
	case securityNone:
		return 25
	}
	return 587
}

func weekdays() map[string]time.Weekday {
	out := map[string]time.Weekday{}
	for d := time.Sunday; d <= time.Saturday; d++ {
		out[strings.ToLower(d.String())] = d
	}
	return out
}

// lastWeekly is the last time at or before now that a weekly message was due; false
// where none is wanted.
func (c MailConfig) lastWeekly(now time.Time) (time.Time, bool) {
	day, ok := weekdays()[strings.ToLower(c.WeeklyDay)]
	if !ok || c.Server == "" {
		return time.Time{}, false
	}
	at := time.Date(now.Year(), now.Month(), now.Day(), c.WeeklyHour, 0, 0, 0, now.Location())
	at = at.AddDate(0, 0, -(int(now.Weekday()-day)+7)%7)
	if at.After(now) {
		at = at.AddDate(0, 0, -7)
	}
	return at, true
}

// Validate checks the values.
func (c SyslogConfig) Validate() error {
	if c.Address == "" {
		return nil
	}
	if _, _, err := hostPort(c.Address, c.port()); err != nil {
		return fmt.Errorf("alarm.syslog: address %q must be a host or host:port", c.Address)
	}
	switch {
	case !slices.Contains([]string{networkUDP, networkTCP, networkTLS}, c.Network):
		return fmt.Errorf("alarm.syslog: network %q is not allowed; allowed: udp, tcp, tls", c.Network)
	case c.Facility < 0 || c.Facility > 23:
		return fmt.Errorf("alarm.syslog: facility %d is not allowed; allowed: 0 to 23", c.Facility)
	case c.Insecure && c.CAFile != "":
		return errors.New("alarm.syslog: insecure and ca_file exclude each other")
	}
	return nil
}

func (c SyslogConfig) port() int {
	if c.Network == networkTLS {
		return 6514
	}
	return 514
}

// Validate checks the values.
func (c WebhookConfig) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return fmt.Errorf("alarm.webhook: url %q must start with http:// or https:// and name the server", c.URL)
	case u.User != nil:
		return errors.New("alarm.webhook: url must not hold a user or password")
	case c.Secret+c.SecretFile+c.SecretEnv == "":
		return errors.New("alarm.webhook: secret is missing; the receiver knows by it that a message is ours")
	}
	return nil
}

// hostPort splits host or host:port.
func hostPort(s string, port int) (string, int, error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
		if strings.Count(host, ":") == 1 || strings.ContainsAny(host, "/ @") || host == "" {
			return "", 0, fmt.Errorf("%q is no host", s)
		}
		return host, port, nil
	}
	n, err := strconv.Atoi(p)
	if err != nil || n < 1 || n > 65535 || host == "" {
		return "", 0, fmt.Errorf("%q is no port", p)
	}
	return host, n, nil
}
