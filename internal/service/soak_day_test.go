package service_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
)

// day is a soak of 24 hours, long or short ones. Odd hours have faults.
type day struct {
	*soak
	scale    float64
	hour     time.Duration // of the clock, as the rest
	from, to int           // the hours that are played, up to dayHours
	calls    int           // in an hour
	peak     int           // in each of the hours peakFrom and peakFrom+1
	every    time.Duration // from one sample to the next
	margin   float64       // of what the last hours may need more, in MiB, handles or goroutines
	began    time.Time     // hour 0
	recorder *apart

	mu      sync.Mutex
	placed  []*pbxsim.Call
	samples []sample
}

const (
	dayHours = 24
	peakFrom = 10 // the first of two hours of peak; the second has faults
)

// TestSoakDay plays a day to a recorder in a process of its own, so that what it needs of
// memory and handles is its alone and not the simulation's. It runs through: a restart
// would hide what grows, and TestSoak has enough of them. In the ordinary run the day's
// hours are short; CALLREEL_SOAK_DAY=1 makes them whole, at CALLREEL_SOAK_SCALE times the
// speed of time (40); CALLREEL_SOAK_DAY=peak plays the two hours of the peak alone.
// CALLREEL_SOAK_CSV names a file for the samples. It runs alone in its package.
func TestSoakDay(t *testing.T) {
	d := newDay(t)
	began := time.Now()
	d.run(t)
	d.mend()
	d.end(t, d.placed)
	d.take(t, d.now())
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	d.write(t)
	if d.from == 0 {
		d.flat(t)
	}
	t.Logf("%d calls, %.0f s at scale %.0f; faults made: %v", len(d.placed), time.Since(began).Seconds(), d.scale, d.made)
	d.tellLags(t)
}

// newDay starts simulation and recorder as the environment wants them.
func newDay(t *testing.T) *day {
	t.Helper()
	d := &day{scale: 80, hour: 30 * time.Second, calls: 3, peak: 9, every: 4 * time.Second, margin: 16} // it is not warm by hour 2
	wanted := os.Getenv("CALLREEL_SOAK_DAY")
	if wanted != "" {
		d = &day{scale: 40, hour: time.Hour, calls: 200, peak: 2000, every: 15 * time.Minute, margin: 4}
	}
	d.to = dayHours
	if wanted == "peak" {
		d.from, d.to = peakFrom, peakFrom+2
	}
	if x, err := strconv.ParseFloat(os.Getenv("CALLREEL_SOAK_SCALE"), 64); err == nil && x >= 1 && x <= 100 {
		d.scale = x
	}
	epoch := time.Now()
	d.soak = newSoak(t, clock.ScaledFrom(epoch, d.scale), min(90, 20+d.peak))
	d.whole = true
	d.cfg.Inbox[0].Poll = ingest.Duration(5 * time.Second) // the manual's; scaled
	if wanted == "" {
		d.cfg.Inbox[0].Poll = ingest.Duration(20 * time.Second)
		d.cfg.CDR.LastWait, d.cfg.CDR.DiscardSettle = pbx.Duration(30*time.Second), pbx.Duration(20*time.Second)
		d.cfg.Ledger.NoCapture = pbx.Duration(2 * time.Minute)
	}
	d.recorder = startApart(t, recorderOrder{d.cfg, epoch, d.scale})
	d.stop = d.recorder.stop
	d.knowsAll(t)
	d.began = d.clock.Now().Add(-time.Duration(d.from) * d.hour)
	return d
}

// tellLags logs how long filing took.
func (d *day) tellLags(t *testing.T) {
	t.Helper()
	for _, row := range []struct {
		what string
		in   func(hour float64) bool
	}{
		{"without faults", func(h float64) bool { return quiet(h) && !atPeak(h) }},
		{"with faults", func(h float64) bool { return !quiet(h) && !atPeak(h) }},
		{"at the peak without faults", func(h float64) bool { return quiet(h) && atPeak(h) }},
		{"at the peak with faults", func(h float64) bool { return !quiet(h) && atPeak(h) }},
	} {
		t.Logf("from a call's end to its filing, %s: %s", row.what, d.lag(row.in))
	}
}

