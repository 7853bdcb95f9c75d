package sidecar_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/internal/sidecar"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func example() recording.Recording {
	started := at("2026-11-21T11:00:03.25Z")
	raw := `<cdr guid="0a" cn="Rossi" e164="24" dir="to" utc="1795258800"><event msg="setup-to" time="130" type="ext" e164="0012345" conf="c03a55c2e909d31188fc009033062255"/></cdr>`
	return recording.Recording{
		ID: 17, Name: "2026_11/2026_11_21_1200_24_i_0012345_3_c03a55c2e909d31188fc009033062255",
		Capture: recording.Capture{
			Source: recording.Source{Inbox: "main", Name: "c03a55c2e909d31188fc009033062255-009033010203-17.pcap"},
			Stamp:  recording.Stamp{Size: 4711, ETag: `"1-2"`, ModTime: at("2026-11-21T11:02:40Z")},
			SeenAt: started, Polls: 3, UID: "c03a55c2e909d31188fc009033062255",
			Conf: "c03a55c2e909d31188fc009033062255", MAC: "009033010203", Serial: "17",
			RecordedOn: recording.OnPhone, SHA256: strings.Repeat("ab", 32),
		},
		Call: recording.Call{
			CDRs: []recording.CDR{{
				Raw: 5, GUID: "0a", CN: "Rossi", E164: "24", Dir: recording.DirTo, UTC: at("2026-11-21T11:00:00Z"),
				IsUser: true, Groups: []string{"rec", "a & b"},
				Events: []recording.CDREvent{
					{Msg: "setup-to", Time: 130, Type: "ext", E164: "0012345", Conf: "c03a55c2e909d31188fc009033062255"},
					{Msg: "alert-from", Time: 130},
					{Msg: "conn-from", Time: 133, E164: "0012345"},
					{Msg: "transfer-from", Time: 132, To: []recording.Number{{E164: "25", DN: "Bianchi"}}},
					{Msg: "rel-from", Time: 290, Cause: 16},
				},
			}},
			Raw: []recording.RawCDR{{ID: 5, Received: at("2026-11-21T11:02:44Z"), XML: raw}},
			Live: []recording.Leg{{
				Agent: recording.Agent{CN: "Rossi", E164: "24", PBX: "hq"}, ToAgent: true, Began: at("2026-11-21T11:00:00Z"),
			}},
		},
		Verdict: recording.Verdict{
			Decision: recording.Keep, Rule: "agent", Reason: "an agent's call", Trace: []recording.Tried{{Rule: "agent", Fired: true, Why: "24 is an agent"}},
			Owner: recording.Agent{CN: "Rossi", E164: "24"}, Direction: recording.In, Internal: "24", External: "0012345", Ring: 3, Started: started,
		},
		Audio: recording.Audio{
			Status: recording.AudioOK, Format: "wav", Codec: "pcma", SampleRate: 8000, Channels: 2, Samples: 1260000, DurationS: 157.5,
			Start: started, SidesBy: recording.ByPorts,
			Streams: []recording.Stream{{SSRC: 4294967295, Side: recording.SideExternal, Codec: "PCMA", PayloadType: 8, Packets: 7875, Lost: 3, JitterMS: 0.31, MOS: 4.37, From: "10.0.0.1:16388", To: "10.0.0.2:5004"}},
			Digits:  []recording.Digit{{Digit: "#", AtS: 1.5, Side: recording.SideExternal}},
			Truth:   []recording.Truth{{Side: recording.SideExternal, Spans: []recording.Span{{FromS: 0, ToS: 157.5, Kind: "received"}}, Packets: 7875, Lost: 3, JitterMS: 0.31, MOS: 4.37}, {Side: recording.SideInternal}},
			Peaks:   [][]byte{{0x80, 0x7F, 0, 1}, {}}, Passed: map[string]int{"rtcp": 31, "cut": 1},
			SIP: &recording.SIPParties{CallID: "x@y", From: "0012345", To: "24", Invite: started},
		},
		Seal: recording.Seal{Key: "default", AudioSealed: true, FileSHA256: strings.Repeat("cd", 32), ClearSHA256: strings.Repeat("ef", 32), Size: 2520058},
	}
}

func meta(t *testing.T) sidecar.Meta {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Skip("no time zones on this machine")
	}
	return sidecar.Meta{Version: "1.2.3", Location: loc}
}

