package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"callreel/cdr"
	"callreel/internal/asterisk"
)

// This file is where Asterisk's call detail records come in: in their own dialect,
// and from there on like any others.

// dialectOf is the dialect of an [[asterisk]], whose zone is the setup's where it
// names none.
func (s *Service) dialectOf(c asterisk.Config) (cdr.Asterisk, error) {
	zone := s.location
	if c.Timezone != "" {
		var err error
		if zone, err = time.LoadLocation(c.Timezone); err != nil {
			return cdr.Asterisk{}, err
		}
	}
	return cdr.Asterisk{Zone: zone, Columns: c.Columns, Trunks: c.Trunks}, nil
}

func (s *Service) openAsterisk(context.Context) error {
	s.dialects = map[string]cdr.Asterisk{}
	for _, c := range s.cfg.Asterisk {
		c = c.WithDefaults()
		dialect, err := s.dialectOf(c)
		if err != nil {
			return fmt.Errorf("asterisk %s: %w", c.Name, err)
		}
		s.dialects[c.Name] = dialect
	}
	return nil
}

// received is who answers at the receiver's address: the PBX's receiver, and at their
// own paths those of Asterisk.
func (s *Service) received(pbx http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", pbx)
	for _, c := range s.cfg.Asterisk {
		if c.Receive != "" {
			mux.Handle(c.Receive, asterisk.NewReceiver(c, rows{s}, s.log))
		}
	}
	return mux
}

// follow looks at one Asterisk's file until ctx is done.
func (s *Service) follow(ctx context.Context, c asterisk.Config) {
	c = c.WithDefaults()
	f := asterisk.NewFollower(c, rows{s}, s.log)
	for {
		err := f.Poll(ctx)
		if ctx.Err() != nil {
			return
		}
		s.report(LampReporting, "asterisk "+c.Name, "call detail records cannot be read", err)
		if !s.clock.Wait(ctx.Done(), time.Duration(c.Poll)) {
			return
		}
	}
}

// rows makes the Service an asterisk.Sink.
type rows struct{ *Service }

// Rows stores CSV lines; those that are none are kept as garbage.
func (r rows) Rows(ctx context.Context, pbx, lines string) error {
	parsed, err := r.dialects[pbx].Parse(lines)
	var bad *cdr.BadLines
	if errors.As(err, &bad) {
		lines = strings.Join(bad.Lines, "\n")
	}
	return r.saveRows(ctx, pbx, parsed, err, lines)
}

// Fields stores one row with named fields.
func (r rows) Fields(ctx context.Context, pbx string, fields map[string]string, text string) error {
	parsed, bad := r.dialects[pbx].ParseFields(fields, text)
	return r.saveRows(ctx, pbx, parsed, bad, text)
}

// saveRows stores records that are not older than any is kept: a file may hold years.
func (r rows) saveRows(ctx context.Context, pbx string, parsed []cdr.Parsed, bad error, text string) error {
	now := r.clock.Now()
	oldest := now.AddDate(0, 0, -r.cfg.CDR.KeepDays)
	var recent []cdr.Parsed
	for _, p := range parsed {
		if _, ended := cdr.Span(p.CDR); ended.After(oldest) {
			recent = append(recent, p)
		}
	}
	if err := r.saveCDRs(ctx, recent, now); err != nil {
		r.report(LampReporting, "cdr store", "CDRs cannot be saved", err)
		return err
	}
	r.lamps.Good(LampReporting, "cdr store")
	if bad != nil {
		return r.Garbage(ctx, pbx, []byte(text), bad.Error())
	}
	return nil
}

// Garbage keeps what is no row.
func (r rows) Garbage(ctx context.Context, pbx string, body []byte, reason string) error {
	return r.Service.Garbage(ctx, body, "asterisk "+pbx, reason, r.clock.Now())
}

func (r rows) Position(ctx context.Context, pbx string) (p asterisk.Position, err error) {
	return p, r.catalog.Position(ctx, "asterisk "+pbx, &p)
}

func (r rows) SavePosition(ctx context.Context, pbx string, p asterisk.Position) error {
	return r.catalog.SavePosition(ctx, "asterisk "+pbx, p)
}