// knowsAll waits until the recorder is linked with the PBX and both slave sites: before
// its first link it cannot know who is an agent.
func (d *day) knowsAll(t *testing.T) {
	t.Helper()
	until(t, "the recorder is linked with all sites", func() error {
		s, err := d.recorder.sample()
		up := 0
		for _, l := range s.Status.PBXes {
			if l.Up {
				up++
			}
		}
		if err == nil && up < 3 {
			err = fmt.Errorf("%d links are up", up)
		}
		return err
	})
}

// run plays the day.
func (d *day) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { d.weather(ctx, t) })
	all.Go(func() {
		for n := 1; d.reach(ctx, time.Duration(d.from)*d.hour+time.Duration(n)*d.every); n++ {
			d.take(t, d.now())
		}
	})
	plays := scenes(t)
	for hour := d.from; hour < d.to; hour++ {
		calls := d.calls
		if hour == peakFrom || hour == peakFrom+1 {
			calls = d.peak
		}
		_, err := d.sim.Traffic(ctx, pbxsim.TrafficPlan{
			Calls: calls, Every: d.hour * 19 / 20 / time.Duration(calls), MinRing: time.Second, MaxRing: 5 * time.Second,
			MinTalk: 5 * time.Second, MaxTalk: 25 * time.Second, Odd: true, Scenes: plays, Placed: func(c *pbxsim.Call) { d.placed = append(d.placed, c) },
		})
		if err != nil {
			t.Fatal(err)
		}
		d.reach(ctx, time.Duration(hour+1)*d.hour)
		d.take(t, float64(hour)) // on a busy machine the only one of a short hour
	}
	cancel()
}

// reach waits until so much of the day has passed; false means that ctx is done.
func (d *day) reach(ctx context.Context, after time.Duration) bool {
	return d.clock.Wait(ctx.Done(), d.began.Add(after).Sub(d.clock.Now())) && ctx.Err() == nil
}

// weather makes the faults of the odd hours: half an hour one short one after the other,
// then one for ten minutes.
func (d *day) weather(ctx context.Context, t *testing.T) {
	for hour := d.from | 1; hour < d.to && d.reach(ctx, time.Duration(hour)*d.hour); hour += 2 {
		short, cancel := context.WithTimeout(ctx, time.Duration(float64(d.hour/2)/d.scale))
		if err := d.chaos(short, t, uint64(hour)); err != nil { //nolint:gosec // 1 to 23
			t.Error(err)
		}
		cancel()
		d.sim.SetClockOffset(0)
		o := d.outages()[hour/2%len(d.outages())]
		d.made["ten minutes: "+o.name]++
		o.make(true)
		d.reach(ctx, time.Duration(hour)*d.hour+d.hour*4/6)
		o.make(false)
	}
}

type outage struct {
	name string
	make func(bool)
}

// outages are what may be away for long, in turn.
func (d *day) outages() []outage {
	fault := func(f pbxsim.Fault) outage { return outage{string(f), func(on bool) { d.sim.Fault(f, on) }} }
	return []outage{
		fault(pbxsim.PBXDown), fault(pbxsim.InboxDown),
		{"Reporting down", func(on bool) { d.feed.set(map[bool]feedFault{true: feedReportingDown}[on]) }},
		{"CDRs held back", func(on bool) { d.sim.SetCDRTarget(map[bool]string{false: d.feed.url}[on]) }},
		fault(pbxsim.SiteDown),
		{"backup away", func(on bool) {
			from, to := d.cfg.Archive.Backup, filepath.Join(d.dir, "away")
			if !on {
				from, to = to, from
			}
			if err := os.Rename(from, to); err != nil {
				d.log.Error("backup cannot be moved", "err", err)
			}
		}},
	}
}

// take adds a sample of an hour of the day.
func (d *day) take(t *testing.T, hour float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.recorder.sample()
	if err != nil {
		t.Errorf("the recorder gives no sample: %v", err)
		return
	}
	s.Hour = hour
	d.samples = append(d.samples, s)
}

// now is the hour of the day.
func (d *day) now() float64 { return d.at(d.clock.Now()) }

// at is the hour of the day of a moment.
func (d *day) at(moment time.Time) float64 { return float64(moment.Sub(d.began)) / float64(d.hour) }

// quiet reports whether no fault is on at an hour of the day, nor has been shortly
// before.
func quiet(hour float64) bool { return int(hour)%2 == 0 && hour-float64(int(hour)) > 1.0/6 }

