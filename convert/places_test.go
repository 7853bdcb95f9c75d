package convert

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"callreel/internal/media/g711"
	"callreel/internal/recording"
)

// Every packet of the captures made here says its own number, so that each is found
// again in the file: it must stand where it was said, once, and the truth map must
// call it received, and nothing else.

// numerals are sixteen codes of A-law, and those of µ-law that become the same. The
// first ten are digits, the last is for nothing else.
func numerals() (a, mu [16]byte) {
	n := 0
	for code := byte(1); n < len(a); code += 2 {
		m := g711.EncodeMu(g711.DecodeA[code])
		if g711.MuToA[m] == code && code != g711.IdleA {
			a[n], mu[n] = code, m
			n++
		}
	}
	return a, mu
}

const numberLength = 8

// numbered is a payload of silence that says n in its middle: six digits behind two
// marks.
func numbered(n, size int, pt uint8) []byte {
	code, mu := numerals()
	idle := byte(g711.IdleA)
	if pt == 0 {
		code, idle = mu, g711.IdleMu
	}
	b := slices.Repeat([]byte{idle}, size)
	middle := b[size/2:]
	middle[0], middle[1] = code[15], code[15]
	for i := range numberLength - 2 {
		middle[2+i] = code[n%10]
		n /= 10
	}
	return b
}

// numbersIn lists where in a channel numbers stand.
func numbersIn(channel []byte) map[int][]int {
	code, _ := numerals()
	out := map[int][]int{}
	for i := 0; i+numberLength <= len(channel); i++ {
		if channel[i] != code[15] || channel[i+1] != code[15] {
			continue
		}
		n, ten, ok := 0, 1, true
		for _, c := range channel[i+2 : i+numberLength] {
			digit := slices.Index(code[:10], c)
			n, ten, ok = n+digit*ten, 10*ten, ok && digit >= 0
		}
		if ok {
			out[n] = append(out[n], i)
		}
	}
	return out
}

// checkPlaces holds a channel against the packets that were captured of a speaker.
func checkPlaces(t *testing.T, a recording.Audio, w wave, channel int, sent []spoken) {
	t.Helper()
	zero := a.Start.Sub(epoch) - wireDelay // when the first sample was said, by the capture's clock
	spans := a.Truth[channel].Spans
	places := numbersIn(w.channel(channel))
	slices.SortStableFunc(sent, func(a, b spoken) int { return cmp.Compare(a.n, b.n) })
	sent = slices.CompactFunc(sent, func(a, b spoken) bool { return a.n == b.n })
	wrong, told, were := 0, 0.0, 0.0
	for _, p := range sent {
		at := places[p.n]
		delete(places, p.n)
		were += float64(len(p.payload)) / rate
		switch {
		case wrong > 3:
		case len(at) != 1:
			t.Errorf("channel %d: packet %d, said at %v, is heard %d times", channel, p.n, p.said, len(at))
			wrong++
		default:
			want := p.said + time.Duration(len(p.payload)/2)*time.Second/rate
			if off := time.Duration(at[0])*time.Second/rate + zero - want; off > within20ms || off < -within20ms {
				t.Errorf("channel %d: packet %d, said at %v, stands %v off", channel, p.n, p.said, off)
				wrong++
			}
			if kind := kindAt(spans, float64(at[0])/rate); kind != "received" {
				t.Errorf("channel %d: packet %d is told as %q", channel, p.n, kind)
				wrong++
			}
		}
	}
	for _, s := range spans {
		if s.Kind == "received" {
			told += s.ToS - s.FromS
		}
	}
	if off := told - were; len(places) > 0 || off > 0.02+were/1000 || off < -0.02-were/1000 {
		t.Errorf("channel %d: %.3f s are told received, %.3f s were; %d packets nobody sent", channel, told, were, len(places))
	}
}

func kindAt(spans []recording.Span, at float64) string {
	for _, s := range spans {
		if at >= s.FromS && at < s.ToS {
			return s.Kind
		}
	}
	return ""
}

// scene is what both sides of a call and its capture go through.
type scene struct {
	end           time.Duration
	local, remote speaker
	clock         func(time.Duration) time.Duration
	order         func([]spoken) []spoken
}

func newScene(end time.Duration) *scene { return &scene{end: end, local: local(), remote: remote()} }

