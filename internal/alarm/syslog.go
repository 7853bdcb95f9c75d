package alarm

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// mostDatagram is what every syslog server over UDP takes (RFC 5426, section 3.2).
const mostDatagram = 2048

// Syslog sends messages as one line of RFC 5424 each: over UDP (RFC 5426), over TCP with
// its length before it (RFC 6587, octet counting), or the same over TLS (RFC 5425). It
// connects anew for each; they are few.
type Syslog struct {
	cfg     SyslogConfig
	address string
	trust   *tls.Config
}

// NewSyslog makes a sender; nothing is sent yet.
func NewSyslog(cfg SyslogConfig) (*Syslog, error) {
	host, port, err := hostPort(cfg.Address, cfg.port())
	if err != nil {
		return nil, fmt.Errorf("alarm.syslog: address: %w", err)
	}
	trust, err := trusted(host, cfg.CAFile, cfg.Insecure)
	if err != nil {
		return nil, fmt.Errorf("alarm.syslog: %w", err)
	}
	return &Syslog{cfg, net.JoinHostPort(host, strconv.Itoa(port)), trust}, nil
}

// Name names the way.
func (s *Syslog) Name() string { return "syslog" }

// Takes reports that the letter of the week is none for syslog.
func (s *Syslog) Takes(k Kind) bool { return k != Weekly }

// Send sends one message. Over UDP nobody tells whether it arrived.
func (s *Syslog) Send(ctx context.Context, m Message) error {
	if err := s.send(ctx, s.line(m)); err != nil {
		return fmt.Errorf("syslog to %s: %w", s.address, err)
	}
	return nil
}

func (s *Syslog) send(ctx context.Context, line string) error {
	network := networkTCP
	if s.cfg.Network == networkUDP {
		network = networkUDP
		line = strings.ToValidUTF8(line[:min(len(line), mostDatagram)], "")
	} else {
		line = strconv.Itoa(len(line)) + " " + line
	}
	var conn net.Conn
	var err error
	if s.cfg.Network == networkTLS {
		conn, err = (&tls.Dialer{Config: s.trust}).DialContext(ctx, network, s.address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, s.address)
	}
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err = conn.Write([]byte(line)); err != nil {
		_ = conn.Close()
		return err
	}
	return conn.Close()
}

// line is a message of RFC 5424, section 6, with the ID of the message as its MSGID.
func (s *Syslog) line(m Message) string {
	text := m.Subject()
	if m.Error != "" {
		text += ": " + m.Error
	}
	if m.Link != "" {
		text += " " + m.Link
	}
	return fmt.Sprintf("<%d>1 %s %s callreel %d %s - \ufeff%s",
		s.cfg.Facility*8+severity(m.Kind), m.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		printable(m.Host, 255), os.Getpid(), printable(m.ID, 32), oneLine(text))
}

// severity is that of RFC 5424, table 2.
func severity(k Kind) int {
	switch k {
	case Alarm, More:
		return 2 // critical
	case Over:
		return 5 // notice
	case Weekly, Test:
	}
	return 6 // informational
}

// printable is text of a header field: no space, ASCII only, never empty.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
