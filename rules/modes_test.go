package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/rules"
)

func parsed(t *testing.T, text string) rules.Set {
	t.Helper()
	set, err := rules.Parse("rules.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func after(seconds float64) time.Time {
	return noon.Add(time.Duration(seconds * float64(time.Second)))
}

func mark(kind recording.MarkKind, number string, at float64) recording.Mark {
	return recording.Mark{ID: 1, Kind: kind, Number: number, At: after(at)}
}

// talk is a call of an agent with E from noon to 100 s after.
func talk(a recording.Agent) recording.CDR {
	return user(a, "to", extEv("setup-to", 0, "0012345"), ev("alert-from", 1, "0012345"), ev("conn-from", 4, "0012345"), ev("rel-from", 100, ""))
}

// passedOn is a call that Rossi passes on to a user who talks on until 2000 s after noon.
func passedOn() []recording.CDR {
	rest := user(recording.Agent{CN: "Bianchi", E164: "31", GUID: "cc"}, "to", ev("setup-to", 0, "0012345"), ev("conn-from", 11, "0012345"), ev("rel-from", 1910, ""))
	rest.UTC = after(90)
	return []recording.CDR{talk(rossi), rest}
}

// behind gives a record the time of a clock that is a minute behind.
func behind(c recording.CDR) []recording.CDR {
	c.UTC = c.UTC.Add(-time.Minute)
	return []recording.CDR{c}
}

// TestMarksByAClockAhead: the records are written by a clock that is ten minutes ahead, which
// shows in that they come before their call has ended. Marks count as if it were not.
func TestMarksByAClockAhead(t *testing.T) {
	c := talk(rossi)
	c.UTC = after(600)
	rec := recording.Recording{
		Capture: recording.Capture{Conf: conf, SeenAt: after(5), StillAt: after(101)},
		Call:    recording.Call{CDRs: []recording.CDR{c}, Raw: []recording.RawCDR{{Received: after(102)}}},
	}
	for _, row := range []struct {
		kind recording.MarkKind
		at   float64
		want recording.Decision
	}{
		{recording.MarkKeep, 50, recording.Keep}, {recording.MarkKeep, 300, recording.Keep}, {recording.MarkKeep, -10, recording.Discard},
		{recording.MarkSkip, 50, recording.Discard},
	} {
		f := markCase{marks: []recording.Mark{mark(row.kind, "24", row.at)}}.facts(after(4000))
		if v := parsed(t, `mode = "tcr"`).Decide(rec, f); v.Decision != row.want || (v.Rule == rules.SkipMark) != (row.kind == recording.MarkSkip) {
			t.Errorf("a %s mark at %v s: %s by %s (%s)", row.kind, row.at, v.Decision, v.Rule, v.Reason)
		}
	}
	if s, ok := rules.SpanOfCDR(c, after(102), rules.Facts{Agents: []recording.Agent{rossi}}); !ok || !s.From.Equal(after(2)) || !s.To.Equal(after(102)) {
		t.Errorf("as a part in another call: %+v", s)
	}
}

// inside is an internal call: Rossi calls Verdi.
func inside() []recording.CDR {
	return []recording.CDR{
		user(rossi, "from", ev("setup-from", 0, "25"), ev("alert-to", 1, "25"), ev("conn-to", 4, "25"), ev("rel-to", 100, "")),
		user(verdi, "to", ev("setup-to", 0, "24"), ev("alert-from", 1, "24"), ev("conn-from", 4, "24"), ev("rel-from", 100, "")),
	}
}

const elsewhere = recording.ConfID("99999999e909d311b6450090331b3e3b")

func span(a recording.Agent, from, to float64) rules.Span {
	s := rules.Span{Agent: a, Conf: elsewhere, From: after(from)}
	if to > 0 {
		s.To = after(to)
	}
	return s
}

// made is a call that the agent made himself and that lives.
func made(a recording.Agent, from float64, number string) rules.Span {
	s := span(a, from, 0)
	s.Made, s.Peer = true, recording.Number{E164: number}
	return s
}

// markCase is one question about marks.
type markCase struct {
	name    string
	cdrs    []recording.CDR
	marks   []recording.Mark
	others  []rules.Span
	scripts []string
	want    string // decision and rule
	star    bool
}

func (c markCase) facts(now time.Time) rules.Facts {
	return rules.Facts{
		Now: now, MarksSeen: now, Agents: []recording.Agent{rossi, verdi}, Marks: c.marks, Others: c.others, Scripts: c.scripts,
	}
}

func (c markCase) ask(t *testing.T, set rules.Set) {
	t.Helper()
	rec := recording.Recording{Capture: recording.Capture{Conf: conf, StillAt: after(101)}, Call: recording.Call{CDRs: c.cdrs}}
	v := set.Decide(rec, c.facts(after(4000)))
	if got := fmt.Sprint(v.Decision, " ", v.Rule); got != c.want || v.Star != c.star {
		t.Errorf("got %s, star %v (%s), want %s, star %v", got, v.Star, v.Reason, c.want, c.star)
	}
	if last := v.Trace[len(v.Trace)-1]; !last.Fired || last.Rule != v.Rule {
		t.Errorf("the trace ends with %+v, the verdict is by %s", last, v.Rule)
	}
}

func TestTCR(t *testing.T) {
	const kept, dropped = "keep agent-took-part", "discard not-marked"
	keep, skip := recording.MarkKeep, recording.MarkSkip
	one, two := []recording.CDR{talk(rossi)}, []recording.CDR{talk(rossi), talk(verdi)}
	named := mark(keep, "24", 5000)
	named.Conf = conf
	astray := mark(keep, "24", 50)
	astray.Conf = elsewhere
	script := mark(keep, "24", 150)
	script.From, script.Conf = recording.MarkByScript, elsewhere
	skipping := mark(skip, "24", 50)
	skipping.From, skipping.Conf = recording.MarkByScript, elsewhere
	gone := mark(keep, "24", 150)
	gone.After = elsewhere
	for _, c := range []markCase{
		{name: "nobody marked it", cdrs: one, want: dropped},
		{name: "in the call", cdrs: one, marks: []recording.Mark{mark(keep, "24", 50)}, want: kept},
		{name: "by his name", cdrs: one, marks: []recording.Mark{mark(keep, "rossi", 50)}, want: kept},
		{name: "in its first second, by a clock without fractions", cdrs: one, marks: []recording.Mark{mark(keep, "24", -1)}, want: kept},
		{name: "before it", cdrs: one, marks: []recording.Mark{mark(keep, "24", -10)}, want: dropped},
		{name: "at the last moment after it", cdrs: one, marks: []recording.Mark{mark(keep, "24", 400)}, want: kept},
		{name: "at the last moment by the capture, which stood still later", cdrs: one, marks: []recording.Mark{mark(keep, "24", 401)}, want: kept},
		{name: "too late", cdrs: one, marks: []recording.Mark{mark(keep, "24", 401.5)}, want: dropped},
		{name: "after he passed it on, while it goes on", cdrs: passedOn(), marks: []recording.Mark{mark(keep, "24", 1500)}, want: kept},
		{name: "after he passed it on and it ended", cdrs: passedOn(), marks: []recording.Mark{mark(keep, "24", 2300)}, want: kept},
		{name: "after he passed it on, too late", cdrs: passedOn(), marks: []recording.Mark{mark(keep, "24", 2301)}, want: dropped},
		{
			name: "after he passed it on, and another ended since", cdrs: passedOn(), marks: []recording.Mark{mark(keep, "24", 1500)},
			others: []rules.Span{span(rossi, 110, 140)}, want: dropped,
		},
		{name: "records of a clock that is a minute behind", cdrs: behind(talk(rossi)), marks: []recording.Mark{mark(keep, "24", 395)}, want: kept},
		{name: "by another agent", cdrs: one, marks: []recording.Mark{mark(keep, "25", 50)}, want: dropped},
		{name: "a number that ends alike", cdrs: one, marks: []recording.Mark{mark(keep, "0024", 50), mark(keep, "4", 50)}, want: dropped},
		{name: "no number", cdrs: one, marks: []recording.Mark{mark(keep, "", 50)}, want: dropped},
		{name: "by the second agent of a transferred call", cdrs: two, marks: []recording.Mark{mark(keep, "25", 50)}, want: kept},
		{name: "names the conference", cdrs: one, marks: []recording.Mark{named}, want: kept},
		{name: "names another conference", cdrs: one, marks: []recording.Mark{astray}, want: dropped},
		{
			name: "after it, by a script that names its own call", cdrs: one, marks: []recording.Mark{script},
			others: []rules.Span{made(rossi, 145, "800")}, want: kept,
		},
		{name: "after it, by a script that names a call nobody knows", cdrs: one, marks: []recording.Mark{script}, want: kept},
		{
			name: "by a script that names another call of his", cdrs: one, marks: []recording.Mark{script},
			others: []rules.Span{span(rossi, 10, 90)}, want: dropped,
		},
		{
			name: "skipped by a script that names its own call, then kept", cdrs: one,
			marks: []recording.Mark{skipping, mark(keep, "24", 60)}, others: []rules.Span{made(rossi, 45, "800")}, want: kept,
		},
		{
			name: "skipped by a script that names its own call", cdrs: one, marks: []recording.Mark{skipping, mark(keep, "24", 40)},
			others: []rules.Span{made(rossi, 45, "800")}, want: "discard skip-mark",
		},
		{
			name: "skipped by a script that names a call nobody knows", cdrs: one,
			marks: []recording.Mark{skipping, mark(keep, "24", 40)}, want: kept,
		},
		{name: "internal, the called one", cdrs: inside(), marks: []recording.Mark{mark(keep, "25", 50)}, want: kept},
		{name: "internal, the caller", cdrs: inside(), marks: []recording.Mark{mark(keep, "24", 50)}, want: dropped},
		{
			name: "after it, but he was in another by then", cdrs: one, marks: []recording.Mark{mark(keep, "24", 150)},
			others: []rules.Span{span(rossi, 110, 0)}, want: dropped,
		},
		{
			name: "after it, but another ended since", cdrs: one, marks: []recording.Mark{mark(keep, "24", 150)},
			others: []rules.Span{span(rossi, 110, 140)}, want: dropped,
		},
		{
			name: "after it, another ended before", cdrs: one, marks: []recording.Mark{mark(keep, "24", 150)},
			others: []rules.Span{span(rossi, 10, 90)}, want: kept,
		},
		{
			name: "after it, another agent is in another", cdrs: one, marks: []recording.Mark{mark(keep, "24", 150)},
			others: []rules.Span{span(verdi, 110, 0)}, want: kept,
		},
		{
			name: "after it, by a call to somewhere", cdrs: one, marks: []recording.Mark{mark(keep, "24", 150)},
			others: []rules.Span{made(rossi, 145, "800")}, want: kept,
		},
		{
			name: "after it, by a call to the script", cdrs: one, marks: []recording.Mark{mark(keep, "24", 250)},
			others: []rules.Span{made(rossi, 145, "800")}, scripts: []string{"800"}, want: kept,
		},
		{
			name: "after it, in a call that is not to the script", cdrs: one, marks: []recording.Mark{mark(keep, "24", 150)},
			others: []rules.Span{made(rossi, 145, "801")}, scripts: []string{"800"}, want: dropped,
		},
		{name: "went to another call that had ended", cdrs: one, marks: []recording.Mark{gone}, want: dropped},
		{
			name: "the call to the script itself", marks: []recording.Mark{mark(keep, "24", 50)}, scripts: []string{"0012345"},
			cdrs: one, want: dropped,
		},
		{name: "kept, then skipped", cdrs: one, marks: []recording.Mark{mark(keep, "24", 50), mark(skip, "24", 60)}, want: "discard skip-mark"},
		{name: "skipped, then kept", cdrs: one, marks: []recording.Mark{mark(keep, "24", 160), mark(skip, "24", 60)}, want: kept},
		{name: "skipped by the one for whom it is not kept", cdrs: two, marks: []recording.Mark{mark(keep, "24", 50), mark(skip, "25", 60)}, want: kept},
	} {
		t.Run(c.name, func(t *testing.T) { c.ask(t, parsed(t, `mode = "tcr"`)) })
	}
}

func TestMarksInStandardMode(t *testing.T) {
	const kept = "keep agent-took-part"
	keep, skip := recording.MarkKeep, recording.MarkSkip
	one := []recording.CDR{talk(rossi)}
	for _, c := range []markCase{
		{name: "none", cdrs: one, want: kept},
		{name: "a star", cdrs: one, marks: []recording.Mark{mark(keep, "24", 50)}, want: kept, star: true},
		{name: "a star after the call", cdrs: one, marks: []recording.Mark{mark(keep, "24", 150)}, want: kept, star: true},
		{name: "skipped", cdrs: one, marks: []recording.Mark{mark(skip, "24", 50)}, want: "discard skip-mark"},
		{name: "skipped too late", cdrs: one, marks: []recording.Mark{mark(skip, "24", 101)}, want: kept},
		{name: "skipped by another agent", cdrs: one, marks: []recording.Mark{mark(skip, "25", 50)}, want: kept},
		{name: "skipped, then kept", cdrs: one, marks: []recording.Mark{mark(skip, "24", 50), mark(keep, "24", 60)}, want: kept, star: true},
		{name: "both in one second", cdrs: one, marks: []recording.Mark{mark(keep, "24", 50), mark(skip, "24", 50.4)}, want: kept, star: true},
		{name: "both at once", cdrs: one, marks: []recording.Mark{mark(skip, "24", 50), mark(keep, "24", 50)}, want: kept, star: true},
		{
			name: "skipped while in two calls: it is not certain which", cdrs: one, marks: []recording.Mark{mark(skip, "24", 50)},
			others: []rules.Span{span(rossi, 10, 90)}, want: kept,
		},
		{
			name: "skipped by a call to the script", cdrs: one, marks: []recording.Mark{mark(skip, "24", 50)},
			others: []rules.Span{made(rossi, 45, "800")}, want: "discard skip-mark",
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.ask(t, rules.First()) })
	}
}

