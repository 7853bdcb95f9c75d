package setup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// ServerClock is what an answer says of a server's clock, to the second.
type ServerClock struct {
	Ahead time.Duration // of this machine's; negative: behind
	Told  bool
}

// Clocks collects what the links show of their clocks; the check that comes last tells
// it. It is used by one goroutine.
type Clocks struct{ seen []namedClock }

type namedClock struct {
	name string
	at   ServerClock
}

func (c *Clocks) note(name string, at ServerClock) {
	for i := range c.seen {
		if c.seen[i].name == name {
			c.seen[i].at = at
			return
		}
	}
	c.seen = append(c.seen, namedClock{name, at})
}

// PBXSeen is what one look at a PBX shows.
type PBXSeen struct {
	Firmware              string
	Objects, Agents, Away int // that its user can see; of these recorded here, and at slave sites
	Groups                []string
	Clock                 ServerClock
}

// PBX is a link to a PBX.
type PBX struct {
	Name, URL, User, Group string
	Index                  int
	Try                    func(context.Context) (PBXSeen, error)
	Clocks                 *Clocks
}

// Check tries login and group.
func (l PBX) Check() Check {
	what := "pbx " + l.Name
	return Check{Name: what, Section: "pbx", Index: l.Index, Run: func(ctx context.Context) Finding {
		seen, err := l.Try(ctx)
		l.Clocks.note(what, seen.Clock)
		f := Finding{What: what, Where: l.URL}
		if err != nil {
			return f.failed(err, "Look whether the URL ends with /PBX0/user.soap, and whether the user is the long name of a PBX user with this password.")
		}
		return l.judge(f, seen)
	}}
}

func (l PBX) judge(f Finding, seen PBXSeen) Finding {
	agents := seen.Agents + seen.Away
	switch {
	case agents == 0 && l.Group != "":
		f.Level = Fault
		f.Why = fmt.Sprintf("the login is good, and nobody is in the group %q: the user sees %d objects, in the groups %s", l.Group, seen.Objects, list(seen.Groups))
		f.Do = fmt.Sprintf("At the PBX put each agent into the group %q, and make the user %q an active member of it: he sees only those whose group he is active in.", l.Group, l.User)
	case agents == 0:
		f.Level = Fault
		f.Why = fmt.Sprintf("the login is good, and the user sees no other user (%d objects)", seen.Objects)
		f.Do = fmt.Sprintf("At the PBX make the user %q an active member of the agents' group.", l.User)
	case l.Group == "":
		f.Level = Note
		f.Why = fmt.Sprintf("the login is good; no group is set up, so all %d users that %q sees are recorded", agents, l.User)
		f.Do = "Set group up if only some are to be recorded."
	default:
		f.Why = fmt.Sprintf("the login is good; %d agents are in the group %q", agents, l.Group)
	}
	if seen.Away > 0 {
		f.Why += fmt.Sprintf(", %d of them at slave sites", seen.Away)
	}
	if seen.Firmware != "" {
		f.Why += "; firmware " + seen.Firmware
	}
	return f
}

// failed makes a finding of an error; hint helps where the error itself does not say
// what to do.
func (f Finding) failed(err error, hint string) Finding {
	r := diagnose(err)
	f.Level, f.Why, f.Do = Fault, r.why, r.do
	if f.Do == "" {
		f.Do = hint
	}
	return f
}

func list(names []string) string {
	if len(names) == 0 {
		return "(none)"
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strconv.Quote(n)
	}
	return strings.Join(quoted, ", ")
}

// Licences is the PBX's count of licences.
type Licences struct {
	PBX, Licence string
	Index        int
	Try          func(context.Context) (count int, err error)
	Agents       func() (n int, known bool) // of the PBX, as the look at it has shown
}

