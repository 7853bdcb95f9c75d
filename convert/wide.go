package convert

import (
	"callreel/internal/media/g722"
	"callreel/internal/media/resample"
)

// wide is what a side needs besides where some voice is wider than 8 kHz. What
// is G.711 and what is G.722 are gathered apart; then one of both is brought to
// the file's rate and they are added.
type wide struct {
	decoders map[*stream]*g722.Decoder
	narrow   []int16 // a chunk at 8 kHz
	broad    []int16 // the same at 16 kHz
	changed  []int16 // one of both at the other rate
	decoded  []int16 // of one packet
	up       *resample.Up
	down     *resample.Down
}

func newWide(factor int) *wide {
	w := &wide{
		decoders: map[*stream]*g722.Decoder{},
		narrow:   make([]int16, chunk), broad: make([]int16, 2*chunk), changed: make([]int16, 2*chunk), decoded: make([]int16, 2*chunk),
	}
	if factor == 2 {
		w.up = resample.NewUp()
	} else {
		w.down = resample.NewDown()
	}
	return w
}

// mixWide is mix for a side with a band of its own.
func (v *voice) mixWide(dst []int16, from int64, n int) error {
	w := v.wide
	narrow, broad := w.narrow[:n], w.broad[:2*n]
	clear(narrow)
	clear(broad)
	for _, g := range v.sounding(from, int64(n)) {
		err := v.each(g, from, n, func(at int64, b []byte, l law) {
			if l == lawWide {
				w.decode(g.stream, broad[2*at:], b)
			} else {
				addCodes(narrow[at:], b, l.decode(), -1)
			}
		})
		if err != nil {
			return err
		}
	}
	changed := w.changed[:len(dst)]
	if w.up != nil {
		w.up.Process(changed, narrow)
		addSamples(dst, broad)
	} else {
		w.down.Process(changed, broad)
		addSamples(dst, narrow)
	}
	addSamples(dst, changed)
	return nil
}

// decode adds the samples of G.722 octets. A decoder goes on over gaps, as a
// telephone's does.
func (w *wide) decode(s *stream, dst []int16, octets []byte) {
	d := w.decoders[s]
	if d == nil {
		d = g722.NewDecoder(g722.Mode64k)
		w.decoders[s] = d
	}
	n := d.Decode(w.decoded, octets)
	addSamples(dst, w.decoded[:n])
}

func addSamples(dst, src []int16) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = plus(dst[i], x)
	}
}
