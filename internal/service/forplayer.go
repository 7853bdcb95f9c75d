package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"callreel/convert"
	"callreel/crypto"
	"callreel/internal/catalog"
	"callreel/internal/player"
	"callreel/internal/recording"
	"callreel/internal/sidecar"
)

// playerSources is what the page is handed: the service seen from there.
type playerSources struct{ *Service }

func (s *Service) forPlayer() player.Sources { return playerSources{s} }

// Search finds filed recordings.
func (p playerSources) Search(ctx context.Context, q player.Query) ([]recording.Recording, error) {
	return p.catalog.Search(ctx, catalog.Query{Number: q.Number, Before: q.Before, Limit: q.Limit})
}

// Get finds one recording.
func (p playerSources) Get(ctx context.Context, id recording.ID) (recording.Recording, error) {
	return p.catalog.Get(ctx, id)
}

// clearAudio is an audio file read as if it were not sealed.
type clearAudio struct {
	*io.SectionReader
	io.Closer
}

// Audio opens the filed audio, at any second and without writing it in clear. Of a
// capture that was filed as it came it is a WAV, made in memory.
func (p playerSources) Audio(ctx context.Context, rec recording.Recording) (player.Audio, error) {
	if rec.Place == "" {
		return nil, fmt.Errorf("recording %d is not filed: %w", rec.ID, recording.ErrNotFound)
	}
	f, err := p.archive.Open(ctx, rec.Place)
	if err != nil {
		return nil, err
	}
	clear, err := sealing{ring: p.ring}.Unseal(f, f.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if convert.Format(rec.Audio.Format) != convert.PCAP {
		return clearAudio{io.NewSectionReader(clear, 0, clear.Size()), f}, nil
	}
	wav, err := p.sound(ctx, rec, clear)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return clearAudio{io.NewSectionReader(bytes.NewReader(wav), 0, int64(len(wav))), io.NopCloser(nil)}, nil
}

// Sidecar decrypts the sidecar.
func (p playerSources) Sidecar(ctx context.Context, rec recording.Recording) ([]byte, error) {
	if rec.Place == "" {
		return nil, fmt.Errorf("recording %d is not filed: %w", rec.ID, recording.ErrNotFound)
	}
	sealed, err := p.archive.Sidecar(ctx, rec.Place)
	if err != nil {
		return nil, err
	}
	return crypto.OpenBytes(p.ring, sealed)
}

// Details opens the sidecar and holds the audio against its digest (SPEC §6.6).
func (p playerSources) Details(ctx context.Context, rec recording.Recording) (player.Details, error) {
	d := player.Details{Recording: rec}
	filed, err := p.opened(ctx, rec)
	if d.Integrity, d.Reason = sidecarFault(err); d.Integrity != "" {
		return d, ctx.Err()
	}
	filed.ID, filed.State, filed.Place, filed.Backup = rec.ID, rec.State, rec.Place, rec.Backup
	d.Recording = filed
	d.Recording.Audio.Peaks = nil
	d.Flow = sidecar.Flow(filed, p.location)
	d.Integrity, d.Reason = p.integrity(ctx, filed)
	return d, ctx.Err()
}

// opened reads a recording from its sidecar.
func (p playerSources) opened(ctx context.Context, rec recording.Recording) (recording.Recording, error) {
	plain, err := p.Sidecar(ctx, rec)
	if err != nil {
		return rec, err
	}
	filed, _, err := sidecar.Decode(plain)
	return filed, err
}

// sidecarFault says what a sidecar's failure to open means; nothing when it
// opened.
func sidecarFault(err error) (status, reason string) {
	switch {
	case err == nil:
		return "", ""
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, recording.ErrNotFound):
		return "sidecar missing", ""
	case errors.Is(err, crypto.ErrUnknownKey):
		return "unknown key", err.Error()
	default:
		return "manipulated", err.Error()
	}
}

func (p playerSources) integrity(ctx context.Context, filed recording.Recording) (status, reason string) {
	err := p.archive.Verify(ctx, filed.Place, filed.Seal.FileSHA256)
	switch {
	case err == nil:
		return "original", ""
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, recording.ErrNotFound):
		return "audio missing", ""
	default:
		return "manipulated", err.Error()
	}
}

// Status is what the page's first line shows.
func (p playerSources) Status(ctx context.Context) (player.Status, error) {
	st := player.Status{Version: p.version, Checks: p.checks.Load(), Now: p.clock.Now().UTC(), Open: []player.Open{}}
	addresses := p.addresses()
	for _, l := range p.lamps.All() {
		st.Lamps = append(st.Lamps, player.Lamp{Name: string(l.Lamp), Light: string(l.Light), Error: l.Error, Since: l.Since, Address: addresses[l.Lamp]})
	}
	st.Alarm = pageAlarm(p.Alarm())
	var err error
	if st.Counts, err = p.catalog.Count(ctx); err != nil {
		return st, err
	}
	open, err := p.catalog.Search(ctx, catalog.Query{Limit: 50, States: []recording.State{
		recording.Seen, recording.Spooled, recording.Correlated, recording.Decided,
	}})
	for _, rec := range slices.Backward(open) {
		st.Open = append(st.Open, player.Open{
			ID: rec.ID, UID: rec.Capture.UID, State: rec.State, Since: rec.Capture.SeenAt, Why: why(rec, p.clock.Now()),
		})
	}
	return st, err
}

func pageAlarm(a Alarm) player.Alarm {
	out := player.Alarm{State: a.State, Since: a.Since, Lamp: a.Lamp, Error: a.Error}
	for _, way := range slices.Sorted(maps.Keys(a.Ways)) {
		if w := a.Ways[way]; w.Fault != "" {
			out.Unsent = way + ": " + w.Fault
		}
	}
	return out
}

// ResetMasterAlarm puts the master alarm out.
func (p playerSources) ResetMasterAlarm() { p.ResetAlarm() }

// countdownStep is the unit in which countdowns are shown.
const countdownStep = 5 * time.Second

// why tells what an open recording waits for. A countdown is shown as the old
// recorder did: P and the number of five-second looks that are left.
func why(rec recording.Recording, now time.Time) string {
	switch {
	case rec.State == recording.Seen && rec.Retry.Reason == "":
		return "in recording"
	case rec.Retry.Until.After(now):
		return fmt.Sprintf("P%d %s", rec.Retry.Until.Sub(now)/countdownStep, rec.Retry.Reason)
	default:
		return rec.Retry.Reason
	}
}
