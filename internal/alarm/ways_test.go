package alarm_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"callreel/internal/alarm"
	"callreel/internal/clock"
)

// A line as RFC 5424, section 6, wants it.
var rfc5424 = regexp.MustCompile(`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) - \x{feff}([^\n\r]*)$`)

// A message goes out as one line over UDP, TCP and TLS.
func TestSyslog(t *testing.T) {
	cert, ca := certificate(t)
	for network, receive := range map[string]func(*testing.T) (addr string, got func() string){
		"udp": listenUDP,
		"tcp": func(t *testing.T) (string, func() string) { return listenTCP(t, nil) },
		"tls": func(t *testing.T) (string, func() string) {
			return listenTCP(t, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
		},
	} {
		t.Run(network, func(t *testing.T) {
			addr, got := receive(t)
			s, err := alarm.NewSyslog(alarm.SyslogConfig{Address: addr, Network: network, Facility: 16, CAFile: ca})
			if err != nil {
				t.Fatal(err)
			}
			m := storm()
			m.Error = "the archive is full:\nno room for Grüße" + strings.Repeat(" x", 500)
			if err := s.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			f := rfc5424.FindStringSubmatch(got())
			if f == nil {
				t.Fatal("it is no line of RFC 5424")
			}
			if f[1] != "130" || f[2] != "2026-11-28T12:00:00.000Z" || f[3] != "recorder1" || f[4] != "callreel" || f[6] != "abc" {
				t.Errorf("fields %q", f[1:7])
			}
			if want := "callreel alarm on recorder1: DISK: the archive is full: no room for Grüße"; !strings.HasPrefix(f[7], want) || !strings.HasSuffix(f[7], " http://127.0.0.1:8080/") {
				t.Errorf("text %q", f[7])
			}
		})
	}
}

func listenUDP(t *testing.T) (string, func() string) {
	t.Helper()
	pc, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return pc.LocalAddr().String(), func() string {
		b := make([]byte, 65536)
		_ = pc.SetReadDeadline(time.Now().Add(time.Minute))
		n, _, err := pc.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func listenTCP(t *testing.T, secure *tls.Config) (string, func() string) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if secure != nil {
		ln = tls.NewListener(ln, secure)
	}
	lines := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		count, err := r.ReadString(' ')
		n, bad := strconv.Atoi(strings.TrimSuffix(count, " "))
		if err != nil || bad != nil {
			lines <- "no length"
			return
		}
		all, _ := io.ReadAll(r)
		if len(all) != n {
			lines <- "another length"
			return
		}
		lines <- string(all)
	}()
	t.Cleanup(func() { _ = ln.Close() })
	return addr, func() string {
		select {
		case l := <-lines:
			return l
		case <-time.After(time.Minute):
			return "nothing came"
		}
	}
}

func TestSyslogAway(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	s, err := alarm.NewSyslog(alarm.SyslogConfig{Address: addr, Network: "tcp"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), storm()); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("error %v", err)
	}
}

// The receiver of a webhook can tell by secret, time and body that it is ours.
func TestWebhook(t *testing.T) {
	var body []byte
	var head http.Header
	code := http.StatusNoContent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		head = r.Header
		if code == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/")
		}
		w.WriteHeader(code)
	}))
	defer server.Close()
	clk := clock.Clock{Now: func() time.Time { return start }}
	hook, err := alarm.NewWebhook(alarm.WebhookConfig{URL: server.URL + "/T0P-SECRET", Secret: "key"}, clk)
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.Send(t.Context(), storm()); err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(start.Unix(), 10)
	h := hmac.New(sha256.New, []byte("key"))
	h.Write([]byte(at + "." + string(body)))
	if want := "t=" + at + ",v1=" + hex.EncodeToString(h.Sum(nil)); head.Get("Callreel-Signature") != want {
		t.Errorf("signature %q, want %q", head.Get("Callreel-Signature"), want)
	}
	var m alarm.Message
	if err := json.Unmarshal(body, &m); err != nil || m.Lamp != "DISK" || m.Kind != alarm.Alarm || head.Get("Callreel-Id") != "abc" {
		t.Errorf("%v: %s", err, body)
	}
	for _, bad := range []int{http.StatusFound, http.StatusBadRequest, http.StatusServiceUnavailable} {
		code = bad
		if err := hook.Send(t.Context(), storm()); err == nil || strings.Contains(err.Error(), "T0P-SECRET") {
			t.Errorf("%d: %v", bad, err)
		}
	}
	server.Close()
	if err := hook.Send(t.Context(), storm()); err == nil || strings.Contains(err.Error(), "T0P-SECRET") {
		t.Errorf("away: %v", err)
	}
	if strings.Contains(hook.Name(), "T0P-SECRET") {
		t.Errorf("its name is %q", hook.Name())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := hook.Send(ctx, storm()); err == nil {
		t.Error("sent without leave")
	}
}
