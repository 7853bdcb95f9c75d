package pbxsim

import (
	"slices"
	"sync"
	"time"
)

// object is one PBX object as UserInfo shows it.
type object struct {
	User
	typ, object string // "ep" and "user", or "gw" and "trunk"
	guid        string
	groups      []string
}

// everyone is the group that widens the SOAP user's scope to all users.
const everyone = "everyone"

// The bits of CallInfo.state that the simulation uses.
const (
	stateSetup, stateAlert, stateConnect, stateDisconnect = 1, 4, 5, 7
	stateToUser, stateHold                                = 0x80, 0x100
)

// leg is one object's live call.
type leg struct {
	id         int
	cn, conf   string
	state      int
	peerNumber string
	peerName   string
	mute       bool // no more events
	home       *exchange
}

// exchange is the PBX's memory: objects, live calls, sessions.
type exchange struct {
	cfg  Config
	wire wire
	site string // location of a slave; empty for the master

	mu       sync.Mutex
	objects  []*object
	legs     []*leg
	sessions map[int]*session
	lastID   int // of sessions, handles and calls
}

// session is one SOAP session with the events that wait for its next Poll.
type session struct {
	id, key  int
	handles  map[int]string // user handle → cn
	users    []string       // waiting UserInfo items
	calls    []string       // waiting CallInfo items
	event    chan struct{}  // has a token when something waits
	gone     chan struct{}  // closed when the session ends
	lastSeen time.Time      // real time: sessions die by network time
	polling  int
	standby  bool // it came through the second address
}

func newExchange(cfg Config, site string, objects []*object) *exchange {
	return &exchange{cfg: cfg, site: site, wire: wire{v11: cfg.Wire == wireV11}, objects: objects, sessions: map[int]*session{}, lastID: 100}
}

// open starts a session and queues the UserInfo of all objects in scope,
// ended by one with an empty name.
func (x *exchange) open(standby bool) *session {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := &session{
		id: x.next(), key: x.next() * 7919, handles: map[int]string{},
		event: make(chan struct{}, 1), gone: make(chan struct{}), lastSeen: time.Now(), standby: standby,
	}
	for _, o := range x.objects {
		if x.inScope(o) {
			s.users = append(s.users, x.wire.userInfo(o, true))
		}
	}
	s.users = append(s.users, x.wire.userInfo(&object{}, true))
	s.wake()
	x.sessions[s.id] = s
	return s
}

func (x *exchange) next() int {
	x.lastID++
	return x.lastID
}

// inScope reports whether the SOAP user sees an object: they share a group in
// which the SOAP user is active.
func (x *exchange) inScope(o *object) bool {
	return slices.Contains(o.groups, x.cfg.Group) || x.cfg.WideScope
}

func (s *session) wake() {
	select {
	case s.event <- struct{}{}:
	default:
	}
}

// find returns a living session and notes that it was used. Sessions that were
// not used for SessionIdle are dropped on the way.
func (x *exchange) find(id int) *session {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	for other, s := range x.sessions {
		if s.polling == 0 && now.Sub(s.lastSeen) > x.cfg.SessionIdle {
			x.drop(other)
		}
	}
	s := x.sessions[id]
	if s != nil {
		s.lastSeen = now
	}
	return s
}

func (x *exchange) drop(id int) {
	if s := x.sessions[id]; s != nil {
		close(s.gone)
		delete(x.sessions, id)
	}
}

// end drops one session; 0 drops all.
func (x *exchange) end(id int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for other := range x.sessions {
		if id == 0 || id == other {
			x.drop(other)
		}
	}
}

// endThrough drops the sessions that came through the main or the second address.
func (x *exchange) endThrough(standby bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, s := range x.sessions {
		if s.standby == standby {
			x.drop(id)
		}
	}
}

// take returns up to some users, and all calls once no user waits, so that a
// first list comes in several polls.
func (x *exchange) take(s *session) (users, calls []string) {
	const most = 3
	x.mu.Lock()
	defer x.mu.Unlock()
	n := min(most, len(s.users))
	users, s.users = s.users[:n:n], s.users[n:]
	if len(s.users) == 0 {
		calls, s.calls = s.calls, nil
	} else {
		s.wake()
	}
	return users, calls
}

// poll marks the session as being polled, or no more.
func (x *exchange) poll(s *session, delta int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s.polling += delta
	s.lastSeen = time.Now()
}

// subscribe gives a handle for a user's call events, 0 if it is not in scope.
func (x *exchange) subscribe(s *session, cn string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.object(cn)
	if o == nil || !x.inScope(o) {
		return 0
	}
	handle := x.next()
	s.handles[handle] = cn
	return handle
}

// unsubscribe gives up a handle, which is unique over all sessions.
func (x *exchange) unsubscribe(handle int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.sessions {
		delete(s.handles, handle)
	}
}

