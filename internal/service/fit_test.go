package service

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/cdr"
	"callreel/internal/catalog"
	"callreel/internal/pbx"
	"callreel/internal/recording"
)

// busyDay is a catalog of a day with many calls, of which the one at noon is the
// capture's.
func busyDay(tb testing.TB, calls int) (*Service, recording.SIPParties) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "c.db")
	c, err := catalog.Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	s := &Service{catalog: c}
	s.cfg.Catalog = path
	s.indexed.Store(true)
	s.cfg.CDR.SIPWithin = pbx.Duration(10 * time.Second)
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var body strings.Builder
	for i := range calls {
		at := noon.Add(time.Duration(i-calls/2) * 24 * time.Hour / time.Duration(calls)).Unix()
		conf := fmt.Sprintf("%032x", i+1)
		fmt.Fprintf(&body, `<cdr guid="" cn="Agent %d" e164="%d" dir="to" utc="%d"><user/>`, i%50, 100+i%50, at)
		for k, msg := range []string{"setup-to", "alert-from", "conn-from", "rel-to"} {
			fmt.Fprintf(&body, `<event msg="%s" time="%d" e164="%d" type="ext" conf="%s"/>`, msg, 10*k, 300000+i, conf)
		}
		body.WriteString("</cdr>")
		if body.Len() > 60_000 || i == calls-1 {
			parsed, err := cdr.Parse(body.String())
			if err != nil {
				tb.Fatal(err)
			}
			if err := c.SaveCDRs(tb.Context(), stored(parsed), noon); err != nil {
				tb.Fatal(err)
			}
			body.Reset()
		}
	}
	n := calls / 2
	return s, recording.SIPParties{From: fmt.Sprint(300000 + n), To: fmt.Sprint(100 + n%50), Invite: noon.Add(time.Second)}
}

func stored(parsed []cdr.Parsed) (list []catalog.CDR) {
	for _, p := range parsed {
		list = append(list, catalog.CDR{XML: p.XML, Confs: cdr.Confs(p.CDR), Setups: cdr.Setups(p.CDR)})
	}
	return list
}

// TestFit finds the one call among many, also where an older version has stored them:
// before they are indexed, and after.
func TestFit(t *testing.T) {
	s, sip := busyDay(t, 2*indexedAtOnce+1)
	found := func(when string) {
		t.Helper()
		if fit, err := s.fit(t.Context(), sip); err != nil || fit.Conf != recording.ConfID(fmt.Sprintf("%032x", indexedAtOnce+1)) {
			t.Errorf("%s: %+v, %v", when, fit, err)
		}
		late := sip
		late.Invite = late.Invite.Add(11 * time.Second)
		if fit, err := s.fit(t.Context(), late); !errors.Is(err, recording.ErrNotYet) {
			t.Errorf("%s, by another INVITE: %+v, %v", when, fit, err)
		}
	}
	found("stored by this version")
	db, err := sql.Open("sqlite", s.cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `DELETE FROM cdr_setup; UPDATE cdr SET setups = 0`); err != nil {
		t.Fatal(err)
	}
	s.indexed.Store(false)
	found("not indexed")
	s.lamps = newLamps(s.clock)
	s.indexOld(t.Context())
	if !s.indexed.Load() {
		t.Error("there is something left to index")
	}
	found("indexed")
}

// BenchmarkFit is one look of a waiting capture at the CDRs of its time.
func BenchmarkFit(b *testing.B) {
	for _, calls := range []int{1000, mostLooked} {
		b.Run(fmt.Sprint(calls), func(b *testing.B) {
			s, sip := busyDay(b, calls)
			for b.Loop() {
				if fit, err := s.fit(b.Context(), sip); err != nil || fit.Conf != recording.ConfID(fmt.Sprintf("%032x", calls/2+1)) {
					b.Fatalf("%+v, %v", fit, err)
				}
			}
		})
	}
}