// TestNumberOfTwoAgents holds that a skip mark for a number that two agents have, at two
// PBXes, drops neither's call unless it names it, and that a keep mark counts for both.
func TestNumberOfTwoAgents(t *testing.T) {
	other := recording.Agent{CN: "Neri", E164: "24", GUID: "dd", PBX: "second"}
	named := mark(recording.MarkSkip, "24", 50)
	named.Conf = conf
	for _, row := range []struct {
		mark recording.Mark
		want string
	}{
		{mark(recording.MarkSkip, "24", 50), "keep false"},
		{mark(recording.MarkSkip, "Rossi", 50), "discard false"},
		{mark(recording.MarkKeep, "24", 50), "keep true"},
		{named, "discard false"},
	} {
		c := markCase{marks: []recording.Mark{row.mark}}
		f := c.facts(after(1000))
		f.Agents = append(f.Agents, rossi) // one that is listed twice is one
		f.Roster = rules.NewRoster([]recording.Agent{rossi, other})
		rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: []recording.CDR{talk(rossi)}}}
		if v := rules.First().Decide(rec, f); fmt.Sprint(v.Decision, " ", v.Star) != row.want {
			t.Errorf("%s by %s: %s, star %v; want %s", row.mark.Kind, row.mark.Number, v.Decision, v.Star, row.want)
		}
	}
}

