package convert

import (
	"math"
	"testing"
	"time"
)

// TestClockSetInTightCodecs: also where an octet is no tick, a capture's clock that
// is set does not tear the call apart.
func TestClockSetInTightCodecs(t *testing.T) {
	for _, row := range []struct {
		name string
		by   time.Duration
	}{
		{"back by 3 s", -3 * time.Second},
		{"forward by 3 s", 3 * time.Second},
		{"forward by two hours", 2 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBuilder()
			local, remote := newTalker(b, hostA, "192.0.2.2:16386"), newTalker(b, "192.0.2.1:16388", hostB)
			for i := range 500 {
				if i == 250 {
					local.at, remote.at = local.at+row.by, remote.at+row.by
				}
				frame := make([]byte, 20)
				frame[3], frame[14] = byte(i), byte(3*i)
				local.packet(18, frame)
				remote.packet(18, frame)
				local.step()
				remote.step()
			}
			a, _ := converted(t, b.capture(), Options{})
			if math.Abs(a.DurationS-10) > 0.02 {
				t.Errorf("%.2f s, want 10", a.DurationS)
			}
		})
	}
}
