package cdr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"callreel/internal/recording"
)

// store is a Source that, like a coarse database index, returns everything.
type store struct {
	raw  []recording.RawCDR
	legs []recording.Leg
	err  error
}

func (s store) ByConf(context.Context, recording.ConfID) ([]recording.RawCDR, error) {
	return s.raw, s.err
}

func (s store) Legs(context.Context, recording.ConfID) ([]recording.Leg, error) { return s.legs, nil }

func samples(t *testing.T) []recording.RawCDR {
	t.Helper()
	parsed, err := Parse(sample(t, "pbx_cdr_samples_sdk.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var raw []recording.RawCDR
	for i, p := range parsed {
		raw = append(raw, recording.RawCDR{ID: int64(i + 1), XML: p.XML})
	}
	return raw
}

func TestCorrelateMatchesEveryConfOfEveryEventOneHop(t *testing.T) {
	rows := []struct {
		name string
		conf recording.ConfID
		want []int64 // numbers of the records in the sample, in order of time
	}{
		{"plain call", "e89277f0e909d31192e80090331032dd", []int64{1, 2}},
		{"forwarded", "dd95b681e909d31192e80090331032dd", []int64{3, 4, 5}},
		{"blind transfer", "9b24bc13e909d31192e80090331032dd", []int64{10, 11, 12, 13}},
		{"alerting transfer, first conference", "18dbf93fe909d31192e80090331032dd", []int64{14, 15, 16, 17}},
		{"alerting transfer, consultation only", "75762ef4e909d311aff8009033102603", []int64{16, 17}},
		{"consultation of the last one, not the first call", "8fc0cfc0e909d311b722009033102603", []int64{20, 21}},
	}
	c := Correlator{Source: store{raw: samples(t)}, Now: func() time.Time { return time.Unix(1000, 0) }}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var rec recording.Recording
			rec.Capture.Conf = row.conf
			call, err := c.Correlate(t.Context(), rec)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for i, record := range call.CDRs {
				got = append(got, record.Raw)
				if call.Raw[i].ID != record.Raw {
					t.Errorf("verbatim record %d stands beside parsed record %d", call.Raw[i].ID, record.Raw)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("matched %v, want %v", got, row.want)
			}
			if !call.At.Equal(time.Unix(1000, 0)) {
				t.Errorf("put together at %v", call.At)
			}
		})
	}
}

func TestCorrelatePadsAndDropsIdenticalRecords(t *testing.T) {
	const record = `<cdr cn="A" utc="5"><event msg="setup-to" conf="75C1F48E909D31188FC00903306225F"/></cdr>`
	leg := recording.Leg{Agent: recording.Agent{CN: "A"}}
	c := Correlator{Now: time.Now, Source: store{legs: []recording.Leg{leg}, raw: []recording.RawCDR{
		{ID: 7, XML: record}, {ID: 8, XML: "\n" + record + "\n"}, {ID: 9, XML: "garbage"},
	}}}
	var rec recording.Recording
	rec.Capture.Conf = "075c1f48e909d31188fc00903306225f"
	call, err := c.Correlate(t.Context(), rec)
	if err != nil {
		t.Fatal(err)
	}
	if len(call.CDRs) != 1 || call.CDRs[0].Raw != 7 || len(call.Raw) != 1 || !slices.Equal(call.Live, []recording.Leg{leg}) {
		t.Errorf("got %+v", call)
	}
}

func TestCorrelateWithoutRecordIsNotYet(t *testing.T) {
	full := errors.New("database is away")
	rows := []struct {
		name string
		conf recording.ConfID
		src  store
		want error
	}{
		{"no conference id", "", store{}, recording.ErrNotYet},
		{"no record", "00000000000000000000000000000001", store{}, recording.ErrNotYet},
		{"only others", "00000000000000000000000000000001", store{raw: samples(t)}, recording.ErrNotYet},
		{"source fails", "00000000000000000000000000000001", store{err: fmt.Errorf("wrapped: %w", full)}, full},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			rec := recording.Recording{ID: 1, Capture: recording.Capture{Conf: row.conf}}
			_, err := Correlator{Source: row.src, Now: time.Now}.Correlate(t.Context(), rec)
			if !errors.Is(err, row.want) {
				t.Errorf("error %v, want %v", err, row.want)
			}
		})
	}
}
