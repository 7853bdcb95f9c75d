package cdr

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// What is remembered of a record is what reading it says, with a text of several records
// too, and the memory is bounded by the number of records and by their size.
func TestMemory(t *testing.T) {
	text := sample(t, "pbx_cdr_samples_sdk.xml")
	parsed, err := Parse(text)
	if err != nil || len(parsed) < 2 {
		t.Fatalf("%d records, %v", len(parsed), err)
	}
	var none *Memory
	none.Keep(parsed)
	m := &Memory{}
	for range 2 {
		for i, p := range parsed {
			for who, got := range map[string]*Memory{"none": none, "memory": m} {
				if r := got.records(p.XML); len(r) != 1 || !reflect.DeepEqual(r[0], p.CDR) {
					t.Fatalf("%s: record %d is %+v, want %+v", who, i, r, p.CDR)
				}
			}
		}
		if all := m.records(text); len(all) != len(parsed) {
			t.Fatalf("%d records of all together, want %d", len(all), len(parsed))
		}
	}
	if c, ok := m.of(parsed[0].XML); !ok || cap(c.Events) != len(c.Events) {
		t.Errorf("known %v; its events leave room for %d more, which two could write to", ok, cap(c.Events)-len(c.Events))
	}
	long := parsed[0]
	long.XML = strings.Repeat("x", memoryText+1)
	m.Keep([]Parsed{long})
	if _, ok := m.of(long.XML); ok {
		t.Error("a long record is kept")
	}
	for i := range 2 * memoryMost {
		p := parsed[0]
		p.XML = fmt.Sprint(i)
		m.Keep([]Parsed{p})
	}
	if len(m.known) > memoryMost {
		t.Errorf("%d records are kept, at most %d wanted", len(m.known), memoryMost)
	}
}
