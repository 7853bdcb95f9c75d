// Command gen makes captures to measure with: two-way calls in G.711 A-law, G.722 or
// G.729 as a telephone writes them (Ethernet, IPv4, UDP, RTP of 20 ms from the ports
// 16386 and 16388). The same flags give the same bytes. What is said in G.729 is
// noise: the frames are made up, which costs a decoder the same.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"callreel/internal/media/g711"
	"callreel/internal/media/g722"
)

// call says what to make.
type call struct {
	minutes       float64
	loss, reorder float64 // shares of the packets
	seed          uint64
	codec         string // pcma, g722 or g729
}

const (
	frame     = 160 // ticks of the RTP clock, 20 ms
	frameTime = 20_000
	headers   = 14 + 20 + 8 + 12
	began     = 1_795_262_400 // 21 November 2026, 12:00 UTC
)

func main() {
	var c call
	flag.Float64Var(&c.minutes, "minutes", 60, "length of the call")
	flag.Float64Var(&c.loss, "loss", 0, "share of packets that are lost, 0 to 1")
	flag.Float64Var(&c.reorder, "reorder", 0, "share of packets that change places with the next")
	flag.StringVar(&c.codec, "codec", "pcma", "pcma, g722 or g729")
	flag.Uint64Var(&c.seed, "seed", 1, "another number makes another call")
	count := flag.Int("count", 1, "files to make; with more than one, OUT is a folder")
	flag.Parse()
	if err := run(c, *count, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(c call, count int, out string) error {
	if payloadType(c.codec) < 0 {
		return fmt.Errorf("codec %q: must be pcma, g722 or g729", c.codec)
	}
	if out == "" {
		return errors.New("name the file to write, or the folder with -count")
	}
	if count == 1 {
		return c.file(out)
	}
	for i := range count {
		c.seed++
		if err := c.file(filepath.Join(out, fmt.Sprintf("call%03d.pcap", i))); err != nil {
			return err
		}
	}
	return nil
}

func (c call) file(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = c.write(w)
	return errors.Join(err, w.Flush(), f.Close())
}

// write makes the capture. Each side is a tone that comes and goes, under a
// little noise; no two packets are the same.
func (c call) write(w io.Writer) error {
	le := binary.LittleEndian
	head := make([]byte, 24)
	le.PutUint32(head, 0xa1b2c3d4)
	le.PutUint32(head[4:], 2|4<<16)
	le.PutUint32(head[16:], 65535)
	le.PutUint32(head[20:], 1)
	if _, err := w.Write(head); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(c.seed, 7)) //nolint:gosec // the same bytes every time
	sides := [2]*speaker{newSpeaker(0, c.codec, random), newSpeaker(1, c.codec, random)}
	var held []byte // a packet that waits for the next
	for i := range int(c.minutes * 60 * 1e6 / frameTime) {
		for _, s := range sides {
			record := s.record(i)
			if random.Float64() < c.loss {
				continue
			}
			if held == nil && random.Float64() < c.reorder {
				held = record
				continue
			}
			if _, err := w.Write(append(record, held...)); err != nil {
				return err
			}
			held = nil
		}
	}
	_, err := w.Write(held)
	return err
}

// speaker is one side of the call.
type speaker struct {
	side   int
	pitch  float64
	random *rand.Rand
	noise  [4096]float64
	codec  string
	g722   *g722.Encoder
}

func payloadType(codec string) int {
	if t, ok := map[string]int{"pcma": 8, "g722": 9, "g729": 18}[codec]; ok {
		return t
	}
	return -1
}

func newSpeaker(side int, codec string, random *rand.Rand) *speaker {
	s := &speaker{side: side, pitch: 150 + 200*random.Float64(), random: random, codec: codec, g722: g722.NewEncoder()}
	for i := range s.noise {
		s.noise[i] = 120 * random.NormFloat64()
	}
	return s
}

// record is the i-th packet with its record header.
func (s *speaker) record(i int) []byte {
	size := frame
	if s.codec == "g729" {
		size = 20
	}
	b := make([]byte, 16+headers+size)
	le, be := binary.LittleEndian, binary.BigEndian
	at := int64(i)*frameTime + int64(s.side)*7_000 + int64(s.random.IntN(2_000))
	le.PutUint32(b, uint32(began+at/1e6))
	le.PutUint32(b[4:], uint32(at%1e6))
	le.PutUint32(b[8:], uint32(headers+size))
	le.PutUint32(b[12:], uint32(headers+size))
	p := b[16:]
	copy(p, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0})
	be.PutUint16(p[16:], uint16(headers-14+size))
	copy(p[22:], []byte{64, 17, 0, 0, 192, 0, 2, byte(1 + s.side), 192, 0, 2, byte(2 - s.side)})
	be.PutUint16(p[34:], uint16(16386+2*s.side))
	be.PutUint16(p[36:], uint16(16388-2*s.side))
	be.PutUint16(p[38:], uint16(8+12+size))
	p[42], p[43] = 0x80, byte(payloadType(s.codec))
	be.PutUint16(p[44:], uint16(i+40_000))
	be.PutUint32(p[46:], uint32(i)*frame)
	be.PutUint32(p[50:], 0xca110000+uint32(s.side))
	s.speak(p[headers:], i)
	return b
}

func (s *speaker) speak(dst []byte, i int) {
	switch s.codec {
	case "g722":
		s.g722.Encode(dst, s.samples(make([]int16, 2*frame), i))
	case "g729":
		for k := range dst {
			dst[k] = byte(s.random.Uint32())
		}
	default:
		for k, x := range s.samples(make([]int16, frame), i) {
			dst[k] = g711.EncodeA(x)
		}
	}
}

// samples is 20 ms of the i-th packet's voice, at the rate that fills dst.
func (s *speaker) samples(dst []int16, i int) []int16 {
	loud := 9000 * max(0, math.Sin(float64(i)/40+float64(s.side)*math.Pi))
	from := s.random.IntN(len(s.noise) - len(dst))
	phase := 2 * math.Pi * s.pitch / float64(50*len(dst))
	for k := range dst {
		dst[k] = int16(loud*math.Sin(phase*float64(i*len(dst)+k)) + s.noise[from+k])
	}
	return dst
}
