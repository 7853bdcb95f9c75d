package pbxsim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scene is a call of several parties as a file of rules/testdata/cases tells it: the
// records of all objects, what the PBX shows of the agents, and what must come out. It
// is played by a cast of its own, whose numbers take the place of those in the file.
type Scene struct {
	Name string

	capture  string // the capture's conference in the file
	suffix   string // of the capture's name, behind the conference id
	kept     bool
	internal string // the owner's number in the file
	out      bool
	external string
	ring     int
	records  []string
	legs     []sceneLeg
}

// sceneLeg is a line of what the PBX shows, its times from the scene's beginning.
type sceneLeg struct {
	number, peer, conf                 string
	out                                bool
	began, alerted, connected, stopped time.Duration // negative for what did not happen
}

// Leg is an agent's part in a conference, as the PBX shows it.
type Leg struct {
	CN, Conf  string
	Connected bool
}

const never time.Duration = -1

// sceneStart is when all scenes begin in their files.
var sceneStart = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// cast are the parts of all scenes: number, name and H.323 name in the files.
type castPart struct {
	number, name, h323 string
	agent, executive   bool
}

func cast() []castPart {
	return []castPart{
		{"24", "Rossi", "rossi", true, false},
		{"25", "Verdi", "verdi", true, false},
		{"31", "Bianchi", "bianchi", false, false},
	}
}

// SceneUsers are the users that so many scenes can be played by at the same time.
func SceneUsers(casts int) (users []User) {
	for n := 1; n <= casts; n++ {
		for _, p := range cast() {
			users = append(users, User{
				CN: sceneName(p, n), Number: fmt.Sprintf("%s%02d", p.number, n), H323: fmt.Sprintf("%s%02d", p.h323, n), Agent: p.agent, Cast: n,
			})
		}
	}
	return users
}

func sceneName(p castPart, n int) string { return fmt.Sprintf("%s %02d", p.name, n) }

var (
	sceneCapture = regexp.MustCompile(`^([0-9a-f]{32})(\S*), written by a (?:gateway|phone)$`)
	sceneKept    = regexp.MustCompile(`^keep (\d+) ([io]) (\d+) ring (\d+) by `)
	sceneLine    = regexp.MustCompile(`^(\d+) (called by|calling) (\d+), began (\S+?)(?:, alerted (\S+?))?(?:, connected (\S+?))?, ended (\S+?)(?:, conference (\S+))?$`)
	sceneRecord  = regexp.MustCompile(`(?s)<cdr .*?</cdr>`)
	sceneUTC     = regexp.MustCompile(`\b(utc|local)="(\d+)"`)
	sceneEvent   = regexp.MustCompile(`<event msg="([a-z-]+)" time="(\d+)"`)
)

// ReadScene reads a file of cases. One whose agents are not those of the cast, or whose
// capture is a telephone's own, is no scene.
func ReadScene(name, text string) (*Scene, error) {
	sc := &Scene{Name: name, records: sceneRecord.FindAllString(text, -1)}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		if err := sc.take(key, value); err != nil {
			return nil, fmt.Errorf("scene %s: %w", name, err)
		}
	}
	if sc.capture == "" || len(sc.records) == 0 {
		return nil, fmt.Errorf("scene %s: no capture, or no records", name)
	}
	return sc, lines.Err()
}

func (sc *Scene) take(key, value string) error {
	switch key {
	case "agents":
		if value != "24 (Rossi), 25 (Verdi)" {
			return fmt.Errorf("agents %q are not in the cast", value)
		}
	case "capture":
		m := sceneCapture.FindStringSubmatch(value)
		if m == nil || strings.HasSuffix(value, "phone") {
			return fmt.Errorf("capture %q is not a gateway's", value)
		}
		sc.capture, sc.suffix = m[1], m[2]
	case "expect":
		if m := sceneKept.FindStringSubmatch(value); m != nil {
			sc.kept, sc.internal, sc.out, sc.external = true, m[1], m[2] == "o", m[3]
			sc.ring, _ = strconv.Atoi(m[4])
		} else if !strings.HasPrefix(value, "discard by ") {
			return fmt.Errorf("expect %q", value)
		}
	case "soap":
		return sc.takeLeg(value)
	}
	return nil
}

func (sc *Scene) takeLeg(value string) error {
	m := sceneLine.FindStringSubmatch(value)
	if m == nil {
		return fmt.Errorf("soap line %q", value)
	}
	l := sceneLeg{number: m[1], out: m[2] == "calling", peer: m[3], conf: m[8]}
	if l.conf == "" {
		l.conf = sc.capture
	}
	for i, d := range []*time.Duration{&l.began, &l.alerted, &l.connected, &l.stopped} {
		if *d = never; m[4+i] == "" {
			continue
		}
		at, err := time.Parse("2006-01-02 15:04:05", "2026-11-21 "+m[4+i])
		if err != nil {
			return err
		}
		*d = at.Sub(sceneStart)
	}
	sc.legs = append(sc.legs, l)
	return nil
}

