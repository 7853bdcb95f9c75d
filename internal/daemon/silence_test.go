package daemon

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSilence wants a recorder that gives signs, however late each is, to be left alone,
// and one that stops giving them to be found just then.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, signs := time.Now(), make(chan struct{}, 1)
		go func() {
			for range 10 {
				time.Sleep(silentFor - time.Second)
				signs <- struct{}{}
			}
		}()
		if !silence(nil, signs, silentFor) {
			t.Error("the silence was not found")
		}
		if got, want := time.Since(began), 10*(silentFor-time.Second)+silentFor; got != want {
			t.Errorf("found after %v, want %v", got, want)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		go func() {
			time.Sleep(time.Second)
			close(done)
		}()
		if silence(done, nil, silentFor) {
			t.Error("a recorder that has ended is taken for a silent one")
		}
	})
}
