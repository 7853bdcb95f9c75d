package mp3

const (
	// shift is how much later than its number says a frame takes its samples, so
	// that the delay is Delay: the filter bank and the overlap of the frames delay
	// by 1057 samples, decoderDelay of them at the decoder.
	shift = Delay + decoderDelay - 1057

	// Before and After are how many samples Encode needs around those of its
	// frames: the filter bank looks back, and the windows are chosen by what lies
	// before and behind.
	Before = 2*FrameSamples + shift + history
	After  = FrameSamples - shift
)

// Encoder makes frames. It keeps nothing from one call to the next but its
// memory, so that frames are the same wherever a call is cut. It is for one
// goroutine.
type Encoder struct {
	format   Format
	channels []*channel
	granules []*granule // one of each channel
	budget   int        // bits of a frame for values
	long     layout
	short    layout
}

// NewEncoder fails for what Format.Validate does not allow.
func NewEncoder(f Format) (*Encoder, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	e := &Encoder{format: f, long: longLayout(f.Rate), short: shortLayout(f.Rate), budget: 8 * (f.FrameBytes() - f.sideBytes())}
	for range f.Channels {
		c := &channel{}
		e.channels, e.granules = append(e.channels, c), append(e.granules, &c.granule)
	}
	return e, nil
}

// Encode appends n frames to dst. Each channel of pcm has Before samples, the
// n·FrameSamples that are the frames' own, and After; frame k of a call begins
// with the call's sample k·FrameSamples. Where there is none pcm is 0.
func (e *Encoder) Encode(dst []byte, pcm [][]int16, n int) []byte {
	for i, c := range e.channels {
		c.analyse(pcm[i], n+3)
		c.chooseWindows()
	}
	for k := range n {
		for _, c := range e.channels {
			e.spectrum(c, k+2)
		}
		e.allot()
		dst = e.frame(dst)
	}
	return dst
}

// frame appends the frame that the granules make.
func (e *Encoder) frame(dst []byte) []byte {
	w := bitWriter{out: e.format.appendHeader(dst)}
	w.side(e.granules)
	for _, g := range e.granules {
		w.values(g)
	}
	w.fill(len(dst) + e.format.FrameBytes())
	return w.out
}
