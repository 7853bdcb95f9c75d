package pbxsim

import (
	"context"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"
)

// A load has its calls all at once, ends as many as it begins, and every one leaves a
// capture and records.
func TestLoad(t *testing.T) {
	const atOnce, talk = 10, 20 * time.Second
	var box mailbox
	receiver := httptest.NewServer(&box)
	defer receiver.Close()
	s := start(t, Config{Users: LoadUsers(atOnce), UploadStep: time.Second, CDRDelay: time.Millisecond, CDRTarget: receiver.URL})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended []*Call
	most := 0
	err := s.Load(ctx, LoadPlan{Calls: atOnce, Talk: talk, Ended: func(c *Call) {
		most = max(most, len(s.activeCalls()))
		if ended = append(ended, c); len(ended) == 3*atOnce {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Load: %v", err)
	}
	if most < atOnce-1 || most > len(s.cfg.Users) {
		t.Errorf("%d calls at once, want %d", most, atOnce)
	}
	for _, c := range ended {
		if c.Err() != nil || c.Frames != 1000 || !c.End.Equal(c.Setup.Add(talk)) {
			t.Errorf("call of %d frames until %s, %v", c.Frames, c.End.Sub(c.Setup), c.Err())
		}
		checkCapture(t, c, readCapture(t, filepath.Join(s.cfg.InboxDir, c.File)))
	}
	spread := ended[len(ended)-1].End.Sub(ended[0].End)
	if want := talk / atOnce * time.Duration(len(ended)-1); spread < want/2 || spread > 2*want {
		t.Errorf("%d calls ended within %s, want about %s", len(ended), spread, want)
	}
	if n := len(box.all()); n < 2*len(ended)-4 {
		t.Errorf("%d records of %d calls", n, len(ended))
	}
}