// play converts the scene and checks both sides.
func (s *scene) play(t *testing.T) {
	t.Helper()
	all := slices.Concat(s.local.packets(s.end), s.remote.packets(s.end))
	slices.SortStableFunc(all, func(a, b spoken) int { return cmp.Compare(a.arrival, b.arrival) })
	if s.order != nil {
		all = s.order(all)
	}
	var sides [2][]spoken
	for i := range all {
		p := &all[i]
		p.payload = numbered(p.n, len(p.payload), p.pt)
		sides[2-p.ssrc>>28] = append(sides[2-p.ssrc>>28], *p)
	}
	a, w := converted(t, record(all, s.clock).capture(), Options{Conceal: Silent})
	if a.Status != recording.AudioOK {
		t.Fatalf("%s: %s", a.Status, a.Reason)
	}
	for channel, sent := range sides {
		checkPlaces(t, a, w, channel, sent)
	}
}

// then adds what becomes of a packet behind what became of it before.
func (k *speaker) then(change func(*spoken) bool) {
	before := k.change
	k.change = func(p *spoken) bool { return (before == nil || before(p)) && change(p) }
}

// from changes all that is said from a moment on.
func from(at time.Duration, change func(*spoken)) func(*spoken) bool {
	return func(p *spoken) bool {
		if p.said >= at {
			change(p)
		}
		return true
	}
}

// slower lets a sender's clock run slower from a moment on: all comes later.
func slower(at time.Duration, share float64) func(*spoken) bool {
	return func(p *spoken) bool {
		if p.said > at {
			later := time.Duration(float64(p.said-at) * share)
			p.said, p.arrival = p.said+later, p.arrival+later
		}
		return true
	}
}

// unheard loses what is said in a time.
func unheard(from, to time.Duration) func(*spoken) bool {
	return func(p *spoken) bool { return p.said < from || p.said >= to }
}

// lossy loses so many of a hundred packets.
func lossy(percent int, seed uint64) func(*spoken) bool {
	random := rand.New(rand.NewPCG(seed, 77))
	return func(*spoken) bool { return random.IntN(100) >= percent }
}

// spurts lets a speaker send only for a part of each period. Its numbers do not count
// what is not sent; its timestamps do if they run.
func spurts(part, period time.Duration, run bool) func(*spoken) bool {
	unsent := uint32(0)
	return func(p *spoken) bool {
		if p.said%period >= part {
			unsent++
			return false
		}
		p.seq -= uint16(unsent)
		if !run {
			p.ts -= unsent * uint32(len(p.payload))
		}
		return true
	}
}

// halts lets the sender's clock and numbers stand for so many packets, each time others
// have been sent.
func halts(each, packets int) func(*spoken) bool {
	return func(p *spoken) bool {
		n := p.n / each * packets
		p.ts, p.seq = p.ts-uint32(n*160), p.seq-uint16(n)
		return n == 0 || p.n%each >= packets
	}
}

// congested holds up what is said in a time, and lets it go little by little within
// another.
func congested(from, to, drained time.Duration, by time.Duration) func(*spoken) bool {
	return func(p *spoken) bool {
		switch {
		case p.said >= from && p.said < to:
			p.arrival += by
		case p.said >= to && p.said < drained:
			p.arrival += by * (drained - p.said) / (drained - to)
		}
		return true
	}
}

// set is a capture's clock that is set by some time at a moment.
func set(at, by time.Duration) func(time.Duration) time.Duration {
	return func(t time.Duration) time.Duration {
		if t > at {
			return t + by
		}
		return t
	}
}

// jumbled disorders the records of a file, so many at a time.
func jumbled(all []spoken, by int) []spoken {
	random := rand.New(rand.NewPCG(5, 6))
	for i := 0; i+by < len(all); i += by {
		random.Shuffle(by, func(a, b int) { all[i+a], all[i+b] = all[i+b], all[i+a] })
	}
	return all
}

const ms = time.Millisecond

