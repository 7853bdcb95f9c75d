package service_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/callcheck"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
	"callreel/internal/vmscript"
	"callreel/rules"
)

// ruled gives a rig's setup a file of rules.
func ruled(t *testing.T, text string) func(*service.Config) {
	t.Helper()
	return func(c *service.Config) { c.Rules.File = writeRules(t, text) }
}

// answered places a call and waits until it is answered.
func (r *rig) answered(t *testing.T, scenario pbxsim.Scenario, talk time.Duration) *pbxsim.Call {
	t.Helper()
	c := r.place(t, pbxsim.Plan{Scenario: scenario, Talk: talk})
	<-time.After(time.Until(c.Start))
	return c
}

// mark puts a mark file where the PBX's script puts it.
func (r *rig) mark(t *testing.T, folder, name string) {
	t.Helper()
	dir := filepath.Join(r.dir, "inbox", folder)
	if err := errors.Join(os.MkdirAll(dir, 0o750), os.WriteFile(filepath.Join(dir, name), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// filed waits until a call is in the archive, and the catalog says so, and returns its
// recording.
func (r *rig) filed(t *testing.T, c *pbxsim.Call) (rec recording.Recording) {
	t.Helper()
	ring, err := service.ReadRing(r.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "call filed", func() error {
		list, err := callcheck.Read(r.cfg.Archive.Path, ring)
		i := slices.IndexFunc(list, func(f callcheck.Filed) bool { return string(f.Sidecar.Capture.Conf) == c.Conf })
		if i < 0 {
			return errors.Join(errors.New("it is not filed"), err)
		}
		rec = list[i].Sidecar
		if r.known(t, c).Place == "" {
			return errors.New("the catalog does not say so yet")
		}
		return nil
	})
	return rec
}

// known is what the catalog has of a call.
func (r *rig) known(t *testing.T, c *pbxsim.Call) (rec recording.Recording) {
	t.Helper()
	cat, err := catalog.OpenReader(t.Context(), r.cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer cat.Close()
	until(t, "call seen", func() error {
		list, err := cat.ByConf(t.Context(), recording.ConfID(c.Conf))
		if len(list) == 0 {
			return errors.Join(errors.New("it is not in the catalog"), err)
		}
		rec = list[0]
		return err
	})
	return rec
}

// TestTCROverTheLine keeps of three calls the one that was marked in it, and destroys
// the others' copies.
func TestTCROverTheLine(t *testing.T) {
	t.Parallel()
	r := newRig(t, ruled(t, "mode = \"tcr\"\n[tcr]\nminutes = 0\n"))
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	marked := r.answered(t, pbxsim.ExternalToAgent, 1500*time.Millisecond)
	r.mark(t, "TCR", fmt.Sprintf("tcr-%s_%s.TXT", marked.Internal, marked.Internal))
	r.mark(t, "TCR", "TCR-24_25.txt")
	r.mark(t, "TCR", "TCRec.xml")
	<-marked.Done()
	other := r.call(t, pbxsim.AgentToExternal)
	until(t, "two are not kept", func() error { return r.count("discarded", 2) })
	rec := r.filed(t, marked)
	if v := rec.Verdict; v.Mode != "tcr" || len(v.Marks) != 1 || v.Marks[0].Number != marked.Internal || v.Star {
		t.Errorf("the sidecar of the marked call has %+v", v)
	}
	for _, lost := range []*pbxsim.Call{r.calls[0], other} {
		if rec := r.known(t, lost); rec.Verdict.Rule != "not-marked" || !strings.Contains(rec.Verdict.Reason, "nobody marked") {
			t.Errorf("an unmarked call ended by %s: %s", rec.Verdict.Rule, rec.Verdict.Reason)
		}
	}
	for _, c := range []*pbxsim.Call{marked, other} {
		_, stories := told(t, r.cfg, c.Conf)
		want := map[bool]string{true: "had not marked", false: "had marked"}[c == marked]
		says := func(ch rules.Change) bool {
			return ch.Changes && strings.Contains(ch.What, "agent "+c.Internal+" "+want)
		}
		if len(stories) != 1 || stories[0].Today != nil || !slices.ContainsFunc(stories[0].Changes, says) {
			t.Errorf("of the call with %s explain tells %+v", c.Internal, stories)
		}
		if text, _ := told(t, r.cfg, c.Conf); strings.Contains(text, "asked to keep the call") != (c == marked) {
			t.Errorf("explain says %s", text)
		}
	}
	past := r.past(t)
	stories, err := past.Explain(t.Context(), marked.Conf)
	if err != nil || len(stories) != 1 || stories[0].Today != nil {
		t.Fatalf("%d stories, %v: today's rules must say the same of a marked call: %+v", len(stories), err, stories)
	}
	if !slices.ContainsFunc(stories[0].Changes, func(c rules.Change) bool { return c.Changes && c.Verdict.Rule == "not-marked" }) {
		t.Errorf("nothing tells that the mark decided: %+v", stories[0].Changes)
	}
	until(t, "spool and key folder are empty", func() error {
		return errors.Join(callcheck.Empty(r.cfg.Spool, ".pcap"), callcheck.Empty(r.cfg.Keys.File+".captures", ".key"))
	})
	left, err := os.ReadDir(filepath.Join(r.dir, "inbox", "TCR"))
	if err != nil || len(left) != 2 {
		t.Errorf("of the TCR folder is left %v, %v; want the script and the mark that says not whose it is", left, err)
	}
}

// past looks back at what the rig's recorder did.
func (r *rig) past(t *testing.T) *service.Past {
	t.Helper()
	p, err := service.OpenPast(t.Context(), r.cfg, clock.System())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestReplayCounts: random rules, tried on calls that were all kept, would keep each
// second.
func TestReplayCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	for range 4 {
		r.call(t, pbxsim.ExternalToAgent)
	}
	until(t, "all are done", func() error { return r.count("done", 4) })
	set, err := rules.Parse("new.toml", []byte("mode = \"random\"\n[random]\nsystem = 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	past := r.past(t)
	from, to, err := past.Month("")
	if err != nil {
		t.Fatal(err)
	}
	dropped := 0
	err = past.Replay(t.Context(), from, to, set, func(c service.Replayed) error {
		if c.Changes && c.New.Rule == "random-system" {
			dropped++
		}
		return nil
	})
	if err != nil || dropped != 2 {
		t.Errorf("%d of 4 would not be kept, %v, want 2", dropped, err)
	}
}

// TestReplayOfLateMarks: rules that leave more time for marks than those in use find the
// marks of that time.
func TestReplayOfLateMarks(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.ExternalToAgent)
	r.filed(t, c)
	tomorrow := clock.System()
	tomorrow.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	past, err := service.OpenPast(t.Context(), r.cfg, tomorrow)
	if err != nil {
		t.Fatal(err)
	}
	defer past.Close()
	marker, err := service.OpenMarker(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	late := recording.Mark{Kind: recording.MarkKeep, Number: c.Internal, At: c.End.Add(25 * time.Minute), From: "test"}
	if err := errors.Join(marker.Mark(t.Context(), late, time.Now()), marker.Close()); err != nil {
		t.Fatal(err)
	}
	from, to, err := past.Month("")
	if err != nil {
		t.Fatal(err)
	}
	for minutes, want := range map[int]recording.Decision{30: recording.Keep, 20: recording.Discard} {
		set, err := rules.Parse("new.toml", fmt.Appendf(nil, "mode = \"tcr\"\n[tcr]\nminutes = %d\n", minutes))
		if err != nil {
			t.Fatal(err)
		}
		err = past.Replay(t.Context(), from, to, set, func(r service.Replayed) error {
			if r.New.Decision != want {
				t.Errorf("with %d minutes: %s by %s, want %s", minutes, r.New.Decision, r.New.Rule, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestMarkAfterTheCall marks a call that has ended, and shows what it waits for.
func TestMarkAfterTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, ruled(t, "mode = \"tcr\"\n[tcr]\nminutes = 1\n"))
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.ExternalToAgent)
	until(t, "it waits for a mark", func() error {
		rec := r.known(t, c)
		want := "waiting for a mark until " + c.End.Add(time.Minute).Local().Format("15:")
		if !strings.HasPrefix(rec.Retry.Reason, want) {
			return fmt.Errorf("it waits for %q, want %q…", rec.Retry.Reason, want)
		}
		return nil
	})
	// Its time of whole seconds may lie in the call; one that is ahead counts as now.
	dir, name := t.TempDir(), fmt.Sprintf("TCR-%[1]s_%[1]s.txt", c.Internal)
	ahead := time.Now().Add(time.Hour)
	tmp := filepath.Join(r.dir, "inbox", "TMP")
	err := errors.Join(os.WriteFile(filepath.Join(dir, name), nil, 0o600), os.Chtimes(filepath.Join(dir, name), ahead, ahead),
		os.Mkdir(tmp, 0o750), os.Rename(filepath.Join(dir, name), filepath.Join(tmp, name)))
	if err != nil {
		t.Fatal(err)
	}
	rec := r.filed(t, c)
	if m := rec.Verdict.Marks; len(m) != 1 || string(m[0].After) != c.Conf {
		t.Errorf("the sidecar has the marks %+v", m)
	}
}

// TestSkipAndStar drops a call that its agent did not want kept, and gives another a star.
func TestSkipAndStar(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	skipped := r.answered(t, pbxsim.ExternalToAgent, 1500*time.Millisecond)
	r.mark(t, "TMP", fmt.Sprintf("TCA-%[1]s_%[1]s.txt", skipped.Internal))
	<-skipped.Done()
	starred := r.answered(t, pbxsim.ExternalToAgent, 1500*time.Millisecond)
	dir := filepath.Join(r.cfg.Archive.Path, "TMP")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("TCR-%[1]s_%[1]s.txt", starred.Internal)), []byte{0, 255}, 0o600); err != nil {
		t.Fatal(err)
	}
	<-starred.Done()
	until(t, "one is not kept", func() error { return r.count("discarded", 1) })
	if rec := r.known(t, skipped); rec.Verdict.Rule != "skip-mark" {
		t.Errorf("the skipped call ended by %s", rec.Verdict.Rule)
	}
	if rec := r.filed(t, starred); !rec.Verdict.Star {
		t.Errorf("the marked call has no star: %+v", rec.Verdict)
	}
}

// TestMarkByHTTP marks a call by its conference, as a script that knows it does.
func TestMarkByHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, ruled(t, "mode = \"tcr\"\n[tcr]\nminutes = 1\n"))
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.AgentToExternal)
	resp, err := http.Get("http://" + r.s.Addr("receiver") + "/mark?n=" + c.Internal + "&conf=" + c.Conf)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || string(body) != "marked\n" {
		t.Errorf("answered %q, %v", body, err)
	}
	if m := r.filed(t, c).Verdict.Marks; len(m) != 1 || string(m[0].Conf) != c.Conf || m[0].From != "http" {
		t.Errorf("the sidecar has the marks %+v", m)
	}
}

// TestRandomOverTheLine keeps of four calls the first and the third, by the order of their
// ends.
func TestRandomOverTheLine(t *testing.T) {
	t.Parallel()
	r := newRig(t, ruled(t, "mode = \"random\"\n[random]\nsystem = 2\n"))
	r.light(t, service.LampPBX, service.Green)
	for range 3 {
		r.call(t, pbxsim.ExternalToAgent)
	}
	until(t, "one is not kept", func() error { return r.count("discarded", 1) })
	until(t, "two are", func() error { return r.count("done", 2) })
	post(t, r.s, cdrOf(r.calls[0].Internal, numberedConf(1)))
	if text, _ := told(t, r.cfg, string(numberedConf(1))); !strings.Contains(text, "=> random-system: call 3 of the system") {
		t.Errorf("a call that is not counted yet would not be the next:\n%s", text)
	}
	r.call(t, pbxsim.ExternalToAgent)
	until(t, "two are not kept", func() error { return r.count("discarded", 2) })
	for i, c := range r.calls {
		if i%2 == 0 {
			if v := r.filed(t, c).Verdict; v.Draw == nil || v.Draw.System != int64(i) || v.Mode != "random" {
				t.Errorf("call %d: %+v", i, v)
			}
		} else if v := r.known(t, c).Verdict; v.Rule != "random-system" || v.Owner.CN != c.CN {
			t.Errorf("call %d ended by %s for %q", i, v.Rule, v.Owner.CN)
		}
	}
}

// TestStarOfAFiledRecording marks a call that is filed already: catalog, sidecar and its
// copy have the star, and the page shows it.
func TestStarOfAFiledRecording(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	c := r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)
	until(t, "done", func() error { return r.count("done", 1) })
	m, err := service.OpenMarker(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	now := time.Now()
	if err := m.Mark(t.Context(), recording.Mark{Kind: recording.MarkKeep, Number: c.Internal, At: c.End.Add(time.Millisecond)}, now); err != nil {
		t.Fatal(err)
	}
	until(t, "a star", func() error {
		if !r.known(t, c).Verdict.Star {
			return errors.New("the catalog has none")
		}
		return nil
	})
	ring, err := service.ReadRing(r.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{r.cfg.Archive.Path, r.cfg.Archive.Backup} {
		list, err := callcheck.Read(folder, ring)
		if err != nil || len(list) != 1 || !list[0].Sidecar.Verdict.Star {
			t.Errorf("in %s: %d sidecars, %v", folder, len(list), err)
		}
	}
	r.allFiled(t)
	resp, err := http.Get("http://" + r.s.Addr("player") + "/api/recordings")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), `"star":true`) {
		t.Errorf("the page is told %s, %v", body, err)
	}
}

// TestVoicemailScripts runs our own scripts, as the simulated PBX's voicemail object does:
// a call to them marks the caller's conversation, and he hears whether it did.
func TestVoicemailScripts(t *testing.T) {
	t.Parallel()
	r := newRig(t, ruled(t, "mode = \"tcr\"\n[tcr]\nminutes = 0\n"))
	r.light(t, service.LampPBX, service.Green)
	dial := func(script, query, caller, second string) *pbxsim.Voicemail {
		v := &pbxsim.Voicemail{Files: vmscript.Files(), Query: query, Caller: caller, Second: second, Conf: strings.Repeat("ab", 16)}
		if err := v.Run(t.Context(), script); err != nil {
			t.Fatal(err)
		}
		return v
	}
	here := "recorder=" + r.s.Addr("receiver") + "/mark"
	for _, row := range []struct{ query, second, heard string }{{here, "", "Track1.g711a"}, {here, "57", "Track2.g711a"}} {
		c := r.answered(t, pbxsim.ExternalToAgent, 1500*time.Millisecond)
		if v := dial("TCR/TCRec.xml", row.query, c.Internal, row.second); !slices.Equal(v.Played, []string{row.heard}) || !v.Ended {
			t.Errorf("second leg %q: heard %q, ended %v", row.second, v.Played, v.Ended)
		}
		<-c.Done()
		if rec := r.filed(t, c); len(rec.Verdict.Marks) != 1 {
			t.Errorf("marks %+v", rec.Verdict.Marks)
		}
	}
	c := r.answered(t, pbxsim.ExternalToAgent, 1500*time.Millisecond)
	if v := dial("TCR/TCRec.xml", here+"&skip=1", c.Internal, ""); !slices.Equal(v.Played, []string{"Skipped.g711a"}) {
		t.Errorf("skip: heard %q", v.Played)
	}
	for what, v := range map[string]*pbxsim.Voicemail{
		"nobody's number": dial("TCR/TCRec.xml", here, "4711", ""),
		"no recorder":     dial("TCR/TCRec.xml", "recorder=127.0.0.1:1/mark", c.Internal, ""),
	} {
		if !slices.Equal(v.Played, []string{"Failed.g711a"}) {
			t.Errorf("%s: heard %q", what, v.Played)
		}
	}
	until(t, "the skipped call is not kept", func() error { return r.count("discarded", 1) })
	if v := dial("TAN.xml", "", c.Internal, ""); !slices.Equal(v.Played, []string{"TAN.g711a"}) || !v.Ended {
		t.Errorf("TAN beside the call: heard %q", v.Played)
	}
	if v := dial("TAN.xml", "", "0012345", c.Internal); v.Transferred != c.Internal || len(v.Played) > 0 {
		t.Errorf("TAN by passing the call on: goes to %q, heard %q", v.Transferred, v.Played)
	}
}
