package service_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

// TestEveryWayOfCDRs lets the records of a call come by each way there is.
func TestEveryWayOfCDRs(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) {
		c.Receiver.LinesListen, c.Receiver.SyslogListen = "127.0.0.1:0", "127.0.0.1:0"
	})
	r.light(t, service.LampPBX, service.Green)
	for way, send := range map[string]func(record string) error{
		"GET": func(record string) error {
			resp, err := http.Get("http://" + r.s.Addr("receiver") + "/cdr?event=syslog&msg=" + url.QueryEscape(record))
			if err == nil {
				err = resp.Body.Close()
			}
			return err
		},
		"lines":  func(record string) error { return sendTo("tcp", r.s.Addr("receiver lines"), record+"\r\n") },
		"syslog": func(record string) error { return sendTo("udp", r.s.Addr("receiver syslog"), "<134>"+record) },
	} {
		t.Log(way)
		relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err == nil {
				err = send(strings.TrimPrefix(string(body), "log-msg"))
			}
			if err != nil {
				t.Error(err)
			}
		}))
		r.sim.SetCDRTarget(relay.URL)
		r.call(t, pbxsim.ExternalToAgent)
		r.allFiled(t)
		relay.Close()
	}
}

func sendTo(network, addr, text string) error {
	conn, err := net.DialTimeout(network, addr, 5*time.Second)
	if err != nil {
		return err
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		return err
	}
	return conn.Close()
}

func mustListen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
