package convert

import (
	"slices"

	"callreel/internal/media/srtp"
)

// Limits of the search for keys.
const (
	probes     = 8         // packets of a stream on which keys are tried
	rollsOwn   = 64        // rollover counters tried: at 50 packets a second those of a day
	rollsOther = 2         // the same with a key that the signalling does not tie to the stream
	trialsMost = 1 << 21   // packets opened in vain: some seconds' work
	sealsMost  = 1<<16 - 1 // of a stream: what an entry has room for
)

// unseal finds the streams that are encrypted with keys that are known, and makes
// their index one of what can be read: without the packets that do not
// authenticate, which are counted. Of the others it leaves what is RTP in clear.
func (p *plan) unseal(all []*stream) error {
	if !p.hasKeys() {
		for _, s := range all {
			p.dropOdd(s)
		}
		return nil
	}
	left := trialsMost
	for _, s := range all {
		if s.match = p.sip.find(s.key.flow, s.first()*(1e9/rate)); !s.real() {
			p.dropOdd(s)
			continue
		}
		o := opener{p: p, s: s, left: &left, numbers: map[seal]uint16{}}
		o.contexts, o.own = p.contexts(s)
		found, err := o.find()
		if err != nil {
			return err
		}
		if !found {
			p.dropOdd(s)
			continue
		}
		if err := o.rebuild(); err != nil {
			return err
		}
	}
	return nil
}

// dropOdd drops of a stream in clear what only an encrypted one may have.
func (p *plan) dropOdd(s *stream) {
	if s.odd == 0 {
		return
	}
	p.count("udp", s.odd)
	var rest index
	for c := s.packets.begins(); c.next(); {
		if c.entry.odd() {
			s.counts[c.entry.kind&0x7f]--
		} else {
			rest.add(&c.entry)
		}
	}
	s.packets, s.odd = rest, 0
}

// opener opens a stream's packets in the order of the file.
type opener struct {
	p        *plan
	s        *stream
	contexts []*srtp.Context // the one in use first
	own      int             // so many of them are the stream's own
	left     *int            // packets that may still be opened in vain
	count    srtp.Count
	numbers  map[seal]uint16

	packet []byte // being opened
	header int    // length of its header
	clear  []byte // its payload
}

// find looks for a key that opens one of some packets here and there, and puts it
// first.
func (o *opener) find() (bool, error) {
	n := o.s.packets.n
	for k := range min(probes, n) {
		e := o.s.packets.pick(k * n / min(probes, n))
		if err := o.load(&e); err != nil {
			return false, err
		}
		for i := range o.contexts {
			rolls := uint32(rollsOwn)
			if i >= o.own {
				rolls = rollsOther
			}
			for roll := range rolls {
				if o.opens(i, roll) {
					o.use(i)
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// use puts a context first.
func (o *opener) use(i int) {
	c := o.contexts[i]
	o.contexts = slices.Insert(slices.Delete(o.contexts, i, i+1), 0, c)
}

// load reads the packet that is to be opened: none where its end is missing.
func (o *opener) load(e *entry) (err error) {
	o.packet, o.header = nil, 0
	if !e.cut() {
		o.packet, o.header, err = o.s.sent(e, e.behind(), o.p.raw)
	}
	return err
}

// opens reports whether the packet authenticates, and leaves its payload in
// o.clear.
func (o *opener) opens(i int, roll uint32) bool {
	if *o.left <= 0 {
		return false
	}
	if o.authentic(i, roll) {
		return true
	}
	*o.left--
	return false
}

// authentic is opens without the bound.
func (o *opener) authentic(i int, roll uint32) bool {
	payload, err := o.contexts[i].Open(o.clear[:0], o.packet, o.header, roll)
	if err == nil {
		o.clear = payload
	}
	return err == nil
}

// rebuild makes the index of what can be opened.
func (o *opener) rebuild() error {
	var open index
	for c := o.s.packets.begins(); c.next(); {
		e := c.entry
		if err := o.load(&e); err != nil {
			return err
		}
		i, roll, ok := o.open(e.seq)
		pad, fits := o.padding()
		if !ok || !fits || len(o.s.seals) == sealsMost {
			o.p.count("srtp_failed", 1)
			o.s.counts[e.kind&0x7f]--
			continue
		}
		o.clear = o.clear[:len(o.clear)-pad]
		e.seal, e.size, e.pad = o.took(e.seq, i, roll), uint16(len(o.clear)), uint16(pad)
		if headed(e.kind) {
			e.head = head(o.clear)
		}
		open.add(&e)
	}
	o.s.packets = open
	return nil
}

// padding is how many octets of the payload in clear are padding; false where it
// cannot be that many.
func (o *opener) padding() (n int, ok bool) {
	if len(o.packet) == 0 || o.packet[0]&0x20 == 0 {
		return 0, true
	}
	if len(o.clear) > 0 {
		n = int(o.clear[len(o.clear)-1])
	}
	return n, n > 0 && n <= len(o.clear)
}

// open opens the packet with what is most likely: the key of the one before it,
// which is tried whatever others have cost, or another where the call's parties have
// agreed upon one. The key that was found may be one that came later.
func (o *opener) open(seq uint16) (i int, roll uint32, ok bool) {
	if guess := o.count.Guess(seq); o.authentic(0, guess) {
		return 0, guess, true
	}
	if len(o.s.seals) == 0 {
		for roll := range uint32(rollsOwn) {
			if o.opens(0, roll) {
				return 0, roll, true
			}
		}
	}
	for i := 1; i < len(o.contexts); i++ {
		for _, roll := range []uint32{o.count.Guess(seq), 0} {
			if o.opens(i, roll) {
				return i, roll, true
			}
		}
	}
	return 0, 0, false
}

// took takes note of what has opened a packet, and gives it the number that stands
// in entries.
func (o *opener) took(seq uint16, i int, roll uint32) uint16 {
	if i > 0 {
		o.use(i)
		o.count = srtp.Count{}
	}
	o.count.Accept(seq, roll)
	with := seal{o.contexts[0], roll}
	number := o.numbers[with]
	if number == 0 {
		o.s.seals = append(o.s.seals, with)
		number = uint16(len(o.s.seals))
		o.numbers[with] = number
	}
	return number
}
