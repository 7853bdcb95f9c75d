package service

import (
	"context"
	"time"

	"callreel/cdr"
	"callreel/internal/recording"
)

const (
	indexedAtOnce = 500         // records
	indexAgain    = time.Minute // after a fault
)

// indexOld enters the set-ups of records that an older version stored without, in the
// background: there may be hundreds of thousands. Until it is done a capture's SIP
// is looked up in the slow way.
func (s *Service) indexOld(ctx context.Context) {
	for ctx.Err() == nil && !s.indexed.Load() {
		done, err := s.indexSome(ctx)
		if ctx.Err() != nil {
			return
		}
		s.report(LampSoftware, "index of CDRs", "older CDRs cannot be indexed", err)
		s.indexed.Store(done)
		if err != nil && !s.clock.Wait(ctx.Done(), indexAgain) {
			return
		}
	}
}

// indexSome enters some of them and reports whether there were none left.
func (s *Service) indexSome(ctx context.Context) (done bool, err error) {
	list, err := s.catalog.Unindexed(ctx, indexedAtOnce)
	if err != nil || len(list) == 0 {
		return err == nil, err
	}
	setups := map[int64][]time.Time{}
	for _, r := range list {
		setups[r.ID] = setupsOf(r)
	}
	return false, s.catalog.Index(ctx, setups)
}

func setupsOf(r recording.RawCDR) (out []time.Time) {
	parsed, _ := cdr.Parse(r.XML) // what is no record has no set-ups
	for _, p := range parsed {
		out = append(out, cdr.Setups(p.CDR)...)
	}
	return out
}
