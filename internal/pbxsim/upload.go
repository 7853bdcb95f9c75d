package pbxsim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/icholy/digest"
)

// upload puts the capture into the drop directory while the call goes on: one
// PUT whose body grows, as a phone does it.
func (s *Sim) upload(c *Call, u *object) error {
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(s.life, http.MethodPut, s.putURL+url.PathEscape(c.File), r)
	if err != nil {
		return err
	}
	// The body is asked for once: the challenge is fetched without it.
	req.GetBody = func() (io.ReadCloser, error) { return r, nil }
	req.Header.Set("User-Agent", phoneAgent)
	wire := &http.Transport{WriteBufferSize: 32 << 10} // a step is one or two writes
	defer wire.CloseIdleConnections()
	var transport http.RoundTripper = wire
	switch {
	case s.cfg.OpenInbox:
	case s.cfg.Basic:
		req.SetBasicAuth(s.cfg.User, s.cfg.Password)
	default:
		transport = &digest.Transport{Username: s.cfg.User, Password: s.cfg.Password, Transport: wire, Probe: true}
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_ = w.CloseWithError(s.capture(w, c, u))
	}()
	res, err := transport.RoundTrip(req)
	_ = r.CloseWithError(errors.New("upload ended"))
	<-written
	if err != nil {
		return fmt.Errorf("upload %s: %w", c.File, err)
	}
	_ = res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("upload %s: HTTP %d", c.File, res.StatusCode)
	}
	return nil
}

// phoneAgent marks the uploads of the simulated phones.
const phoneAgent = "simulated phone"

// capture writes the pcap of a call, each part when its time has come.
func (s *Sim) capture(w io.Writer, c *Call, u *object) error {
	d := script{conf: c.Conf, caller: u.Number, callee: c.External}
	if c.Scenario.incoming() {
		d.caller, d.callee, d.callerIsRemote = c.External, u.Number, true
	}
	if _, err := w.Write(append(pcapHeader(), d.opening(c.Setup, c.Setup, c.Start)...)); err != nil {
		return err
	}
	local, remote := s.voices()
	step := int(s.cfg.UploadStep / (frameMillis * time.Millisecond))
	total := c.Frames + c.HoldFrames
	for from := 0; from < total; from += step {
		to := min(from+step, total)
		if !s.until(c.Start.Add(time.Duration(to) * frameMillis * time.Millisecond)) {
			return s.life.Err()
		}
		if _, err := w.Write(c.frames(from, to, local, remote)); err != nil {
			return err
		}
	}
	if err := s.quietTail(w, c); err != nil {
		return err
	}
	_, err := w.Write(d.closing(c.End))
	return err
}

// quietTail is the rest of a scene's capture: it goes on growing, by packets that are
// neither voice nor signalling.
func (s *Sim) quietTail(w io.Writer, c *Call) error {
	const step = 5 * time.Second
	from := c.Start.Add(time.Duration(c.Frames+c.HoldFrames) * frameMillis * time.Millisecond)
	for at := from.Add(step); at.Before(c.End); at = at.Add(step) {
		if !s.until(at) {
			return s.life.Err()
		}
		if _, err := w.Write(datagram(at, localSide(portLocal+1), remoteSide(portRemote+1), []byte("kept alive"))); err != nil {
			return err
		}
	}
	return nil
}

// voices makes the two streams of a capture; the phone's user is local.
func (s *Sim) voices() (local, remote *voice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream := func(from, to side) *voice {
		return &voice{from: from, to: to, ssrc: s.random.Uint32(), seq: uint16(s.random.Uint32()), stamp: s.random.Uint32()}
	}
	a, b := localSide(portLocal), remoteSide(portRemote)
	return stream(a, b), stream(b, a)
}

// frames writes the voice of a range of frames, none while on hold.
func (c *Call) frames(from, to int, local, remote *voice) []byte {
	if v := c.plan.said; v != nil {
		return v.frames(c.Start, from, to)
	}
	var b []byte
	for i := from; i < to; i++ {
		if i >= c.HoldAt && i < c.HoldAt+c.HoldFrames {
			continue
		}
		skipped := 0
		if c.HoldFrames > 0 && i == c.HoldAt+c.HoldFrames {
			skipped = c.HoldFrames
		}
		at := c.Start.Add(time.Duration(i) * frameMillis * time.Millisecond)
		cut := i * frameSamples
		b = append(b, local.frame(at, c.internal[cut:cut+frameSamples], skipped)...)
		b = append(b, remote.frame(at, c.external[cut:cut+frameSamples], skipped)...)
	}
	return b
}
