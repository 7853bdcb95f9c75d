package convert

import (
	"io"
	"testing"
	"time"
)

// BenchmarkShortCall makes a call of 20 s: what it costs to begin and end counts here.
func BenchmarkShortCall(b *testing.B) {
	c, local, remote := twoSides(1)
	local.at, remote.at = 20*time.Millisecond, 50*time.Millisecond
	for range 1000 {
		local.send(1)
		remote.send(1)
		local.sent, remote.sent = local.sent[:0], remote.sent[:0]
	}
	src := c.capture()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Convert(b.Context(), src, io.Discard, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
