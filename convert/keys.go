package convert

import (
	"errors"
	"slices"

	"callreel/internal/media/srtp"
)

// keysMost is how many keys are tried on a stream.
const keysMost = 64

func (p *plan) hasKeys() bool {
	return len(p.o.Keys) > 0 || slices.ContainsFunc(p.sip.descriptions, func(d description) bool {
		for i := range d.media {
			if len(d.media[i].Keys) > 0 {
				return true
			}
		}
		return false
	})
}

// contexts are made of the keys that may be a stream's: first those that its sender
// has described for its call, or that were handed in, which are its own, and then
// all others. Of the keys that a sender has offered the answer's tag tells which it
// uses; but only that one authenticates.
func (p *plan) contexts(s *stream) (contexts []*srtp.Context, own int) {
	var first, rest []srtp.Key
	for i := range p.sip.descriptions {
		d := &p.sip.descriptions[i]
		keys := d.keys()
		if s.match.found && d.call == s.match.call && d.byCaller == s.match.fromCall {
			first = append(first, keys...)
		} else {
			rest = append(rest, keys...)
		}
	}
	first = append(first, p.o.Keys...)
	var seen []srtp.Key
	for i, k := range slices.Concat(first, rest) {
		if len(contexts) == keysMost || slices.Contains(seen, k) {
			continue
		}
		seen = append(seen, k)
		if c, err := srtp.New(k); err == nil {
			contexts = append(contexts, c)
		}
		if i < len(first) {
			own = len(contexts)
		}
	}
	return contexts, own
}

// keys are those of the description that can be used.
func (d *description) keys() (keys []srtp.Key) {
	for i := range d.media {
		for _, k := range d.media[i].Keys {
			if key, err := srtp.ParseKey(k.Suite, k.Inline, k.Session...); err == nil {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// missing is the first thing that the description asks for and that is not built in,
// if none of its keys can be used.
func (d *description) missing() (what string) {
	if len(d.keys()) > 0 {
		return ""
	}
	for i := range d.media {
		for _, k := range d.media[i].Keys {
			_, err := srtp.ParseKey(k.Suite, k.Inline, k.Session...)
			var missing *srtp.NotBuiltInError
			if errors.As(err, &missing) {
				return missing.What
			}
		}
	}
	return ""
}
