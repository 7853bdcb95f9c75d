package service

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"callreel/archive"
	"callreel/convert"
	"callreel/ingest"
	"callreel/internal/alarm"
	"callreel/internal/asterisk"
	"callreel/internal/link"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/secret"
	"callreel/internal/tomlfile"
)

// Config is the whole setup, one TOML file. Each package owns the part it
// needs; the service owns the rest. doc/config.md lists every key.
type Config struct {
	Timezone string `toml:"timezone"`  // IANA name for file names and lists; empty = the machine's
	LogLevel string `toml:"log_level"` // debug, info, warn or error
	Agents   string `toml:"agents"`    // "all" makes every user an agent; else empty
	Workers  int    `toml:"workers"`   // recordings worked on at once
	// EarlyDiscard deletes a capture unfetched when the PBX links are certain
	// that no agent took part.
	EarlyDiscard bool   `toml:"early_discard"`
	Catalog      string `toml:"catalog"` // database file
	Spool        string `toml:"spool"`   // folder of the work copies; empty = REC in the archive

	Setup     SetupConfig           `toml:"setup"`
	Archive   archive.Config        `toml:"archive"`
	Keys      KeysConfig            `toml:"keys"`
	Audio     convert.Config        `toml:"audio"`
	Receiver  pbx.ReceiverConfig    `toml:"receiver"`
	CDR       CDRConfig             `toml:"cdr"`
	TAN       TANConfig             `toml:"tan"`
	Player    PlayerConfig          `toml:"player"`
	Ledger    LedgerConfig          `toml:"ledger"`
	Converter ConverterConfig       `toml:"converter"`
	Licence   LicenceConfig         `toml:"licence"`
	Rules     RulesConfig           `toml:"rules"`
	Marks     MarksConfig           `toml:"marks"`
	PBX       []pbx.Config          `toml:"pbx"`
	Reporting []pbx.ReportingConfig `toml:"reporting"`
	Inbox     []ingest.Config       `toml:"inbox"`
	Asterisk  []asterisk.Config     `toml:"asterisk"`
	Agent     []AgentConfig         `toml:"agent"`
	AppServer link.AppServerConfig  `toml:"appserver"`
	Webhook   []link.WebhookConfig  `toml:"webhook"`
	API       APIConfig             `toml:"api"`
	Alarm     alarm.Config          `toml:"alarm"`
	Log       LogConfig             `toml:"log"`
	Status    StatusConfig          `toml:"status"`
}

// KeysConfig says where the keys lie and what they seal. Sidecars are always
// sealed.
type KeysConfig struct {
	File         string `toml:"file"`
	EncryptAudio bool   `toml:"encrypt_audio"` // seal the audio and the spool too
}

// CDRConfig is the patience with which CDRs are waited for (SPEC §3.4).
type CDRConfig struct {
	FirstWait  pbx.Duration `toml:"first_wait"`  // after the capture is here, until CDRs are looked for again
	SecondWait pbx.Duration `toml:"second_wait"` // then again
	LastWait   pbx.Duration `toml:"last_wait"`   // then a last time, when a PBX link knows the call
	Tries      int          `toml:"tries"`       // when no PBX link knows the call: so many looks, first_wait apart
	Settle     pbx.Duration `toml:"settle"`      // quiet time after the last CDR before a call is kept
	// DiscardSettle is the quiet time before a call is not kept: a late CDR may
	// still name an agent.
	DiscardSettle pbx.Duration `toml:"discard_settle"`
	KeepDays      int          `toml:"keep_days"` // CDRs stay so long in the catalog
	// SIPWithin is how far a CDR's set-up may be from the INVITE in a capture
	// that is correlated by its own SIP: the clocks of PBX and recorder differ.
	SIPWithin pbx.Duration `toml:"sip_within"`
}

// PlayerConfig says where the page is served; empty serves none. Only loopback
// addresses are allowed as long as the page has no login.
type PlayerConfig struct {
	Listen string `toml:"listen"`
}

