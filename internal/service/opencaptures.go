package service

import (
	"context"
	"time"

	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/recording"
	"callreel/rules"
)

// openCaptures are captures of one inbox that are still being written. Of a thousand calls
// a listing shows a thousand files that have grown; none of them can be complete, so that
// is remembered here and not saved. What is lost of it in a crash is only how long they have
// stood still, and that is counted anew.
type openCaptures struct {
	waiting map[string]catalog.Waiting // as the catalog has them at this listing, by name in the inbox
	live    map[recording.ConfID]bool  // a PBX whose link is up says that the call goes on
	known   map[string]openCapture     // by name
	saved   bool                       // all is saved: other decisions go by it
}

// openCapture is one that was not complete when it was last looked at, as it was then.
type openCapture struct {
	recording.Recording
	claims int64 // a worker that had it since may have changed it
}

// lookUpOpen brings what is known of an inbox's captures up to date before a listing
// is gone through.
func (s *Service) lookUpOpen(ctx context.Context, b *box) error {
	pending, err := s.catalog.Pending(ctx, b.cfg.Name)
	if err != nil {
		return err
	}
	confs, err := s.catalog.LiveConfs(ctx)
	if err != nil {
		return err
	}
	// In random recording a call waits for those that ended before it, and only its
	// capture tells that another has not.
	o := openCaptures{saved: s.rules.Mode() == rules.ModeRandom, waiting: map[string]catalog.Waiting{}, live: map[recording.ConfID]bool{}, known: map[string]openCapture{}}
	for conf, pbxes := range confs {
		for _, pbx := range pbxes {
			o.live[conf] = o.live[conf] || s.links.sees(pbx)
		}
	}
	for _, w := range pending {
		o.waiting[w.Source] = w
		if k, ok := b.open.known[w.Source]; ok && k.ID == w.ID && k.claims == w.Claims && !w.Missed {
			o.known[w.Source] = k
		}
	}
	b.open = o
	return nil
}

// observe takes a listing's entry into account. It returns the recording if it is known,
// and whether that is all: the capture cannot be complete yet.
func (o *openCaptures) observe(e ingest.Entry, now time.Time) (rec recording.Recording, known, done bool) {
	k, ok := o.known[e.Name]
	if !ok {
		return rec, false, false
	}
	k.Capture = observed(k.Capture, e, now)
	o.known[e.Name] = k
	return k.Recording, true, !o.saved && (o.live[k.Capture.Conf] || k.Capture.Polls <= 1)
}

// keep remembers a recording that is looked at, if its capture is not complete.
func (o *openCaptures) keep(rec recording.Recording, open bool) {
	name := rec.Capture.Source.Name
	w, ok := o.waiting[name]
	if !open || !ok || w.ID != rec.ID {
		delete(o.known, name)
		return
	}
	o.known[name] = openCapture{rec, w.Claims}
}
