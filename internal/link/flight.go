package link

import "time"

// mostFlight bounds what a server may have taken without reading it, in bytes: more than
// the buffers of both ends hold for one that reads nothing.
const mostFlight = 256 << 10

// mostAgain is how often a message is sent again because its connection was reset. A
// server that always ends in that way would else be told the same for ever.
const mostAgain = 3

// mostRemember bounds how many messages are remembered as sent again.
const mostRemember = 20_000

// flight is what was written on one connection.
type flight struct {
	sent      []flown
	bytes     int
	confirmed int // of sent, from the beginning
}

type flown struct {
	seq   int64
	at    time.Time
	bytes int
}

func (f *flight) add(seq int64, at time.Time, n int) {
	f.sent = append(f.sent, flown{seq, at, n})
	f.bytes += n
}

// last is the number of the newest message, 0 without one.
func (f *flight) last() int64 {
	if len(f.sent) == 0 {
		return 0
	}
	return f.sent[len(f.sent)-1].seq
}

// settled counts messages as received that were written before a time, and returns the
// newest of them; 0 if no further one was.
func (f *flight) settled(before time.Time) int64 {
	was := f.confirmed
	for f.confirmed < len(f.sent) && f.sent[f.confirmed].at.Before(before) {
		f.confirmed++
	}
	if f.confirmed == was {
		return 0
	}
	return f.sent[f.confirmed-1].seq
}

// oldest is when the oldest message was written that does not count as received yet.
func (f *flight) oldest() (time.Time, bool) {
	if f.confirmed == len(f.sent) {
		return time.Time{}, false
	}
	return f.sent[f.confirmed].at, true
}

// trim forgets what counts as received and cannot lie unread any more.
func (f *flight) trim(since time.Time) {
	n := 0
	for n < f.confirmed && (f.bytes > mostFlight || f.sent[n].at.Before(since)) {
		f.bytes -= f.sent[n].bytes
		n++
	}
	f.sent, f.confirmed = f.sent[n:], f.confirmed-n
}

// doubtful returns the first message that counts as received and may not have been read
// by a server whose connection broke; 0 without one. again counts how often each was sent
// again.
func (f *flight) doubtful(since time.Time, stalled bool, again map[int64]int) int64 {
	for i, s := range f.sent[:f.confirmed] {
		if s.at.Before(since) || !stalled && again[s.seq] >= mostAgain {
			continue
		}
		if len(again) > mostRemember {
			clear(again)
		}
		for _, s := range f.sent[i:f.confirmed] {
			again[s.seq]++
		}
		return s.seq
	}
	return 0
}