func TestPlaces(t *testing.T) {
	for i, row := range []struct {
		name string
		end  time.Duration
		make func(s *scene)
	}{
		{"skew, losses and jitter", 30 * time.Minute, func(s *scene) {
			s.local.skew, s.remote.skew, s.local.jitter, s.remote.jitter = 200e-6, -200e-6, 60*ms, 30*ms
			s.local.then(lossy(5, 3))
			s.remote.then(lossy(10, 4))
		}},
		{"the skew changes", 24 * time.Minute, func(s *scene) {
			s.local.jitter, s.remote.jitter = 30*ms, 10*ms
			s.local.skew = 150e-6
			s.local.then(slower(16*time.Minute, 300e-6))
			s.remote.then(slower(12*time.Minute, 150e-6))
		}},
		{"the skew comes and goes, with losses and a pause", 16 * time.Minute, func(s *scene) {
			s.remote.jitter = 40 * ms
			s.remote.then(slower(4*time.Minute, 400e-6))
			s.remote.then(slower(8*time.Minute, -400e-6))
			s.remote.then(lossy(5, 6))
			s.remote.then(unheard(11*time.Minute, 13*time.Minute))
		}},
		{"the skew changes, and after half an hour's silence there is a last word", 40 * time.Minute, func(s *scene) {
			s.remote.jitter, s.local.sizes = 20*ms, []int{480}
			s.remote.then(slower(5*time.Minute, 150e-6))
			s.remote.then(unheard(10*time.Minute, 39*time.Minute+40*time.Second))
		}},
		{"begins anew while it is not heard", time.Minute, func(s *scene) {
			s.remote.then(unheard(20*time.Second, 30*time.Second))
			s.remote.then(from(25*time.Second, func(p *spoken) { p.seq, p.ts = p.seq+777, p.ts+123456789 }))
		}},
		{"begins anew every 3 s, while packets overtake each other", time.Minute, func(s *scene) {
			s.remote.jitter = 55 * ms
			s.remote.then(func(p *spoken) bool {
				n := p.n / 150
				p.seq, p.ts = p.seq+uint16(n*20000), p.ts+uint32(n*0x34567890)
				return true
			})
		}},
		{"numbers begin anew, timestamps go on", time.Minute, func(s *scene) {
			s.remote.then(from(25*time.Second, func(p *spoken) { p.seq -= 1200 }))
		}},
		{"timestamps begin anew, numbers go on", time.Minute, func(s *scene) {
			s.remote.then(from(25*time.Second, func(p *spoken) { p.ts -= 1200 * 160 }))
		}},
		{"timestamps go back by 100 ms", time.Minute, func(s *scene) {
			s.remote.then(from(25*time.Second, func(p *spoken) { p.ts -= 800 }))
		}},
		{"timestamps go back by 900 ms", time.Minute, func(s *scene) {
			s.remote.then(from(25*time.Second, func(p *spoken) { p.ts -= 7200 }))
		}},
		{"timestamps go ahead by 100 ms", time.Minute, func(s *scene) {
			s.remote.then(from(25*time.Second, func(p *spoken) { p.ts += 800 }))
		}},
		{"timestamps go ahead by 550 s, with skew and losses just there", 5 * time.Minute, func(s *scene) {
			s.remote.skew = 200e-6
			s.remote.then(from(100*time.Second, func(p *spoken) { p.ts += 550 * rate }))
			s.remote.then(lossy(4, 3))
			s.remote.then(unheard(99*time.Second, 101*time.Second))
		}},
		{"a clock that stands for 200 ms, twenty times", 20 * time.Minute, func(s *scene) {
			s.remote.then(halts(3000, 10))
		}},
		{"a clock that stands for 60 ms, twenty times", 7 * time.Minute, func(s *scene) {
			s.remote.jitter = 20 * ms
			s.remote.then(halts(1000, 3))
		}},
		{"a clock that stands for 40 ms, every ten seconds, skew", 195 * time.Second, func(s *scene) {
			s.remote.skew = 100e-6
			s.remote.then(halts(500, 2))
		}},
		{"a clock that stands for 40 ms, 2 s before the end", 2 * time.Minute, func(s *scene) {
			s.remote.then(halts(5900, 2))
		}},
		{"timestamps go ahead in pauses by 50 ms too much", 2 * time.Minute, func(s *scene) {
			s.remote.jitter = 10 * ms
			s.remote.then(spurts(3*time.Second, 5*time.Second, true))
			s.remote.then(func(p *spoken) bool {
				p.ts += uint32(p.said/(5*time.Second)) * 400
				return true
			})
		}},
		{"timestamps go ahead by 40 ms", time.Minute, func(s *scene) {
			s.remote.jitter = 10 * ms
			s.remote.then(from(25*time.Second, func(p *spoken) { p.ts += 320 }))
		}},
		{"a clock that stands between words", 5 * time.Minute, func(s *scene) {
			s.remote.jitter = 40 * ms
			s.remote.then(spurts(3*time.Second, 7*time.Second, false))
		}},
		{"a clock that stands between very short words", 2 * time.Minute, func(s *scene) {
			s.remote.then(spurts(100*ms, 1300*ms, false))
		}},
		{"a clock that stands before the last word", 30 * time.Second, func(s *scene) {
			s.remote.change = still(20*time.Second, 29900*ms)
		}},
		{"a clock that runs between words, skew, jitter", 20 * time.Minute, func(s *scene) {
			s.remote.skew, s.remote.jitter = 200e-6, 40*ms
			s.remote.then(spurts(3*time.Second, 7*time.Second, true))
		}},
		{"both pause, and one goes on half a second later", time.Minute, func(s *scene) {
			s.local.change, s.remote.change = still(20*time.Second, 30*time.Second), still(20*time.Second, 30500*ms)
		}},
		{"the network holds up by 300 ms for 3 s", time.Minute, func(s *scene) {
			s.remote.then(congested(20*time.Second, 23*time.Second, 23*time.Second, 300*ms))
		}},
		{"the network holds up by 600 ms for 3 s, jitter", time.Minute, func(s *scene) {
			s.remote.jitter = 30 * ms
			s.remote.then(congested(20*time.Second, 23*time.Second, 26*time.Second, 600*ms))
		}},
		{"the network holds up by 300 ms for two minutes", 5 * time.Minute, func(s *scene) {
			s.remote.skew, s.remote.jitter = -200e-6, 30*ms
			s.remote.then(congested(time.Minute, 3*time.Minute, 3*time.Minute+5*time.Second, 300*ms))
		}},
		{"the first packets come late, in a burst", time.Minute, func(s *scene) {
			s.remote.then(congested(0, 0, 600*ms, 600*ms))
		}},
		{"packets of 10 to 60 ms, losses and jitter", 3 * time.Minute, func(s *scene) {
			s.local.sizes, s.remote.sizes = []int{80, 160, 240, 320, 480}, []int{480, 80}
			s.local.jitter = 50 * ms
			s.local.then(lossy(5, 9))
			s.remote.then(lossy(20, 9))
		}},
		{"another codec, SSRC and length, and the clock is set back", time.Minute, func(s *scene) {
			s.remote.sizes = []int{160, 240}
			s.remote.then(from(25*time.Second, func(p *spoken) { p.pt, p.ssrc, p.ts = 0, p.ssrc+5, p.ts+99 }))
			s.clock = set(25*time.Second, -5*time.Second)
		}},
		{"another codec begins while the other side is lost", time.Minute, func(s *scene) {
			s.remote.then(from(25*time.Second, func(p *spoken) { p.pt, p.seq, p.ts = 0, p.seq-30000, p.ts+0x12345678 }))
			s.local.then(unheard(24*time.Second, 27*time.Second))
		}},
		{"twelve minutes are lost", 30 * time.Minute, func(s *scene) {
			s.remote.then(unheard(5*time.Minute, 17*time.Minute))
		}},
		{"twenty-three minutes are lost", 30 * time.Minute, func(s *scene) {
			s.remote.then(unheard(5*time.Minute, 28*time.Minute))
		}},
		{"the file is out of order, with skew and losses", 5 * time.Minute, func(s *scene) {
			s.local.skew, s.remote.skew = 200e-6, -200e-6
			s.local.then(lossy(3, 3))
			s.order = func(all []spoken) []spoken { return jumbled(all, 40) }
		}},
		{"the file is out of order, and one side begins anew", time.Minute, func(s *scene) {
			s.remote.then(from(25*time.Second, func(p *spoken) { p.seq, p.ts = p.seq+777, p.ts+123456789 }))
			s.order = func(all []spoken) []spoken { return jumbled(all, 40) }
		}},
		{"packets twice, at once and late", time.Minute, func(s *scene) {
			s.order = func(all []spoken) (out []spoken) {
				for i, p := range all {
					out = append(out, p)
					if i%7 == 0 {
						out = append(out, p)
					}
					if i%31 == 30 {
						out = append(out, all[i-20])
					}
				}
				return out
			}
		}},
		{"the clock is set to and fro every ten seconds", 2 * time.Minute, func(s *scene) {
			s.clock = func(t time.Duration) time.Duration { return t - t/(10*time.Second)%2*700*ms }
		}},
	} {
		if i%oneOf != 0 || oneOf > 1 && row.end > 10*time.Minute {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(row.end)
			row.make(s)
			s.play(t)
		})
	}
}

