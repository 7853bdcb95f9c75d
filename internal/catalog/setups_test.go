package catalog_test

import (
	"testing"
	"time"

	"callreel/internal/catalog"
)

// TestCDRsNear: records are found by their set-ups, once each, until they are pruned.
func TestCDRsNear(t *testing.T) {
	c := open(t)
	near := func(at time.Time, want ...string) {
		t.Helper()
		list, err := c.CDRsNear(t.Context(), at, 10*time.Second, 10)
		if err != nil || len(list) != len(want) {
			t.Fatalf("%d records, %v; want %d", len(list), err, len(want))
		}
		for i, r := range list {
			if r.XML != want[i] {
				t.Errorf("record %d is %s, want %s", i, r.XML, want[i])
			}
		}
	}
	early, late := t0.Add(5*time.Second), t0.Add(time.Hour)
	err := c.SaveCDRs(t.Context(), []catalog.CDR{
		{XML: "<cdr>1</cdr>", Setups: []time.Time{t0, early}},
		{XML: "<cdr>2</cdr>", Setups: []time.Time{late}},
		{XML: "<cdr>3</cdr>"},
	}, late)
	if err != nil {
		t.Fatal(err)
	}
	near(t0, "<cdr>1</cdr>")
	near(early.Add(11 * time.Second))
	near(late.Add(-10*time.Second), "<cdr>2</cdr>")
	if list, err := c.Unindexed(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("%d records without their set-ups, %v", len(list), err)
	}
	if err := c.Index(t.Context(), map[int64][]time.Time{3: {t0}}); err != nil {
		t.Fatal(err)
	}
	near(t0, "<cdr>1</cdr>", "<cdr>3</cdr>")
	if n, err := c.PruneCDRs(t.Context(), late.Add(time.Second)); n != 3 || err != nil {
		t.Fatalf("%d pruned, %v", n, err)
	}
	near(t0)
}
