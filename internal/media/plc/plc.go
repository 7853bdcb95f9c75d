// Package plc conceals lost voice. It owns the one question what is most likely
// to have been heard in a gap, given what was heard before and behind it. Unlike
// a telephone, which must go on at once (ITU-T G.711 Appendix I), it knows both
// ends: the voice before is carried on by repeating its last pitch periods, the
// voice behind is carried back in the same way, and the one goes over into the
// other. Not a sample before or behind the gap is changed.
package plc

// Figures of G.711 Appendix I, at 8 kHz: pitch from 66 to 200 Hz, found by
// comparing 20 ms; the repetition fades by a fifth in 10 ms from the second 10 ms
// on and has ended after 60 ms.
const (
	baseRate = 8000
	pitchMin = 40
	pitchMax = 120
	compared = 160
	step     = 80 // 10 ms
	fadeEnd  = 6  // steps
	// History is how many samples at 8 kHz before and behind a gap are of use.
	History = compared + pitchMax + pitchMax/4
)

// Filler fills gaps of voice at one sampling rate. It is not safe for concurrent
// use.
type Filler struct {
	scale    int // samples at this rate for one at 8 kHz
	left     []int16
	right    []int16
	reversed []int16
}

// New makes a filler for 8,000 or 16,000 samples a second.
func New(rate int) *Filler { return &Filler{scale: max(1, rate/baseRate)} }

// Fill writes what was probably heard into gap. before ends where the gap begins,
// after begins where it ends; both may be shorter than History, or empty.
func (f *Filler) Fill(gap, before, after []int16) {
	n := len(gap)
	f.left, f.right = room(f.left, n), room(f.right, n)
	f.carryOn(f.left, before)
	f.reversed = append(f.reversed[:0], after[:min(len(after), History*f.scale)]...)
	reverse(f.reversed)
	f.carryOn(f.right, f.reversed)
	reverse(f.right)
	whole := n <= fadeEnd*step*f.scale && len(before) > 0 && len(after) > 0
	for i := range gap {
		x, y := int(f.left[i]), int(f.right[i])
		if whole {
			gap[i] = int16((x*(n-i) + y*(i+1)) / (n + 1))
		} else {
			gap[i] = int16(max(-32768, min(32767, x+y)))
		}
	}
}

func room(b []int16, n int) []int16 {
	if cap(b) < n {
		return make([]int16, n)
	}
	return b[:n]
}

func reverse(b []int16) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// carryOn writes what follows voice into out, fading.
func (f *Filler) carryOn(out, voice []int16) {
	clear(out)
	out = out[:min(len(out), fadeEnd*step*f.scale)]
	p := f.pitch(voice)
	if p == 0 || len(out) == 0 {
		return
	}
	period := smooth(voice, p)
	jump := int(voice[len(voice)-1]) - int(voice[len(voice)-1-p])
	settle := 4 * f.scale * 8 // 4 ms
	for i := range out {
		x := int(period[i%p])
		if i < settle {
			x += jump * (settle - i) / (settle + 1)
		}
		out[i] = int16(max(-32768, min(32767, x*f.gain(i)>>15)))
	}
}

// gain is the fading at a sample, in 1/32768.
func (f *Filler) gain(i int) int {
	const one, fifth = 1 << 15, 1 << 15 / 5
	i /= f.scale
	if i < step {
		return one
	}
	return max(0, one-fifth*(i-step)/step)
}

// smooth is the last period of voice, of which the end goes over into what came
// before it, so that it can be repeated without a jump.
func smooth(voice []int16, p int) []int16 {
	period := make([]int16, p)
	copy(period, voice[len(voice)-p:])
	quarter := min(p/4, len(voice)-p)
	for i := range quarter {
		old := int(voice[len(voice)-p-quarter+i])
		at := p - quarter + i
		period[at] = int16((int(period[at])*(quarter-i) + old*(i+1)) / (quarter + 1))
	}
	return period
}

// pitch finds the period by which the end of voice resembles itself most, in
// samples; 0 if there is not enough voice to tell.
func (f *Filler) pitch(voice []int16) int {
	shortest, longest, n := pitchMin*f.scale, pitchMax*f.scale, compared*f.scale
	if len(voice) <= shortest+step*f.scale {
		return 0
	}
	longest = min(longest, len(voice)-step*f.scale)
	n = min(n, len(voice)-longest)
	s := search{voice: voice, n: n, score: -1}
	coarse := 2 * f.scale // the bandwidth of voice allows it
	for p := shortest; p <= longest; p += coarse {
		s.try(p, coarse)
	}
	near := s.best
	s.score = -1
	for p := max(shortest, near-coarse+1); p < min(longest+1, near+coarse); p++ {
		s.try(p, 1)
	}
	return s.best
}

// search is for the best period.
type search struct {
	voice []int16
	n     int // samples compared
	best  int
	score float64
}

// try looks at a period, taking every stride-th sample.
func (s *search) try(p, stride int) {
	end := s.voice[len(s.voice)-s.n:]
	if now := likeness(end, s.voice[len(s.voice)-s.n-p:][:s.n], stride); now > s.score {
		s.best, s.score = p, now
	}
}

// likeness is the normalised correlation of a and b, of every stride-th sample;
// not above 0 where they do not go together.
func likeness(a, b []int16, stride int) float64 {
	dot, energy := 0, 1
	b = b[:len(a)]
	for i := 0; i < len(a); i += stride {
		x, y := int(a[i]), int(b[i])
		dot += x * y
		energy += y * y
	}
	if dot <= 0 {
		return 0
	}
	return float64(dot) / float64(energy) * float64(dot)
}
