package ingest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// The kinds of inbox.
const (
	KindWebDAV = "webdav"
	KindHTTP   = "http" // plain HTTP: a listing page, HEAD, GET, DELETE
	KindFolder = "folder"
)

// The ways to tell which call a capture is of whose name holds no conference id.
const (
	CorrelateConf = "conf" // not at all: it is kept in quarantine
	CorrelateSIP  = "sip"  // by the SIP in it, and by time
	// by the Asterisk channel's id that its name begins with, else as "sip"
	CorrelateAsterisk = "asterisk"
)

// The ways to log in.
const (
	AuthAuto   = "auto" // Digest if the server offers it, else Basic
	AuthBasic  = "basic"
	AuthDigest = "digest"
)

// Duration is how the setup writes times: "5s", "1m30s".
type Duration = clock.Duration

// Config is one [[inbox]] of the setup.
type Config struct {
	Name string `toml:"name"`
	Kind string `toml:"kind"` // webdav, http or folder; guessed from url and path if empty

	URL          string `toml:"url"`           // of the folder, http or https, without user and password
	Standby      string `toml:"standby"`       // host, host:port or whole URL that is used when that of url does not answer
	FollowPBX    bool   `toml:"follow_pbx"`    // use the standby address while the PBX is on its own; whoever wires both calls Pair.Use
	Path         string `toml:"path"`          // of kind folder
	User         string `toml:"user"`          //
	Password     string `toml:"password"`      // one of the three, if there is a user
	PasswordFile string `toml:"password_file"` // its first line
	PasswordEnv  string `toml:"password_env"`  // name of an environment variable
	Auth         string `toml:"auth"`          // auto, basic, digest
	CAFile       string `toml:"ca_file"`       // PEM; the server's certificate must come from it
	PinSHA256    string `toml:"pin_sha256"`    // hex SHA-256 of the server's certificate; replaces every other check of it

	RecordedOn  recording.RecordedOn `toml:"recorded_on"`  // phone or gateway
	GatewayMACs []string             `toml:"gateway_macs"` // devices whose captures are a gateway's all the same
	Swap        bool                 `toml:"swap"`         // turn the sides round
	Correlate   string               `toml:"correlate"`    // conf, sip or asterisk: how captures without a conference id in their name are told

	Poll   Duration `toml:"poll"`   // between two listings; 5s
	Settle Duration `toml:"settle"` // how long a size stands still without the PBX's word; 60s
	// SettleUnseen is the same where the PBX showed the call and lost sight of it, and no CDR
	// of it is here; 10m.
	SettleUnseen Duration `toml:"settle_unseen"`
	DeleteDelay  Duration `toml:"delete_delay"` // before each delete; 2s for a CF card
	IdleTimeout  Duration `toml:"idle_timeout"` // how long a server may send nothing; 30s, in real time

	marks string // the folder in it whose marks are listed instead; see NewMarks
}

// WithDefaults fills in what is empty.
func (c Config) WithDefaults() Config {
	if c.Kind == "" && c.URL != "" {
		c.Kind = KindWebDAV
	}
	if c.Kind == "" && c.Path != "" {
		c.Kind = KindFolder
	}
	if c.Auth == "" {
		c.Auth = AuthAuto
	}
	if c.RecordedOn == "" {
		c.RecordedOn = recording.OnPhone
	}
	if c.Correlate == "" {
		c.Correlate = CorrelateConf
	}
	for d, v := range map[*Duration]time.Duration{&c.Poll: 5 * time.Second, &c.Settle: time.Minute, &c.SettleUnseen: 10 * time.Minute, &c.IdleTimeout: 30 * time.Second} {
		if *d == 0 {
			*d = Duration(v)
		}
	}
	return c
}

