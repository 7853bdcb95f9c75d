package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"callreel/archive"
	"callreel/convert"
	"callreel/crypto"
	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/sidecar"
)

// This file is the converter: it makes WAV or MP3 of captures that a recorder filed as they
// came, beside that recorder, on another machine that shares the archive too, and beside
// other converters.

// ConverterConfig is how a converter shares the archive with the recorder and others.
type ConverterConfig struct {
	Poll  pbx.Duration `toml:"poll"`  // between two looks at the archive; the recorder's too, for what was converted
	Stale pbx.Duration `toml:"stale"` // a claim that was not renewed for so long is another's to take
}

// Validate checks the values; errors name the key and what is allowed.
func (c ConverterConfig) Validate() error {
	if d := time.Duration(c.Poll); d < 10*time.Millisecond || d > time.Hour {
		return fmt.Errorf("converter: poll %s is not allowed; allowed: 10ms to 1h", d)
	}
	if d := time.Duration(c.Stale); d < time.Second || d > 24*time.Hour {
		return fmt.Errorf("converter: stale %s is not allowed; allowed: 1s to 24h", d)
	}
	return nil
}

// A converter that goes on looks at the newest months only, and through the whole archive
// at its start and every hour: late records bring a call of long ago.
const (
	newestMonths = 2
	wholeEvery   = time.Hour
)

// renewals are how often a claim is renewed in the time after which it is stale.
const renewals = 9

// Converter converts an archive's captures. Open it with OpenConverter.
type Converter struct {
	making
	clock   clock.Clock
	log     *slog.Logger
	host    string
	workers int

	mu       sync.Mutex
	told     map[string]string // by name, why a capture was not converted when it was tried last
	hopeless map[string]bool   // names of those that this process does not try again
}

// Converted counts what became of the captures of one look.
type Converted struct {
	Done   int      // converted now
	Others int      // other converters work on them
	Failed []string // "name: reason", as they were found
}

// OpenConverter opens the archive of a setup, and its key ring, which must be there. It
// needs nothing else of the recorder.
func OpenConverter(ctx context.Context, cfg Config, o Options, workers int) (*Converter, error) {
	if cfg.Audio.Format == convert.PCAP {
		return nil, errors.New("audio.format is \"pcap\": the setup of a converter says what is to be made of captures, wav or mp3")
	}
	zone, err := cfg.Location()
	if err != nil {
		return nil, err
	}
	ring, err := ReadRing(cfg.Keys.File)
	if err != nil {
		return nil, fmt.Errorf("a converter needs the recorder's key ring: %w", err)
	}
	arch, err := archive.Open(cfg.Archive)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	c := &Converter{
		making: making{cfg: cfg, version: o.Version, location: zone, archive: arch, ring: ring},
		clock:  o.Clock, log: o.Log, host: host, workers: max(workers, 1), told: map[string]string{}, hopeless: map[string]bool{},
	}
	c.outside, err = findOutside(ctx, o.Log)
	if err != nil {
		return nil, errors.Join(err, arch.Close())
	}
	return c, nil
}

// Close gives the archive back.
func (c *Converter) Close() error { return c.archive.Close() }

// Run converts what comes, until ctx is done.
func (c *Converter) Run(ctx context.Context) error {
	var whole time.Time
	for {
		most := newestMonths
		if now := c.clock.Now(); whole.IsZero() || now.Sub(whole) >= wholeEvery {
			whole, most = now, math.MaxInt
		}
		_, err := c.look(ctx, most, nil)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			c.log.Error("the archive cannot be looked through; tried again", "error", err)
		}
		if !c.clock.Wait(ctx.Done(), time.Duration(c.cfg.Converter.Poll)) {
			return nil
		}
	}
}

// Once converts the captures that are in the archive now, several at the same time.
// progress, if it is not nil, is told how many of all are through.
func (c *Converter) Once(ctx context.Context, progress func(done, all int)) (Converted, error) {
	return c.look(ctx, math.MaxInt, progress)
}

// look is Once for so many months.
func (c *Converter) look(ctx context.Context, months int, progress func(done, all int)) (Converted, error) {
	list, err := c.captures(ctx, months)
	if err != nil {
		return Converted{}, err
	}
	var (
		sum  Converted
		mu   sync.Mutex
		all  sync.WaitGroup
		next = make(chan archive.Pair)
		n    int
	)
	for range min(c.workers, len(list)) {
		all.Go(func() {
			for p := range next {
				err := c.one(ctx, p)
				mu.Lock()
				n++
				c.count(&sum, p.Name, err)
				if progress != nil {
					progress(n, len(list))
				}
				mu.Unlock()
			}
		})
	}
	for _, p := range list {
		if ctx.Err() != nil {
			break
		}
		next <- p
	}
	close(next)
	all.Wait()
	return sum, context.Cause(ctx)
}

// count adds what became of one capture. The same fault of one is told once.
func (c *Converter) count(sum *Converted, name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		sum.Done++
		delete(c.told, name)
	case errors.Is(err, archive.ErrClaimed), errors.Is(err, recording.ErrNotFound), errors.Is(err, context.Canceled):
		sum.Others++
	default:
		if c.told[name] != err.Error() {
			c.log.Error("a capture cannot be converted; it stays as it is", "error", err)
			c.log.Debug("capture that cannot be converted", "name", name)
		}
		c.told[name] = err.Error()
		c.hopeless[name] = errors.Is(err, recording.ErrUnusable) || errors.Is(err, crypto.ErrTampered)
		sum.Failed = append(sum.Failed, path.Base(name)+": "+err.Error())
	}
}

