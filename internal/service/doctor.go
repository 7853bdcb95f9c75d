package service

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"callreel/archive"
	"callreel/cdr"
	"callreel/ingest"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/doctor"
	"callreel/internal/recording"
)

const (
	doctorPage    = 500              // recordings and CDRs that are read at once
	doctorTimeout = 20 * time.Second // for an inbox or a server to answer; real time
)

// Doctor looks at what was done in the last days, at the inboxes, the disks and the
// clocks of the servers, and says what is not as it should be. The recorder may run or
// not; nothing is changed.
func Doctor(ctx context.Context, cfg Config, clk clock.Clock, days int) ([]doctor.Finding, error) {
	l, err := OpenLedger(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	now := clk.Now().UTC()
	x := doctor.New(doctor.Config{
		Now: now, Days: days, Backup: cfg.Archive.Backup != "",
		Told: cfg.Alarm.Mail.Server != "" || cfg.Alarm.Syslog.Address != "" || len(cfg.Alarm.Webhook) > 0,
	})
	past := past{l, x, now.AddDate(0, 0, -days)}
	for _, read := range []func(context.Context) error{past.recordings, past.records, past.calls} {
		if err := read(ctx); err != nil {
			return nil, err
		}
	}
	for _, c := range cfg.Inbox {
		x.Inbox(lookInto(ctx, c, clk))
	}
	for _, c := range cfg.PBX {
		askClock(ctx, x, "PBX "+c.Name, c.URL)
	}
	for _, c := range cfg.Reporting {
		askClock(ctx, x, "Reporting "+c.WithDefaults().Name, c.URL)
	}
	for what, folder := range map[string]string{"archive": cfg.Archive.Path, "backup": cfg.Archive.Backup} {
		if folder == "" {
			continue
		}
		if room, err := archive.Room(folder); err == nil { // else a lamp is red
			x.Disk(what, room.Free, room.Total)
		}
	}
	return x.Findings(), ctx.Err()
}

func askClock(ctx context.Context, x *doctor.Examination, where, address string) {
	if off, ok := clockOfServer(ctx, address); ok {
		x.Clock(where, off)
	}
}

// past hands what the catalog knows to an examination.
type past struct {
	ledger *Ledger
	x      *doctor.Examination
	from   time.Time
}

func (p past) recordings(ctx context.Context) error {
	q := catalog.Query{Limit: doctorPage, States: recording.States()}
	for told := false; ; {
		list, err := p.ledger.catalog.Search(ctx, q)
		if errors.Is(err, catalog.ErrUnreadable) {
			if !told {
				p.x.Row(err)
			}
			told, err = true, nil
		}
		if err != nil || len(list) == 0 {
			return err
		}
		for _, rec := range list {
			if rec.Capture.SeenAt.Before(p.from) {
				return nil
			}
			p.x.Recording(rec)
		}
		q.Before = list[len(list)-1].ID
	}
}

func (p past) records(ctx context.Context) error {
	behind := int64(0)
	for {
		list, err := p.ledger.catalog.CDRsSince(ctx, p.from, behind, doctorPage)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, raw := range list {
			behind = raw.ID
			parsed, err := cdr.Parse(raw.XML)
			if err != nil {
				p.x.CDR(time.Time{}, raw.Received)
				continue
			}
			for _, one := range parsed {
				_, last := cdr.Span(one.CDR)
				p.x.CDR(last, raw.Received)
			}
		}
	}
}

func (p past) calls(ctx context.Context) error {
	list, err := p.ledger.Between(ctx, p.from, p.from.AddDate(1, 0, 0))
	for _, e := range list {
		p.x.Call(e)
	}
	return err
}

// lookInto lists an inbox once.
func lookInto(ctx context.Context, c ingest.Config, clk clock.Clock) doctor.Inbox {
	out := doctor.Inbox{Name: c.Name}
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	in, err := ingest.New(c.WithDefaults(), clk, slog.New(slog.DiscardHandler))
	if err != nil {
		out.Err = err
		return out
	}
	asked := clock.System().Now()
	entries, stats, err := in.List(ctx)
	out.Err, out.Files, out.Off = err, len(entries), ahead(stats.Date, asked, clock.System().Now())
	for _, e := range entries {
		out.Bytes += e.Stamp.Size
		if at := e.Stamp.ModTime; !at.IsZero() && (out.Oldest.IsZero() || at.Before(out.Oldest)) {
			out.Oldest = at
		}
	}
	return out
}

// ahead is how far a clock is ahead of this machine's, by the header Date of an answer,
// which is cut to whole seconds; zero where there is none.
func ahead(date, asked, answered time.Time) time.Duration {
	if date.IsZero() {
		return 0
	}
	return date.Add(time.Second / 2).Sub(asked.Add(answered.Sub(asked) / 2))
}

// clockOfServer is how far a server's clock is ahead, by whatever it answers; false
// where it does not tell. Nothing is sent that is secret, so whose certificate it has does
// not matter.
func clockOfServer(ctx context.Context, address string) (time.Duration, bool) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		return 0, false
	}
	web := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // see above
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // it is this server's clock that is wanted
		},
	}
	asked := clock.System().Now()
	resp, err := web.Do(r)
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	return ahead(date, asked, clock.System().Now()), err == nil
}