// TestFilterKeepsInEveryMode holds that what an operator's filter keeps needs no mark,
// and that an agent's skip mark counts all the same.
func TestFilterKeepsInEveryMode(t *testing.T) {
	const bank = "\n[[filter]]\nname = \"bank\"\naction = \"keep\"\nexternal = [\"0012*\"]\n"
	one := []recording.CDR{talk(rossi)}
	for _, mode := range []string{rules.ModeStandard, rules.ModeTCR, rules.ModeRandom} {
		set := parsed(t, fmt.Sprintf("mode = %q\n", mode)+bank+"[random]\nsystem = 3\n")
		markCase{cdrs: one, want: "keep filter bank"}.ask(t, set)
		markCase{cdrs: one, marks: []recording.Mark{mark(recording.MarkSkip, "24", 50)}, want: "discard skip-mark"}.ask(t, set)
	}
}

// TestTCRWaits follows a call from its end to the end of the time for marks.
func TestTCRWaits(t *testing.T) {
	set := parsed(t, "mode = \"tcr\"\n[tcr]\nminutes = 10\n")
	rec := recording.Recording{Capture: recording.Capture{Conf: conf, StillAt: after(103)}, Call: recording.Call{CDRs: []recording.CDR{talk(rossi)}}}
	end := after(703)
	for _, row := range []struct {
		name  string
		now   float64
		seen  time.Time
		want  recording.Decision
		until time.Time
		why   string
	}{
		{"just ended", 104, end, recording.Wait, end, "a mark until 13:11"},
		{"nearly over", 702, after(702), recording.Wait, end, "a mark until 13:11"},
		{"over, but the inbox was last read before", 704, after(702), recording.Wait, after(704.5), "the folders of marks to be looked at"},
		{"over, no folder was read yet", 9000, time.Time{}, recording.Wait, after(9000.5), "the folders of marks to be looked at"},
		{"over", 704, after(703), recording.Discard, time.Time{}, ""},
	} {
		f := rules.Facts{Now: after(row.now), MarksSeen: row.seen, Agents: []recording.Agent{rossi}, Zone: time.FixedZone("", 3600)}
		v := set.Decide(rec, f)
		if v.Decision != row.want || !v.Until.Equal(row.until) || v.For != row.why || v.Rule != rules.NotMarked {
			t.Errorf("%s: %s by %s until %s for %q", row.name, v.Decision, v.Rule, v.Until, v.For)
		}
		if row.want == recording.Discard && (v.Owner.CN != "Rossi" || !strings.Contains(v.Reason, "13:11")) {
			t.Errorf("%s: for %q, %s", row.name, v.Owner.CN, v.Reason)
		}
	}
}

