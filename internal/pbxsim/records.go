package pbxsim

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// records makes the call detail records of a call: one of the user and one of
// the trunk, each seen from its own side, as PBX versions 10 to 12 write them.
func (s *Sim) records(c *Call, u *object) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	trunk := s.exchange.trunk()
	setup := c.Setup.Add(s.ahead)
	own := record{c: c, self: u, id: s.guid(), setup: setup, far: party{number: c.External, external: true}, sys: "SIM"}
	line := record{
		c: c, self: trunk, id: s.guid(), setup: setup, far: party{number: u.Number, h323: u.H323}, sys: "SIM",
		device: "trunk", pseudo: "trunk",
	}
	own.called, line.called = c.Scenario.incoming(), !c.Scenario.incoming()
	own.device = u.H323
	if u.Executive {
		own.pseudo = "executive"
	}
	switch {
	case c.plan.NoCDR:
		return nil
	case c.plan.NoOwnCDR:
		return []string{line.xml()}
	}
	return []string{own.xml(), line.xml()}
}

func (x *exchange) trunk() *object {
	x.mu.Lock()
	defer x.mu.Unlock()
	twin := *x.object(trunkCN)
	return &twin
}

type party struct {
	number, h323 string
	external     bool
}

// attributes of the party in an event.
func (p party) attributes() string {
	a := ` e164="` + p.number + `"`
	if p.h323 != "" {
		a += ` h323="` + html.EscapeString(p.h323) + `"`
	}
	if p.external {
		return ` type="ext"` + a
	}
	return a
}

// record is one object's view of a call.
type record struct {
	c                       *Call
	self                    *object
	id, sys, device, pseudo string
	far                     party
	called                  bool // the object was called
	setup                   time.Time
}

func (r record) xml() string {
	dir, near, back := "from", "from", "to" // who set up; whose events come back
	if r.called {
		dir, near, back = "to", "to", "from"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<cdr guid="%s" id="%s" sys="%s" pbx="." node="root" device="%s" cn="%s" e164="%s" h323="%s" dir="%s" utc="%d" local="%d">`,
		r.self.guid, r.id, r.sys, html.EscapeString(r.device), html.EscapeString(r.self.CN), r.self.Number,
		html.EscapeString(r.self.H323), dir, r.setup.Unix(), localSeconds(r.setup))
	b.WriteString(r.userTag())
	fmt.Fprintf(&b, `<event msg="setup-%s" time="0"%s conf="%s"/>`, near, r.far.attributes(), r.c.Conf)
	fmt.Fprintf(&b, `<event msg="alert-%s" time="0"%s/>`, back, r.far.attributes())
	last := r.c.Ring
	if r.c.answered() {
		fmt.Fprintf(&b, `<event msg="conn-%s" time="%d"%s/>`, back, r.c.Ring, r.far.attributes())
		if conf := r.c.movedTo(); conf != "" {
			fmt.Fprintf(&b, `<event msg="transfer-%s" time="%d"%s conf="%s"/>`, back, r.c.Ring, r.far.attributes(), conf)
		}
		last = int(r.c.End.Sub(r.c.Setup) / time.Second)
	}
	fmt.Fprintf(&b, `<event msg="rel-%s" time="%d" cause="16"/></cdr>`, back, last)
	return b.String()
}

func (r record) userTag() string {
	if r.pseudo != "" {
		return `<user pseudo="` + r.pseudo + `"/>`
	}
	var tag strings.Builder
	tag.WriteString("<user/>")
	for _, g := range r.self.groups {
		tag.WriteString(`<grp name="` + html.EscapeString(g) + `"/>`)
	}
	return tag.String()
}

// localSeconds is the PBX's own "ctime seconds" of local time.
func localSeconds(t time.Time) int64 {
	_, offset := t.Local().Zone()
	return t.Unix() + int64(offset)
}
