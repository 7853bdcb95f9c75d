package link

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"time"

	"callreel/internal/clock"
)

// AppServerConfig is the [appserver] of the setup. The templates' fields stand in braces.
type AppServerConfig struct {
	Address   string         `toml:"address"`    // host:port; empty: there is none
	KeepAlive clock.Duration `toml:"keep_alive"` // pause between two keep-alives; 0: none are sent
	LineEnd   string         `toml:"line_end"`   // crlf, cr, lf or nul
	Charset   string         `toml:"charset"`    // latin1, utf-8 or windows-1252
	Timeout   clock.Duration `toml:"timeout"`    // longest wait for a connection, and for the server to take what is sent

	// Settle is how long a connection must have stood after a message for that to count
	// as received: the protocol has no receipt.
	Settle clock.Duration `toml:"settle"`
	// Resend is up to how old a message may be to be sent again when its connection broke
	// in a way that a server does which has not read everything.
	Resend   clock.Duration `toml:"resend"`
	KeepDays int            `toml:"keep_days"` // older messages are given up, with an alarm

	First     string `toml:"first"` // number, uid, name
	Last      string `toml:"last"`  // number, uid, file, name
	AliveLine string `toml:"keep_alive_line"`
	Play      string `toml:"play"` // player, file
	Resume    string `toml:"resume"`
	Stop      string `toml:"stop"`
	Eject     string `toml:"eject"`
	Pause     string `toml:"pause"`
}

// DefaultAppServerConfig has the lines of the manual, and our guesses where it lost them.
func DefaultAppServerConfig() AppServerConfig {
	return AppServerConfig{
		KeepAlive: clock.Duration(30 * time.Second), LineEnd: "crlf", Charset: latin1,
		Timeout: clock.Duration(10 * time.Second), Settle: clock.Duration(10 * time.Second),
		Resend: clock.Duration(day), KeepDays: 30,
		First: "!FRST!{number}!{uid}!{name}", Last: "!LAST!{number}!{uid}!{file}!{name}", AliveLine: "!ALIV!",
		Play: "!PLAY!{player}!{file}", Resume: "!PLAY!{player}", Stop: "!STOP!{player}", Eject: "!EJEC!{player}", Pause: "!PAUS!{player}",
	}
}

// Set reports whether there is an AppServer.
func (c AppServerConfig) Set() bool { return c.Address != "" }

// lineEnds are what may end a line that is sent.
var lineEnds = map[string]string{"crlf": "\r\n", "cr": "\r", "lf": "\n", "nul": "\x00"}

// Validate checks the values; errors name the key and what is allowed.
func (c AppServerConfig) Validate() error {
	if !c.Set() {
		return nil
	}
	if err := checkAddress(c.Address); err != nil {
		return fmt.Errorf("appserver: address %w", err)
	}
	if _, ok := lineEnds[c.LineEnd]; !ok {
		return fmt.Errorf("appserver: line_end %q is not allowed; allowed: crlf, cr, lf, nul", c.LineEnd)
	}
	if _, ok := charsetOf(c.Charset); !ok {
		return fmt.Errorf("appserver: charset %q is not allowed; allowed: latin1, utf-8, windows-1252", c.Charset)
	}
	switch {
	case c.Timeout <= 0:
		return fmt.Errorf("appserver: timeout %s is not allowed; allowed: more than 0s", time.Duration(c.Timeout))
	case c.KeepAlive > 0 && c.KeepAlive < clock.Duration(time.Second):
		return fmt.Errorf("appserver: keep_alive %s is not allowed; allowed: 0s for none, or 1s and more", time.Duration(c.KeepAlive))
	case c.KeepDays < 1 || c.KeepDays > mostDays:
		return fmt.Errorf("appserver: keep_days %d is not allowed; allowed: 1 to %d", c.KeepDays, mostDays)
	}
	_, err := c.templates()
	return err
}

// mostDays bounds how long messages wait; the queue forgets what is older than a year.
const mostDays = 300

func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return fmt.Errorf("%q must be host:port, for instance \"192.0.2.9:4444\"", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q has no port from 1 to 65535", s)
	}
	return nil
}

// templates are the lines of the setup, read.
type templates struct {
	first, last, alive template
	commands           []command
}

// command is a line that an AppServer sends.
type command struct {
	do   Do
	line template
}

func (c AppServerConfig) templates() (t templates, err error) {
	read := func(key, text string, needs string, allowed ...string) (line template) {
		var bad error
		if line, bad = parseTemplate(text, allowed...); bad == nil && needs != "" && !line.has(needs) {
			bad = fmt.Errorf("%q must have the field {%s}", text, needs)
		}
		if err == nil && bad != nil {
			err = fmt.Errorf("appserver: %s %w", key, bad)
		}
		return line
	}
	t.first = read("first", c.First, "uid", "number", "uid", "name")
	t.last = read("last", c.Last, "file", "number", "uid", "file", "name")
	t.alive = read("keep_alive_line", c.AliveLine, "")
	// The longer forms come first: "!PLAY!Rossi!a.wav" also begins as "!PLAY!Rossi" does.
	for _, row := range []struct {
		do   Do
		key  string
		text string
	}{{Play, "play", c.Play}, {Resume, "resume", c.Resume}, {Stop, "stop", c.Stop}, {Eject, "eject", c.Eject}, {Pause, "pause", c.Pause}} {
		if row.do == Play {
			t.commands = append(t.commands, command{Play, read(row.key, row.text, "file", "player", "file")})
			continue
		}
		t.commands = append(t.commands, command{row.do, read(row.key, row.text, "player", "player")})
	}
	return t, err
}

// read takes a line of an AppServer apart.
func (t templates) read(line string) (Command, bool) {
	for _, c := range t.commands {
		if values, ok := c.line.read(line); ok {
			return Command{Do: c.do, Player: values["player"], File: values["file"]}, true
		}
	}
	return Command{}, false
}

// end is what ends a line that is sent.
func (c AppServerConfig) end() string { return cmp.Or(lineEnds[c.LineEnd], "\r\n") }
