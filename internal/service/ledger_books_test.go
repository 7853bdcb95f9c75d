package service_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// saveLine stores a line of the ledger as the recorder does.
func saveLine(t *testing.T, c *catalog.Catalog, e recording.Entry) {
	t.Helper()
	k := catalog.LedgerKey{Conf: e.Conf}
	if err := c.SaveLedger(t.Context(), []catalog.LedgerLines{{Touched: catalog.Touched{LedgerKey: k}, Entries: []recording.Entry{e}}}); err != nil {
		t.Fatal(err)
	}
}

// filedPair puts the files of a recording into the archive and returns their place.
func filedPair(t *testing.T, cfg service.Config, name string) recording.Place {
	t.Helper()
	file := filepath.Join(cfg.Archive.Path, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(file), 0o750)
	for _, ext := range []string{".wav", ".xml"} {
		err = errors.Join(err, os.WriteFile(file+ext, []byte("x"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return recording.Place("file:" + name + ".wav")
}

// TestSumsOverMidnight: of a call that a telephone and a gateway recorded, one shortly
// before midnight and one after, neither day misses a file.
func TestSumsOverMidnight(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	cfg.Timezone = "UTC"
	c := catalogOf(t, cfg)
	midnight := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	conf := numberedConf(1)
	e := recording.Entry{Conf: conf, Agent: recording.Agent{E164: "24"}, Began: midnight.Add(-2 * time.Second), Outcome: recording.OutcomeFiled, Reason: "r"}
	e.Places = []recording.Place{
		filedPair(t, cfg, "2026_11/2026_11_30_2359_24_i_5_1_"+string(conf)+"-a-1"),
		filedPair(t, cfg, "2026_12/2026_12_01_0000_24_i_5_1_"+string(conf)+"-b-1"),
	}
	saveLine(t, c, e)
	l, err := service.OpenLedger(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, day := range []time.Time{midnight.AddDate(0, 0, -1), midnight} {
		check, err := l.Check(t.Context(), day, day.AddDate(0, 0, 1))
		if err != nil || len(check.Differences) > 0 {
			t.Errorf("%s: %q, %v", day.Format(time.DateOnly), check.Differences, err)
		}
	}
	if err := os.Remove(filepath.Join(cfg.Archive.Path, "2026_12", "2026_12_01_0000_24_i_5_1_"+string(conf)+"-b-1.wav")); err != nil {
		t.Fatal(err)
	}
	check, err := l.Check(t.Context(), midnight.AddDate(0, 0, -1), midnight)
	if err != nil || len(check.Differences) != 1 || !strings.Contains(fmt.Sprint(check.Differences), "2026_12_01_0000") {
		t.Errorf("without the second file: %q, %v", check.Differences, err)
	}
}

// beside does something again and again while a ledger is read, and ends with the test's
// own function.
func beside(t *testing.T, often func(n int) error, while func()) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := often(n); err != nil {
				done <- err
				return
			}
		}
	}()
	while()
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLedgerBesideRecorder: who reads the ledger while its lines are being saved misses
// none of a call that was known before.
func TestLedgerBesideRecorder(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	c := catalogOf(t, cfg)
	began := time.Now().Add(-time.Hour)
	rossi := recording.Agent{CN: "Rossi", E164: "24", PBX: "main"}
	var known atomic.Int64
	// A call is known, and a moment later its line is saved.
	call := func(n int) error {
		conf := numberedConf(n)
		err := c.SaveLeg(t.Context(), recording.Leg{Agent: rossi, Conf: conf, Began: began, Connected: began, Ended: began.Add(time.Minute)})
		known.Store(int64(n))
		touched, err2 := c.LedgerTouched(t.Context(), time.Time{}, 10)
		for _, k := range touched {
			e := recording.Entry{Conf: k.Conf, Agent: rossi, Began: began, Outcome: recording.OutcomeNoCapture, Reason: "r"}
			err2 = errors.Join(err2, c.SaveLedger(t.Context(), []catalog.LedgerLines{{Touched: k, Entries: []recording.Entry{e}}}))
		}
		return errors.Join(err, err2)
	}
	l, err := service.OpenLedger(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	beside(t, call, func() {
		for range 100 {
			atLeast := known.Load()
			list, err := l.Between(t.Context(), began.Add(-time.Minute), began.Add(time.Minute))
			if err != nil || int64(len(list)) < atLeast {
				t.Fatalf("%d lines of %d calls, %v", len(list), atLeast, err)
			}
		}
	})
}

// TestSumsBesideRecorder: a file that is renamed with its line while the sums are made is
// no difference.
func TestSumsBesideRecorder(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	cfg.Timezone = "UTC"
	c := catalogOf(t, cfg)
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	name := func(n int) string {
		return fmt.Sprintf("2026_11/2026_11_21_1200_24_i_5_1_%s_T%06d", numberedConf(1), n)
	}
	e := recording.Entry{Conf: numberedConf(1), Agent: recording.Agent{E164: "24"}, Began: noon, Outcome: recording.OutcomeFiled, Reason: "r"}
	e.Places = []recording.Place{filedPair(t, cfg, name(0))}
	saveLine(t, c, e)
	rename := func(n int) error {
		was, is := filepath.Join(cfg.Archive.Path, name(n-1)), filepath.Join(cfg.Archive.Path, name(n))
		e.Places = []recording.Place{recording.Place("file:" + name(n) + ".wav")}
		k := catalog.Touched{LedgerKey: catalog.LedgerKey{Conf: e.Conf}}
		return errors.Join(os.Rename(was+".xml", is+".xml"), os.Rename(was+".wav", is+".wav"),
			c.SaveLedger(t.Context(), []catalog.LedgerLines{{Touched: k, Entries: []recording.Entry{e}}}))
	}
	l, err := service.OpenLedger(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	beside(t, rename, func() {
		for range 5 {
			check, err := l.Check(t.Context(), noon.Add(-12*time.Hour), noon.Add(12*time.Hour))
			if err != nil || len(check.Differences) > 0 {
				t.Errorf("%q, %v", check.Differences, err)
				return
			}
		}
	})
}
