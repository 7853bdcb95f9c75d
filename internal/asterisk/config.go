// Package asterisk brings the call detail records of an Asterisk PBX in: it follows
// the CSV file that cdr_csv writes, here or over HTTP, and takes rows by HTTP POST. It
// owns where in a file it stands, and what becomes of a file that is rotated away. It
// parses no record; its Sink does.
package asterisk

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"callreel/internal/clock"
)

// Config is one [[asterisk]] of the setup.
type Config struct {
	Name string `toml:"name"` // in logs and lamps

	File     string `toml:"file"` // cdr-csv/Master.csv, as this machine sees it
	URL      string `toml:"url"`  // the same file on a web server
	User     string `toml:"user"` // of the web server
	Password string `toml:"password"`
	// Where the password is, if it is not in the setup itself.
	PasswordFile string         `toml:"password_file"`
	PasswordEnv  string         `toml:"password_env"`
	Poll         clock.Duration `toml:"poll"` // between two looks at the file

	Receive         string `toml:"receive"`          // path at the receiver's address to which rows are posted; empty: none
	ReceiveUser     string `toml:"receive_user"`     // HTTP Basic; empty = open
	ReceivePassword string `toml:"receive_password"` //

	ReceivePasswordFile string `toml:"receive_password_file"`
	ReceivePasswordEnv  string `toml:"receive_password_env"`

	Timezone string   `toml:"timezone"` // of the times in rows; empty = the setup's; "UTC" with usegmtime = yes
	Trunks   []string `toml:"trunks"`   // channels that lead outside, without their number; with * and ?
	Columns  []string `toml:"columns"`  // of a CSV line; empty = those of cdr_csv
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	if c.Name == "" {
		c.Name = "asterisk"
	}
	if c.Poll == 0 {
		c.Poll = clock.Duration(5 * time.Second)
	}
	return c
}

// Validate checks the values; errors name the key and what is allowed.
func (c Config) Validate() error {
	switch {
	case c.File == "" && c.URL == "" && c.Receive == "":
		return errors.New(`asterisk: file is missing; write file = "/var/log/asterisk/cdr-csv/Master.csv", or url or receive`)
	case c.File != "" && c.URL != "":
		return errors.New("asterisk: url and file exclude each other; write a second [[asterisk]]")
	case c.Receive != "" && (!strings.HasPrefix(c.Receive, "/") || c.Receive == "/" || strings.ContainsAny(c.Receive, "?# {}")):
		return fmt.Errorf(`asterisk: receive %q must start with "/" and be a plain path, for instance "/asterisk"`, c.Receive)
	case (c.ReceiveUser == "") != (c.ReceivePassword+c.ReceivePasswordFile+c.ReceivePasswordEnv == ""):
		return errors.New("asterisk: receive_user and receive_password are set together or not at all")
	case c.Poll < 0:
		return errors.New("asterisk: poll must not be negative")
	}
	if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil) {
		return fmt.Errorf("asterisk: url %q must start with http:// or https://, name the server, and hold no password", c.URL)
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		return fmt.Errorf(`asterisk: timezone %q is not known; write for instance "Europe/Rome" or "UTC"`, c.Timezone)
	}
	for _, t := range c.Trunks {
		if _, err := path.Match(t, ""); err != nil || !strings.Contains(t, "/") {
			return fmt.Errorf(`asterisk: trunks %q is no pattern of a channel; write for instance "PJSIP/provider"`, t)
		}
	}
	return nil
}