// Check reads the count, and holds the agents against it.
func (l Licences) Check() Check {
	what := "licences of pbx " + l.PBX
	return Check{Name: what, Section: "licence", Index: -1, Run: func(ctx context.Context) Finding {
		f := Finding{What: what}
		n, err := l.Try(ctx)
		if err != nil {
			return f.failed(err, "Enter the licence's name as the PBX has it, or count = \"unlimited\".")
		}
		f.Why = fmt.Sprintf("there are %d called %q", n, l.Licence)
		if agents, known := l.Agents(); known && agents > n {
			f.Level = Note
			f.Why += fmt.Sprintf(", and %d agents, so %d will not be recorded", agents, agents-n)
			f.Do = "Install more licences, or take agents out of the group."
		}
		return f
	}}
}

// Reporting is a link to a Reporting server.
type Reporting struct {
	Name, URL string
	Index     int
	Try       func(context.Context) (ServerClock, error)
	Clocks    *Clocks
}

// Check asks for a call that there is not.
func (l Reporting) Check() Check {
	what := "reporting " + l.Name
	return Check{Name: what, Section: "reporting", Index: l.Index, Run: func(ctx context.Context) Finding {
		f := Finding{What: what, Where: l.URL}
		at, err := l.Try(ctx)
		l.Clocks.note(what, at)
		if err != nil {
			return f.failed(err, "Open the URL in a browser, with a conference id in place of {conf}: it must show XML.")
		}
		f.Why = "it answers a question in XML"
		return f
	}}
}

// InboxSeen is how far the trial of an inbox came.
type InboxSeen struct {
	Captures                        int
	Listed, Written, ReadBack, Gone bool
	Left                            string // the probe, if it could not be removed
	Clock                           ServerClock
}

// Inbox is a link to an inbox.
type Inbox struct {
	Name, Where, Kind string
	Index             int
	Try               func(context.Context) (InboxSeen, error)
	Clocks            *Clocks
}

// Check lists, writes, reads and deletes.
func (l Inbox) Check() Check {
	what := "inbox " + l.Name
	return Check{Name: what, Section: "inbox", Index: l.Index, Run: func(ctx context.Context) Finding {
		f := Finding{What: what, Where: l.Where}
		seen, err := l.Try(ctx)
		if l.Kind != "folder" {
			l.Clocks.note(what, seen.Clock)
		}
		if err == nil {
			f.Why = fmt.Sprintf("it was listed, and a probe written, read and deleted there; captures waiting: %d", seen.Captures)
			return f
		}
		f = f.failed(err, "")
		f.Why = l.step(seen) + ": " + f.Why
		if seen.Left != "" {
			f.Do = strings.TrimSpace(f.Do + " Delete the file " + seen.Left + " there by hand.")
		}
		var status httpStatus
		if l.Kind == "http" && seen.Listed && !seen.Written && errors.As(err, &status) {
			f.Level = Note
			f.Do = "A server without PUT cannot be tried further; look that it takes DELETE: callreel deletes what it has fetched."
		}
		return f
	}}
}

// step says what failed.
func (l Inbox) step(seen InboxSeen) string {
	switch {
	case !seen.Listed:
		return "it cannot be listed"
	case !seen.Written:
		return "it can be listed, and not be written to, so captures can most likely not be deleted either"
	case !seen.ReadBack:
		return "a probe was written, and cannot be read"
	default:
		return "it can be read and written, and nothing can be deleted there, so captures would be left behind"
	}
}

// Disk is a folder of recordings.
type Disk struct {
	What    string // "archive" or "backup"
	Path    string
	PerHour int64 // bytes that an hour of talk takes
	Try     func(context.Context) (free, total int64, err error)
}

// The room below which a disk is nearly full.
const (
	littleRoom = 20 << 30
	noRoom     = 1 << 30
)

// Check writes to it and looks how much room there is.
func (l Disk) Check() Check {
	return Check{Name: l.What, Section: "archive", Index: -1, Run: func(ctx context.Context) Finding {
		f := Finding{What: l.What, Where: l.Path}
		free, total, err := l.Try(ctx)
		if err != nil {
			return f.failed(err, "Enter a folder in which the user that callreel runs as may make, read and delete files.")
		}
		f.Why = fmt.Sprintf("it can be written to; %s of %s are free, room for some %d hours of talk", size(free), size(total), free/max(l.PerHour, 1))
		switch {
		case free < noRoom:
			f.Level, f.Do = Fault, "It is nearly full: make room, or take another disk."
		case free < littleRoom:
			f.Level, f.Do = Note, "That is little: make room, or take another disk."
		}
		return f
	}}
}