// TestMarkAfterTheCallWaits holds that a mark which was made after a call does not count
// before CDRs of a later one can have come; one in the call counts at once.
func TestMarkAfterTheCallWaits(t *testing.T) {
	set := parsed(t, `mode = "tcr"`)
	rec := recording.Recording{Capture: recording.Capture{Conf: conf, StillAt: after(101)}, Call: recording.Call{CDRs: []recording.CDR{talk(rossi)}}}
	for _, row := range []struct {
		at, now float64
		want    recording.Decision
	}{{130, 131, recording.Wait}, {130, 160, recording.Keep}, {90, 131, recording.Keep}} {
		f := markCase{marks: []recording.Mark{mark(recording.MarkKeep, "24", row.at)}}.facts(after(row.now))
		f.DiscardSettle = 30 * time.Second
		if v := set.Decide(rec, f); v.Decision != row.want || v.Decision == recording.Wait && !v.Until.Equal(after(row.at+30)) {
			t.Errorf("marked at %v s, asked at %v s: %s until %s", row.at, row.now, v.Decision, v.Until)
		}
	}
}

// TestMarksOfRecordsWithoutEvents asks about records that say nothing but whose they are.
func TestMarksOfRecordsWithoutEvents(t *testing.T) {
	rec := recording.Recording{Capture: recording.Capture{Conf: conf, StillAt: after(101)}, Call: recording.Call{CDRs: []recording.CDR{talk(verdi), user(rossi, "to")}}}
	f := markCase{marks: []recording.Mark{mark(recording.MarkKeep, "24", 50), mark(recording.MarkSkip, "25", 60)}}.facts(after(1000))
	if v := rules.First().Decide(rec, f); v.Decision != recording.Discard || v.Rule != rules.SkipMark {
		t.Errorf("%s by %s", v.Decision, v.Rule)
	}
	if end := rules.Ended(recording.Recording{Call: recording.Call{CDRs: []recording.CDR{user(rossi, "to")}}}, after(1000)); !end.Equal(noon) {
		t.Errorf("ended %s", end)
	}
	if s, ok := rules.SpanOfCDR(user(rossi, "to"), noon, f); ok {
		t.Errorf("a part without events: %+v", s)
	}
}