func TestGolden(t *testing.T) {
	got, err := sidecar.Encode(example(), meta(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "example.xml")
	if update() {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the format has changed; say so in doc/format.md and run the test with -args update:\n%s", got)
	}
}

func update() bool { return flag.Arg(0) == "update" }

func TestRoundTripLosesNothing(t *testing.T) {
	want := example()
	want.Audio.Peaks[1] = []byte{9}
	roundTrip(t, want)
	want.Call.CDRs[0].UTC = time.Unix(1<<40, 5).UTC() // the year 36812
	roundTrip(t, want)
	roundTrip(t, recording.Recording{})
}

func roundTrip(t *testing.T, want recording.Recording) {
	t.Helper()
	data, err := sidecar.Encode(want, meta(t))
	if err != nil {
		t.Fatal(err)
	}
	got, m, err := sidecar.Decode(data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v\nfrom %s", got, want, data)
	}
	if m.Version != "1.2.3" || m.Location.String() != "Europe/Rome" {
		t.Errorf("meta is %q in %s", m.Version, m.Location)
	}
}

// Every field of every part is set to something by reflection, so that a field
// which is added to the recording and cannot be carried fails here.
func TestEveryFieldSurvives(t *testing.T) {
	var rec recording.Recording
	seed := 0
	for _, part := range []any{&rec.ID, &rec.Name, &rec.Capture, &rec.Call, &rec.Verdict, &rec.Audio, &rec.Seal} {
		fill(t, reflect.ValueOf(part).Elem(), &seed)
	}
	roundTrip(t, rec)
}

func fill(t *testing.T, v reflect.Value, seed *int) {
	t.Helper()
	*seed++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1800000000, int64(*seed)).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(t, field, seed)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), seed)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), seed)
		fill(t, v.Index(1), seed)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]int{"a": *seed, "b <": 0}))
	case reflect.String:
		v.SetString("text \\ " + string(rune('A'+*seed%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(*seed) / 7)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*seed % 256))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(-*seed))
	default:
		t.Fatalf("the test does not know how to fill a %s", v.Type())
	}
}

func hostile() []string {
	return []string{
		"]]>", "<a>&amp;</a>", "nul\x00bell\x07", "line\r\nline\ttab", "\xff\xfe broken", "right\u202eleft", "back\\slash \\x41",
		"\ufffd is a real one", "\ufffe\uffff", "  spaces  ", "\u0085", "\U000e0001", `"quoted" 'so'`, "]]]]>>", "\n", "<![CDATA[x]]>",
	}
}

func TestHostileTextSurvives(t *testing.T) {
	for _, s := range hostile() {
		rec := example()
		rec.Verdict.ExternalName, rec.Capture.RegName, rec.Call.CDRs[0].Groups[0] = s, s, s
		rec.Call.Raw[0].XML = s
		rec.Audio.Peaks[1] = []byte{1}
		rec.Audio.Passed[s] = 1
		roundTrip(t, rec)
	}
}

func TestOutputHasNoHiddenCharacters(t *testing.T) {
	rec := example()
	rec.Verdict.ExternalName = "a\x00b\u202ec\xff"
	data, err := sidecar.Encode(rec, sidecar.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(`external_name="a\x00b\u202ec\xff"`)) {
		t.Errorf("not shown clearly:\n%s", data[:600])
	}
}

func TestRefusals(t *testing.T) {
	good, err := sidecar.Encode(example(), sidecar.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string { return strings.Replace(string(good), old, new, 1) }
	for name, c := range map[string]struct{ data, want string }{
		"empty":         {"", "at byte 0"},
		"cut":           {string(good[:len(good)/2]), "at byte"},
		"newer version": {change(`version="1"`, `version="2"`), `version="2"`},
		"other root":    {"<html/>", "<html"},
		"no recording":  {`<callreel-sidecar version="1"/>`, "no <recording>"},
		"bad number":    {change(`polls="3"`, `polls="three"`), "capture: polls"},
		"bad escape":    {change(`cn="Rossi"`, `cn="\q"`), "escape"},
		"bad time":      {change(`seen_at="2026`, `seen_at="MMXX`), "seen_at"},
		"two roots":     {string(good) + "<x/>", "second root"},
		"deep":          {strings.Repeat("<a>", 100), "deeper"},
	} {
		_, _, err := sidecar.Decode([]byte(c.data))
		if !errors.Is(err, sidecar.ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestFlowOfALiveCallWithoutCDR(t *testing.T) {
	rec := example()
	rec.Call.CDRs = nil
	data, err := sidecar.Encode(rec, sidecar.Meta{})
	if err != nil || !bytes.Contains(data, []byte(`what="Rossi (24) is called by an unknown party"`)) {
		t.Errorf("%v\n%s", err, data)
	}
}

func FuzzDecode(f *testing.F) {
	good, err := sidecar.Encode(example(), sidecar.Meta{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`<callreel-sidecar version="1"><recording><call><cdrs><cdr/></cdrs></call></recording></callreel-sidecar>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, m, err := sidecar.Decode(data)
		if err != nil {
			return
		}
		again, err := sidecar.Encode(rec, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := sidecar.Decode(again); err != nil {
			t.Fatalf("what was read cannot be written and read again: %v\n%s", err, again)
		}
	})
}
