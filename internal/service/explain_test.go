package service_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/explain"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// confOf makes a conference id of its own.
func numberedConf(n int) recording.ConfID {
	return recording.ConfID(fmt.Sprintf("%032x", 0xc03a0000+n))
}

// told is what is told of a call as text, and as stories.
func told(t *testing.T, cfg service.Config, word string) (string, []explain.Story) {
	t.Helper()
	past, err := service.OpenPast(t.Context(), cfg, clock.System())
	if err != nil {
		t.Fatal(err)
	}
	defer past.Close()
	stories, err := past.Explain(t.Context(), word)
	if err != nil {
		t.Fatalf("%s: %v", word, err)
	}
	var out bytes.Buffer
	if err := explain.Write(&out, stories, time.UTC); err != nil {
		t.Fatal(err)
	}
	return out.String(), stories
}

// TestExplain sends calls of all kinds through the recorder and asks why, beside it.
func TestExplain(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	cfg.CDR.FirstWait = pbx.Duration(200 * time.Millisecond)
	s := running(t, cfg)
	const filed, ofUser, noCDR, broken = 1, 2, 3, 4
	for n, number := range map[int]string{filed: "24", ofUser: "31", broken: "24"} {
		post(t, s, cdrOf(number, numberedConf(n)))
	}
	content := pcapOf(time.Now(), sipCall("0012345", "24")...)
	for n := range 4 {
		body := append(bytes.Clone(content), byte(n))[:len(content)-n] // each is another file
		if n+1 == broken {
			body = []byte("no capture")
		}
		if err := os.WriteFile(filepath.Join(cfg.Inbox[0].Path, string(numberedConf(n+1))+".pcap"), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var done recording.Recording
	for n := range 4 {
		until(t, "all come to their end", func() error {
			list := rows(t, cfg, numberedConf(n+1))
			if len(list) != 1 || !list[0].State.Ended() {
				return fmt.Errorf("conference %d: %+v", n+1, list)
			}
			if n+1 == filed {
				done = list[0]
			}
			return nil
		})
	}
	post(t, s, cdrOf("24", numberedConf(5))) // of which no capture comes
	s.Leg(t.Context(), "main", recording.Leg{Agent: recording.Agent{CN: "Anna", E164: "24", PBX: "main"}, Conf: numberedConf(6), ToAgent: true, Began: time.Now(), Connected: time.Now()})

	for _, row := range []struct {
		name, word string
		want       []string
	}{
		{"filed, by number", fmt.Sprint(done.ID), []string{"done\n", "kept for 24", "filed as " + done.Name, "=> agent-took-part", "   no-cdr: 1 CDRs", "CDR: of 24", "24 is an agent: ", "if 24 were no agent: not kept", "had not come: waits for a CDR"}},
		{"filed, by its audio", filepath.Join("somewhere", filepath.Base(done.Name)+".wav"), []string{"kept for 24"}},
		{"filed, by its sidecar", filepath.Base(done.Name) + ".xml", []string{"kept for 24"}},
		{"by the capture's name", string(numberedConf(filed)) + ".pcap", []string{"kept for 24"}},
		{"not kept", string(numberedConf(ofUser)), []string{"discarded\n", `not kept, by rule "no-agent"`, "31 is no agent", "if 31 were an agent: kept for 31", "the same, if the rules had exceptions"}},
		{"no CDR", strings.ToUpper(string(numberedConf(noCDR))), []string{"quarantined\n", "kept until a CDR comes", "CDR: none of this conference is here", "=> no-cdr", "as they stand now"}},
		{"unusable", string(numberedConf(broken)), []string{"unusable\n", "cannot become a recording", "=> agent-took-part"}},
		{"no capture, a CDR", string(numberedConf(5)), []string{"no capture has come yet; if one does, the rules say: kept for 24", "waits: waiting for its capture", "CDR: of 24", "ledger: of 24, open: "}},
		{"no capture, SOAP only", string(numberedConf(6)), []string{"no capture has come yet", "waits: the call is going on", "SOAP: PBX main: ", "has not ended", "the PBX showed him as one", "if the CDR of 24 (Anna) had come", "kept for 24 (Anna), in"}},
	} {
		text, stories := told(t, cfg, row.word)
		for _, want := range row.want {
			if len(stories) != 1 || !strings.Contains(text, want) {
				t.Errorf("%s: %d stories, no %q in\n%s", row.name, len(stories), want, text)
			}
		}
	}
	_, stories := told(t, cfg, string(numberedConf(ofUser)))
	var back []explain.Story
	if doc, err := json.Marshal(stories); err != nil || json.Unmarshal(doc, &back) != nil || len(back[0].Rules) == 0 || len(back[0].Changes) == 0 || len(back[0].Facts) == 0 {
		t.Errorf("as JSON: %+v, %v", back, err)
	}
	unknown(t, cfg, string(numberedConf(99)), "no capture, no CDR and no call event")
	unknown(t, cfg, "4711", "nothing is known")
	unknown(t, cfg, "holiday.pcap", "nothing is known")
	alone(t, cfg, done)
	replayFromSidecar(t, cfg, done)
}

// TestExplainTwoPBXes: where agents of two PBXes have the same number, the one that was in
// the call is told of.
func TestExplainTwoPBXes(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	cfg.Agent = nil
	c, err := catalog.Open(t.Context(), cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, a := range []recording.Agent{
		{CN: "Anna", E164: "24", GUID: strings.Repeat("A", 32), PBX: "a"},
		{CN: "Bruno", E164: "24", GUID: strings.Repeat("B", 32), PBX: "b"},
	} {
		err = errors.Join(err, c.SaveAgents(t.Context(), a.PBX, []recording.Agent{a}))
	}
	named := strings.NewReplacer(`guid=""`, `guid="`+strings.Repeat("b", 32)+`"`, `cn=""`, `cn="Bruno"`)
	record := catalog.CDR{XML: named.Replace(cdrOf("24", numberedConf(1))), Confs: []recording.ConfID{numberedConf(1)}}
	if err = errors.Join(err, c.SaveCDRs(t.Context(), []catalog.CDR{record}, time.Now())); err != nil {
		t.Fatal(err)
	}
	if text, _ := told(t, cfg, string(numberedConf(1))); !strings.Contains(text, "24 (Bruno) is an agent: PBX b names him") {
		t.Errorf("in\n%s", text)
	}
}

func unknown(t *testing.T, cfg service.Config, word, want string) {
	t.Helper()
	past, err := service.OpenPast(t.Context(), cfg, clock.System())
	if err != nil {
		t.Fatal(err)
	}
	defer past.Close()
	if _, err := past.Explain(t.Context(), word); !errors.Is(err, recording.ErrNotFound) || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", word, err, want)
	}
}

// alone asks about a filed recording with a catalog that has lost it.
func alone(t *testing.T, cfg service.Config, rec recording.Recording) {
	t.Helper()
	cfg.Catalog = filepath.Join(t.TempDir(), "empty.db")
	c, err := catalog.Open(t.Context(), cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	text, stories := told(t, cfg, rec.Name+".wav")
	for _, want := range []string{"from its sidecar", "=> agent-took-part", "CDR: of 24", "if 24 were no agent"} {
		if len(stories) != 1 || !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	cfg.Keys.File = filepath.Join(t.TempDir(), "none.keys")
	past, err := service.OpenPast(t.Context(), cfg, clock.System())
	if err != nil {
		t.Fatal(err)
	}
	defer past.Close()
	if _, err := past.Explain(t.Context(), rec.Name); err == nil || !strings.Contains(err.Error(), "is sealed") {
		t.Errorf("without the key ring: %v", err)
	}
}

// replayFromSidecar tries other rules on a filed call of which the catalog has no CDR any
// more; then on the same without its sidecar.
func replayFromSidecar(t *testing.T, cfg service.Config, rec recording.Recording) {
	t.Helper()
	cfg.Catalog = filepath.Join(t.TempDir(), "pruned.db")
	c, err := catalog.Open(t.Context(), cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	added, err := c.Add(t.Context(), rec.Capture)
	if err == nil {
		err = c.Observe(t.Context(), added, time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(t.Context(), time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	cl.Recording = rec
	cl.ID, cl.Call = added.ID, recording.Call{}
	if err := errors.Join(c.Advance(t.Context(), cl, time.Time{}, time.Time{}), c.Close()); err != nil {
		t.Fatal(err)
	}
	drop, err := service.ReadRules(writeRules(t, "[[filter]]\nname = \"in\"\naction = \"drop\"\ndirection = \"in\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	replay := func() (out []service.Replayed) {
		t.Helper()
		past, err := service.OpenPast(t.Context(), cfg, clock.System())
		if err != nil {
			t.Fatal(err)
		}
		defer past.Close()
		from, to, err := past.Month("")
		if err == nil {
			err = past.Replay(t.Context(), from, to, drop, func(r service.Replayed) error {
				out = append(out, r)
				return nil
			})
		}
		if err != nil || len(out) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		return out
	}
	if r := replay()[0]; !r.Changes || r.Why != "" || r.InUse.Rule != "agent-took-part" || r.New.Rule != "filter in" {
		t.Errorf("from the sidecar: %+v", r)
	}
	cfg.Archive.Path = t.TempDir()
	if r := replay()[0]; r.Changes || !strings.Contains(r.Why, "its sidecar does not open") {
		t.Errorf("without the sidecar: %q", r.Why)
	}
}

// TestExplainEarlyAndWaiting asks about a capture that was deleted unfetched, and about
// one that waits.
func TestExplainEarlyAndWaiting(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	rec := waiting(t, cfg, "card", recording.Spooled)
	text, _ := told(t, cfg, fmt.Sprint(rec.ID))
	for _, want := range []string{"spooled\n", "waits: its turn", "=> no-cdr"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	c := catalogOf(t, cfg)
	cl, err := c.Claim(t.Context(), time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	cl.State, cl.Capture.NotBefore, cl.Capture.SeenAt, cl.Capture.StillAt = recording.Discarded, now.Add(-time.Hour), now.Add(-50*time.Minute), now.Add(-time.Minute)
	cl.Verdict = recording.Verdict{
		Decision: recording.Discard, Rule: "early-no-agent", Reason: "nobody", Early: true, At: now,
		Trace: []recording.Tried{{Rule: "early-no-agent", Fired: true, Why: "nobody"}},
	}
	if err := c.Advance(t.Context(), cl, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	text, _ = told(t, cfg, string(lonely)+".pcap")
	for _, want := range []string{"deleted without being fetched", "=> early-no-agent", "if a PBX link had been down: waits for a CDR", "if the file had been whole when it appeared: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestExplainByName: a name is found with folder and extension and without, also one that
// the file had before, and in upper and lower case, as people and systems that take both
// for the same write it.
func TestExplainByName(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	c, err := catalog.Open(t.Context(), cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conf := numberedConf(0xab)
	device, now := string(conf)+"-009033010203-1f", time.Now()
	for _, cp := range []recording.Capture{
		{Source: recording.Source{Inbox: "card", Name: device + ".pcap"}, UID: string(conf), Conf: conf, MAC: "009033010203", Serial: "1f"},
		{Source: recording.Source{Inbox: "card", Name: "Holiday [1].pcapng"}, UID: strings.Repeat("ab", 16), SHA256: strings.Repeat("ab", 32)},
	} {
		cp.SeenAt = now
		if _, err := c.Add(t.Context(), cp); err != nil {
			t.Fatal(err)
		}
	}
	const device1, holiday = "Recording 1: ", "Recording 2: "
	rec, err := c.Get(t.Context(), 2)
	if err == nil {
		err = c.Observe(t.Context(), rec, now)
	}
	if err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(t.Context(), now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	before := "2026_11/2026_11_21_1200_Anna_i_5_3_" + cl.Capture.UID + "-abababab"
	cl.State, cl.Name, cl.Aliases = recording.Filed, before+"_T123456", []string{before}
	if err := c.Advance(t.Context(), cl, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ word, want string }{
		{device + ".pcap", device1},
		{device, device1},
		{strings.ToUpper(device) + ".PCAP", device1},
		{`C:\inbox\` + device + ".PCAP", device1},
		{strings.ToUpper(string(conf)), device1},
		{"Holiday [1].pcapng", holiday},
		{"/inbox/holiday [1]", holiday},
		{"HOLIDAY [1].PCAPNG", holiday},
		{strings.Repeat("AB", 16), holiday},
		{before + "_T123456.wav", holiday},
		{filepath.Base(before) + ".WAV", holiday},
		{strings.ToLower(filepath.Base(before)) + ".txt", holiday},
	} {
		if text, stories := told(t, cfg, row.word); len(stories) != 1 || !strings.HasPrefix(text, row.want) {
			t.Errorf("%s: %d stories:\n%.200s", row.word, len(stories), text)
		}
	}
	unknown(t, cfg, "Holiday 1", "nothing is known")
}

// TestExplainWithoutCapture: of a call without a capture it is told what the ledger says of
// it: that it led into another of which there is one, or that its capture is missed.
func TestExplainWithoutCapture(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	c := catalogOf(t, cfg)
	for n, row := range []struct {
		recording.Entry
		fate string
	}{
		{recording.Entry{Outcome: recording.OutcomeWithOther, Reason: "his CDR of it leads into conference x"}, "no capture of this conference came; his CDR of it leads into conference x"},
		{recording.Entry{Outcome: recording.OutcomeNoCapture, Reason: "the call ended, and no capture came within 10m0s"}, "no capture came, so that nothing of this call was recorded"},
	} {
		e, conf, began := row.Entry, numberedConf(n+1), time.Now().Add(-time.Hour)
		e.Conf, e.Agent, e.Began = conf, recording.Agent{CN: "Anna", E164: "24"}, began
		record := catalog.CDR{XML: cdrOf("24", conf), Confs: []recording.ConfID{conf}}
		if err := c.SaveCDRs(t.Context(), []catalog.CDR{record}, began); err != nil {
			t.Fatal(err)
		}
		touched, err := c.LedgerTouched(t.Context(), time.Time{}, 10)
		if err != nil || len(touched) != 1 {
			t.Fatal(touched, err)
		}
		if err := c.SaveLedger(t.Context(), []catalog.LedgerLines{{Touched: touched[0], Entries: []recording.Entry{e}}}); err != nil {
			t.Fatal(err)
		}
		text, _ := told(t, cfg, string(conf))
		for _, want := range []string{row.fate, "ledger: of 24 (Anna), " + string(e.Outcome) + ": " + e.Reason} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	}
}
