package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"callreel/archive"
	"callreel/cdr"
	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/recording"
	"callreel/naming"
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

// wishedTANs gives recordings the TANs that somebody wants them to have, by another name
// of their files. What is interrupted, or cannot be done now, is done the next time.
func (s *Service) wishedTANs(ctx context.Context) error {
	wishes, err := s.catalog.WishedTANs(ctx)
	for _, id := range slices.Sorted(maps.Keys(wishes)) {
		err = errors.Join(err, s.giveTAN(ctx, id, wishes[id]))
	}
	return err
}

// giveTAN renames the pair in the archive, saves that, and then renames its copy: a
// backup that is away does not keep people from what they hear.
func (s *Service) giveTAN(ctx context.Context, id recording.ID, tan string) error {
	rec, err := s.catalog.Get(ctx, id)
	if err != nil {
		return err
	}
	if rec.Call.TAN != tan {
		if err := s.rename(ctx, &rec, tan); err != nil {
			return err
		}
	}
	if rec.Backup != "" {
		sealed, err := s.archive.Sidecar(ctx, rec.Place)
		if err == nil {
			rec.Backup, err = s.copyAs(ctx, rec, sealed)
		}
		if err != nil {
			return err
		}
	}
	return s.catalog.Renamed(ctx, rec, true)
}

// copyAs gives a recording's copy its new name; one that somebody has taken away is made
// anew.
func (s *Service) copyAs(ctx context.Context, rec recording.Recording, sealed []byte) (recording.Place, error) {
	place, err := s.archive.Rename(ctx, rec.Backup, path.Base(rec.Name), sealed)
	if errors.Is(err, recording.ErrNotFound) {
		return s.archive.Backup(ctx, rec.Place)
	}
	return place, err
}

// rename gives the pair in the archive the name and the sidecar that go with a TAN.
func (s *Service) rename(ctx context.Context, rec *recording.Recording, tan string) error {
	return s.alone(ctx, rec.Place, func() error { return s.writeTAN(ctx, rec, tan) })
}

func (s *Service) writeTAN(ctx context.Context, rec *recording.Recording, tan string) error {
	if err := s.findPair(ctx, rec); err != nil {
		return err
	}
	filed, err := s.sidecarAt(ctx, rec.Place)
	if err != nil {
		return err
	}
	name := naming.WithTAN(rec.Name, rec.Call.TAN, tan)
	if rec.Name != name {
		rec.Aliases = append(rec.Aliases, rec.Name)
	}
	rec.Name, rec.Call.TAN = name, tan
	filed.Name, filed.Call.TAN, filed.Aliases = rec.Name, tan, rec.Aliases
	sealed, err := s.sealedSidecar(filed)
	if err != nil {
		return err
	}
	if rec.Place, err = s.archive.Rename(ctx, rec.Place, path.Base(name), sealed); err != nil {
		return err
	}
	s.log.Info("TAN given", "id", rec.ID, "uid", rec.Capture.UID, "agent", rec.Verdict.Owner.E164)
	return s.catalog.Renamed(ctx, *rec, false)
}

// findPair looks for a pair that is not under the name which the catalog knows: the
// program died in a rename, and another TAN may have been wished since.
func (s *Service) findPair(ctx context.Context, rec *recording.Recording) error {
	ext := path.Ext(string(rec.Place))
	switch found, err := s.archive.Find(ctx, rec.Name, ext); {
	case err != nil:
		return err
	case found == archive.FoundPair || found == archive.FoundAudio:
		return nil
	}
	pairs, err := s.archive.List(ctx, path.Dir(rec.Name))
	if err != nil {
		return err
	}
	bare := naming.WithTAN(rec.Name, rec.Call.TAN, "")
	for _, p := range pairs {
		end, ok := strings.CutPrefix(p.Name, bare+"_T")
		if !ok || !cdr.IsTAN(end) || !p.Sidecar || p.Audio == "" {
			continue
		}
		rec.Aliases, rec.Name, rec.Place, rec.Call.TAN = append(rec.Aliases, rec.Name), p.Name, p.Audio, end
		return s.archive.RemoveOrphan(ctx, rec.Aliases[len(rec.Aliases)-1])
	}
	return fmt.Errorf("recording %d is not in the archive: %w", rec.ID, recording.ErrNotFound)
}

// ErrTAN says that a text is no TAN.
var ErrTAN = errors.New("a TAN has six digits")

// ErrSeveral says that a word means more than one recording.
var ErrSeveral = errors.New("more than one recording is meant")

// WishTAN notes that a recording, named as Past.Explain takes it, is to have a TAN. The
// recorder gives it within some ten seconds, or when it runs again.
func WishTAN(ctx context.Context, cfg Config, now clock.Clock, word, tan string) (recording.ID, error) {
	if !cdr.IsTAN(tan) {
		return 0, fmt.Errorf("%.20q: %w", tan, ErrTAN)
	}
	p, err := OpenPast(ctx, cfg, now)
	if err != nil {
		return 0, err
	}
	found, err := p.find(ctx, word)
	if err = errors.Join(err, p.Close()); err != nil {
		return 0, err
	}
	found = slices.DeleteFunc(found, func(r recording.Recording) bool { return r.Place == "" })
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("%.100q: no recording is filed of it: %w", word, recording.ErrNotFound)
	case 1:
	default:
		return 0, fmt.Errorf("%w: %d and %d; name one by its number", ErrSeveral, found[0].ID, found[1].ID)
	}
	c, err := catalog.OpenBeside(ctx, cfg.Catalog)
	if err != nil {
		return 0, err
	}
	return found[0].ID, errors.Join(c.WishTAN(ctx, found[0].ID, tan, now.Now()), c.Close())
}
