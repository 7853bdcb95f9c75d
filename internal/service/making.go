package service

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"callreel/archive"
	"callreel/convert"
	"callreel/crypto"
	"callreel/internal/recording"
	"callreel/internal/sidecar"
)

// making is what recordings are made with and opened, by a recorder and by a converter.
type making struct {
	cfg      Config
	version  string
	location *time.Location
	archive  *archive.Archive
	ring     *crypto.Ring
	outside  convert.Outside // for codecs that are not built in; nil where the machine has none
}

// conversion is how a recording's capture is converted.
func (m *making) conversion(rec recording.Recording, format convert.Format) convert.Options {
	return convert.Options{
		Format: format, Bitrate: m.cfg.Audio.Bitrate,
		Channels: m.channels(rec.Verdict), PCM: m.cfg.Audio.PCM, Wideband: m.cfg.Audio.Wideband,
		Conceal: m.cfg.Audio.Conceal, RecordedOn: rec.Capture.RecordedOn, Swap: rec.Capture.Swap,
		Call: rec.Capture.Call, Together: rec.Capture.Call == 0,
		Numbers: internalNumbers(rec.Verdict), Version: m.version, Outside: m.outside,
	}
}

// channels is what of a call goes into the file. One that was begun by hand has the
// announcement on one side and both parties on the other.
func (m *making) channels(v recording.Verdict) convert.Channels {
	if v.Manual {
		return convert.Mono
	}
	return m.cfg.Audio.Channels
}

// audioWriter hands audio on to w, sealed if that is asked for.
func (m *making) audioWriter(w io.Writer, seal bool) (*audioOut, error) {
	if !seal {
		return &audioOut{Writer: w}, nil
	}
	sealed, err := crypto.NewWriter(w, m.ring, -1)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	return &audioOut{Writer: io.MultiWriter(sealed, sum), sum: sum, seal: sealed}, nil
}

// sidecarAt opens the sidecar of a filed recording.
func (m *making) sidecarAt(ctx context.Context, place recording.Place) (recording.Recording, error) {
	sealed, err := m.archive.Sidecar(ctx, place)
	if err != nil {
		return recording.Recording{}, err
	}
	plain, err := crypto.OpenBytes(m.ring, sealed)
	if err != nil {
		return recording.Recording{}, err
	}
	rec, _, err := sidecar.Decode(plain)
	return rec, err
}

// sealedSidecar is the sidecar of a recording as it lies beside its audio.
func (m *making) sealedSidecar(rec recording.Recording) ([]byte, error) {
	plain, err := sidecar.Encode(rec, sidecar.Meta{Version: m.version, Location: m.location})
	if err != nil {
		return nil, err
	}
	sealed, err := crypto.SealBytes(m.ring, plain)
	if err != nil {
		return nil, fmt.Errorf("seal the sidecar of recording %d: %w", rec.ID, err)
	}
	return sealed, nil
}