// spoken is from when to when somebody is connected in the capture's conference.
func (sc *Scene) spoken() (from, to time.Duration) {
	for _, r := range sc.records {
		if !strings.Contains(r, sc.capture) {
			continue
		}
		base, first := sceneTime(r), -1
		for _, e := range sceneEvent.FindAllStringSubmatch(r, -1) {
			n, _ := strconv.Atoi(e[2])
			if first < 0 {
				first = n
			}
			at := base + time.Duration(n-first)*time.Second
			if strings.HasPrefix(e[1], "conn") && (from == 0 || at < from) {
				from = at
			}
			to = max(to, at)
		}
	}
	return from, to
}

// sceneTime is when a record begins.
func sceneTime(record string) time.Duration {
	for _, m := range sceneUTC.FindAllStringSubmatch(record, -1) {
		if n, err := strconv.ParseInt(m[2], 10, 64); err == nil && m[1] == "utc" {
			return time.Unix(n, 0).Sub(sceneStart)
		}
	}
	return 0
}

// PlayScene begins a scene with a cast that is free, and returns what must come out of
// it. Its voice is heard for the given time; then the capture goes on without any.
func (s *Sim) PlayScene(ctx context.Context, sc *Scene, voice time.Duration) (*Call, error) {
	if err := errors.Join(ctx.Err(), s.life.Err()); err != nil {
		return nil, fmt.Errorf("pbxsim: play %s: %w", sc.Name, err)
	}
	users, err := s.claimCast()
	if err != nil {
		return nil, fmt.Errorf("pbxsim: play %s: %w", sc.Name, err)
	}
	release := func() { s.release(castKey(users[0].Cast)) }
	st, err := s.stage(sc, users, voice)
	if err != nil {
		release()
		return nil, err
	}
	return st.call, s.start(st.call, func() {
		s.perform(st)
		release()
	})
}

func castKey(n int) string { return fmt.Sprintf("cast %d", n) }

// claimCast finds a cast that is free, in the order of its parts.
func (s *Sim) claimCast() ([]*object, error) {
	all := s.exchange.casts()
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, users := range all {
		if !s.busy[castKey(n)] {
			s.busy[castKey(n)] = true
			return users, nil
		}
	}
	return nil, errBusy
}

// casts are copies of the users of scenes, by cast.
func (x *exchange) casts() map[int][]*object {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := map[int][]*object{}
	for _, o := range x.objects {
		if o.Cast > 0 {
			twin := *o
			all[o.Cast] = append(all[o.Cast], &twin)
		}
	}
	return all
}

// staged is a scene with its cast, its own conferences and its time.
type staged struct {
	*Scene
	call  *Call
	users []*object // as in cast
	confs map[string]string
	xml   *strings.Replacer
}