// TestWaitsForTheFolders holds that a call is not kept before the folders of marks were
// looked at after its end, but does not wait for ever.
func TestWaitsForTheFolders(t *testing.T) {
	rec := recording.Recording{Capture: recording.Capture{Conf: conf, StillAt: after(103)}, Call: recording.Call{CDRs: []recording.CDR{talk(rossi)}}}
	for _, row := range []struct {
		now, seen float64
		want      recording.Decision
	}{{110, 102, recording.Wait}, {110, 103, recording.Keep}, {122, 0, recording.Wait}, {123, 0, recording.Keep}} {
		f := rules.Facts{Now: after(row.now), MarksSeen: after(row.seen), Agents: []recording.Agent{rossi}, MarkPatience: 20 * time.Second}
		if v := rules.First().Decide(rec, f); v.Decision != row.want || v.Decision == recording.Wait && !v.Until.Equal(f.Now.Add(500*time.Millisecond)) {
			t.Errorf("at %v s, seen up to %v s: %s until %s", row.now, row.seen, v.Decision, v.Until)
		}
	}
}

// TestRandom counts calls of two agents as the catalog does.
func TestRandom(t *testing.T) {
	for _, row := range []struct{ name, file, calls, want string }{
		{"each 3rd of the system", "system = 3", "rrrrrrr", "K..K..K"},
		{"each 2nd of an agent", "agent = 2", "rvrvrrv", "KK..K.K"},
		// of the calls 0, 3, 6, 9, 12 the agent's 1st and 3rd, and so on
		{"both", "system = 3\nagent = 2", "rrrrrrrrrrrrr", "K.....K.....K"},
		{"both, two agents", "system = 2\nagent = 2", "rvrvvrvr", "K...K..."},
		{"nothing is counted", "", "rvr", "KKK"},
		{"each is kept", "system = 1\nagent = 1", "rvr", "KKK"},
	} {
		set := parsed(t, "mode = \"random\"\n[random]\n"+row.file+"\n")
		counters := map[string]int64{}
		var got strings.Builder
		for _, who := range row.calls {
			agent := map[rune]recording.Agent{'r': rossi, 'v': verdi}[who]
			rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: []recording.CDR{talk(agent)}}}
			v := set.Decide(rec, rules.Facts{Now: after(1000), Agents: []recording.Agent{rossi, verdi}, Counters: counters})
			switch {
			case v.Draw == nil || v.Mode != rules.ModeRandom:
				t.Fatalf("%s: the verdict has taken no number: %+v", row.name, v)
			case v.Decision == recording.Keep:
				got.WriteByte('K')
			default:
				got.WriteByte('.')
			}
			if v.Draw.Counts {
				counters[""]++
			}
			if v.Draw.CountsOwn {
				counters[v.Draw.Agent]++
			}
		}
		if got.String() != row.want {
			t.Errorf("%s: %s, want %s", row.name, got.String(), row.want)
		}
		if row.file == "" && len(counters) > 0 {
			t.Errorf("%s: counted %v", row.name, counters)
		}
	}
}

