package convert

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"callreel/internal/media/emodel"
	"callreel/internal/recording"
)

// report fills in the streams, the sides and the digits.
func (p *plan) report(a *recording.Audio) {
	a.SidesBy = p.by
	for _, s := range p.streams {
		a.Streams = append(a.Streams, p.stream(s, a.Status == recording.AudioOK))
	}
	a.Digits = p.digits()
}

func (p *plan) stream(s *stream, placed bool) recording.Stream {
	t := s.main()
	r := recording.Stream{
		SSRC: s.key.ssrc, Side: p.name(s.side), Codec: s.codecs[t].name, PayloadType: int(t),
		From: s.key.flow.Src.AddrPort().String(), To: s.key.flow.Dst.AddrPort().String(),
	}
	if !placed {
		r.Packets = s.counts[t]
		r.StartS = seconds(s.first() - p.streams[0].first())
		r.EndS = seconds(s.last() - p.streams[0].first())
		return r
	}
	m := s.summary
	r.Packets, r.Lost, r.Duplicates, r.Late = m.packets, m.lost, m.duplicates, m.late
	r.JitterMS = thousandths(m.jitter / rate * 1e3)
	r.MOS = thousandths(s.quality())
	from, to := p.reach(s)
	r.StartS, r.EndS = seconds(from), seconds(to)
	return r
}

func thousandths(x float64) float64 { return math.Round(x*1e3) / 1e3 }

// quality estimates how good a stream sounded, from what its packets show.
func (s *stream) quality() float64 {
	m, t := &s.summary, s.main()
	if m.packets == 0 {
		return 0
	}
	first := &s.packets.first
	if first.kind != t {
		first = &entry{kind: t}
	}
	c := s.codecs[t]
	path := emodel.Path{
		Codec: c.name, JitterMS: m.jitter / rate * 1e3,
		Loss: float64(m.lost) / float64(m.packets+m.lost), Lost: m.lost, Bursts: m.bursts,
	}
	if c.voice() {
		path.PacketMS = seconds(c.ticks(first)) * 1e3
	}
	return emodel.MOS(emodel.Rate(path))
}

// sum adds up what is known of the streams of some sides.
func (p *plan) sum(t *recording.Truth, sides []side) {
	for _, s := range p.streams {
		m := &s.summary
		if !slices.Contains(sides, s.side) || m.packets == 0 {
			continue
		}
		t.Packets, t.Lost = t.Packets+m.packets, t.Lost+m.lost
		t.Duplicates, t.Late = t.Duplicates+m.duplicates, t.Late+m.late
		t.JitterMS += m.jitter / rate * 1e3 * float64(m.packets)
		t.MOS += s.quality() * float64(m.packets)
	}
	if n := float64(t.Packets); n > 0 {
		t.JitterMS, t.MOS = thousandths(t.JitterMS/n), thousandths(t.MOS/n)
	}
}

// reach is where a stream's voice begins and ends on the timeline.
func (p *plan) reach(s *stream) (from, to int64) {
	first := true
	for _, g := range p.sides[s.side] {
		if g.stream != s {
			continue
		}
		if first || g.start < from {
			from = g.start
		}
		to, first = max(to, g.start+g.length), false
	}
	return from, to
}

// Report is what `callreel convert --report` writes; doc/format.md describes it.
type Report struct {
	Status     recording.AudioStatus `json:"status"`
	Reason     string                `json:"reason,omitempty"`
	SidesBy    recording.SidesBy     `json:"sides_by,omitempty"`
	Streams    []ReportStream        `json:"streams"`
	Digits     []recording.Digit     `json:"digits"`
	DurationS  float64               `json:"duration_s"`
	SampleRate int                   `json:"sample_rate"`
	Channels   int                   `json:"channels"`
	Codec      string                `json:"codec,omitempty"`
	Kbps       int                   `json:"kbps,omitempty"`
	Passed     map[string]int        `json:"passed,omitempty"`
	SIP        *recording.SIPParties `json:"sip,omitempty"`
	Call       int                   `json:"call,omitempty"`
	Calls      int                   `json:"calls,omitempty"`
	Truth      []recording.Truth     `json:"truth,omitempty"`
	Start      string                `json:"start,omitempty"`
	Converter  string                `json:"converter,omitempty"`
}

// ReportStream is a stream of a report: the SSRC is hexadecimal, as tools show
// it.
type ReportStream struct {
	SSRC string `json:"ssrc"`
	streamFields
}

type streamFields struct {
	Side        recording.Side `json:"side"`
	Codec       string         `json:"codec"`
	PayloadType int            `json:"payload_type"`
	Packets     int            `json:"packets"`
	Lost        int            `json:"lost"`
	Duplicates  int            `json:"duplicates"`
	Late        int            `json:"late"`
	StartS      float64        `json:"start_s"`
	EndS        float64        `json:"end_s"`
	JitterMS    float64        `json:"jitter_ms"`
	MOS         float64        `json:"mos,omitempty"`
	From        string         `json:"from"`
	To          string         `json:"to"`
}

// NewReport makes the report of a conversion.
func NewReport(a recording.Audio) Report {
	r := Report{
		Status: a.Status, Reason: a.Reason, SidesBy: a.SidesBy, Digits: a.Digits, DurationS: a.DurationS,
		SampleRate: a.SampleRate, Channels: a.Channels, Codec: a.Codec, Kbps: a.Kbps, Passed: a.Passed, SIP: a.SIP,
		Call: a.Call, Calls: a.Calls, Truth: a.Truth, Converter: a.Converter, Streams: []ReportStream{},
	}
	if r.Digits == nil {
		r.Digits = []recording.Digit{}
	}
	if !a.Start.IsZero() {
		r.Start = a.Start.Format("2006-01-02T15:04:05.000000Z07:00")
	}
	for _, s := range a.Streams {
		r.Streams = append(r.Streams, ReportStream{fmt.Sprintf("0x%08x", s.SSRC), streamFields{
			s.Side, s.Codec, s.PayloadType, s.Packets, s.Lost, s.Duplicates, s.Late, s.StartS, s.EndS, s.JitterMS, s.MOS, s.From, s.To,
		}})
	}
	return r
}

// Write writes the report as indented JSON.
func (r Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