// captures lists what is to be converted in the newest months, newest first: that is what
// people listen to.
func (c *Converter) captures(ctx context.Context, most int) (list []archive.Pair, err error) {
	months, err := c.archive.Months(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, month := range slices.Backward(months[max(0, len(months)-min(most, len(months))):]) {
		pairs, err := c.archive.List(ctx, month)
		if err != nil {
			return nil, err
		}
		for _, p := range pairs {
			if !c.hopeless[p.Name] && p.Sidecar && strings.HasSuffix(string(p.Audio), convert.PCAP.Extension()) {
				list = append(list, p)
			}
		}
	}
	return list, nil
}

// one converts one capture, unless somebody else does.
func (c *Converter) one(ctx context.Context, p archive.Pair) error {
	stale := time.Duration(c.cfg.Converter.Stale)
	claim, err := c.archive.Claim(ctx, p.Name, fmt.Sprintf("%s, process %d", c.host, os.Getpid()), stale)
	if err != nil {
		return err
	}
	defer claim.Release()
	ctx, lost := context.WithCancelCause(ctx)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		for clock.System().Wait(ctx.Done(), stale/renewals) {
			if err := claim.Renew(); errors.Is(err, archive.ErrClaimed) {
				lost(err)
			}
		}
	}()
	defer func() { lost(nil); <-renewing }()
	return c.recast(ctx, claim, p)
}

// recast does what is left to do of a claimed capture.
func (c *Converter) recast(ctx context.Context, claim *archive.Claim, p archive.Pair) error {
	was, err := c.archive.Sidecar(ctx, p.Audio)
	if err != nil {
		return err
	}
	plain, err := crypto.OpenBytes(c.ring, was)
	if err != nil {
		return fmt.Errorf("%w: its sidecar does not open: %w", recording.ErrUnusable, err)
	}
	rec, _, err := sidecar.Decode(plain)
	if err != nil {
		return fmt.Errorf("%w: its sidecar cannot be read: %w", recording.ErrUnusable, err)
	}
	if made := convert.Format(rec.Audio.Format); made != convert.PCAP { // it was converted, and a crash left the capture
		return claim.DropCapture(ctx, p.Audio, archive.PlaceOf(p.Name, made.Extension()), rec.Seal.FileSHA256)
	}
	if err := c.archive.Verify(ctx, p.Audio, rec.Seal.FileSHA256); errors.Is(err, archive.ErrDamaged) {
		return fmt.Errorf("%w: recording %d is not what was filed: %w", recording.ErrUnusable, rec.ID, err)
	} else if err != nil {
		return err
	}
	draft, err := claim.Draft(ctx)
	if err != nil {
		return err
	}
	defer draft.Abort()
	made, err := c.remade(ctx, rec, p.Audio, draft)
	if err != nil {
		return err
	}
	sealed, err := c.sealedSidecar(made)
	if err != nil {
		return err
	}
	if _, err = claim.Recast(ctx, draft, p.Audio, c.cfg.Audio.Format.Extension(), was, sealed); err != nil {
		return err
	}
	c.log.Info("capture converted", "id", rec.ID, "uid", rec.Capture.UID, "seconds", made.Audio.DurationS)
	return nil
}

// remade writes the audio of a filed capture into draft and returns the recording as it is
// then. What was sealed stays sealed; what was clear is sealed only if the setup says so.
func (c *Converter) remade(ctx context.Context, rec recording.Recording, capture recording.Place, draft *archive.Draft) (recording.Recording, error) {
	src, err := c.archive.Open(ctx, capture)
	if err != nil {
		return rec, err
	}
	defer src.Close()
	clear, err := sealing{ring: c.ring}.Unseal(src, src.Size())
	if err != nil {
		return rec, err
	}
	seal := rec.Seal.AudioSealed || c.cfg.Keys.EncryptAudio
	out, err := c.audioWriter(draft, seal)
	if err != nil {
		return rec, err
	}
	audio, err := convert.Convert(ctx, clear, out, c.conversion(rec, c.cfg.Audio.Format))
	if err != nil {
		return rec, err
	}
	if audio.Status != recording.AudioOK {
		return rec, fmt.Errorf("%w: recording %d: %s: %s", recording.ErrUnusable, rec.ID, audio.Status, audio.Reason)
	}
	if err := errors.Join(sameCall(rec, audio), out.Close()); err != nil {
		return rec, err
	}
	before := recording.Recast{
		Format: rec.Audio.Format, FileSHA256: rec.Seal.FileSHA256, ClearSHA256: rec.Seal.ClearSHA256,
		At: c.clock.Now().UTC(), Host: c.host, Version: c.version,
	}
	rec.Audio = audio
	rec.Seal = recording.Seal{Key: c.ring.Current(), AudioSealed: seal, ClearSHA256: out.Sum(), Before: append(rec.Seal.Before, before)}
	rec.Seal.FileSHA256, rec.Seal.Size = draft.Sum()
	if rec.Seal.ClearSHA256 == "" {
		rec.Seal.ClearSHA256 = rec.Seal.FileSHA256
	}
	return rec, nil
}