// Validate names each wrong key of a config with defaults, its value and what is
// allowed.
func (c Config) Validate() error {
	var all []error
	bad := func(key string, value any, want string) {
		all = append(all, fmt.Errorf("inbox %q: %s is %q: want %s", c.Name, key, fmt.Sprint(value), want))
	}
	if c.Name == "" {
		bad("name", "", "a name, unique among the inboxes")
	}
	switch c.Kind {
	case KindWebDAV, KindHTTP:
		c.validateServer(bad)
	case KindFolder:
		if c.Standby != "" {
			bad("standby", c.Standby, "none: a folder has no second address")
		}
		if c.Path == "" {
			bad("path", "", "the folder that the captures are put in")
		}
	default:
		bad("kind", c.Kind, `"webdav" or "http" (with url) or "folder" (with path)`)
	}
	if c.RecordedOn != recording.OnPhone && c.RecordedOn != recording.OnGateway {
		bad("recorded_on", c.RecordedOn, `"phone" or "gateway"`)
	}
	if c.Correlate != CorrelateConf && c.Correlate != CorrelateSIP && c.Correlate != CorrelateAsterisk {
		bad("correlate", c.Correlate, `"conf", "sip" or "asterisk"`)
	}
	for _, m := range c.GatewayMACs {
		if !macPattern.MatchString(bareMAC(m)) {
			bad("gateway_macs", m, `12 hex digits, as in "009033010203" or "00-90-33-01-02-03"`)
		}
	}
	c.validateStandby(bad)
	c.validateTimes(bad)
	return errors.Join(all...)
}

var macPattern = regexp.MustCompile(`^[0-9a-f]{12}$`)

func (c Config) validateTimes(bad func(string, any, string)) {
	for _, d := range []struct {
		key      string
		value    Duration
		min, max time.Duration
	}{
		{"poll", c.Poll, 10 * time.Millisecond, time.Hour},
		{"settle", c.Settle, 10 * time.Millisecond, 24 * time.Hour},
		{"settle_unseen", c.SettleUnseen, 10 * time.Millisecond, 24 * time.Hour},
		{"delete_delay", c.DeleteDelay, 0, time.Minute},
		{"idle_timeout", c.IdleTimeout, 10 * time.Millisecond, 10 * time.Minute},
	} {
		if v := time.Duration(d.value); v < d.min || v > d.max {
			bad(d.key, v, fmt.Sprintf("%s to %s", d.min, d.max))
		}
	}
}

func (c Config) validateStandby(bad func(string, any, string)) {
	if c.Standby == "" {
		if c.FollowPBX {
			bad("follow_pbx", c.FollowPBX, "false, or an address in standby")
		}
		return
	}
	s, err := c.StandbyConfig()
	if err == nil && c.Kind != KindFolder {
		s.validateServer(func(key string, _ any, _ string) {
			if key == "url" {
				err = errors.New("its address is not accepted")
			}
		})
	}
	if err != nil {
		bad("standby", redacted(c.Standby), `"host", "host:port" or a whole URL without user and password`)
	}
}

// redacted keeps a password out of a message.
func redacted(s string) string {
	if u, err := url.Parse(s); err == nil && u.User == nil && !strings.Contains(s, "@") {
		return s
	}
	return "(not shown)"
}

func (c Config) validateServer(bad func(string, any, string)) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		bad("url", "(not readable)", `as in "https://pbx.example/recordings/"`)
	case u.User != nil:
		bad("url", u.Redacted(), "it without user and password; they are the keys user and password")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
		bad("url", c.URL, `http or https with a host and a path, as in "https://pbx.example/recordings/"`)
	case u.Scheme == "http" && (c.CAFile != "" || c.PinSHA256 != ""):
		bad("url", c.URL, "https, because ca_file or pin_sha256 is set")
	}
	switch c.Auth {
	case AuthAuto, AuthBasic, AuthDigest:
	default:
		bad("auth", c.Auth, `"auto", "basic" or "digest"`)
	}
	if c.PinSHA256 != "" && len(c.pin()) != 32 {
		bad("pin_sha256", c.PinSHA256, "64 hex digits, with or without colons")
	}
	passwords := 0
	for _, p := range []string{c.Password, c.PasswordFile, c.PasswordEnv} {
		if p != "" {
			passwords++
		}
	}
	if passwords > 1 {
		bad("password", "(several)", "only one of password, password_file and password_env")
	}
	if passwords > 0 && c.User == "" {
		bad("user", "", "a user for the password")
	}
}

func (c Config) pin() []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(c.PinSHA256, ":", ""))
	if err != nil {
		return nil
	}
	return b
}

// secret finds the password.
func (c Config) secret() (string, error) {
	switch {
	case c.PasswordFile != "":
		b, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("inbox %q: password_file: %w", c.Name, err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	case c.PasswordEnv != "":
		v, ok := os.LookupEnv(c.PasswordEnv)
		if !ok {
			return "", fmt.Errorf("inbox %q: password_env: the environment has no %s", c.Name, c.PasswordEnv)
		}
		return v, nil
	}
	return c.Password, nil
}
