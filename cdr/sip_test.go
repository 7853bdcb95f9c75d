package cdr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

var invited = time.Date(2026, 11, 21, 12, 0, 0, 400e6, time.UTC)

// called is the record of an object that was called at a time.
func called(conf, own, other string, at time.Time) recording.RawCDR {
	return recording.RawCDR{XML: fmt.Sprintf(`<cdr guid="%032d" cn="Object %s" e164="%s" h323="anna" dir="to" utc="%d"><user/>`+
		`<event msg="setup-to" time="100" e164="%s" conf="%s"/><event msg="alert-from" time="101" e164="%s" conf="%s"/>`+
		`<event msg="rel-to" time="130" e164="%s" conf="%s"/></cdr>`, len(own), own, own, at.Unix(), other, conf, other, conf, other, conf)}
}

const (
	confA = "c03a55c2909d31188fc00903306225aa"
	confB = "c03a55c2909d31188fc00903306225bb"
)

func TestBySIP(t *testing.T) {
	for _, row := range []struct {
		name     string
		raw      []recording.RawCDR
		from, to string
		want     recording.ConfID
		err      error
	}{
		{"both numbers", []recording.RawCDR{called(confA, "24", "0123456", invited)}, "0123456", "24", confA, nil},
		{"the caller is written with a prefix", []recording.RawCDR{called(confA, "24", "00123456", invited)}, "+123456", "24", confA, nil},
		{"the called one by his name", []recording.RawCDR{called(confA, "24", "0123456", invited)}, "0123456", "Anna", confA, nil},
		{"of two calls the nearer", []recording.RawCDR{
			called(confB, "24", "0123456", invited.Add(-8*time.Second)), called(confA, "24", "0123456", invited.Add(time.Second)),
		}, "0123456", "24", confA, nil},
		{"trunk and user of one call", []recording.RawCDR{
			called(confA, "0123456", "24", invited), called(confA, "24", "0123456", invited.Add(time.Second)),
		}, "0123456", "24", confA, nil},
		{"two calls at once", []recording.RawCDR{
			called(confB, "24", "0123456", invited), called(confA, "24", "0123456", invited.Add(time.Second)),
		}, "0123456", "24", "", ErrAmbiguous},
		{"another clock", []recording.RawCDR{called(confA, "24", "0123456", invited.Add(time.Minute))}, "0123456", "24", "", recording.ErrNotYet},
		{"another caller", []recording.RawCDR{called(confA, "24", "0999999", invited)}, "0123456", "24", "", recording.ErrNotYet},
		{"an extension is no ending of a number", []recording.RawCDR{called(confA, "7724", "0123456", invited)}, "0123456", "24", "", recording.ErrNotYet},
		{"one party is not both, though the one's number ends with the other's", []recording.RawCDR{
			called(confA, "124", "0999999", invited),
		}, "124", "0123124", "", recording.ErrNotYet},
		{"both of such parties", []recording.RawCDR{called(confA, "124", "0123124", invited)}, "124", "0123124", confA, nil},
		{"the same the other way round", []recording.RawCDR{called(confA, "0123124", "124", invited)}, "124", "0123124", confA, nil},
		{"somebody calls himself", []recording.RawCDR{called(confA, "124", "124", invited)}, "124", "124", confA, nil},
		{"no number", []recording.RawCDR{called(confA, "24", "", invited)}, "", "24", "", recording.ErrNotYet},
		{"no record", nil, "0123456", "24", "", recording.ErrNotYet},
		{"no XML", []recording.RawCDR{{XML: "<cdr"}}, "0123456", "24", "", recording.ErrNotYet},
	} {
		t.Run(row.name, func(t *testing.T) {
			sip := recording.SIPParties{From: row.from, To: row.to, Invite: invited}
			got, err := BySIP(row.raw, sip, 10*time.Second)
			if !errors.Is(err, row.err) || got.Conf != row.want {
				t.Fatalf("%+v, %v; want %s, %v", got, err, row.want, row.err)
			}
			if row.err == nil && !strings.Contains(got.Why, string(row.want)) {
				t.Errorf("why: %s", got.Why)
			}
			if errors.Is(row.err, ErrAmbiguous) && (!strings.Contains(err.Error(), confA) || !strings.Contains(err.Error(), confB)) {
				t.Errorf("the conferences are not named: %v", err)
			}
		})
	}
}

func FuzzBySIP(f *testing.F) {
	f.Add(called(confA, "24", "0123456", invited).XML, "0123456", "24")
	f.Fuzz(func(t *testing.T, xml, from, to string) {
		fit, err := BySIP([]recording.RawCDR{{XML: xml}}, recording.SIPParties{From: from, To: to, Invite: invited}, time.Hour)
		if err == nil && len(fit.Conf) != 32 {
			t.Fatalf("%+v", fit)
		}
	})
}

// TestSetups: BySIP finds a record by the times that Setups names, and by no other.
func TestSetups(t *testing.T) {
	parsed, err := Parse(fmt.Sprintf(`<cdr cn="x" e164="24" dir="to" utc="%d"><event msg="setup-to" time="100" e164="1" conf="%s"/>`+
		`<event msg="setup-from" time="100" conf="%s"/><event msg="alert-from" time="103" conf="%s"/><event msg="setup-to" time="110" conf="%s"/>`+
		`<event msg="setup-to" time="120"/></cdr>`, invited.Unix(), confA, confA, confA, confB))
	if err != nil || len(parsed) != 1 {
		t.Fatal(err)
	}
	begin := time.Unix(invited.Unix(), 0).UTC()
	if got := Setups(parsed[0].CDR); !slices.EqualFunc(got, []time.Time{begin, begin.Add(10 * time.Second)}, time.Time.Equal) {
		t.Errorf("%v", got)
	}
}
