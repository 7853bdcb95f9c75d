package naming_test

import (
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/naming"
)

const uid = "c03a55c2e909d311b6450090331b3e3b"

func rome(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func sample() recording.Recording {
	return recording.Recording{
		Capture: recording.Capture{UID: uid, Conf: uid, SHA256: strings.Repeat("ab", 32)},
		Verdict: recording.Verdict{Internal: "24", Direction: recording.In, External: "0012345", Ring: 3},
		Audio:   recording.Audio{Start: time.Date(2026, 11, 21, 11, 0, 3, 0, time.UTC)},
	}
}

func TestName(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*recording.Recording)
		want   string
	}{
		{"as the spec shows it", func(*recording.Recording) {}, "2026_11/2026_11_21_1200_24_i_0012345_3_" + uid},
		{
			"31 digits stay as they came", func(r *recording.Recording) { r.Capture.UID = uid[1:] },
			"2026_11/2026_11_21_1200_24_i_0012345_3_" + uid[1:],
		},
		{
			"V11", func(r *recording.Recording) { r.Capture.MAC, r.Capture.Serial = "00-90-33-1b-3e-3b", "17" },
			"2026_11/2026_11_21_1200_24_i_0012345_3_" + uid + "-00-90-33-1b-3e-3b-17",
		},
		{
			"V10 duplicate", func(r *recording.Recording) { r.Capture.Duplicate = true },
			"2026_11/2026_11_21_1200_24_i_0012345_3_" + uid + "-abababab",
		},
		{
			"foreign file", func(r *recording.Recording) { r.Capture.Conf = "" },
			"2026_11/2026_11_21_1200_24_i_0012345_3_" + uid + "-abababab",
		},
		{
			"no numbers", func(r *recording.Recording) { r.Verdict = recording.Verdict{Direction: recording.Out} },
			"2026_11/2026_11_21_1200_unknown_o_unknown_0_" + uid,
		},
		{
			"hostile number", func(r *recording.Recording) { r.Verdict.External = `../a_b*` },
			"2026_11/2026_11_21_1200_24_i_~2e~2e~2fa~5fb~2a_3_" + uid,
		},
		{"month by local time", func(r *recording.Recording) {
			r.Audio.Start = time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
		}, "2027_01/2027_01_01_0030_24_i_0012345_3_" + uid},
		{"no media: answered", func(r *recording.Recording) {
			r.Audio.Start = time.Time{}
			r.Verdict.Started = time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
		}, "2026_06/2026_06_01_1200_24_i_0012345_3_" + uid},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := sample()
			row.change(&rec)
			if got := naming.Name(rec, rome(t)); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// TestNameWithTAN: the TAN is at the end, also of a name that was taken.
func TestNameWithTAN(t *testing.T) {
	rec := sample()
	plain := naming.Name(rec, rome(t))
	rec.Call.TAN = "123456"
	if got := naming.Name(rec, rome(t)); got != plain+"_T123456" {
		t.Errorf("name %s", got)
	}
	rec.Capture.SHA256 = "abababababab"
	other := naming.Other(rec, rome(t))
	if other != plain+"-abababab_T123456" {
		t.Errorf("other name %s", other)
	}
	if p, err := naming.Parse(other, rome(t)); err != nil || p.TAN != "123456" {
		t.Errorf("read back as %+v, %v", p, err)
	}
}

func TestNameStaysShort(t *testing.T) {
	rec := sample()
	rec.Verdict.External = strings.Repeat("*", 4000)
	got := naming.Name(rec, rome(t))
	if len(got) > 200 {
		t.Errorf("name has %d bytes: %s", len(got), got)
	}
	if p, err := naming.Parse(got, rome(t)); err != nil || strings.Trim(p.External, "*") != "" {
		t.Errorf("cut number reads back as %q, %v", p.External, err)
	}
}

func TestParse(t *testing.T) {
	for _, row := range []struct {
		in   string
		want naming.Parts
	}{
		{
			"2013_06_24_1638_39_o_0800102_7_75c1f48e909d31188fc00903306225f.wav",
			naming.Parts{Internal: "39", Direction: "o", External: "0800102", Ring: 7, UID: "75c1f48e909d31188fc00903306225f"},
		},
		{
			"2013_09_24_1107_39.o.024_1_" + uid + ".wav",
			naming.Parts{Internal: "39", Direction: "o", External: "024", Ring: 1, UID: uid},
		},
		{
			`\\nas\calls\2026_11\2026_11_21_1200_unknown_i_~2a55_3_` + uid + `-009033010203-1f_T123456.mp3`,
			naming.Parts{Direction: "i", External: "*55", Ring: 3, UID: uid, MAC: "009033010203", Serial: "1f", TAN: "123456"},
		},
		{
			"2026_11/2026_11_21_1200_24_i_5_3_" + uid + "-abababab",
			naming.Parts{Internal: "24", Direction: "i", External: "5", Ring: 3, UID: uid, Digest: "abababab"},
		},
	} {
		got, err := naming.Parse(row.in, time.UTC)
		if err != nil {
			t.Errorf("%s: %v", row.in, err)
			continue
		}
		got.Start = time.Time{}
		if got != row.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", row.in, got, row.want)
		}
	}
	for _, bad := range []string{"", "notes.txt", "2026_13_40_9999_1_i_2_3_" + uid, "2026_11_21_1200_24_x_5_3_" + uid} {
		if p, err := naming.Parse(bad, time.UTC); err == nil {
			t.Errorf("%q was read as %+v", bad, p)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("24", "0012345", 3, "00-90-33-1b-3e-3b", "17")
	f.Add("*55#", "../x", 0, "", "")
	f.Fuzz(func(t *testing.T, internal, external string, ring int, mac, serial string) {
		rec := sample()
		rec.Verdict.Internal, rec.Verdict.External, rec.Verdict.Ring = internal, external, ring
		rec.Capture.MAC, rec.Capture.Serial = mac, serial
		name := naming.Name(rec, time.UTC)
		if strings.ContainsAny(strings.TrimPrefix(name, "2026_11/"), `/\:*?"<>|`) || strings.ContainsRune(name, 0) {
			t.Fatalf("unsafe name %q", name)
		}
		p, err := naming.Parse(name+".wav", time.UTC)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if len(naming.Escape(internal)) <= 60 && internal != "unknown" && p.Internal != internal {
			t.Errorf("internal %q came back as %q", internal, p.Internal)
		}
		if p.UID != uid {
			t.Errorf("uid came back as %q", p.UID)
		}
	})
}
