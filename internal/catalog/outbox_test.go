package catalog_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

func waits(t *testing.T, c *catalog.Catalog, to string) (keys []string) {
	t.Helper()
	list, err := c.Waiting(t.Context(), to, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		keys = append(keys, m.Key)
	}
	return keys
}

// TestTellWithTheState: a message stands in the outbox if, and only if, what it tells of
// was saved.
func TestTellWithTheState(t *testing.T) {
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := time.Now()
	claim := func(uid string) catalog.Claimed {
		t.Helper()
		rec, err := c.Add(t.Context(), recording.Capture{UID: uid, Conf: recording.ConfID(uid), SeenAt: now, Source: recording.Source{Name: uid}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Observe(t.Context(), rec, now); err != nil {
			t.Fatal(err)
		}
		cl, err := c.Claim(t.Context(), now.Add(time.Second), time.Hour)
		if err != nil || cl.ID != rec.ID {
			t.Fatalf("claimed %d, want %d, %v", cl.ID, rec.ID, err)
		}
		return cl
	}
	advance := func(cl catalog.Claimed, state recording.State, key string) error {
		cl.State = state
		return c.Advance(t.Context(), cl, time.Time{}, time.Time{}, recording.Message{To: "crm", Key: key, At: now, Doc: []byte("{}")})
	}
	a := claim("a")
	if err := advance(a, recording.Filed, "a filed"); err != nil {
		t.Fatal(err)
	}
	lost := claim("b")
	lost.ID = 99 // what is not there cannot be saved
	if err := advance(lost, recording.Filed, "never saved"); err == nil {
		t.Error("what is not there was saved")
	}
	woken := claim("c")
	if _, err := c.Wake(t.Context(), []recording.ConfID{"c"}, now); err != nil {
		t.Fatal(err)
	}
	if err := advance(woken, recording.Quarantined, "c quarantined, but woken"); err != nil {
		t.Fatal(err)
	}
	if got, want := waits(t, c, "crm"), []string{"a filed"}; !slices.Equal(got, want) {
		t.Errorf("waiting are %q", got)
	}
}

// TestOutbox takes messages through all that can become of them.
func TestOutbox(t *testing.T) {
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now().Truncate(time.Millisecond)
	var list []recording.Message
	for i := range 10 {
		for _, to := range []string{"crm", "other"} {
			list = append(list, recording.Message{To: to, Key: fmt.Sprint(i), At: start.Add(time.Duration(i) * time.Minute), Doc: []byte{byte(i)}})
		}
	}
	if err := errors.Join(c.SaveLegs(t.Context(), nil, list), c.SaveLegs(t.Context(), nil, list)); err != nil { // twice: told once
		t.Fatal(err)
	}
	check := func(what string, want ...string) {
		t.Helper()
		if got := waits(t, c, "crm"); !slices.Equal(got, want) {
			t.Errorf("%s: %q wait, want %q", what, got, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ms, err := c.Waiting(t.Context(), "crm", 0, 100)
	must(err)
	seq := func(i int) int64 { return ms[i].Seq }
	must(c.Sent(t.Context(), "crm", seq(3), start))
	check("sent up to 3", "4", "5", "6", "7", "8", "9")
	must(c.Unsend(t.Context(), "crm", seq(2)))
	check("2 and 3 again", "2", "3", "4", "5", "6", "7", "8", "9")
	must(c.GiveUpOne(t.Context(), "crm", seq(5), start))
	n, err := c.GiveUp(t.Context(), "crm", start.Add(2*time.Minute+time.Second), 4, start)
	if err != nil || n != 3 { // 2 is too old, 3 and 4 are too many
		t.Errorf("%d given up, %v", n, err)
	}
	check("given up", "6", "7", "8", "9")
	must(c.Unsend(t.Context(), "crm", 0))
	check("given up is not sent again", "0", "1", "6", "7", "8", "9")
	b, err := c.Backlog(t.Context(), "crm", start.Add(-time.Second))
	if want := (recording.Backlog{Waiting: 6, Oldest: start.UTC(), Dead: 4}); err != nil || b != want {
		t.Errorf("backlog %+v, want %+v, %v", b, want, err)
	}
	gone, err := c.GiveUpOthers(t.Context(), []string{"crm"}, start)
	if err != nil || len(gone) != 1 || gone["other"] != 10 || len(waits(t, c, "other")) > 0 {
		t.Errorf("of others %v were given up, %v", gone, err)
	}
	check("not of those that are named", "0", "1", "6", "7", "8", "9")
	must(c.Sent(t.Context(), "crm", seq(9), start))
	must(c.PruneOutbox(t.Context(), start.Add(9*time.Minute)))
	must(c.Unsend(t.Context(), "crm", 0))
	check("the old ones are forgotten", "9")
}
