package convert

import (
	"errors"
	"fmt"
	"io"

	gomp3 "github.com/hajimehoshi/go-mp3"

	"callreel/internal/media/mp3"
)

// proof looks at an MP3 file while it is written: every frame is walked and, at
// 16 kHz, decoded again by a decoder that others wrote. There is none for 8 kHz.
type proof struct {
	format  mp3.Format
	walker  mp3.Walker
	pipe    *io.PipeWriter // to the decoder; nil without
	decoded chan decoded
}

// decoded is what the decoder gave.
type decoded struct {
	samples int64
	err     error
}

// errDecoderEnded tells the writer that nobody decodes any more; end knows why.
var errDecoderEnded = errors.New("the decoder has ended")

// newProof starts the decoder, if there is one. The proof must be stopped.
func newProof(f mp3.Format) *proof {
	p := &proof{format: f, decoded: make(chan decoded, 1)}
	if f.Rate != 16000 {
		return p
	}
	r, w := io.Pipe()
	p.pipe = w
	go func() {
		n, err := decodeAll(r, f)
		r.CloseWithError(errDecoderEnded)
		p.decoded <- decoded{n, err}
	}()
	return p
}

// decodeAll counts the samples a channel of an MP3 stream.
func decodeAll(r io.Reader, f mp3.Format) (samples int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder panicked: %v", p)
		}
	}()
	d, err := gomp3.NewDecoder(r)
	if err != nil {
		return 0, err
	}
	if d.SampleRate() != f.Rate {
		return 0, fmt.Errorf("%d samples a second, want %d", d.SampleRate(), f.Rate)
	}
	n, err := io.Copy(io.Discard, d)
	const always = 4 // bytes a sample: the decoder makes two channels of one
	return n / always, err
}

// Write never fails: end tells what is wrong.
func (p *proof) Write(b []byte) (int, error) {
	_, _ = p.walker.Write(b)
	if p.pipe != nil {
		_, _ = p.pipe.Write(b)
	}
	return len(b), nil
}

// end reports whether what was written is whole and has the samples.
func (p *proof) end(samples int64) error {
	s, err := p.walker.End()
	switch {
	case err != nil:
		return err
	case s.Format != p.format || s.Samples != samples:
		return fmt.Errorf("%w: it says %+v, want %+v with %d samples", mp3.ErrNotWhole, s, p.format, samples)
	case p.pipe == nil:
		return nil
	}
	_ = p.pipe.Close()
	d := <-p.decoded
	p.decoded <- d // for stop
	// The decoder takes the header frame for sound and drops nothing.
	if want := (p.format.Frames(samples) + 1) * mp3.FrameSamples; d.err == nil && d.samples != want {
		return fmt.Errorf("%w: decoded again it has %d samples, want %d", mp3.ErrNotWhole, d.samples, want)
	}
	if d.err != nil {
		return fmt.Errorf("%w: decode again: %w", mp3.ErrNotWhole, d.err)
	}
	return nil
}

// stop ends the decoder, wherever it is.
func (p *proof) stop() {
	if p.pipe != nil {
		_ = p.pipe.CloseWithError(errDecoderEnded)
		<-p.decoded
	}
}
