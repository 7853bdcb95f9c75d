package link

import (
	"io"
	"time"

	"callreel/internal/clock"
)

// mostASecond bounds what is read of a server in a second, in bytes: some hundred commands.
// The rest waits in its own buffers, so that one which floods slows down itself only.
const mostASecond = 8 << 10

// paced reads no more than that.
type paced struct {
	in    io.Reader
	clock clock.Clock
	done  <-chan struct{}

	since time.Time
	n     int
}

func (p *paced) Read(b []byte) (int, error) {
	if now := p.clock.Now(); now.Sub(p.since) >= time.Second {
		p.since, p.n = now, 0
	}
	if p.n >= mostASecond {
		if !p.clock.Wait(p.done, p.since.Add(time.Second).Sub(p.clock.Now())) {
			return 0, io.ErrClosedPipe
		}
		p.since, p.n = p.clock.Now(), 0
	}
	n, err := p.in.Read(b[:min(len(b), mostASecond)])
	p.n += n
	return n, err
}
