package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"callreel/internal/media/g711"
	"callreel/internal/recording"
)

// The truth of the timeline is proved with captures of which every sample's time
// is known: each side says a click at known moments of true time, and both must
// stand where they were said, on a timeline that begins at Audio.Start.

const (
	clickEvery  = 2 * time.Second
	clickLength = 16 // samples
	wireDelay   = 25 * time.Millisecond
	within20ms  = 20 * time.Millisecond
)

// speaker is one side of a call that is being made up.
type speaker struct {
	ssrc   uint32
	pt     uint8
	seq    uint16
	ts     uint32        // RTP time at true time 0
	skew   float64       // how much faster than true time the sender's clock runs
	shift  time.Duration // of the clicks, so that the sides can be told apart
	jitter time.Duration
	sizes  []int // samples a packet, in turn
	// change may turn a packet into another, or drop it by returning false.
	change func(p *spoken) bool
}

// spoken is a packet on its way.
type spoken struct {
	n       int           // of the packet
	said    time.Duration // true time of its first sample
	arrival time.Duration // by the capture's clock
	seq     uint16
	ts      uint32
	ssrc    uint32
	pt      uint8
	payload []byte
}

// packets makes what a speaker sends from 0 to end.
func (k speaker) packets(end time.Duration) []spoken {
	random := rand.New(rand.NewPCG(uint64(k.ssrc), 9))
	speed := float64(rate) * (1 + k.skew)
	var out []spoken
	at, seq := int64(0), k.seq // RTP samples since 0
	for i := 0; ; i++ {
		size := k.sizes[i%len(k.sizes)]
		said := time.Duration(float64(at) / speed * 1e9)
		if said >= end {
			return out
		}
		late := time.Duration(0)
		if k.jitter > 0 {
			late = time.Duration(random.Int64N(int64(k.jitter)))
		}
		p := spoken{
			n: i, said: said, arrival: said + wireDelay + late, seq: seq, ts: k.ts + uint32(at), ssrc: k.ssrc, pt: k.pt,
			payload: k.voice(at, size, speed),
		}
		if k.change == nil || k.change(&p) {
			out = append(out, p)
		}
		at, seq = at+int64(size), seq+1
	}
}

// voice is silence with the clicks that are said in it.
func (k speaker) voice(at int64, size int, speed float64) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = g711.IdleA
		since := time.Duration(float64(at+int64(i))/speed*1e9) - k.shift
		into := since % clickEvery
		if since >= 0 && float64(into)*speed/1e9 < clickLength {
			b[i] = 0x2a // the loudest of A-law
		}
	}
	return b
}

