package alarm

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/wneessen/go-mail"

	"callreel/internal/trust"
)

// mailTimeout is how long a mail server may be silent.
const mailTimeout = 15 * time.Second

// Mailer sends messages by SMTP.
type Mailer struct {
	cfg     MailConfig
	zone    *time.Location
	host    string
	options []mail.Option
}

// NewMailer makes a sender; nothing is sent yet.
func NewMailer(cfg MailConfig, zone *time.Location) (*Mailer, error) {
	host, port, err := hostPort(cfg.Server, cfg.port())
	if err != nil {
		return nil, fmt.Errorf("alarm.mail: server: %w", err)
	}
	trust, err := trusted(host, cfg.CAFile, cfg.Insecure)
	if err != nil {
		return nil, fmt.Errorf("alarm.mail: %w", err)
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(mailTimeout), mail.WithTLSConfig(trust)}
	switch cfg.Security {
	case securityTLS:
		options = append(options, mail.WithSSL())
	case securityNone:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if cfg.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(cfg.User), mail.WithPassword(cfg.Password))
	}
	return &Mailer{cfg, zone, host, options}, nil
}

// client makes a client whose connection ends with ctx: the library heeds it only while
// it connects. With TLS from the first byte a dialler of ours would make it believe that
// the connection is a clear one, so there a silent server may take mailTimeout.
func (m *Mailer) client(ctx context.Context) (*mail.Client, error) {
	if m.cfg.Security == securityTLS {
		return mail.NewClient(m.host, m.options...)
	}
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	return mail.NewClient(m.host, append(slices.Clone(m.options), mail.WithDialContextFunc(dial))...)
}

// Try logs in at the mail server and leaves again; nothing is mailed.
func (m *Mailer) Try(ctx context.Context) error {
	c, err := m.client(ctx)
	if err != nil {
		return err
	}
	if err := c.DialWithContext(ctx); err != nil {
		return err
	}
	return c.Close()
}

// trusted are the certificates to trust: those of the file, or the machine's.
func trusted(host, caFile string, insecure bool) (*tls.Config, error) {
	roots, err := trust.Roots(caFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: insecure}, nil //nolint:gosec // the admin's own wish
}

// Name names the way.
func (m *Mailer) Name() string { return "mail" }

// Takes reports that everything is mailed.
func (m *Mailer) Takes(Kind) bool { return true }

// Send mails one message to all addresses of the setup.
func (m *Mailer) Send(ctx context.Context, msg Message) error {
	letter, err := m.letter(msg)
	if err != nil {
		return fmt.Errorf("mail the alarm: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := m.client(ctx)
	if err != nil {
		return fmt.Errorf("mail the alarm: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, letter); err != nil {
		return fmt.Errorf("mail to %s: %w", m.cfg.Server, err)
	}
	return nil
}

func (m *Mailer) letter(msg Message) (*mail.Msg, error) {
	l := mail.NewMsg()
	if err := l.From(m.cfg.From); err != nil {
		return nil, err
	}
	if err := l.To(m.cfg.To...); err != nil {
		return nil, err
	}
	l.Subject(msg.Subject())
	l.SetDateWithValue(msg.Time)
	l.SetMessageIDWithValue(msg.ID + "@" + msg.Host) // a letter that arrives twice is known as one
	l.SetGenHeader("Auto-Submitted", "auto-generated")
	l.SetBodyString(mail.TypeTextPlain, msg.Body(m.zone))
	return l, nil
}
