package daemon

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Notifier tells systemd how the service is (sd_notify(3)). The zero value tells nobody.
// It is safe for concurrent use.
type Notifier struct {
	socket   string
	watchdog time.Duration
}

// NotifierFrom reads what systemd says by the environment of the process pid: where to
// send, and how often it wants to hear. A watchdog that is meant for another process is
// none.
func NotifierFrom(getenv func(string) string, pid int) Notifier {
	n := Notifier{socket: getenv("NOTIFY_SOCKET")}
	us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	whose := getenv("WATCHDOG_PID")
	if n.socket != "" && err == nil && us > 0 && (whose == "" || whose == strconv.Itoa(pid)) {
		n.watchdog = time.Duration(us) * time.Microsecond
	}
	return n
}

// Watchdog is the time after which systemd takes a silent service for dead; 0 is never.
func (n Notifier) Watchdog() time.Duration { return n.watchdog }

// Send sends lines such as "READY=1" in one datagram. It does not wait for an answer,
// since there is none.
func (n Notifier) Send(lines ...string) error {
	if n.socket == "" {
		return nil
	}
	// A name that begins with @ is in the abstract namespace; package net knows that.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
