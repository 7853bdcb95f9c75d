package convert

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"callreel/internal/media/packet"
	"callreel/internal/media/pcap"
	"callreel/internal/recording"
)

// maxDuration is the longest timeline that is believed: captures exist whose
// packets lie years apart.
const maxDuration = 24 * 3600 * rate

// plan is what the first pass leaves for the second.
type plan struct {
	src      Capture
	file     *pcap.File
	near     *pcap.Window // of a file that is in memory; nil for others
	arena    []byte
	buffer   []byte // of payload
	sip      *sipLog
	dtls     map[packet.Endpoint]bool
	base     int64 // nanoseconds since 1970
	passed   map[string]int
	holes    []hole
	crowd    crowd
	compared int // packets with others, for copies
	o        Options

	streams []*stream // those that are voice or events, in the order of their first packet
	call    *call     // that they are of; nil if no signalling says so, or all are wanted
	guessed int       // so many are of the call only by their time
	by      recording.SidesBy
	sides   [2][]*segment // left, right
	zero    int64         // arrival of the first sample, in ticks since base
	ticks   int64         // length of the timeline
	out     output
}

// newPlan judges the streams and lays them on the timeline. It fills a in, with
// a status that is not ok where there is nothing to write.
func newPlan(src Capture, s *scan, o Options, a *recording.Audio) (*plan, error) {
	p := &plan{
		src: src, file: s.file, arena: s.arena,
		sip: s.sip, dtls: s.dtls, base: s.base, passed: s.passed, holes: s.damage.holes, crowd: s.crowd, o: o,
	}
	if s.file.InMemory() {
		p.near = s.file.Window()
	}
	all := slices.SortedFunc(maps.Values(s.streams), func(a, b *stream) int { return cmp.Compare(a.born, b.born) })
	if err := p.unseal(all); err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s *stream) bool { return s.packets.n == 0 })
	if err := p.choose(all); err != nil {
		return nil, err
	}
	p.dropCrowd()
	if err := p.dropCopies(); err != nil {
		return nil, err
	}
	p.dropStrays()
	calls, err := p.pick()
	if err != nil {
		return nil, err
	}
	if calls > 1 {
		a.Call, a.Calls = max(o.Call, 1), calls
	}
	for _, s := range p.streams {
		s.conceal, s.holes = p.o.Conceal != Silent, p.holes
		if err := p.takeEvents(s); err != nil {
			return nil, err
		}
	}
	if err := p.judge(a); err != nil {
		return nil, err
	}
	p.tellSides()
	if len(p.streams) > 0 {
		p.zero = p.streams[0].first()
	}
	if a.Status != recording.AudioOK {
		p.report(a)
		return p, nil
	}
	switch err := p.lay(); {
	case err != nil:
		a.Status, a.Reason = recording.AudioDamaged, err.Error()
		return p, nil
	case p.ticks > maxDuration:
		a.Status, a.Reason = recording.AudioDamaged, fmt.Sprintf("its packets lie %d hours apart", p.ticks/rate/3600)
		return p, nil
	}
	switch err := p.tryOutside(); {
	case errors.Is(err, errOutside):
		a.Status, a.Reason = recording.AudioUnsupported, err.Error()
		p.report(a)
	case err != nil:
		return nil, err
	default:
		p.settle(a)
		p.fits(a)
	}
	return p, nil
}

// fits refuses a call that is too long for the file it is to become.
func (p *plan) fits(a *recording.Audio) {
	if p.out.isMP3() {
		return
	}
	if _, err := p.out.format().Header(a.Samples); err != nil {
		a.Status, a.Reason = recording.AudioUnsupported, err.Error()+" of 4 GiB; an MP3 would do"
	}
}

