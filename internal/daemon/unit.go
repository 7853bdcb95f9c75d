package daemon

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// errName tells what a name of an instance may be.
var errName = fmt.Errorf("a name may have letters, digits, - and _, begins with a letter or digit, and has at most 40 of them")

// ServiceName is what the service manager knows an instance by: "callreel", or
// "callreel-NAME" where several recorders run on one machine.
func ServiceName(name string) (string, error) {
	if name == "" {
		return "callreel", nil
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || r != '-' && r != '_') || i >= 40 {
			return "", fmt.Errorf("%q cannot name a service: %w", name, errName)
		}
	}
	return "callreel-" + name, nil
}

// Unit is a recorder as a service: what is run, by whom, and what it needs of the
// machine.
type Unit struct {
	Service string // as ServiceName has it
	Binary  string
	Config  string // the setup
	User    string // empty: the manager's own choice
	Needs
}

// Needs is what a recorder needs beside its own files.
type Needs struct {
	Write    []string // folders it writes in
	Read     []string // files and folders it reads, or runs
	LowPorts bool     // it listens below port 1024
	state    string   // folder below /var/lib that systemd makes for it
}

// unitMark is the first line of each unit that callreel wrote itself. Others are not
// replaced or removed.
const unitMark = "# Written by callreel. For changes of your own: systemctl edit "

// Text is the unit for systemd.
//
// What a recorder has no use for is taken from it, so that somebody who gets hold of it
// gets little. Not taken: memory that is written and run (an ffmpeg, if there is one, may
// want it), and memory at all (MemoryMax): a recorder that is killed for it loses time.
func (u Unit) Text() string {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	line("%s%s", unitMark, u.Service)
	line("[Unit]")
	line("Description=callreel, call recorder (%s)", u.Service)
	line("Documentation=man:callreel(1)")
	line("Wants=network-online.target")
	line("After=network-online.target time-sync.target")
	line("# A recorder that gave up would record nothing; the captures wait in their inboxes.")
	line("StartLimitIntervalSec=0")
	if len(u.Write) > 0 {
		line("RequiresMountsFor=%s", quoteAll("", u.Write[:1]))
	}
	line("\n[Service]")
	line("Type=notify\nNotifyAccess=main")
	line("ExecStart=%s run --config %s", quote(u.Binary), quoteSpecifiers(u.Config, u.state != ""))
	line("# For password_env and the like: lines NAME=VALUE, in a file that root alone may read.")
	line("EnvironmentFile=-%s", u.environment())
	line("Restart=on-failure\nRestartSec=2")
	line("# Of the start: a large catalog may be changed to a new version first.")
	line("TimeoutStartSec=10min")
	line("# callreel ends within 10 s, whatever hangs.")
	line("TimeoutStopSec=15\nKillMode=mixed")
	line("WatchdogSec=120")
	if u.User != "" {
		line("User=%s", u.User)
	}
	if u.state != "" {
		line("StateDirectory=%s\nStateDirectoryMode=0750", u.state)
	}
	line("UMask=0027")
	line("\nProtectSystem=strict")
	if len(u.Write) > 0 {
		line("# With -, so that a backup that is away at the start is a red lamp and no fault of the start.")
		line("ReadWritePaths=%s", quoteAll("-", u.Write))
	}
	line("ProtectHome=%s", u.protectHome())
	line("PrivateTmp=%s", yes(!u.touches("/tmp", "/var/tmp")))
	b.WriteString(hardening)
	capability := ""
	if u.LowPorts {
		capability = "CAP_NET_BIND_SERVICE"
		line("AmbientCapabilities=%s", capability)
	}
	line("CapabilityBoundingSet=%s", capability)
	line("\n[Install]")
	line("WantedBy=multi-user.target")
	return b.String()
}

// environment is the file of the variables, beside the setup: NAME.env. systemd reads the
// rest of the line as one path, and knows no quotes there.
func (u Unit) environment() string {
	path := strings.TrimSuffix(u.Config, filepath.Ext(u.Config)) + ".env"
	if u.state == "" {
		path = strings.ReplaceAll(path, "%", "%%")
	}
	return path
}

// hardening is the same for all.
const hardening = `PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
NoNewPrivileges=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
`

// Template is the unit of the packages, for any number of recorders that have their
// setup in /etc/callreel/NAME.toml and all else in /var/lib/callreel/NAME.
func Template() string {
	return Unit{
		Service: "callreel@.service", Binary: "/usr/bin/callreel", Config: "/etc/callreel/%i.toml", User: "callreel",
		Needs: Needs{state: "callreel/%i"},
	}.Text()
}

// protectHome hides the home folders, unless something of the recorder lies there.
func (u Unit) protectHome() string {
	homes := []string{"/home", "/root", "/run/user"}
	if u.touches(homes...) {
		return "read-only" // and ReadWritePaths are writable in it
	}
	return "yes"
}

// touches reports whether something of the recorder lies below one of the folders.
func (u Unit) touches(folders ...string) bool {
	all := slices.Concat(u.Write, u.Read, []string{u.Binary, u.Config})
	return slices.ContainsFunc(all, func(p string) bool {
		return slices.ContainsFunc(folders, func(f string) bool {
			return p == f || strings.HasPrefix(filepath.ToSlash(p), f+"/")
		})
	})
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func quoteAll(prefix string, list []string) string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = quote(prefix + p)
	}
	return strings.Join(out, " ")
}

// quote writes a word of a unit so that systemd reads it as it is.
func quote(s string) string { return quoteSpecifiers(s, false) }

// quoteSpecifiers is quote, but % stays what it is to systemd.
func quoteSpecifiers(s string, specifiers bool) string {
	if !specifiers {
		s = strings.ReplaceAll(s, "%", "%%")
	}
	s = strings.ReplaceAll(s, "$", "$$")
	if !strings.ContainsAny(s, " \t\"'\\;") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