// byArrival puts the packets of all streams in the order of arrival.
func byArrival(streams ...[]spoken) []spoken {
	var all []spoken
	for len(streams) > 0 {
		best := -1
		for i, s := range streams {
			if len(s) > 0 && (best < 0 || s[0].arrival < streams[best][0].arrival) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		all = append(all, streams[best][0])
		streams[best] = streams[best][1:]
	}
	return all
}

func record(all []spoken, clock func(time.Duration) time.Duration) *builder {
	b := newBuilder()
	for _, p := range all {
		packet := make([]byte, 12, 12+len(p.payload))
		packet[0], packet[1] = 0x80, p.pt
		binary.BigEndian.PutUint16(packet[2:], p.seq)
		binary.BigEndian.PutUint32(packet[4:], p.ts)
		binary.BigEndian.PutUint32(packet[8:], p.ssrc)
		at := p.arrival
		if clock != nil {
			at = clock(at)
		}
		src, dst := hostA, hostB
		if p.ssrc>>28 == 2 {
			src, dst = "192.0.2.1:16388", "192.0.2.2:16386"
		}
		b.udp(at, src, dst, append(packet, p.payload...))
	}
	return b
}

func local() speaker {
	return speaker{ssrc: 0x10000001, pt: 8, seq: 65500, ts: math.MaxUint32 - 80000, sizes: []int{160}, shift: time.Second}
}

func remote() speaker {
	return speaker{ssrc: 0x20000001, pt: 8, seq: 7, ts: 12345, sizes: []int{160}, shift: 1500 * time.Millisecond}
}

// clicksOf finds where the clicks of a channel begin.
func clicksOf(w wave, channel int) []time.Duration {
	var out []time.Duration
	quiet := 1000
	for i, code := range w.channel(channel) {
		if v := g711.DecodeA[code]; v > 20000 || v < -20000 {
			if quiet > 800 {
				out = append(out, time.Duration(i)*time.Second/rate)
			}
			quiet = 0
		} else {
			quiet++
		}
	}
	return out
}

// checkClicks holds a channel's clicks against the moments they were said at.
func checkClicks(t *testing.T, a recording.Audio, w wave, channel int, want []time.Duration) {
	t.Helper()
	zero := a.Start.Sub(epoch) - wireDelay // when the first sample was said, by the capture's clock
	got := clicksOf(w, channel)
	if len(got) != len(want) {
		t.Errorf("channel %d: %d clicks, want %d: %v", channel, len(got), len(want), brief(got))
		return
	}
	for i := range got {
		if off := got[i] + zero - want[i]; off > within20ms || off < -within20ms {
			t.Errorf("channel %d: click %d, said at %v, stands %v off", channel, i, want[i], off)
			return
		}
	}
}

func brief(d []time.Duration) string {
	if len(d) > 12 {
		return fmt.Sprint(d[:12], "…")
	}
	return fmt.Sprint(d)
}

// said lists the moments of a speaker's clicks up to end, without those that
// unheard names.
func (k speaker) said(end time.Duration, unheard func(time.Duration) bool) []time.Duration {
	var out []time.Duration
	for at := k.shift; at < end; at += clickEvery {
		if unheard == nil || !unheard(at) {
			out = append(out, at)
		}
	}
	return out
}

// still is a pause over which neither timestamp nor sequence number goes on.
func still(from, to time.Duration) func(*spoken) bool {
	return func(p *spoken) bool {
		if p.said >= to {
			p.ts, p.seq = p.ts-uint32((to-from)*rate/time.Second), p.seq-uint16((to-from)/(20*time.Millisecond))
		}
		return p.said < from || p.said >= to
	}
}

func TestClicks(t *testing.T) {
	between := func(from, to time.Duration) func(time.Duration) bool {
		return func(at time.Duration) bool { return at >= from && at < to }
	}
	for i, row := range []struct {
		name         string
		end          time.Duration
		local        func(*speaker)
		remote       func(*speaker)
		unheard      func(time.Duration) bool // of the remote side
		unheardLocal func(time.Duration) bool
		order        func([]spoken) []spoken
		clock        func(time.Duration) time.Duration
	}{
		{name: "plain, with wraps of sequence and timestamp", end: time.Minute},
		{name: "jitter of 60 ms", end: 3 * time.Minute, remote: func(k *speaker) { k.jitter = 60 * time.Millisecond }},
		{
			name: "skew of 200 ppm over an hour", end: time.Hour,
			local:  func(k *speaker) { k.skew, k.jitter = 200e-6, 10*time.Millisecond },
			remote: func(k *speaker) { k.skew, k.jitter = -200e-6, 30*time.Millisecond },
		},
		{
			name: "skew with losses and pauses", end: 20 * time.Minute,
			remote: func(k *speaker) {
				k.skew = 150e-6
				k.change = func(p *spoken) bool { return p.n%50 != 3 && !between(5*time.Minute, 8*time.Minute)(p.said) }
			}, unheard: between(5*time.Minute, 8*time.Minute),
		},
		{
			name: "packets of 10 to 60 ms", end: time.Minute,
			local:  func(k *speaker) { k.sizes = []int{80, 160, 240, 320, 480} },
			remote: func(k *speaker) { k.sizes = []int{480, 80, 160} },
		},
		{
			name: "the same SSRC begins anew", end: time.Minute,
			remote: func(k *speaker) {
				k.change = func(p *spoken) bool {
					if p.said > 20*time.Second {
						p.seq, p.ts = p.seq+30000, p.ts+0x50000000
					}
					return true
				}
			},
		},
		{
			name: "another SSRC goes on", end: time.Minute,
			remote: func(k *speaker) {
				k.change = func(p *spoken) bool {
					if p.said > 20*time.Second {
						p.ssrc, p.ts, p.seq = 0x20000002, p.ts-999999, p.seq+5000
					}
					return true
				}
			},
		},
		{
			name: "the timestamp jumps 550 s while 20 ms pass", end: time.Minute,
			remote: func(k *speaker) {
				k.change = func(p *spoken) bool {
					if p.said > 20*time.Second {
						p.ts += 550 * rate
					}
					return true
				}
			},
		},
		{
			name: "the timestamp stands still over a pause", end: time.Minute,
			remote: func(k *speaker) {
				k.change = still(20*time.Second, 30*time.Second)
			}, unheard: between(20*time.Second, 30*time.Second),
		},
		{
			name: "the timestamp jumps by 600 ms", end: time.Minute,
			remote: func(k *speaker) {
				k.change = func(p *spoken) bool {
					if p.said > 20*time.Second {
						p.ts += 4800
					}
					return true
				}
			},
		},
		{
			name: "silence is not sent, no marker", end: time.Minute,
			remote: func(k *speaker) {
				unsent := uint16(0)
				k.change = func(p *spoken) bool {
					into := (p.said - k.shift) % clickEvery
					if into > 400*time.Millisecond && into < 1900*time.Millisecond {
						unsent++ // the numbers do not count what is not sent
						return false
					}
					p.seq -= unsent
					return true
				}
			},
		},
		{name: "the file is out of order", end: time.Minute, order: func(all []spoken) []spoken {
			random := rand.New(rand.NewPCG(5, 6))
			for i := 0; i+40 < len(all); i += 40 {
				random.Shuffle(40, func(a, b int) { all[i+a], all[i+b] = all[i+b], all[i+a] })
			}
			return all
		}},
		{name: "the second half of the file comes first", end: time.Minute, order: func(all []spoken) []spoken {
			half := len(all) / 2
			return append(append([]spoken{}, all[half:]...), all[:half]...)
		}},
		{
			name: "the capture's clock is set back by 3 s", end: time.Minute,
			clock: func(at time.Duration) time.Duration {
				if at > 20*time.Second {
					return at - 3*time.Second
				}
				return at
			},
		},
		{
			name: "the capture's clock is set back by an hour", end: time.Minute,
			clock: func(at time.Duration) time.Duration {
				if at > 20*time.Second {
					return at - time.Hour
				}
				return at
			},
		},
		{
			name: "the capture's clock is set forward by 3 s", end: time.Minute,
			clock: func(at time.Duration) time.Duration {
				if at > 20*time.Second {
					return at + 3*time.Second
				}
				return at
			},
		},
		{
			name: "the network stalls for half a second", end: time.Minute,
			clock: func(at time.Duration) time.Duration {
				if at > 20*time.Second {
					return max(at, 20500*time.Millisecond)
				}
				return at
			},
		},
		{
			name: "both pause, and their timestamps stand still", end: time.Minute,
			local: func(k *speaker) { k.change = still(20*time.Second, 30*time.Second) },
			remote: func(k *speaker) {
				k.change = still(20200*time.Millisecond, 29800*time.Millisecond)
			},
			unheardLocal: between(20*time.Second, 30*time.Second),
			unheard:      between(20200*time.Millisecond, 29800*time.Millisecond),
		},
		{
			name: "the capture's clock is set forward by an hour", end: time.Minute,
			clock: func(at time.Duration) time.Duration {
				if at > 20*time.Second {
					return at + time.Hour
				}
				return at
			},
		},
	} {
		if i%oneOf != 0 {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l, r := local(), remote()
			if row.local != nil {
				row.local(&l)
			}
			if row.remote != nil {
				row.remote(&r)
			}
			all := byArrival(l.packets(row.end), r.packets(row.end))
			if row.order != nil {
				all = row.order(all)
			}
			a, w := converted(t, record(all, row.clock).capture(), Options{})
			if a.Status != recording.AudioOK || a.SidesBy != recording.ByPorts {
				t.Fatalf("%s: %s, sides by %s", a.Status, a.Reason, a.SidesBy)
			}
			// Recorded on a phone: local is the internal side, on the right.
			checkClicks(t, a, w, 1, l.said(row.end, row.unheardLocal))
			checkClicks(t, a, w, 0, r.said(row.end, row.unheard))
		})
	}
}
