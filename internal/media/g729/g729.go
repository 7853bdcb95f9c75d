// Package g729 decodes G.729 speech: 10 octets of 10 ms to 80 samples at 8 kHz, as
// Annex A says it, which every coder of G.729 can be heard with. It also makes the
// comfort noise of Annex B and hides frames that are missing, both in the way of
// the standard. Without Annex B it is exact to the last bit.
//
// Source: ITU-T G.729 (06/2012), clause 4, Annex A and Annex B. Comments name its
// variables.
package g729

import "errors"

// The shape of a frame.
const (
	FrameBytes   = 10
	NoiseBytes   = 2 // of a description of noise (SID)
	FrameSamples = 80

	subSamples = 40
	order      = 10
	lagMin     = 20
	lagMax     = 143
	reach      = 11 // taps of an interpolation beyond a lag
	past       = lagMax + reach
)

// ErrFrame says that octets are no frame.
var ErrFrame = errors.New("no G.729 frame")

// kind is what the last frame was.
type kind uint8

const (
	speech kind = iota
	noise
)

// lpc is a filter of linear prediction, in Q12.
type lpc = [order + 1]int16

// Decoder keeps the state between frames. It is not safe for concurrent use.
type Decoder struct {
	last  kind
	lsf   spectrum
	lsp   [order]int16                // lsp_old, in Q15
	exc   [past + FrameSamples]int16  // old_exc
	synth [order + FrameSamples]int16 // the synthesis, and before it its end in the last frame
	lag   int                         // old_T0
	now   int                         // T0: of the subframe before
	lost  int16                       // seed_fer
	sharp int16                       // Q14
	gains gains
	cng   comfort
	post  postfilter
	out   highpass
}

// NewDecoder makes a decoder at its start.
func NewDecoder() *Decoder {
	return &Decoder{
		lsf:   newSpectrum(),
		lsp:   [order]int16{30000, 26000, 21000, 15000, 8000, 0, -8000, -15000, -21000, -26000},
		lag:   60,
		lost:  21845,
		sharp: sharpMin,
		gains: gains{energy: [4]int16{energyMin, energyMin, energyMin, energyMin}},
		cng:   newComfort(),
		post:  postfilter{gain: 1 << 12},
	}
}

// Next takes the first frame off a payload of RFC 3551 §4.5.6: frames of speech,
// and behind them perhaps a description of noise. It returns nil where no frame is
// left; octets that are none are left in rest.
func Next(payload []byte) (frame, rest []byte) {
	switch {
	case len(payload) >= FrameBytes:
		return payload[:FrameBytes:FrameBytes], payload[FrameBytes:]
	case len(payload) == NoiseBytes:
		return payload, nil
	}
	return nil, payload
}

// Samples is how many samples a payload of n octets gives.
func Samples(n int) int {
	frames := n / FrameBytes
	if n%FrameBytes == NoiseBytes {
		frames++
	}
	return frames * FrameSamples
}

// Decode decodes one frame into out: 10 octets of speech, 2 of a description of
// noise, or none where the sender had nothing to send. It returns ErrFrame where
// the octets are no frame, and leaves out and the state alone.
func (d *Decoder) Decode(out *[FrameSamples]int16, frame []byte) error {
	switch len(frame) {
	case FrameBytes:
		f := unpack(frame)
		d.speak(out, &f)
	case NoiseBytes:
		s := unpackNoise(frame)
		d.hush(out, &s)
	case 0:
		d.hush(out, nil)
	default:
		return ErrFrame
	}
	return nil
}

// Conceal writes what was probably said in a frame that is missing: speech goes
// on, fading, and noise goes on (clause 4.4, Annex B.5).
func (d *Decoder) Conceal(out *[FrameSamples]int16) {
	if d.last == noise {
		d.rustle(out, nil)
		return
	}
	d.speak(out, nil)
}

// speak decodes a frame of speech, or conceals it if f is nil.
func (d *Decoder) speak(out *[FrameSamples]int16, f *parameters) {
	d.cng.seed = noiseSeed
	a := d.interpolate(d.lsf.decode(f))
	var lags [2]int
	for i := range lags {
		s := d.subframe(f, i)
		d.excite(i, &s)
		lags[i] = s.lag
		d.synthesize(&a[i], i)
	}
	d.last = speech
	if f != nil {
		d.cng.measure(d.exc[past:])
	}
	d.finish(out, &a, lags)
}

// hush decodes a frame of noise, of which s may be nil, and measures it.
func (d *Decoder) hush(out *[FrameSamples]int16, s *silence) {
	d.rustle(out, s)
	d.cng.measure(d.exc[past:])
}

// finish filters a frame for the ear and moves the memories on.
func (d *Decoder) finish(out *[FrameSamples]int16, a *[2]lpc, lags [2]int) {
	d.post.filter(out, frame{synth: &d.synth, a: a, lags: lags, voiced: d.last == speech})
	d.out.filter(out)
	copy(d.exc[:past], d.exc[FrameSamples:])
	copy(d.synth[:order], d.synth[FrameSamples:])
}

// interpolate makes the filters of the two subframes out of the line spectral
// pairs of the last frame and of this one (clause 3.2.5).
func (d *Decoder) interpolate(lsp [order]int16) (a [2]lpc) {
	var middle [order]int16
	for i := range middle {
		middle[i] = lsp[i]>>1 + d.lsp[i]>>1
	}
	a[0], a[1] = predictor(&middle), predictor(&lsp)
	d.lsp = lsp
	return a
}

// synthesize filters the excitation of a subframe. Where that overflows, the
// excitation is made smaller (clause 4.1.6 as Annex A does it).
func (d *Decoder) synthesize(a *lpc, i int) {
	x, y := d.exc[past+i*subSamples:][:subSamples], d.synth[i*subSamples:][:order+subSamples]
	if synthesize(a, x, y) {
		return
	}
	for k := range d.exc {
		d.exc[k] >>= 2
	}
	synthesize(a, x, y)
}
