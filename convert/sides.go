package convert

import (
	"cmp"
	"slices"

	"callreel/internal/recording"
)

// side is a channel of the file.
type side int8

const (
	left  side = 0
	right side = 1
	unset side = -1
)

func (s side) other() side { return 1 - s }

// tellSides puts each stream on its side, by the best knowledge there is.
func (p *plan) tellSides() {
	slices.SortStableFunc(p.streams, func(a, b *stream) int { return cmp.Compare(a.first(), b.first()) })
	for _, s := range p.streams {
		s.side = unset
	}
	switch {
	case len(p.streams) == 0:
	case p.ofDevice():
		p.by = recording.ByPorts
		p.sidesByPorts()
	case p.sidesBySIP():
	default:
		p.by = recording.ByFirstPacket
	}
	for _, s := range p.streams {
		if s.side == unset {
			s.side = p.sideBeside(s)
		}
	}
	for _, s := range p.streams {
		s.side = s.original().side
	}
	if p.o.Swap && p.by != recording.ByNumbers {
		for _, s := range p.streams {
			s.side = s.side.other()
		}
	}
}

// ofDevice reports whether the capture is an innovaphone device's: all streams come
// from its fixed ports, or some from each and no signalling tells of the others. Phones
// that others make use these ports, too.
func (p *plan) ofDevice() bool {
	var local, remote, other, described bool
	for _, s := range p.streams {
		local = local || s.key.flow.Src.Port == portLocal
		remote = remote || s.key.flow.Src.Port == portRemote
		other = other || !s.fixedPort()
		described = described || !s.fixedPort() && s.match.exact > 1
	}
	return (local || remote) && (!other || local && remote && !described)
}

// sidesByPorts: a phone's local side is the internal one, on a gateway it is
// the outside leg.
func (p *plan) sidesByPorts() {
	local := right
	if p.o.RecordedOn == recording.OnGateway {
		local = left
	}
	for _, s := range p.streams {
		switch s.key.flow.Src.Port {
		case portLocal:
			s.side = local
		case portRemote:
			s.side = local.other()
		}
	}
}

// sidesBySIP uses the signalling: an internal number of the call decides, else
// the caller is left. It reports whether any stream was told so.
func (p *plan) sidesBySIP() bool {
	p.by = ""
	surest := slices.Clone(p.streams)
	slices.SortStableFunc(surest, func(a, b *stream) int { return cmp.Compare(b.match.exact, a.match.exact) })
	for _, s := range surest {
		if !s.match.found {
			break
		}
		caller, by := p.callerSide(s.match.call)
		if p.by != recording.ByNumbers {
			p.by = by
		}
		s.side = caller.other()
		if s.match.fromCall {
			s.side = caller
		}
		if t := p.contradicts(s); t != nil {
			s.side = t.side.other()
		}
	}
	return p.by != ""
}

// contradicts finds a stream that is known better than s, has the same side and
// goes the other way between the same hosts at the same time: an exchange on
// the way has rewritten the descriptions.
func (p *plan) contradicts(s *stream) *stream {
	for _, t := range p.streams {
		back := t.key.flow.Src.IP == s.key.flow.Dst.IP && t.key.flow.Dst.IP == s.key.flow.Src.IP
		loop := t.key.flow.Src.IP == t.key.flow.Dst.IP
		if t.side == s.side && t.match.exact > s.match.exact && back && !loop && overlap(s, t) > 0 {
			return t
		}
	}
	return nil
}

func (p *plan) callerSide(c *call) (side, recording.SidesBy) {
	from, to := slices.Contains(p.o.Numbers, c.from), slices.Contains(p.o.Numbers, c.to)
	switch {
	case from && !to:
		return right, recording.ByNumbers
	case to && !from:
		return left, recording.ByNumbers
	}
	return left, recording.ByCaller
}

// sideBeside finds the side of a stream from those that have one: the same flow
// is the same side, the way back the other, and who speaks at the same time is
// someone else.
func (p *plan) sideBeside(s *stream) side {
	const together = rate / 5
	var busy [2]bool
	nearby := unset
	for _, t := range p.streams {
		switch {
		case t == s || t.side == unset:
			continue
		case t.key.flow == s.key.flow:
			return t.side
		case t.key.flow == s.key.flow.Reverse():
			return t.side.other()
		}
		busy[t.side] = busy[t.side] || overlap(s, t) > together
		if nearby == unset {
			nearby = besideAddress(s, t)
		}
	}
	switch {
	case busy[left] && !busy[right]:
		return right
	case busy[right] && !busy[left]:
		return left
	case nearby != unset:
		return nearby
	}
	return left
}

// besideAddress is the side of s if its addresses or SSRC tie it to t.
func besideAddress(s, t *stream) side {
	switch {
	case s.key.ssrc == t.key.ssrc, s.key.flow.Src == t.key.flow.Src, s.key.flow.Src.IP == t.key.flow.Src.IP:
		return t.side
	case s.key.flow.Dst.IP == t.key.flow.Src.IP:
		return t.side.other()
	}
	return unset
}

// name is how the report calls a side.
func (p *plan) name(s side) recording.Side {
	known := p.by == recording.ByPorts || p.by == recording.ByNumbers
	switch {
	case s == left && known:
		return recording.SideExternal
	case s == right && known:
		return recording.SideInternal
	case s == left:
		return recording.SideLeft
	case s == right:
		return recording.SideRight
	}
	return recording.SideUnknown
}
