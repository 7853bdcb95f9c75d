package daemon_test

import (
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"callreel/internal/daemon"
)

// TestNotifier sends to real sockets, one with a path and one without.
func TestNotifier(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is on Linux only")
	}
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@callreel-test-" + filepath.Base(t.TempDir())} {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		n := daemon.NotifierFrom(env(map[string]string{"NOTIFY_SOCKET": name}), 1)
		if err := n.Send("READY=1", "STATUS=recording"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		count, err := conn.Read(b)
		if got, want := string(b[:count]), "READY=1\nSTATUS=recording"; err != nil || got != want {
			t.Errorf("%s got %q, %v, want %q", name, got, err, want)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if err := n.Send("READY=1"); err == nil {
			t.Errorf("%s: nobody listens, and Send did not say so", name)
		}
	}
	if err := daemon.NotifierFrom(env(nil), 1).Send("READY=1"); err != nil {
		t.Errorf("without systemd: %v", err)
	}
}

func TestWatchdog(t *testing.T) {
	for _, row := range []struct {
		name      string
		usec, pid string
		socket    string
		want      time.Duration
	}{
		{"ours", "120000000", "7", "/s", 2 * time.Minute},
		{"of no process", "2000000", "", "/s", 2 * time.Second},
		{"of another process", "2000000", "8", "/s", 0},
		{"none", "", "", "/s", 0},
		{"no number", "soon", "7", "/s", 0},
		{"below zero", "-1", "7", "/s", 0},
		{"nobody to tell", "2000000", "7", "", 0},
	} {
		n := daemon.NotifierFrom(env(map[string]string{
			"NOTIFY_SOCKET": row.socket, "WATCHDOG_USEC": row.usec, "WATCHDOG_PID": row.pid,
		}), 7)
		if n.Watchdog() != row.want {
			t.Errorf("%s: watchdog %v, want %v", row.name, n.Watchdog(), row.want)
		}
	}
}

func env(m map[string]string) func(string) string {
	return func(key string) string { return m[key] }
}
