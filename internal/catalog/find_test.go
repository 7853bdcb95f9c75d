package catalog_test

import (
	"slices"
	"testing"
	"time"

	"callreel/internal/recording"
)

func TestFind(t *testing.T) {
	c, ctx := open(t), t.Context()
	for _, name := range []string{"a*[1].pcap", "a*[1].pcap#2", "a*[1].pcapx", "abc.pcap"} {
		if _, err := c.Add(ctx, recording.Capture{Source: recording.Source{Inbox: "main", Name: name}, UID: "uid of " + name, SeenAt: t0}); err != nil {
			t.Fatal(err)
		}
	}
	ids := func(list []recording.Recording, err error) (out []recording.ID) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			out = append(out, r.ID)
		}
		return out
	}
	if got := ids(c.Named(ctx, "", "a*[1].pcap")); !slices.Equal(got, []recording.ID{1, 2}) {
		t.Errorf("by file: %v", got)
	}
	if got := ids(c.ByUID(ctx, "uid of abc.pcap")); !slices.Equal(got, []recording.ID{4}) {
		t.Errorf("by UID: %v", got)
	}
	rec, err := c.Get(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Observe(ctx, rec, t0); err != nil {
		t.Fatal(err)
	}
	cl, err := c.Claim(ctx, t0, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	cl.Verdict.Started = t0.AddDate(0, 1, 0)
	if err := c.Advance(ctx, cl, time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		from, to time.Time
		after    recording.ID
		limit    int
		want     []recording.ID
	}{
		{t0, t0.Add(time.Second), 0, 9, []recording.ID{1, 2, 4}},
		{t0.Add(-time.Second), t0, 0, 9, nil},
		{t0, t0.AddDate(1, 0, 0), 1, 2, []recording.ID{2, 3}},
		{t0.Add(time.Second), t0.AddDate(1, 0, 0), 0, 9, []recording.ID{3}},
	} {
		if got := ids(c.Started(ctx, row.from, row.to, row.after, row.limit)); !slices.Equal(got, row.want) {
			t.Errorf("%s to %s: %v, want %v", row.from, row.to, got, row.want)
		}
	}
}
