package service

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"callreel/internal/link"
	"callreel/internal/player"
	"callreel/internal/recording"
	"callreel/naming"
)

// signOfLife is how often a page that listens hears that the recorder is there.
const signOfLife = 20 * time.Second

// Listen makes a page listen under a name.
func (p playerSources) Listen(name string) (player.Listener, error) {
	l, err := p.relay.Join(name)
	if err != nil {
		return nil, err
	}
	return remotePage{l, p}, nil
}

// Tell brings a command to the page of a name.
func (p playerSources) Tell(ctx context.Context, name string, c player.Command) error {
	if c.Do == string(link.Play) {
		if _, err := p.named(ctx, c.File); err != nil {
			return err
		}
	}
	err := p.relay.Send(link.Command{Do: link.Do(c.Do), Player: name, File: c.File})
	if errors.Is(err, link.ErrNoPlayer) {
		return player.ErrNoPlayer
	}
	return err
}

// remotePage makes of a relay's commands those of a page, which knows recordings by number.
type remotePage struct {
	*link.Player
	sources playerSources
}

// Next waits for a command.
func (l remotePage) Next(ctx context.Context) (player.Command, error) {
	select {
	case <-ctx.Done():
		return player.Command{}, ctx.Err()
	case <-l.sources.clock.After(signOfLife):
		return player.Command{}, nil
	case c, open := <-l.C:
		if !open {
			return player.Command{}, io.EOF
		}
		out := player.Command{Do: string(c.Do), File: c.File}
		if c.Do == link.Play {
			rec, err := l.sources.named(ctx, c.File)
			if err != nil && !errors.Is(err, recording.ErrNotFound) {
				return out, err
			}
			out.ID = rec.ID
		}
		return out, nil
	}
}

// named finds a filed recording by the name of its file, with or without folder and
// extension, also by one that it had before; or, for those who kept only that, by its UID.
func (s *Service) named(ctx context.Context, file string) (recording.Recording, error) {
	base := bare(file)
	uid := base
	if parts, err := naming.Parse(base, s.location); err == nil {
		uid = parts.UID
	}
	list, err := s.catalog.ByUID(ctx, uid)
	if err != nil {
		return recording.Recording{}, err
	}
	if conf, bad := recording.ParseConfID(uid); bad == nil && len(list) == 0 {
		if list, err = s.catalog.ByConf(ctx, conf); err != nil {
			return recording.Recording{}, err
		}
	}
	for _, rec := range slices.Backward(list) {
		if rec.Place != "" && (uid == base || hasName(rec, strings.TrimSuffix(base, path.Ext(string(rec.Place))))) {
			return rec, nil
		}
	}
	return recording.Recording{}, recording.ErrNotFound
}

func hasName(rec recording.Recording, base string) bool {
	return path.Base(rec.Name) == base || slices.ContainsFunc(rec.Aliases, func(old string) bool { return path.Base(old) == base })
}
