package alarm_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"callreel/internal/alarm"
)

// post is a mail server on loopback, of another hand than the client.
type post struct {
	addr string
	ca   string // file with its certificate

	mu      sync.Mutex
	letters []letter
}

type letter struct {
	user, from string
	to         []string
	text       string
}

// certificate makes one for 127.0.0.1 and writes it to a file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func startPost(t *testing.T, implicitTLS bool) *post {
	t.Helper()
	p := &post{}
	cert, file := certificate(t)
	p.ca = file
	s := smtp.NewServer(p)
	s.Domain, s.MaxMessageBytes = "127.0.0.1", 1<<20
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = ln.Addr().String()
	if implicitTLS {
		ln = tls.NewListener(ln, s.TLSConfig)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ln) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return p
}

func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, secure := c.TLSConnectionState()
	return &visit{post: p, secure: secure}, nil
}

func (p *post) got(t *testing.T) letter {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.letters) != 1 {
		t.Fatalf("%d letters came, want one", len(p.letters))
	}
	return p.letters[0]
}

// visit is one session of a client.
type visit struct {
	post   *post
	secure bool
	letter letter
}

func (v *visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "callreel" || password != "secret" || !v.secure {
			return smtp.ErrAuthFailed
		}
		v.letter.user = user
		return nil
	}), nil
}

func (v *visit) Mail(from string, _ *smtp.MailOptions) error { v.letter.from = from; return nil }

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.letter.to = append(v.letter.to, to)
	return nil
}

func (v *visit) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	v.letter.text = string(b)
	v.post.mu.Lock()
	defer v.post.mu.Unlock()
	v.post.letters = append(v.post.letters, v.letter)
	return nil
}

func (v *visit) Reset()        { v.letter = letter{user: v.letter.user} }
func (v *visit) Logout() error { return nil }

func mailConfig(p *post) alarm.MailConfig {
	c := alarm.DefaultConfig().Mail
	c.Server, c.CAFile, c.User, c.Password = p.addr, p.ca, "callreel", "secret"
	c.From, c.To = "callreel <callreel@example.com>", []string{"admin@example.com", "boss@example.com"}
	return c
}

func storm() alarm.Message {
	return alarm.Message{
		ID: "abc", Kind: alarm.Alarm, Time: start, Host: "recorder1", Link: "http://127.0.0.1:8080/", Lamp: "DISK",
		Error: "the archive is full", Since: start.Add(-time.Minute), Causes: 1, Red: []string{"DISK"},
	}
}

// A mail goes out over STARTTLS and over TLS, with user and password, and says lamp,
// error, time and link.
func TestMail(t *testing.T) {
	for security, implicit := range map[string]bool{"starttls": false, "tls": true} {
		t.Run(security, func(t *testing.T) {
			p := startPost(t, implicit)
			c := mailConfig(p)
			c.Security = security
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			m, err := alarm.NewMailer(c, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Try(t.Context()); err != nil || len(p.letters) != 0 {
				t.Errorf("the login alone: %v, %d letters", err, len(p.letters))
			}
			if err := m.Send(t.Context(), storm()); err != nil {
				t.Fatal(err)
			}
			got := p.got(t)
			if got.user != "callreel" || got.from != "callreel@example.com" || strings.Join(got.to, " ") != "admin@example.com boss@example.com" {
				t.Errorf("envelope %+v", got)
			}
			read, err := mail.ReadMessage(strings.NewReader(got.text))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"Subject": "callreel alarm on recorder1: DISK", "Message-Id": "<abc@recorder1>", "Auto-Submitted": "auto-generated",
				"Date": "Sat, 28 Nov 2026 12:00:00 +0000",
			} {
				if got := read.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			for _, want := range []string{"Lamp:  DISK", "Error: the archive is full", "2026-11-28 11:59:00 UTC", "http://127.0.0.1:8080/"} {
				if !strings.Contains(got.text, want) {
					t.Errorf("the letter lacks %q:\n%s", want, got.text)
				}
			}
		})
	}
}

// What is wrong with a server is an error, and no letter goes out in clear where it must not.
func TestMailRefused(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*alarm.MailConfig)
		want   string
	}{
		"password":    {func(c *alarm.MailConfig) { c.Password = "other" }, "auth"},
		"certificate": {func(c *alarm.MailConfig) { c.CAFile = "" }, "certificate"},
		"tls":         {func(c *alarm.MailConfig) { c.Security = "tls" }, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPost(t, false)
			c := mailConfig(p)
			row.change(&c)
			m, err := alarm.NewMailer(c, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Try(t.Context()); err == nil {
				t.Error("the login alone succeeds")
			}
			err = m.Send(t.Context(), storm())
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), row.want) {
				t.Errorf("error %v does not name %q", err, row.want)
			}
			if len(p.letters) != 0 {
				t.Error("a letter went out all the same")
			}
		})
	}
}

// A server that accepts the connection and then is silent lets go when the context ends.
func TestMailServerHangs(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := mailConfig(&post{addr: ln.Addr().String()})
	c.CAFile = ""
	m, err := alarm.NewMailer(c, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := m.Send(ctx, storm()); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
