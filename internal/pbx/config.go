package pbx

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"callreel/internal/clock"
)

// Config is one [[pbx]] of the setup.
type Config struct {
	// Name stands in logs, lamps and the catalog. Names are unique.
	Name string `toml:"name"`
	// URL of the SOAP interface, for instance http://pbx.example/PBX0/user.soap.
	URL string `toml:"url"`
	// Standby is the host, or host:port, of the standby PBX. It takes the place of
	// the URL's after a connection was lost, and gives it back after the next loss.
	Standby string `toml:"standby"`
	// User is the long name of a PBX user that is an active member of the
	// recording group; Password is its password, or stands in the first line of
	// PasswordFile, or in the environment under PasswordEnv.
	User         string `toml:"user"`
	Password     string `toml:"password"`
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
	// Group is the recording group's tag. Empty: every user and executive in
	// the session's scope is an agent.
	Group string `toml:"group"`
	// Wire is the version of the SOAP interface: "v10" (rpc/encoded, which every
	// PBX from version 10 on speaks) or "v11" (document/literal).
	Wire string `toml:"wire"`
	// PollTimeout bounds one long poll. After it the session is checked, not
	// given up. Network time, never scaled.
	PollTimeout Duration `toml:"poll_timeout"`
	// CallTimeout bounds every other call.
	CallTimeout Duration `toml:"call_timeout"`
	// CAFile names a PEM file with the certificates to trust instead of the
	// machine's; Insecure switches the check of the PBX's certificate off.
	CAFile   string `toml:"ca_file"`
	Insecure bool   `toml:"insecure"`
}

// Duration is how the setup writes times: "15s", "10m".
type Duration = clock.Duration

// DefaultConfig returns the defaults for what the setup may leave out.
func DefaultConfig() Config {
	return Config{
		Name: "pbx", Wire: wireV10,
		PollTimeout: Duration(10 * time.Minute), CallTimeout: Duration(15 * time.Second),
	}
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	d := DefaultConfig()
	if c.Name == "" {
		c.Name = d.Name
	}
	if c.Wire == "" {
		c.Wire = d.Wire
	}
	if c.PollTimeout == 0 {
		c.PollTimeout = d.PollTimeout
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = d.CallTimeout
	}
	return c
}

// Validate checks the values; errors name the key and what is allowed. Empty
// optional values are good: New fills in the defaults.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return errors.New(`pbx: url is missing; write for instance url = "http://192.0.2.1/PBX0/user.soap"`)
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return fmt.Errorf("pbx: url %q must start with http:// or https:// and name the PBX", c.URL)
	case u.User != nil:
		return errors.New("pbx: url must not hold a user or password; they have keys of their own")
	case strings.ContainsAny(c.Standby, "/?#@ "):
		return fmt.Errorf("pbx: standby %q must be a host, or host:port, alone", c.Standby)
	case c.User == "":
		return errors.New("pbx: user is missing; it is the long name of a user that is an active member of the recording group")
	case c.Wire != "" && c.Wire != wireV10 && c.Wire != wireV11:
		return fmt.Errorf(`pbx: wire %q is not known; known are "v10" and "v11"`, c.Wire)
	case c.PollTimeout < 0 || c.CallTimeout < 0:
		return errors.New("pbx: poll_timeout and call_timeout must not be negative")
	case strings.Contains(c.Name, "/"):
		return fmt.Errorf("pbx: name %q must not hold a slash; it stands before the names of slave sites", c.Name)
	case c.Insecure && c.CAFile != "":
		return errors.New("pbx: insecure and ca_file exclude each other")
	}
	return nil
}

// StandbyConfig is the config of the standby PBX alone; without one it is c.
func (c Config) StandbyConfig() Config {
	all := c.addresses()
	c.URL, c.Standby = all[len(all)-1], ""
	return c
}

// addresses are the URL and, if there is a standby PBX, the same with its host.
func (c Config) addresses() []string {
	u, err := url.Parse(c.URL)
	if err != nil || c.Standby == "" {
		return []string{c.URL}
	}
	u.Host = c.Standby
	return []string{c.URL, u.String()}
}