// atPeak reports whether it is the peak, or the two hours after it.
func atPeak(hour float64) bool { return hour >= peakFrom && hour < peakFrom+4 }

// flat wants the last four hours to need no more than hours 2 to 6.
func (d *day) flat(t *testing.T) {
	t.Helper()
	early, late := d.between(2, 6), d.between(dayHours-4, dayHours)
	if len(early) < 4 || len(late) < 4 {
		t.Fatalf("%d and %d samples", len(early), len(late))
	}
	for _, of := range []struct {
		what  string
		value func(sample) float64
	}{
		{"MiB of heap in use", func(s sample) float64 { return float64(s.Heap) / (1 << 20) }},
		{"open file handles", func(s sample) float64 { return float64(s.Handles) }},
		{"goroutines", func(s sample) float64 { return float64(s.Goroutines) }},
	} {
		before, after := mean(early, of.value), mean(late, of.value)
		t.Logf("%s: %.1f in hours 2 to 6, %.1f in the last four", of.what, before, after)
		if after > before+d.margin {
			t.Errorf("%s have grown from %.1f to %.1f", of.what, before, after)
		}
	}
}

func (d *day) between(from, to float64) (out []sample) {
	for _, s := range d.samples {
		if s.Hour >= from && s.Hour < to {
			out = append(out, s)
		}
	}
	return out
}

func mean(list []sample, of func(sample) float64) float64 {
	sum := 0.0
	for _, s := range list {
		sum += of(s)
	}
	return sum / float64(len(list))
}

// lags are the seconds from the end of each call, or from when its capture came, to its
// filing, for those whose ends lie in hours that are wanted, sorted.
func (d *day) lags(samples []sample, in func(hour float64) bool) (out []float64) {
	ends := map[string]time.Time{}
	for _, c := range d.placed {
		ends[c.Conf] = c.End.Add(c.Plan().Late)
	}
	for _, s := range samples {
		for uid, at := range s.Filed {
			if end, ok := ends[uid]; ok && in(d.at(end)) {
				out = append(out, at.Sub(end).Seconds())
			}
		}
	}
	slices.Sort(out)
	return out
}

func (d *day) lag(in func(hour float64) bool) string {
	l := d.lags(d.samples, in)
	if len(l) == 0 {
		return "no call"
	}
	return fmt.Sprintf("%d calls, p50 %.1f s, p99 %.1f s, most %.1f s", len(l), quantile(l, 0.5), quantile(l, 0.99), l[len(l)-1])
}

// quantile of a sorted list that is not empty.
func quantile(l []float64, q float64) float64 { return l[min(len(l)-1, int(q*float64(len(l))))] }

// write puts the samples into the file that is asked for.
func (d *day) write(t *testing.T) {
	t.Helper()
	file := os.Getenv("CALLREEL_SOAK_CSV")
	if file == "" {
		return
	}
	f, err := os.Create(file) //nolint:gosec // the caller's own choice
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := csv.NewWriter(f)
	_ = w.Write(strings.Fields("hour quiet calls heap_bytes stack_bytes goroutines handles resident_bytes catalog_bytes queue waiting quarantined filed lag_p50_s lag_p99_s"))
	filed := 0
	for _, s := range d.samples {
		filed += len(s.Filed)
		row := []any{
			fmt.Sprintf("%.2f", d.at(s.At)), quiet(d.at(s.At)), d.before(s.At), s.Heap, s.Stacks, s.Goroutines, s.Handles, s.Resident, s.Catalog,
			s.Status.Queue, s.Status.Waiting, s.Status.Counts["quarantined"], filed, "", "",
		}
		if l := d.lags([]sample{s}, func(float64) bool { return true }); len(l) > 0 {
			row[13], row[14] = fmt.Sprintf("%.1f", quantile(l, 0.5)), fmt.Sprintf("%.1f", quantile(l, 0.99))
		}
		text := make([]string, len(row))
		for i, v := range row {
			text[i] = fmt.Sprint(v)
		}
		_ = w.Write(text)
	}
	if w.Flush(); w.Error() != nil {
		t.Error(w.Error())
	}
}

// before is how many calls had begun.
func (d *day) before(at time.Time) (n int) {
	for _, c := range d.placed {
		if c.Setup.Before(at) {
			n++
		}
	}
	return n
}