// stage gives a scene its cast and fixes all that will come out of it.
func (s *Sim) stage(sc *Scene, users []*object, voice time.Duration) (*staged, error) {
	sp, err := loadSpeech()
	if err != nil {
		return nil, err
	}
	st := &staged{Scene: sc, users: users, confs: map[string]string{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	from, to := sc.spoken()
	frames := int(min(voice, to-from) / (frameMillis * time.Millisecond))
	setup := s.clock.Now().Truncate(time.Second).Add(time.Second) // records know whole seconds
	conf := st.conf(sc.capture, s.guid)
	st.call = &Call{
		Scenario: Scenario(sc.Name), Conf: conf, File: conf + sc.suffix, Kept: sc.kept, External: st.mapped(sc.external), Internal: st.mapped(sc.internal),
		Direction: map[bool]string{true: "o", false: "i"}[sc.out], Ring: sc.ring, Setup: setup,
		Start: setup.Add(from), End: setup.Add(to), Frames: frames, serial: s.serial, ended: make(chan struct{}),
	}
	if !sc.kept {
		st.call.External = "0012345" // of the capture's signalling only
	}
	if o := st.played(sc.internal); o != nil {
		st.call.CN = o.CN
	}
	for _, l := range sc.legs {
		if o := st.played(l.number); o != nil {
			st.call.Legs = append(st.call.Legs, Leg{o.CN, st.conf(l.conf, s.guid), l.connected != never})
		}
	}
	st.call.speak(sp)
	st.replace(s.guid)
	st.tell()
	return st, nil
}

// tell notes the agents and conferences of which records may tell though the PBX shows
// nothing.
func (st *staged) tell() {
	for i, p := range cast() {
		for _, conf := range st.confs {
			cn := st.users[i].CN
			if p.agent && !slices.ContainsFunc(st.call.Legs, func(l Leg) bool { return l.CN == cn && l.Conf == conf }) {
				st.call.Told = append(st.call.Told, Leg{CN: cn, Conf: conf})
			}
		}
	}
}

// conf is the conference that takes the place of one in the file.
func (st *staged) conf(inFile string, fresh func() string) string {
	if st.confs[inFile] == "" {
		st.confs[inFile] = fresh()
	}
	return st.confs[inFile]
}

// played is who plays the part with a number, nil if nobody does.
func (st *staged) played(number string) *object {
	i := slices.IndexFunc(cast(), func(p castPart) bool { return p.number == number })
	if i < 0 {
		return nil
	}
	return st.users[i]
}

// mapped is a number as it is in the play.
func (st *staged) mapped(number string) string {
	if o := st.played(number); o != nil {
		return o.Number
	}
	return number
}

var (
	sceneConf = regexp.MustCompile(`conf="([0-9a-f]{32})"`)
	sceneGUID = regexp.MustCompile(`<cdr [^>]*>`)
	guidAttr  = regexp.MustCompile(` guid="([0-9a-f]+)"`)
)

// replace prepares what must be replaced in the records.
func (st *staged) replace(fresh func() string) {
	var pairs []string
	for i, p := range cast() {
		o := st.users[i]
		for _, attr := range []string{"e164", "obj-e164"} {
			pairs = append(pairs, fmt.Sprintf(` %s="%s"`, attr, p.number), fmt.Sprintf(` %s="%s"`, attr, o.Number))
		}
		for _, attr := range []string{"h323", "obj-h323", "device"} {
			pairs = append(pairs, fmt.Sprintf(` %s="%s"`, attr, p.h323), fmt.Sprintf(` %s="%s"`, attr, o.H323))
		}
		for _, attr := range []string{"cn", "dn"} {
			pairs = append(pairs, fmt.Sprintf(` %s="%s"`, attr, p.name), fmt.Sprintf(` %s="%s"`, attr, o.CN))
		}
		for _, r := range st.records {
			head := sceneGUID.FindString(r)
			if m := guidAttr.FindStringSubmatch(head); m != nil && strings.Contains(head, fmt.Sprintf(` cn="%s"`, p.name)) {
				pairs = append(pairs, m[0], fmt.Sprintf(` guid="%s"`, o.guid))
			}
		}
	}
	for _, r := range st.records {
		for _, m := range sceneConf.FindAllStringSubmatch(r, -1) {
			pairs = append(pairs, m[0], fmt.Sprintf(`conf="%s"`, st.conf(m[1], fresh)))
		}
	}
	st.xml = strings.NewReplacer(pairs...)
}

// perform plays a scene: what the PBX shows and the capture at their times, the records
// at the end.
func (s *Sim) perform(st *staged) {
	upload := make(chan error, 1)
	go func() {
		if !s.until(st.call.Start) {
			upload <- s.life.Err()
			return
		}
		upload <- s.upload(st.call, st.users[0])
	}()
	for _, at := range st.moments() {
		if !s.until(st.call.Setup.Add(at.after)) {
			break
		}
		at.do(s)
	}
	s.until(st.call.End)
	st.call.fail(<-upload)
	if s.life.Err() == nil {
		st.call.sent(s.sender.add(st.told(s.offset())))
	}
}

// moment is something that happens in a scene.
type moment struct {
	after time.Duration
	do    func(*Sim)
}

// moments are what the PBX shows of the agents, in order of time.
func (st *staged) moments() (list []moment) {
	for _, l := range st.legs {
		o := st.played(l.number)
		if o == nil {
			continue
		}
		to := stateToUser
		if l.out {
			to = 0
		}
		var live *leg
		list = append(list, moment{l.began, func(s *Sim) {
			live = s.homeOf(o).begin(leg{cn: o.CN, conf: st.confs[l.conf], peerNumber: st.mapped(l.peer)})
			live.home.change(live, stateSetup|to, "x-setup")
		}})
		for _, change := range []struct {
			at    time.Duration
			state int
			msg   string
		}{{l.alerted, stateAlert, "r-alert"}, {l.connected, stateConnect, "r-conn"}} {
			if change.at != never {
				list = append(list, moment{change.at, func(*Sim) { live.home.change(live, change.state|to, change.msg) }})
			}
		}
		list = append(list, moment{l.stopped, func(*Sim) { live.home.finish(live) }})
	}
	slices.SortStableFunc(list, func(a, b moment) int { return int(a.after - b.after) })
	return list
}

// told are the records as they are sent.
func (st *staged) told(offset time.Duration) (out []string) {
	shift := int64(st.call.Setup.Sub(sceneStart)/time.Second) + int64(offset/time.Second)
	for _, r := range st.records {
		r = sceneUTC.ReplaceAllStringFunc(r, func(attr string) string {
			m := sceneUTC.FindStringSubmatch(attr)
			n, _ := strconv.ParseInt(m[2], 10, 64)
			return fmt.Sprintf(`%s="%d"`, m[1], n+shift)
		})
		out = append(out, st.xml.Replace(r))
	}
	return out
}
