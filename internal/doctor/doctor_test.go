package doctor_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"callreel/internal/doctor"
	"callreel/internal/recording"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func fresh() *doctor.Examination {
	return doctor.New(doctor.Config{Now: now, Days: 7, Backup: true, Told: true})
}

// filed is a recording without fault; n tells one from another.
func filed(n int) recording.Recording {
	end := now.Add(-time.Duration(n+2) * time.Hour)
	rec := recording.Recording{ID: recording.ID(n + 1), State: recording.Done}
	rec.Capture = recording.Capture{
		Source: recording.Source{Inbox: "phones"}, MAC: "009033aabbcc", RegName: "rossi", RecordedOn: recording.OnPhone,
		StillAt: end.Add(3 * time.Second), FetchedAt: end.Add(5 * time.Second), SourceGone: true,
	}
	rec.Verdict.Owner = recording.Agent{CN: "Anna Rossi", H323: "rossi"}
	rec.Seal.Size = 1 << 20
	rec.Audio = recording.Audio{
		Status: recording.AudioOK, DurationS: 60, Start: end.Add(-time.Minute),
		Truth: []recording.Truth{{Side: recording.SideExternal, Packets: 3000}, {Side: recording.SideInternal, Packets: 3000}},
	}
	return rec
}

func entry(n int) recording.Entry {
	return recording.Entry{Agent: recording.Agent{CN: "Anna Rossi"}, Began: now.Add(-time.Duration(n+2) * time.Hour), Outcome: recording.OutcomeFiled}
}

// healthy is a week of which there is nothing to say.
func healthy(x *doctor.Examination) {
	for n := range 10 {
		x.Recording(filed(n))
		x.Call(entry(n))
		x.CDR(now.Add(-time.Duration(n+2)*time.Hour), now.Add(-time.Duration(n+2)*time.Hour+time.Duration(n+1)*time.Second))
	}
	x.Inbox(doctor.Inbox{Name: "phones", Files: 3, Oldest: now.Add(-time.Minute), Off: time.Second})
	x.Disk("archive", 500<<30, 1000<<30)
	x.Clock("PBX main", -time.Second)
}