// choose keeps the streams that are a call's and counts the others.
func (p *plan) choose(all []*stream) error {
	for _, s := range all {
		s.match = p.sip.find(s.key.flow, s.first()*(1e9/rate))
		if !s.real() {
			p.count("udp", s.packets.n)
			continue
		}
		p.identify(s)
		if err := p.unwrap(s); err != nil {
			return err
		}
		voice := s.has(roleVoice) + s.has(roleUnknown)
		switch {
		case s.has(roleVideo) > voice:
			p.count("video", s.packets.n)
		case voice == 0 && s.has(roleEvent) == 0:
			p.count("other_rtp", s.packets.n)
		default:
			p.streams = append(p.streams, s)
		}
	}
	return nil
}

// dropStrays passes over short unknown streams where there is good voice.
func (p *plan) dropStrays() {
	good := slices.ContainsFunc(p.streams, func(s *stream) bool { return s.decodable() > strayPackets })
	p.streams = slices.DeleteFunc(p.streams, func(s *stream) bool {
		stray := good && !s.known() && s.decodable() == 0 && s.has(roleEvent) == 0 && s.packets.n < strayPackets
		if stray {
			p.count("other_rtp", s.packets.n)
		}
		return stray
	})
}

func (p *plan) count(kind string, n int) {
	if n > 0 {
		p.passed[kind] += n
	}
}

// judge sets the status: never a recording of which one side is missing because
// it could not be decoded.
func (p *plan) judge(a *recording.Audio) error {
	voice := 0
	for _, s := range p.streams {
		secret, err := p.encrypted(s)
		if err != nil {
			return err
		}
		if secret {
			a.Status = recording.AudioEncrypted
			a.Reason = fmt.Sprintf("%s: %s", p.whySecret(s), p.describe(s, s.main()))
			return nil
		}
		if t, foreign := s.foreign(); foreign && a.Status == "" {
			a.Status = recording.AudioUnsupported
			a.Reason = fmt.Sprintf("codec not built in: %s", p.describe(s, t))
		}
		p.count("undecoded", s.undecoded())
		voice += s.decodable()
	}
	switch {
	case a.Status != "":
	case voice == 0:
		a.Status, a.Reason = recording.AudioNone, "no voice packets in the capture"
	default:
		a.Status = recording.AudioOK
	}
	return nil
}

func (p *plan) describe(s *stream, t uint8) string {
	return fmt.Sprintf("%s (payload type %d), %d packets of SSRC 0x%08x from port %d, first at offset %d",
		s.codecs[t].name, t, s.counts[t], s.key.ssrc, s.key.flow.Src.Port, s.packets.first.offset&^inArena)
}

// payload reads one packet's payload, here and there in the capture. It is valid
// until the next call.
func (p *plan) payload(s *stream, e *entry) ([]byte, error) { return s.payload(e, p.raw) }

// raw reads bytes of the capture or of the arena, valid until the next call.
func (p *plan) raw(offset int64, n int) ([]byte, error) {
	if offset&inArena != 0 {
		return fragment(p.arena, offset, n), nil
	}
	if p.near != nil {
		b, err := p.near.At(offset, n)
		if err != nil {
			return nil, fmt.Errorf("read capture at %d: %w", offset, err)
		}
		return b, nil
	}
	p.buffer = slices.Grow(p.buffer[:0], n)[:n]
	got, err := p.src.ReadAt(p.buffer, offset)
	if got == n {
		return p.buffer, nil
	}
	return nil, fmt.Errorf("read capture at %d: %w", offset, cmp.Or(err, io.ErrUnexpectedEOF))
}

// settle fills in what is known before the first sample is written.
func (p *plan) settle(a *recording.Audio) {
	p.out = p.chooseOutput()
	a.Format, a.Codec, a.Kbps = string(p.out.file()), p.out.codecName(), p.out.mp3.Kbps
	a.SampleRate, a.Channels = p.out.rate(), p.out.channels
	a.Samples, a.DurationS = p.out.samples(p.ticks), seconds(p.ticks)
	a.Start = time.Unix(0, p.base+p.zero*(1e9/rate)).UTC()
	p.report(a)
	a.Truth = p.truth()
}

func seconds(ticks int64) float64 { return float64(ticks) / rate }
