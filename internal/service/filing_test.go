package service

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"callreel/internal/recording"
)

// Captures of one content are filed one after the other, each after the one before is
// saved; others are not kept waiting, and who is stopped waits no longer.
func TestFilingOfOneContent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f filing
		began := time.Now()
		if err := errors.Join(f.begin(t.Context(), 1, "a"), f.begin(t.Context(), 2, "b")); err != nil || time.Since(began) > 0 {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		turns := make(chan time.Duration, 2)
		for _, id := range []recording.ID{3, 4} {
			go func() {
				if err := f.begin(t.Context(), id, "a"); err != nil {
					t.Error(err)
				}
				turns <- time.Since(began)
				time.Sleep(time.Second)
				f.end(id)
			}()
		}
		gone, cancel := context.WithTimeoutCause(t.Context(), time.Second, errStopped)
		defer cancel()
		if err := f.begin(gone, 5, "a"); !errors.Is(err, errStopped) {
			t.Errorf("a stopped one: %v", err)
		}
		f.end(9) // has none
		f.end(2)
		f.end(1)
		got := []time.Duration{<-turns, <-turns}
		if want := []time.Duration{time.Second, 2 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("the turns began after %v, want %v", got, want)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.busy) != 0 {
			t.Errorf("turns left: %v", f.busy)
		}
	})
}

var errStopped = errors.New("stopped")