// AgentConfig names an agent where no PBX link does.
type AgentConfig struct {
	Number string `toml:"number"`
	Name   string `toml:"name"`
}

// DefaultConfig returns what holds where the file is silent.
func DefaultConfig() Config {
	return Config{
		LogLevel: "info", Workers: 2, EarlyDiscard: true, Catalog: "callreel.db",
		Archive:  archive.Config{},
		Audio:    convert.DefaultConfig(),
		Receiver: pbx.DefaultReceiverConfig(),
		Keys:     KeysConfig{File: "callreel.keys"},
		CDR: CDRConfig{
			FirstWait: pbx.Duration(5 * time.Second), SecondWait: pbx.Duration(5 * time.Second),
			LastWait: pbx.Duration(2 * time.Hour), Tries: 5,
			Settle: pbx.Duration(5 * time.Second), DiscardSettle: pbx.Duration(30 * time.Second), KeepDays: 90, SIPWithin: pbx.Duration(10 * time.Second),
		},
		Player:    PlayerConfig{Listen: "127.0.0.1:8080"},
		Marks:     DefaultMarksConfig(),
		AppServer: link.DefaultAppServerConfig(),
		Ledger:    LedgerConfig{NoCapture: pbx.Duration(10 * time.Minute), Daily: true},
		Converter: ConverterConfig{Poll: pbx.Duration(10 * time.Second), Stale: pbx.Duration(3 * time.Minute)},
		Licence: LicenceConfig{
			Count: licenceUnlimited, Name: "Recording", Path: "/PBX0/ADMIN/mod_cmd_login.xml", Every: pbx.Duration(10 * time.Minute),
		},
		Alarm:  alarm.DefaultConfig(),
		Log:    LogConfig{SizeMB: 10, Number: 5, Events: true},
		Status: StatusConfig{Listen: "127.0.0.1:0"},
	}
}

// LoadConfig reads and checks the file, and opens its secrets. Relative paths in it
// are taken from the file's own folder. Errors name file, line, key and what is
// allowed.
func LoadConfig(path string) (Config, error) {
	cfg, data, err := readConfig(path)
	if err != nil {
		return Config{}, err
	}
	from := secret.From{Dir: filepath.Dir(path), KeyFile: secret.KeyFile(path)}
	if err := tomlfile.Report(path, data, secret.Resolve(&cfg, from)); err != nil {
		return Config{}, err
	}
	if err := tomlfile.Report(path, data, cfg.problems()); err != nil { // of what has come from elsewhere
		return Config{}, err
	}
	return cfg, nil
}

// ReadConfig is LoadConfig for who talks to nobody: the secrets stay where they are,
// so that who may not read their key can look a call up all the same.
func ReadConfig(path string) (Config, error) {
	cfg, _, err := readConfig(path)
	return cfg, err
}

func readConfig(path string) (Config, []byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, nil, fmt.Errorf("read the setup: %w", err)
	}
	cfg, err := ParseConfig(path, data)
	if err != nil {
		return Config{}, nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Config{}, nil, fmt.Errorf("read the setup: %w", err)
	}
	cfg.resolve(filepath.Dir(abs))
	return cfg, data, nil
}