func TestHealthy(t *testing.T) {
	x := fresh()
	healthy(x)
	if found := x.Findings(); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

// Each finding is made, beside a week that is healthy, and nothing else is found.
func TestFindings(t *testing.T) {
	for _, row := range []struct {
		name, kind, where, what string
		ail                     func(*doctor.Examination)
	}{
		{"one side is not heard", doctor.OneWay, "device 0090330000ff in inbox phones", "Of 4 recordings 2 have nothing on the external side.", func(x *doctor.Examination) {
			for n := range 4 {
				rec := filed(n)
				rec.Capture.MAC = "0090330000FF"
				if n < 2 {
					rec.Audio.Truth[0].Packets = 0
				}
				x.Recording(rec)
			}
		}},
		{"a gateway as a telephone", doctor.Swapped, "device 0090330000ff in inbox phones", "has recorded 3 agents: it is probably a gateway", func(x *doctor.Examination) {
			for n := range 3 {
				rec := filed(n)
				rec.Capture.MAC, rec.Capture.RegName = "0090330000ff", "trunk"
				rec.Verdict.Owner = recording.Agent{CN: fmt.Sprint("agent ", n)}
				x.Recording(rec)
			}
		}},
		{"a telephone as a gateway", doctor.Swapped, "device 0090330000ff in inbox phones", "it is probably his telephone", func(x *doctor.Examination) {
			for n := range 3 {
				rec := filed(n)
				rec.Capture.MAC, rec.Capture.RecordedOn = "0090330000ff", recording.OnGateway
				x.Recording(rec)
			}
		}},
		{"a device's clock is ahead", doctor.Clock, "device 0090330000ff in inbox phones", "By 3 captures its clock is 5 minutes ahead of this machine's.", func(x *doctor.Examination) {
			for n := range 3 {
				rec := filed(n)
				rec.Capture.MAC = "0090330000ff"
				rec.Audio.Start = rec.Audio.Start.Add(5 * time.Minute).Add(5 * time.Second)
				x.Recording(rec)
			}
		}},
		{"a device's clock is behind", doctor.Clock, "device 0090330000ff in inbox phones", "its clock is 3 hours behind this machine's.", func(x *doctor.Examination) {
			for n := range 3 {
				rec := filed(n)
				rec.Capture.MAC = "0090330000ff"
				rec.Audio.Start = rec.Audio.Start.Add(-3 * time.Hour)
				x.Recording(rec)
			}
		}},
		{"a row that cannot be read", doctor.Row, "catalog", "What it holds of some calls cannot be read: recording 5: its row cannot be read.", func(x *doctor.Examination) {
			x.Row(errors.New("recording 5: its row cannot be read"))
		}},
		{"an inbox that cannot be listed", doctor.Unread, "inbox trunk", "It cannot be listed: 401 Unauthorized", func(x *doctor.Examination) {
			x.Inbox(doctor.Inbox{Name: "trunk", Err: errors.New("401 Unauthorized")})
		}},
		{"an inbox that fills", doctor.Filling, "inbox trunk", "300 captures lie in it (5 MB), the oldest for 2 hours.", func(x *doctor.Examination) {
			x.Inbox(doctor.Inbox{Name: "trunk", Files: 300, Bytes: 5 << 20, Oldest: now.Add(-2 * time.Hour)})
		}},
		{"an inbox with an old file", doctor.Filling, "inbox trunk", "1 capture lies in it (0 MB), the oldest for 3 days.", func(x *doctor.Examination) {
			x.Inbox(doctor.Inbox{Name: "trunk", Files: 1, Oldest: now.Add(-73 * time.Hour)})
		}},
		{"a server's clock", doctor.Clock, "Reporting old", "Its clock is 10 minutes behind this machine's.", func(x *doctor.Examination) {
			x.Clock("Reporting old", -10*time.Minute)
		}},
		{"a codec that is not known", doctor.Codec, "captures", "2 cannot be heard: payload type 4 is G723.", func(x *doctor.Examination) {
			for n := range 2 {
				rec := filed(n)
				rec.State, rec.Audio.Status, rec.Audio.Reason = recording.Unusable, recording.AudioUnsupported, "payload type 4 is G723"
				x.Recording(rec)
			}
		}},
		{"something is put aside", doctor.PutAside, "captures", "1 is in quarantine or unusable.", func(x *doctor.Examination) {
			rec := filed(0)
			rec.State = recording.Quarantined
			x.Recording(rec)
			rec.Retry.Accepted = true
			x.Recording(rec)
		}},
		{"a disk that is full", doctor.DiskFull, "backup", "Only 40960 MB of 1024000 are free.", func(x *doctor.Examination) {
			x.Disk("backup", 40<<30, 1000<<30)
		}},
		{"a disk that will be full", doctor.DiskFull, "backup", "It is full in 19 days, as the last 7 days went on.", func(x *doctor.Examination) {
			rec := filed(0)
			rec.Seal.Size = 71 << 30
			x.Recording(rec)
			x.Disk("backup", 200<<30, 1000<<30)
		}},
		{"a backup that is behind", doctor.Behind, "backup", "2 recordings are not in the backup, the oldest for 2 hours.", func(x *doctor.Examination) {
			for n := range 2 {
				rec := filed(n)
				rec.State = recording.Filed
				x.Recording(rec)
			}
		}},
		{"a source that stays", doctor.Undeleted, "inbox phones", "1 capture is safe here and not deleted there, the oldest for 3 hours.", func(x *doctor.Examination) {
			rec := filed(2)
			rec.Capture.SourceGone = false
			rec.Capture.FetchedAt = now.Add(-3*time.Hour - time.Minute)
			x.Recording(rec)
		}},
		{"calls without a capture", doctor.NoCapture, "agent Mary Example", "Of 2 calls 1 have no audio: no capture came.", func(x *doctor.Examination) {
			e := entry(1)
			e.Agent.CN = "Mary Example"
			x.Call(e)
			e.Outcome = recording.OutcomeNoCapture
			x.Call(e)
			e.Accepted, e.Agent.CN = true, "Anna Rossi"
			x.Call(e)
		}},
		{"records stopped coming", doctor.NoCDR, "PBX", "The last call detail record came 2 hours before the last call of an agent.", func(x *doctor.Examination) {
			e := entry(0)
			e.Began = now.Add(time.Minute)
			x.Call(e)
		}},
		{"the PBX's clock is ahead", doctor.Clock, "PBX", "at least 2 hours ahead of this machine's.", func(x *doctor.Examination) {
			x.CDR(now.Add(2*time.Hour-5*time.Minute), now.Add(-5*time.Minute))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			x := fresh()
			healthy(x)
			row.ail(x)
			found := x.Findings()
			if len(found) != 1 || found[0].Kind != row.kind || found[0].Where != row.where || !strings.Contains(found[0].What, row.what) {
				t.Fatalf("found %+v", found)
			}
			if found[0].Why == "" || found[0].Do == "" {
				t.Errorf("it does not say why and what to do: %+v", found[0])
			}
		})
	}
}

// What can only be found where there are no healthy calls beside it.
func TestFindingsAlone(t *testing.T) {
	x := fresh()
	for n := range 3 {
		x.Recording(filed(n))
		x.CDR(now.Add(-time.Hour), now.Add(-time.Hour+5*time.Minute))
	}
	if found := x.Findings(); len(found) != 1 || found[0].Kind != doctor.Clock || !strings.Contains(found[0].What, "5 minutes after its call") {
		t.Errorf("a late PBX: %+v", found)
	}
	x = fresh()
	x.Recording(filed(0))
	if found := x.Findings(); len(found) != 1 || found[0].Kind != doctor.NoCDR || !strings.Contains(found[0].What, "No call detail record has come in 7 days") {
		t.Errorf("no records: %+v", found)
	}
	x = doctor.New(doctor.Config{Now: now, Days: 7})
	if found := x.Findings(); len(found) != 1 || found[0].Kind != doctor.NobodyIs {
		t.Errorf("nobody is told: %+v", found)
	}
}

// What is a finding of many calls is none of one: a short call, a single one-way call,
// an agent's own telephone, a call that was carried here by hand.
func TestNoFindings(t *testing.T) {
	x := fresh()
	healthy(x)
	for n := range 2 {
		rec := filed(n)
		rec.Audio.DurationS, rec.Audio.Truth[1].Packets = 4, 0
		rec.Audio.Start = rec.Capture.StillAt.Add(-5 * time.Second)
		x.Recording(rec)
	}
	rec := filed(5)
	rec.Audio.Truth[1].Packets = 0
	x.Recording(rec)
	if found := x.Findings(); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

// Every setting that an assumption names is one of the setup.
func TestAssumptions(t *testing.T) {
	doc, err := os.ReadFile("../../doc/config.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range doctor.Assumptions() {
		if a.About == "" || a.Assumed == "" || a.Check == "" {
			t.Errorf("incomplete: %+v", a)
		}
		keys, section, of := strings.Cut(a.Change, " of ")
		if a.Change == "none" {
			continue
		}
		for _, key := range strings.FieldsFunc(strings.ReplaceAll(keys, " and ", ","), func(r rune) bool { return r == ',' || r == ' ' }) {
			if !strings.Contains(string(doc), "`"+key+"`") && !strings.Contains(string(doc), "`"+key) && !strings.Contains(string(doc), key+"`") {
				t.Errorf("%s: doc/config.md has no key %s", a.About, key)
			}
		}
		name, _, _ := strings.Cut(section, " for ")
		if of && strings.HasPrefix(name, "[") && !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("%s: doc/config.md has no section %s", a.About, name)
		}
	}
}
