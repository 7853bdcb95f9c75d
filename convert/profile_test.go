package convert

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"callreel/internal/recording"
)

// BenchmarkCaptures converts the captures in the folder CALLREEL_BENCH, those named
// short- to an MP3, too. bench/profile.sh has the compiler's profile made of it.
func BenchmarkCaptures(b *testing.B) {
	paths, err := filepath.Glob(filepath.Join(os.Getenv("CALLREEL_BENCH"), "*.pcap"))
	if err != nil || os.Getenv("CALLREEL_BENCH") == "" || len(paths) == 0 {
		b.Skip("no captures in CALLREEL_BENCH: bench/profile.sh makes some")
	}
	for b.Loop() {
		for _, path := range paths {
			formats := []Format{WAV}
			if short, _ := filepath.Match("short-*", filepath.Base(path)); short {
				formats = append(formats, MP3)
			}
			for _, f := range formats {
				if a, err := Convert(b.Context(), open(b, path), io.Discard, Options{Format: f}); err != nil || a.Status != recording.AudioOK {
					b.Fatal(path, a.Reason, err)
				}
			}
		}
	}
}
