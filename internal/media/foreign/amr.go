package foreign

// band is one of the two AMR codecs.
type band struct {
	name, magic   string
	rate, samples int
	bits          [16]int // of a frame by its type; -1 where there is none
	speech        int     // so many types are speech
}

func narrow() band {
	return band{
		name: "amr", magic: "#!AMR\n", rate: 8000, samples: 160, speech: 8,
		bits: [16]int{95, 103, 118, 134, 148, 159, 204, 244, 39, -1, -1, -1, -1, -1, -1, 0},
	}
}

func wide() band {
	return band{
		name: "amrwb", magic: "#!AMR-WB\n", rate: 16000, samples: 320, speech: 9,
		bits: [16]int{132, 177, 253, 285, 317, 365, 397, 461, 477, 40, -1, -1, -1, -1, 0, 0},
	}
}

// beyond reports whether the parameters ask for what is not read here: checksums,
// bits in the order of their weight, interleaving.
func beyond(parameters string) bool {
	on := func(name string) bool { v := parameter(parameters, name); return v != "" && v != "0" }
	return on("crc") || on("robust-sorting") || on("interleaving")
}

// maxFrames bounds what a table of contents may list.
const maxFrames = 64

// amrFormat is that of RFC 4867: a mode request, a table of contents, and then the
// frames, either each in whole octets or all bits without a gap.
func amrFormat(b band, parameters string) Format {
	a := amr{band: b, request: 4, entry: 6}
	if parameter(parameters, "octet-align") == "1" {
		a.request, a.entry, a.aligned = 8, 8, true
	}
	return Format{Name: b.name, Magic: b.magic, Rate: b.rate, Samples: b.samples, count: a.count, quiet: a.quiet, split: a.split}
}

type amr struct {
	band
	request, entry int // bits of the mode request and of an entry of the table
	aligned        bool
}

// count: mostly there is one frame; if there are more they are taken to be alike.
func (a amr) count(head uint16, length int) int {
	first := head << a.request >> 8 // the first entry from bit 7 on
	bits := a.bits[first>>3&15]
	if bits < 0 || length < 2 {
		return 0
	}
	if first&0x80 == 0 {
		return 1
	}
	return max(1, (8*length-a.request)/(a.entry+a.frame(bits)))
}

// quiet: a frame alone shows by its type.
func (a amr) quiet(head uint16, length int) int {
	first := head << a.request >> 8
	kind := int(first >> 3 & 15)
	if length < 2 || first&0x80 != 0 || kind < a.speech || a.bits[kind] < 0 {
		return 0
	}
	return 1
}

// frame is the bits that a frame takes.
func (a amr) frame(bits int) int {
	if a.aligned {
		return (bits + 7) / 8 * 8
	}
	return bits
}

// LooksLikeAMR reports the encoding name of a payload that nobody describes, if by
// its first two bytes, its length and the time from it to the next packet, in
// samples, it can be one frame of AMR or AMR-WB in whole octets; else nothing. Of
// bytes that are something else not one in a thousand can.
func LooksLikeAMR(head uint16, length, step int) string {
	request, entry := head>>8, head&0xff
	if request&0xf != 0 || entry&0x83 != 0 {
		return ""
	}
	for name, b := range map[string]band{"AMR": narrow(), "AMR-WB": wide()} {
		bits := b.bits[entry>>3]
		if bits >= 0 && b.samples == step && length == 2+(bits+7)/8 {
			return name
		}
	}
	return ""
}

func (a amr) split(payload []byte) (out []Frame) {
	r := reader{payload, a.request}
	var table []byte
	for more := true; more && r.left() >= a.entry && len(table) < maxFrames; {
		entry := byte(r.take(a.entry) << (8 - a.entry))
		table = append(table, entry)
		more = entry&0x80 != 0
	}
	for _, entry := range table {
		kind := int(entry >> 3 & 15)
		bits := a.bits[kind]
		if bits < 0 || r.left() < bits {
			return out
		}
		f := Frame{}
		if kind < a.speech && entry&4 != 0 {
			f.Data = append(f.Data, entry&0x7c)
			f.Data = append(f.Data, r.octets(bits)...)
		} else {
			r.at += bits
		}
		r.at += a.frame(bits) - bits
		out = append(out, f)
	}
	return out
}

// reader reads bits from the highest on.
type reader struct {
	b  []byte
	at int
}

func (r *reader) left() int { return 8*len(r.b) - r.at }

func (r *reader) take(n int) (v int) {
	for range n {
		v = v<<1 | int(r.b[r.at/8]>>(7-r.at%8)&1)
		r.at++
	}
	return v
}

// octets are the next n bits, with zeros behind them.
func (r *reader) octets(n int) []byte {
	out := make([]byte, 0, (n+7)/8)
	for ; n > 0; n -= 8 {
		k := min(n, 8)
		out = append(out, byte(r.take(k)<<(8-k)))
	}
	return out
}