// TestLostWhereNumbersBeginAnew: what is lost is neither what a sender has not
// counted nor less than what went by while the numbers went once round.
func TestLostWhereNumbersBeginAnew(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*spoken) bool
		lost   int
	}{
		"numbers begin anew":        {from(5*time.Minute, func(p *spoken) { p.seq -= 12000 }), 0},
		"twelve minutes lost":       {unheard(5*time.Minute, 17*time.Minute), 36000},
		"twenty-one minutes lost":   {unheard(5*time.Minute, 26*time.Minute), 63000},
		"twelve minutes not spoken": {still(5*time.Minute, 17*time.Minute), 0},
	} {
		s := newScene(30 * time.Minute)
		s.remote.change = row.change
		a, _ := converted(t, record(s.remote.packets(s.end), nil).capture(), Options{Channels: External})
		if lost := a.Truth[0].Lost; lost != row.lost {
			t.Errorf("%s: %d lost, want %d", name, lost, row.lost)
		}
	}
}

// TestPlacesWhereTheClockIsSet: the capture's clock is set by little and by much while
// other things happen.
func TestPlacesWhereTheClockIsSet(t *testing.T) {
	const at = 50 * time.Second
	n := 0
	for _, by := range []time.Duration{-2 * time.Hour, -2 * time.Second, -600 * ms, -450 * ms, -300 * ms, 100 * ms, 200 * ms, 300 * ms, 600 * ms, 2 * time.Second, 2 * time.Hour} {
		for _, row := range []struct {
			name string
			back bool // only where the clock goes back: forward, one side alone may have paused
			make func(s *scene)
		}{
			{"and nothing else", false, func(*scene) {}},
			{"jitter", false, func(s *scene) { s.local.jitter, s.remote.jitter = 20*ms, 40*ms }},
			{"skew and losses", false, func(s *scene) {
				s.local.skew, s.remote.skew = 200e-6, -200e-6
				s.local.then(lossy(3, 1))
				s.remote.then(lossy(3, 2))
			}},
			{"losses just there", false, func(s *scene) {
				s.local.then(unheard(at-50*ms, at+10*ms))
				s.remote.then(unheard(at-50*ms, at+50*ms))
			}},
			{"one side is silent", true, func(s *scene) { s.remote.then(unheard(at-10*time.Second, at+10*time.Second)) }},
			{"one side begins anew", true, func(s *scene) {
				s.remote.then(unheard(at-time.Second, at+time.Second))
				s.remote.then(from(at, func(p *spoken) { p.ssrc, p.seq, p.ts = p.ssrc+1, p.seq+999, p.ts+999_999_999 }))
			}},
		} {
			if n++; row.back && by > 0 || n%oneOf != 0 {
				continue
			}
			t.Run(fmt.Sprint(by, ", ", row.name), func(t *testing.T) {
				t.Parallel()
				s := newScene(2 * time.Minute)
				row.make(s)
				s.clock = set(at, by)
				s.play(t)
			})
		}
	}
}

