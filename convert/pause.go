package convert

// pauser is a decoder that fills the pauses of its sender, most with the noise
// that the sender described.
type pauser interface {
	// pause appends so many ticks of it to dst.
	pause(dst []int16, ticks int64) []int16
}

// pausePart is how much of a pause is made at a time, in ticks: whole frames of
// any codec.
const pausePart = rate

// begins reports whether the gap before e is a pause of the sender, which is to be
// heard before e.
func (pl *player) begins(gap int64, e *entry) bool {
	if _, ok := pl.decoders[pl.kind].(pauser); !ok || pl.spanAt(pl.done-pl.g.start) != kindDTX {
		return false
	}
	pl.pause, pl.held = gap, true
	pl.voiceTS = e.ts // e's position has been counted
	return true
}

// rustle gives the next part of a pause.
func (pl *player) rustle() {
	d := pl.decoders[pl.kind]
	n := min(pl.pause, pausePart)
	pl.samples = d.(pauser).pause(pl.samples[:0], n)
	pl.rest = sound{at: pl.done, n: n, samples: pl.samples, factor: int64(d.factor())}
	pl.done, pl.pause = pl.done+n, pl.pause-n
	if pl.filler != nil {
		pl.filler.heard(&pl.rest)
	}
}
