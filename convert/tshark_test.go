package convert

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/packet"
	"callreel/internal/recording"
)

// counted is what tshark says of a stream.
type counted struct {
	Src, Dst, SSRC string
	Packets, Lost  int
	MostJitter     float64 `json:"jitter_max_ms"`
}

// manifest reads what tshark says of the captures.
func manifest(t *testing.T) map[string][]counted {
	t.Helper()
	b, err := os.ReadFile(corpus.File(t, "MANIFEST.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Captures []struct {
			File    string
			Streams []counted
		}
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	out := map[string][]counted{}
	for _, c := range m.Captures {
		if len(c.Streams) > 0 {
			out[strings.TrimPrefix(c.File, "captures/")] = c.Streams
		}
	}
	return out
}

// TestCountsAreTSharks compares the packets of every stream that is a call's with
// tshark's, and its losses where it is heard. tshark is not right where packets came
// twice, which it takes off the losses, so that ten lost and eight doubled packets are
// two lost to it; where numbers begin anew; and where the last packet of the file does
// not have the highest number. There the difference must be its.
func TestCountsAreTSharks(t *testing.T) {
	compared := 0
	for name, streams := range manifest(t) {
		a, p, err := analyse(t.Context(), open(t, corpus.File(t, name)), Options{Together: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, s := range p.streams {
			ssrc := fmt.Sprintf("0x%08X", s.key.ssrc)
			for _, c := range streams {
				if c.SSRC != ssrc || c.Src != bare(s.key.flow.Src) || c.Dst != bare(s.key.flow.Dst) {
					continue
				}
				compared++
				m := &s.summary
				known := c.MostJitter > 0 && c.Packets > 10 // it knows the clock, and has seen some
				if ms := m.jitter / rate * 1e3; known && ms > c.MostJitter*1.02+0.2 {
					t.Errorf("%s %s: jitter of %.2f ms at the end; tshark says %.2f at most", name, ssrc, ms, c.MostJitter)
				}
				if name == "derived/pcma2way__mess.pcap" && ssrc == "0xB6EEAE89" {
					c.Lost++ // tshark counts up to the last packet of the file, which has the last number but one
				}
				if a.Status != recording.AudioOK {
					m.lost, m.duplicates = c.Lost, 0 // they are counted where voice is laid out
				}
				if same := m.lost == max(0, c.Lost) || m.lost-m.duplicates == c.Lost; s.packets.n != c.Packets || !same {
					t.Errorf("%s %s: %d packets, %d lost, %d duplicates; tshark says %d, %d", name, ssrc, s.packets.n, m.lost, m.duplicates, c.Packets, c.Lost)
				}
			}
		}
	}
	if compared < 190 {
		t.Errorf("only %d streams compared", compared)
	}
}

// bare is an endpoint as tshark writes it: without brackets.
func bare(e packet.Endpoint) string {
	return strings.NewReplacer("[", "", "]", "").Replace(e.AddrPort().String())
}
