// Package cdr owns the PBX's call detail records: reading them, and finding
// those that belong to a capture by every conference id of every event. Where
// the records come from is left to others: they are asked through Source.
//
// The format is that of innovaphone's SDK documentation, "Call Detail
// Records", from version 9 to 14r2.
package cdr

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// Source answers what is known of a conference.
type Source interface {
	// ByConf returns the records of which any event has this conference id,
	// in any order; none is no error.
	ByConf(ctx context.Context, conf recording.ConfID) ([]recording.RawCDR, error)
	// Legs returns what the PBX showed live of agents in this conference.
	Legs(ctx context.Context, conf recording.ConfID) ([]recording.Leg, error)
}

// Confs returns every conference id of every event, each once, in the order
// of the events. A transfer puts a second one into a record.
func Confs(c recording.CDR) []recording.ConfID {
	var confs []recording.ConfID
	for _, e := range c.Events {
		if e.Conf != "" && !slices.Contains(confs, e.Conf) {
			confs = append(confs, e.Conf)
		}
	}
	return confs
}

// Correlator finds the call that a capture belongs to. It is safe for
// concurrent use if its Source is.
type Correlator struct {
	Source Source
	Now    func() time.Time
	Memory *Memory // of records that were read lately; nil reads each anew
}

// Correlate returns the call of a recording: the records with the capture's
// conference id in any event, one hop only, oldest first and identical ones
// once, and the agents' legs. Without any record it returns what it has with
// an error that wraps recording.ErrNotYet.
func (c Correlator) Correlate(ctx context.Context, rec recording.Recording) (recording.Call, error) {
	call := recording.Call{At: c.Now().UTC()}
	conf := rec.Capture.Conf
	if conf == "" {
		return call, fmt.Errorf("correlate recording %d: its capture has no conference id: %w", rec.ID, recording.ErrNotYet)
	}
	var err error
	if call.Live, err = c.Source.Legs(ctx, conf); err != nil {
		return call, fmt.Errorf("correlate %s: live legs: %w", conf, err)
	}
	raw, err := c.Source.ByConf(ctx, conf)
	if err != nil {
		return call, fmt.Errorf("correlate %s: call detail records: %w", conf, err)
	}
	matches := c.matching(raw, conf)
	if len(matches) == 0 {
		return call, fmt.Errorf("correlate %s: no call detail record has come: %w", conf, recording.ErrNotYet)
	}
	for _, m := range matches {
		call.CDRs = append(call.CDRs, m.cdr)
		call.Raw = append(call.Raw, m.raw)
	}
	return call, nil
}

// match is a record in both forms.
type match struct {
	cdr recording.CDR
	raw recording.RawCDR
}

// matching parses the records, drops identical ones and those that do not
// have the conference id after all, and sorts the rest by time, then number.
// What does not parse cannot match; the receiver set it aside when it came.
func (c Correlator) matching(raw []recording.RawCDR, conf recording.ConfID) []match {
	var found []match
	known := map[string]bool{}
	for _, r := range raw {
		text := strings.TrimSpace(r.XML)
		if known[text] {
			continue
		}
		known[text] = true
		for _, one := range c.Memory.records(text) {
			if slices.Contains(Confs(one), conf) {
				one.Raw = r.ID
				found = append(found, match{one, r})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b match) int {
		return cmp.Or(a.cdr.UTC.Compare(b.cdr.UTC), cmp.Compare(a.raw.ID, b.raw.ID))
	})
	return found
}
