package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/player"
	"callreel/internal/recording"
)

// APIConfig is the [api] of the setup: where programs that have a token ask.
type APIConfig struct {
	Listen string `toml:"listen"` // host:port; empty: nowhere
	Cert   string `toml:"tls_cert"`
	Key    string `toml:"tls_key"`
}

// Validate checks the values; errors name the key and what is allowed.
func (c APIConfig) Validate() error {
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			return fmt.Errorf("api: listen %q must be host:port, for instance \"0.0.0.0:8443\"", c.Listen)
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("api: tls_cert and tls_key belong together; write both or none")
	}
	return nil
}

// open reports whether the API can be reached from elsewhere without TLS.
func (c APIConfig) open() bool {
	host, _, _ := net.SplitHostPort(c.Listen)
	return c.Cert == "" && host != "localhost" && !net.ParseIP(host).IsLoopback()
}

// listenAPI takes the address of the API.
func (s *Service) listenAPI(ctx context.Context) error {
	c := s.cfg.API
	if c.Listen == "" {
		return nil
	}
	var secure *tls.Config
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return fmt.Errorf("api: tls_cert and tls_key cannot be used: %w", err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	} else if c.open() {
		s.log.Warn("the API can be reached over the network without TLS: who listens there reads tokens and recordings; set tls_cert and tls_key of [api]", "listen", c.Listen)
	}
	h := player.NewAPI(playerSources{s}, s.log)
	return s.listen(ctx, "api", c.Listen, func(ctx context.Context, ln net.Listener) error {
		if secure != nil {
			ln = tls.NewListener(ln, secure)
		}
		return pbx.ServeMany(ctx, ln, h, pageConns)
	})
}

// AddMark stores a mark of now.
func (p playerSources) AddMark(ctx context.Context, m player.MarkRequest, by string) (known bool, err error) {
	mark := recording.Mark{Kind: m.Kind, Number: m.Number, From: "api " + by}
	switch {
	case !pbx.ValidMarkNumber(m.Number):
		return false, question("number must be the number or name of an agent")
	case m.Kind != recording.MarkKeep && m.Kind != recording.MarkSkip:
		return false, question("kind must be keep or skip")
	}
	if m.Conf != "" {
		if mark.Conf, err = recording.ParseCallID(m.Conf); err != nil {
			return false, question("%v", err)
		}
	}
	return p.Mark(ctx, mark)
}

// mostLedger is the longest time of which the ledger is told at once.
const mostLedger = 32 * 24 * time.Hour

// LedgerLines returns the ledger of a time: by default of today, or of the day that begins
// with from.
func (p playerSources) LedgerLines(ctx context.Context, from, to string) ([]recording.Entry, error) {
	begin, end := clock.DayOf(p.clock.Now().In(p.location))
	var err error
	if from != "" {
		if begin, end, err = p.moment("from", from); err != nil {
			return nil, err
		}
	}
	if to != "" {
		if end, _, err = p.moment("to", to); err != nil {
			return nil, err
		}
	}
	if !begin.Before(end) || end.Sub(begin) > mostLedger {
		return nil, question("to must be behind from, and by 32 days at most")
	}
	return p.books.between(ctx, begin, end)
}

// moment reads a day, by the zone of the setup, or a time; and when a day from then ends.
func (p playerSources) moment(key, text string) (begin, end time.Time, err error) {
	if begin, end, err = clock.ParseDay(text, p.location); err == nil {
		return begin, end, nil
	}
	if begin, err = time.Parse(time.RFC3339, text); err != nil {
		return begin, end, question("%s must be a day, 2026-11-28, or a time, 2026-11-28T12:00:00Z", key)
	}
	return begin, begin.AddDate(0, 0, 1), nil
}

// LinkStates tells how those stand who are told of calls.
func (p playerSources) LinkStates(ctx context.Context) ([]player.LinkState, error) {
	faults := map[string]string{}
	if p.appServer != nil {
		faults[p.appServer.To()] = p.appServer.State().Error
	}
	for _, w := range p.webhooks {
		faults[w.To()] = w.State().Error
	}
	var out []player.LinkState
	for _, one := range p.partners {
		b, err := one.Backlog(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, player.LinkState{Name: one.To(), Error: faults[one.To()], Waiting: b.Waiting, Oldest: b.Oldest, GivenUp: b.Dead})
	}
	return out, nil
}