// size is a number of bytes as one says it.
func size(n int64) string {
	for _, u := range []struct {
		name string
		of   int64
	}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}} {
		if n >= u.of {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.of), u.name)
		}
	}
	return fmt.Sprintf("%d kB", n>>10)
}

// Receiver is where the PBX's records come in.
type Receiver struct {
	Listen string
	PBXs   []string // hosts that send to it
	Open   bool     // anybody may send
	Try    func(context.Context) error
}

// Check takes the address for a moment.
func (l Receiver) Check() Check {
	return Check{Name: "receiver", Section: "receiver", Index: -1, Run: func(ctx context.Context) Finding {
		f := Finding{What: "receiver", Where: l.Listen}
		if err := l.Try(ctx); err != nil {
			f = f.failed(err, "")
			f.Level, f.Why = Note, "the address cannot be taken now: "+f.Why
			f.Do = "If a recorder runs with this setup already, that is it; else choose another port."
			return f
		}
		if far := l.outside(); far != "" {
			f.Level = Fault
			f.Why = fmt.Sprintf("it listens on this machine alone, and the PBX is at %s", far)
			f.Do = `Enter "0.0.0.0:8901", or this machine's own address, as receiver.listen.`
			return f
		}
		f.Why = "the address is free"
		if host, _, err := net.SplitHostPort(l.Listen); l.Open && (err != nil || !isLoopback(host)) {
			f.Level, f.Why = Note, "the address is free; whoever reaches it may send records"
			f.Do = "Set receiver.user and receiver.password up, and enter them at the PBX."
		}
		return f
	}}
}

func (l Receiver) outside() string {
	host, _, err := net.SplitHostPort(l.Listen)
	if err != nil || !isLoopback(host) {
		return ""
	}
	for _, pbx := range l.PBXs {
		if !isLoopback(pbx) {
			return pbx
		}
	}
	return ""
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// The differences of clocks that are told.
const (
	fairClock = 10 * time.Second
	badClock  = time.Minute
)

// Check tells how far the clocks are apart; it comes last.
func (c *Clocks) Check() Check {
	return Check{Name: "clocks", Index: -1, Run: func(context.Context) Finding {
		f := Finding{What: "clocks"}
		var parts []string
		for _, s := range c.seen {
			if !s.at.Told {
				continue
			}
			apart := s.at.Ahead.Abs()
			parts = append(parts, s.name+" "+ahead(s.at.Ahead))
			switch {
			case apart > badClock:
				f.Level = Fault
			case apart > fairClock:
				f.Level = max(f.Level, Note)
			}
		}
		if len(parts) == 0 {
			f.Why = "no server tells its time"
			return f
		}
		f.Why = "against this machine: " + strings.Join(parts, ", ")
		if f.Level > OK {
			f.Do = "Let PBX, inbox, Reporting and this machine take their time from the same NTP server: calls are filed by the PBX's clock, and captures without a conference id are found by time alone."
		}
		return f
	}}
}

func ahead(d time.Duration) string {
	if d.Abs() > badClock {
		d = d.Round(10 * time.Second)
	}
	switch {
	case d.Abs() <= 2*time.Second: // the Date of an answer has whole seconds
		return "the same"
	case d > 0:
		return d.String() + " ahead"
	default:
		return (-d).String() + " behind"
	}
}

// Plain is a link of which no more is tried than that it is there.
type Plain struct {
	What, Section, Where string
	Index                int
	Good, Hint           string // what is said when it is there, and what helps when not
	Try                  func(context.Context) error
}

// Check looks whether it is there.
func (l Plain) Check() Check {
	return Check{Name: l.What, Section: l.Section, Index: l.Index, Run: func(ctx context.Context) Finding {
		f := Finding{What: l.What, Where: l.Where, Why: l.Good}
		if err := l.Try(ctx); err != nil {
			return f.failed(err, l.Hint)
		}
		return f
	}}
}