func (x *exchange) object(cn string) *object {
	for _, o := range x.objects {
		if o.CN == cn {
			return o
		}
	}
	return nil
}

// snapshot is the answer to Calls: handles in it mean nothing.
func (x *exchange) snapshot(cn string) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var items []string
	for _, l := range x.legs {
		if l.cn == cn {
			items = append(items, x.callInfo(l, 0, 0, "", true))
		}
	}
	return items
}

// begin adds a live call of a user.
func (x *exchange) begin(l leg) *leg {
	x.mu.Lock()
	defer x.mu.Unlock()
	l.id, l.home = x.next(), x
	x.legs = append(x.legs, &l)
	return &l
}

// change sets the state of a call and tells every session that follows it.
func (x *exchange) change(l *leg, state int, msg string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l.state = state
	x.tell(l, msg, true)
}

// move gives a call another conference id, as a transfer does.
func (x *exchange) move(l *leg, conf string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l.conf = conf
	x.tell(l, "r-ct", true)
}

// finish removes a call; its last event is "del".
func (x *exchange) finish(l *leg) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.legs = slices.DeleteFunc(x.legs, func(o *leg) bool { return o == l })
	x.tell(l, "del", false)
}

// forget makes the PBX drop a call without a word, as a crash would.
func (x *exchange) forget(l *leg) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l.mute = true
	x.legs = slices.DeleteFunc(x.legs, func(o *leg) bool { return o == l })
}

// forgetAll is forget for every call.
func (x *exchange) forgetAll() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range x.legs {
		l.mute = true
	}
	x.legs = nil
}

func (x *exchange) tell(l *leg, msg string, active bool) {
	for _, s := range x.sessions {
		for handle, cn := range s.handles {
			if cn == l.cn && !l.mute {
				s.calls = append(s.calls, x.callInfo(l, handle, l.id, msg, active))
				s.wake()
			}
		}
	}
}

// setAgent puts a user into the recording group or takes him out, and tells
// the sessions: a user out of scope is no longer active.
func (x *exchange) setAgent(cn string, agent bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.object(cn)
	if o == nil || o.Agent == agent {
		return
	}
	o.Agent = agent
	o.groups = slices.DeleteFunc(o.groups, func(g string) bool { return g == x.cfg.Group })
	if agent {
		o.groups = append(o.groups, x.cfg.Group)
	}
	x.show(o, x.inScope(o))
}

// show tells the sessions of an object as it is now.
func (x *exchange) show(o *object, active bool) {
	for _, s := range x.sessions {
		s.users = append(s.users, x.wire.userInfo(o, active))
		s.wake()
	}
}

func (x *exchange) add(o *object) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.objects = append(x.objects, o)
	x.show(o, x.inScope(o))
}

func (x *exchange) remove(cn string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if o := x.object(cn); o != nil {
		x.objects = slices.DeleteFunc(x.objects, func(other *object) bool { return other == o })
		x.show(o, false)
	}
}

// userInfo is the content of a UserInfo item, in the WSDL's order.
func (w wire) userInfo(o *object, active bool) string {
	var groups []string
	for _, g := range o.groups {
		groups = append(groups, w.text("group", g)+w.boolean("active", false))
	}
	kind, node, email := w.text("object", o.object), w.text("nodenum", ""), w.null("email")
	if w.v11 {
		kind, node, email = node, kind, ""
	}
	return w.boolean("active", active) + w.text("cn", o.CN) + w.text("dn", o.CN) + w.text("type", o.typ) +
		w.text("e164", o.Number) + w.text("h323", o.H323) + w.integer("state", 1) + w.integer("channel", 0) +
		w.integer("alert", 0) + w.text("guid", o.guid) + w.array("groups", "Group", groups) + w.text("loc", o.Site) +
		w.text("node", "root") + kind + node + w.boolean("cfg", false) +
		w.null("presence") + w.text("domain", "") + w.boolean("h323email", false) +
		email + w.array("info", "Info", nil)
}

// callInfo is the content of a CallInfo item, in the WSDL's order.
func (x *exchange) callInfo(l *leg, handle, call int, msg string, active bool) string {
	number := func(typ, name, e164, h323 string) string {
		return x.wire.text("type", typ) + x.wire.text("cn", name) + x.wire.text("dn", name) + x.wire.text("e164", e164) + x.wire.text("h323", h323)
	}
	this := object{}
	if o := x.object(l.cn); o != nil {
		this = *o
	}
	return x.wire.integer("user", handle) + x.wire.integer("call", call) + x.wire.integer("reg", 0) + x.wire.boolean("active", active) +
		x.wire.integer("state", l.state) +
		x.wire.array("No", "No", []string{number("this", l.cn, this.Number, this.H323), number("peer", l.peerName, l.peerNumber, "")}) +
		x.wire.text("msg", msg) +
		x.wire.array("info", "Info", []string{x.wire.text("type", "conf") + x.wire.integer("vali", 0) + x.wire.text("vals", l.conf)})
}
