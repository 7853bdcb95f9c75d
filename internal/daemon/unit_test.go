package daemon_test

import (
	"strings"
	"testing"

	"callreel/internal/daemon"
)

func TestServiceName(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"", "callreel"}, {"second", "callreel-second"}, {"A_1-b", "callreel-A_1-b"}, {strings.Repeat("x", 40), "callreel-" + strings.Repeat("x", 40)},
		{"../x", ""}, {"-x", ""}, {"a b", ""}, {"a@b", ""}, {"ä", ""}, {strings.Repeat("x", 41), ""},
	} {
		got, err := daemon.ServiceName(row.name)
		if got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%q: got %q, %v, want %q", row.name, got, err, row.want)
		}
	}
}

// TestUnitOpensWhatIsNeeded wants what a recorder uses to be left open to it, and no more.
func TestUnitOpensWhatIsNeeded(t *testing.T) {
	far := daemon.Unit{Service: "callreel", Binary: "/usr/bin/callreel", Config: "/etc/c.toml", Needs: daemon.Needs{Write: []string{"/srv/a", "/mnt/b"}}}
	home, tmp, low := far, far, far
	home.Read = []string{"/home/me/rules.toml"}
	tmp.Write = []string{"/var/tmp/calls"}
	low.LowPorts = true
	odd := far
	odd.Config = "/etc/call reel/50%.toml"
	for _, row := range []struct {
		name string
		unit daemon.Unit
		want []string
	}{
		{"elsewhere", far, []string{"ProtectHome=yes", "PrivateTmp=yes", "CapabilityBoundingSet=", "ReadWritePaths=-/srv/a -/mnt/b", "RequiresMountsFor=/srv/a"}},
		{"a rule file in a home", home, []string{"ProtectHome=read-only", "PrivateTmp=yes"}},
		{"an archive in /var/tmp", tmp, []string{"ProtectHome=yes", "PrivateTmp=no"}},
		{"variables", far, []string{"EnvironmentFile=-/etc/c.env"}},
		{"variables in an odd place", odd, []string{"EnvironmentFile=-/etc/call reel/50%%.env"}},
		{"port 80", low, []string{"AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"}},
	} {
		lines := strings.Split(row.unit.Text(), "\n")
		for _, want := range row.want {
			if n := count(lines, want); n != 1 {
				t.Errorf("%s: %q stands there %d times in\n%s", row.name, want, n, row.unit.Text())
			}
		}
	}
}

func count(lines []string, want string) (n int) {
	for _, l := range lines {
		if l == want {
			n++
		}
	}
	return n
}
