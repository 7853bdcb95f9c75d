package convert

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"callreel/internal/recording"
)

// TestKeep: a capture is copied as it is, whether or not its voice can be decoded; one
// in which there is nothing to hear is not.
func TestKeep(t *testing.T) {
	for _, row := range []struct {
		what   string
		text   []byte
		status recording.AudioStatus
		kept   bool
	}{
		{"a call", keepSample(t), recording.AudioOK, true},
		{"no capture", []byte("what is this"), recording.AudioDamaged, false},
	} {
		var out bytes.Buffer
		a, err := Keep(t.Context(), bytes.NewReader(row.text), &out, Options{})
		if err != nil || a.Status != row.status || a.Format != "pcap" || a.Codec != "" {
			t.Errorf("%s: %v, %+v", row.what, err, a)
		}
		if got := bytes.Equal(out.Bytes(), row.text); got != row.kept || !row.kept && out.Len() > 0 {
			t.Errorf("%s: %d of %d bytes are written", row.what, out.Len(), len(row.text))
		}
	}
	for status, want := range map[recording.AudioStatus]bool{
		recording.AudioOK: true, recording.AudioEncrypted: true, recording.AudioUnsupported: true, recording.AudioNone: false, recording.AudioDamaged: false,
	} {
		if Kept(status) != want {
			t.Errorf("%s: kept %v", status, !want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Keep(ctx, bytes.NewReader(keepSample(t)), &bytes.Buffer{}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func keepSample(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/call1_alaw.pcap.gz")
	if err != nil {
		t.Fatal(err)
	}
	return text
}
