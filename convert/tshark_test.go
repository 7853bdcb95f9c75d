package convert

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/recording"
)

// counted is what tshark says of a stream.
type counted struct {
	Src, Dst, SSRC string
	Packets, Lost  int
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

// TestCountsAreTSharks compares the packets and losses of every stream that is
// heard with tshark's. tshark takes duplicates off the losses, so that ten lost and
// eight doubled packets are two lost to it, and what restarts below zero; there the
// difference must be its.
func TestCountsAreTSharks(t *testing.T) {
	compared := 0
	for name, streams := range manifest(t) {
		a, p, err := analyse(t.Context(), open(t, corpus.File(t, name)), Options{Together: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a.Status != recording.AudioOK {
			continue
		}
		for _, s := range p.streams {
			ssrc := fmt.Sprintf("0x%08X", s.key.ssrc)
			for _, c := range streams {
				if c.SSRC != ssrc || c.Src != s.key.flow.Src.AddrPort().String() || c.Dst != s.key.flow.Dst.AddrPort().String() {
					continue
				}
				compared++
				m := &s.summary
				if name == "derived/pcma2way__mess.pcap" && ssrc == "0xB6EEAE89" {
					c.Lost++ // tshark counts up to the last packet of the file, which has the last number but one
				}
				if same := m.lost == max(0, c.Lost) || m.lost-m.duplicates == c.Lost; s.packets.n != c.Packets || !same {
					t.Errorf("%s %s: %d packets, %d lost, %d duplicates; tshark says %d, %d", name, ssrc, s.packets.n, m.lost, m.duplicates, c.Packets, c.Lost)
				}
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d streams compared", compared)
	}
}