// TestPlacesOfAnything lets both sides go through several things at once.
func TestPlacesOfAnything(t *testing.T) {
	for seed := range uint64(60 / oneOf) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 4711))
			s := newScene(2 * time.Minute)
			for _, k := range []*speaker{&s.local, &s.remote} {
				happen(k, random)
			}
			if random.IntN(3) == 0 {
				s.clock = set(time.Duration(1+random.IntN(10))*10*time.Second+7*time.Second, time.Duration(random.IntN(20)-10)*900*ms)
			}
			s.play(t)
		})
	}
}

// happen lets some of what is known happen to a speaker.
func happen(k *speaker, random *rand.Rand) {
	at := func() time.Duration { return time.Duration(1+random.IntN(11)) * 10 * time.Second }
	things := []func(){
		func() { k.skew = float64(random.IntN(400)-200) * 1e-6 },
		func() { k.jitter = time.Duration(random.IntN(60)+1) * ms },
		func() { k.then(lossy(random.IntN(8), random.Uint64())) },
		func() { k.sizes = [][]int{{80}, {240}, {480}, {320}}[random.IntN(4)] },
		func() { k.then(from(at(), func(p *spoken) { p.seq, p.ts = p.seq+20000, p.ts+0x34567890 })) },
		func() { k.then(from(at(), func(p *spoken) { p.ssrc++; p.seq += 999; p.ts += 0x789 })) },
		func() { k.then(from(at(), func(p *spoken) { p.ts += 550 * rate })) },
		func() { k.then(from(at(), func(p *spoken) { p.ts -= 3 * rate })) },
		func() { k.then(from(at(), func(p *spoken) { p.pt = 8 - p.pt })) },
		func() { k.then(from(at(), func(p *spoken) { p.seq -= 5000 })) },
		func() { begin := at(); k.then(unheard(begin, begin+time.Duration(random.IntN(4000))*ms)) },
		func() { begin := at(); k.then(congested(begin, begin+2*time.Second, begin+4*time.Second, 400*ms)) },
	}
	for range 1 + random.IntN(4) {
		things[random.IntN(len(things))]()
	}
}
