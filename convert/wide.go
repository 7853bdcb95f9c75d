package convert

import "callreel/internal/media/resample"

// wide is what a side needs besides where some voice is wider than 8 kHz. What
// comes at 8 kHz and what comes at 16 kHz are gathered apart; then one of both is
// brought to the file's rate and they are added.
type wide struct {
	narrow  []int16 // a chunk at 8 kHz
	broad   []int16 // the same at 16 kHz
	changed []int16 // one of both at the other rate
	up      *resample.Up
	down    *resample.Down
}

func newWide(factor int) *wide {
	w := &wide{narrow: make([]int16, chunk), broad: make([]int16, 2*chunk), changed: make([]int16, 2*chunk)}
	if factor == 2 {
		w.up = resample.NewUp()
	} else {
		w.down = resample.NewDown()
	}
	return w
}

// mixWide is mix for a side with a band of its own.
func (v *voice) mixWide(dst []int16, from, n int64) error {
	w := v.wide
	narrow, broad := w.narrow[:n], w.broad[:2*n]
	clear(narrow)
	clear(broad)
	for _, pl := range v.sounding(from, n) {
		err := pl.each(from, n, func(at int64, s *sound) {
			if s.law == noLaw && s.factor == 2 {
				addSamples(broad[2*at:], s.samples)
				return
			}
			s.addTo(narrow[at:], noLaw)
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