// resolve makes relative paths absolute, from the folder of the file.
func (c *Config) resolve(dir string) {
	paths := []*string{&c.Catalog, &c.Spool, &c.Keys.File, &c.Archive.Path, &c.Archive.Backup, &c.Rules.File, &c.API.Cert, &c.API.Key}
	paths = append(paths, &c.Log.Folder, &c.Alarm.Mail.CAFile, &c.Alarm.Syslog.CAFile)
	for i := range c.Alarm.Webhook {
		paths = append(paths, &c.Alarm.Webhook[i].CAFile)
	}
	for i := range c.Inbox {
		paths = append(paths, &c.Inbox[i].Path, &c.Inbox[i].CAFile)
	}
	for i := range c.PBX {
		paths = append(paths, &c.PBX[i].CAFile)
	}
	for i := range c.Webhook {
		paths = append(paths, &c.Webhook[i].CAFile)
	}
	for i := range c.Asterisk {
		paths = append(paths, &c.Asterisk[i].File)
	}
	for i := range c.Reporting {
		paths = append(paths, &c.Reporting[i].CAFile)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if c.Spool == "" && c.Archive.Path != "" {
		c.Spool = filepath.Join(c.Archive.Path, "REC")
	}
}

// problems checks everything and returns the first thing wrong in each part.
func (c Config) problems() []tomlfile.Problem {
	var out []tomlfile.Problem
	add := func(section string, index int, err error) {
		if err != nil {
			out = append(out, tomlfile.Problem{Section: section, Index: index, Key: keyOf(err), Err: err})
		}
	}
	add("", -1, c.checkTop())
	add("archive", -1, c.Archive.Validate())
	add("audio", -1, c.Audio.Validate())
	add("receiver", -1, c.Receiver.Validate())
	add("cdr", -1, c.CDR.Validate())
	add("tan", -1, c.TAN.Validate())
	add("player", -1, c.Player.Validate())
	add("marks", -1, c.Marks.Validate())
	add("ledger", -1, c.Ledger.Validate())
	add("converter", -1, c.Converter.Validate())
	add("licence", -1, c.checkLicence())
	add("appserver", -1, c.AppServer.Validate())
	add("api", -1, c.API.Validate())
	add("log", -1, c.Log.Validate())
	add("status", -1, c.Status.Validate())
	add("alarm", -1, c.Alarm.Validate())
	add("alarm.mail", -1, c.Alarm.Mail.Validate())
	add("alarm.syslog", -1, c.Alarm.Syslog.Validate())
	for i, w := range c.Alarm.Webhook {
		add("alarm.webhook", i, w.Validate())
		if slices.ContainsFunc(c.Alarm.Webhook[:i], func(o alarm.WebhookConfig) bool { return o.URL == w.URL }) {
			add("alarm.webhook", i, errors.New("alarm.webhook: url is used twice; one webhook tells each message once"))
		}
	}
	for i, p := range c.PBX {
		add("pbx", i, p.Validate())
		add("pbx", i, unique("pbx", i, p.Name, func(j int) string { return c.PBX[j].Name }))
	}
	for i, r := range c.Reporting {
		r = r.WithDefaults()
		add("reporting", i, r.Validate())
		add("reporting", i, unique("reporting", i, r.Name, func(j int) string { return c.Reporting[j].WithDefaults().Name }))
	}
	for i, a := range c.Asterisk {
		add("asterisk", i, a.WithDefaults().Validate())
		add("asterisk", i, c.sameReceive(i))
		add("asterisk", i, unique("asterisk", i, a.WithDefaults().Name, func(j int) string { return c.Asterisk[j].WithDefaults().Name }))
	}
	for i, in := range c.Inbox {
		add("inbox", i, in.WithDefaults().Validate())
		add("inbox", i, unique("inbox", i, in.Name, func(j int) string { return c.Inbox[j].Name }))
	}
	for i, w := range c.Webhook {
		add("webhook", i, w.WithDefaults().Validate())
		add("webhook", i, unique("webhook", i, w.WithDefaults().Name, func(j int) string { return c.Webhook[j].WithDefaults().Name }))
	}
	for i, a := range c.Agent {
		add("agent", i, a.Validate())
	}
	return out
}

// sameReceive reports an [[asterisk]] that wants the path of another.
func (c Config) sameReceive(i int) error {
	path := c.Asterisk[i].Receive
	other := slices.ContainsFunc(c.Asterisk[:i], func(o asterisk.Config) bool { return o.Receive == path })
	if path != "" && (other || path == c.Receiver.Path || path == c.Receiver.MarkPath) {
		return fmt.Errorf("asterisk: receive %q is taken; each needs a path of its own", path)
	}
	return nil
}

func unique(section string, i int, name string, other func(int) string) error {
	for j := range i {
		if other(j) == name {
			return fmt.Errorf("%s: name %q is used twice; each %s needs a name of its own", section, name, section)
		}
	}
	return nil
}

// keyOf finds the key in a message of the form "section: key …" or
// "section.key …".
func keyOf(err error) string {
	first, _, _ := strings.Cut(err.Error(), " ")
	if section, key, dotted := strings.Cut(first, "."); dotted && !strings.Contains(section, ":") {
		return strings.Trim(key, `,:;"`)
	}
	_, rest, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		return ""
	}
	word, _, _ := strings.Cut(rest, " ")
	return strings.Trim(word, `,:;"`)
}