// TestRandomCounters holds that two agents of one name have a counter each, and that the
// counter of an owner without a name is not the system's: both move on with one call.
func TestRandomCounters(t *testing.T) {
	set := parsed(t, "mode = \"random\"\n[random]\nsystem = 1\nagent = 2\n")
	twin := recording.Agent{CN: "Rossi", E164: "24", GUID: "dd", PBX: "second"}
	for _, row := range []struct {
		owner recording.Agent
		want  string
	}{{rossi, "Rossi at main"}, {twin, "Rossi at second"}, {verdi, "Verdi"}} {
		rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: []recording.CDR{talk(row.owner)}}}
		v := set.Decide(rec, rules.Facts{Now: after(1000), Agents: []recording.Agent{rossi, twin, verdi}})
		if v.Draw == nil || v.Draw.Agent != row.want {
			t.Errorf("%s of %s is counted by %+v, want %s", row.owner.CN, row.owner.PBX, v.Draw, row.want)
		}
	}
	rec := recording.Recording{Call: recording.Call{SIP: &recording.Signalling{Parties: &recording.SIPParties{}}}}
	if v := set.Decide(rec, rules.Facts{Now: after(1000), All: true}); v.Draw == nil || v.Draw.Agent == "" {
		t.Errorf("a call of nobody with a name: %s by %s, %+v", v.Decision, v.Rule, v.Draw)
	}
}

// TestRandomOnceACall holds that a call which has its number takes no other, and that
// calls are counted in the order of their ends.
func TestRandomOnceACall(t *testing.T) {
	set := parsed(t, "mode = \"random\"\n[random]\nsystem = 3\n")
	rec := recording.Recording{Capture: recording.Capture{Conf: conf}, Call: recording.Call{CDRs: []recording.CDR{talk(rossi)}}}
	f := rules.Facts{Now: after(110), Agents: []recording.Agent{rossi}, Counters: map[string]int64{"": 7}, Before: 12}
	if v := set.Decide(rec, f); v.Decision != recording.Wait || !v.Until.Equal(after(111)) || v.Draw != nil {
		t.Errorf("with a call before it: %+v", v)
	}
	f.Now = after(100 + 120)
	if v := set.Decide(rec, f); v.Decision != recording.Discard || v.Rule != rules.RandomSystem || v.Draw.System != 7 {
		t.Errorf("when it has waited long enough: %+v", v)
	}
	f.Drawn = []recording.Draw{{Agent: "Verdi", System: 1, Counts: true}, {Agent: "Rossi", System: 6, Counts: true}}
	if v := set.Decide(rec, f); v.Decision != recording.Keep || v.Draw.System != 6 {
		t.Errorf("with its number: %+v", v)
	}
}
