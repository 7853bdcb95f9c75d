package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"callreel/cdr"
	"callreel/internal/recording"
)

// TANConfig says how agents give a call a transaction number while it goes on.
type TANConfig struct {
	// Prefix is the number of the PBX object behind which six digits are dialled;
	// empty: TANs are not looked for.
	Prefix string `toml:"prefix"`
}

// Validate checks the values.
func (c TANConfig) Validate() error {
	if strings.Trim(c.Prefix, "0123456789*#+") != "" {
		return fmt.Errorf("tan: prefix %q is not allowed; allowed: a number of digits, * and #", c.Prefix)
	}
	return nil
}

// tanSlack is by how much the clocks of PBX and capture may differ.
const tanSlack = 5 * time.Second

// tan looks for the TAN that the owner dialled while the capture was written. Records
// of a call that began long before are not looked at, but for the capture's own.
func (s *Service) tan(ctx context.Context, rec recording.Recording) (string, error) {
	if s.cfg.TAN.Prefix == "" {
		return "", nil
	}
	half := time.Duration(rec.Audio.DurationS/2*float64(time.Second)) + tanSlack
	from := rec.Started().Add(-tanSlack)
	near, err := s.catalog.CDRsNear(ctx, from.Add(half), half, mostLooked)
	if err != nil {
		return "", err
	}
	return cdr.TAN(append(near, rec.Call.Raw...), s.cfg.TAN.Prefix, rec.Verdict.Owner, from, from.Add(2*half)), nil
}