func (c Config) checkTop() error {
	if _, err := c.Location(); err != nil {
		return fmt.Errorf("setup: timezone %q is not known; write for instance \"Europe/Rome\", or leave it out for the machine's", c.Timezone)
	}
	if _, err := c.Level(); err != nil {
		return fmt.Errorf("setup: log_level %q is not allowed; allowed: debug, info, warn, error", c.LogLevel)
	}
	switch {
	case c.Agents != "" && c.Agents != "all":
		return fmt.Errorf("setup: agents %q is not allowed; allowed: \"all\", or leave it out", c.Agents)
	case c.Workers < 1 || c.Workers > 64:
		return fmt.Errorf("setup: workers %d is not allowed; allowed: 1 to 64", c.Workers)
	case c.Catalog == "":
		return errors.New("setup: catalog must name a file")
	case c.Keys.File == "":
		return errors.New("setup: keys.file must name a file")
	case len(c.Inbox) == 0:
		return errors.New("setup: inbox is missing; write at least one [[inbox]]")
	case len(c.PBX) == 0 && len(c.Agent) == 0 && c.Agents == "":
		return errors.New(`setup: pbx is missing; write a [[pbx]], or name the agents with [[agent]] or agents = "all"`)
	}
	return nil
}

// Location is the time zone of file names and lists.
func (c Config) Location() (*time.Location, error) {
	if c.Timezone == "" {
		return time.Local, nil
	}
	return time.LoadLocation(c.Timezone)
}

// Level is the level of the log.
func (c Config) Level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(c.LogLevel))
	return l, err
}

// Validate checks the values; errors name the key and what is allowed.
func (c CDRConfig) Validate() error {
	switch {
	case c.Tries < 5 || c.Tries > 9999:
		return fmt.Errorf("cdr: tries %d is not allowed; allowed: 5 to 9999", c.Tries)
	case c.KeepDays < 1:
		return fmt.Errorf("cdr: keep_days %d is not allowed; allowed: 1 and more", c.KeepDays)
	case c.FirstWait < 0 || c.SecondWait < 0 || c.LastWait < 0 || c.Settle < 0 || c.DiscardSettle < 0:
		return errors.New("cdr: first_wait and the other waits must not be negative")
	case c.SIPWithin <= 0:
		return fmt.Errorf("cdr: sip_within %s is not allowed; allowed: more than 0s", time.Duration(c.SIPWithin))
	}
	return nil
}

// Validate refuses an address that others than this machine can reach.
func (c PlayerConfig) Validate() error {
	if c.Listen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("player: listen %q must be host:port, for instance \"127.0.0.1:8080\"", c.Listen)
	}
	if host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("player: listen %q is not allowed: the page has no login, so only loopback addresses are (127.0.0.1, localhost, [::1])", c.Listen)
	}
	return nil
}

// Validate checks the values.
func (c AgentConfig) Validate() error {
	if c.Number == "" && c.Name == "" {
		return errors.New("agent: number and name are both missing; write at least one")
	}
	return nil
}

// agents are those that the setup itself names.
func (c Config) agents() []recording.Agent {
	out := make([]recording.Agent, 0, len(c.Agent))
	for _, a := range c.Agent {
		out = append(out, recording.Agent{CN: a.Name, E164: a.Number})
	}
	return slices.Clip(out)
}
