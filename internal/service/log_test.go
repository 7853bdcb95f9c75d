package service

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"callreel/internal/recording"
)

func TestLogHasNoNamesOfFiles(t *testing.T) {
	const conf = "c03a55c2e909d311b6450090331b3e3b"
	var b bytes.Buffer
	log := NewLog(&b, slog.LevelInfo)
	for _, err := range []error{
		fmt.Errorf("back up file:2026_11/2026_11_21_1200_24_i_0012345_3_%s-009033010203-17.wav: open backup: no such folder", conf),
		fmt.Errorf(`rename "/srv/my calls/2026_11/2026_11_21_1200_24_i_0012345_3_%s.xml": read-only`, conf),
		fmt.Errorf(`delete "%s-009033010203-17-secret-name.pcap": 423 Locked`, conf),
		errors.Join(errors.New("first"), errors.New("2026_11_21_1200_24_i_0012345_3_x.wav is there")),
	} {
		log.Warn("step failed", "uid", conf, "error", err)
	}
	out := b.String()
	for _, secret := range []string{"0012345", "secret-name", ".wav", ".pcap"} {
		if strings.Contains(out, secret) {
			t.Errorf("the log holds %q:\n%s", secret, out)
		}
	}
	for _, wanted := range []string{"open backup: no such folder", "read-only", "423 Locked", conf, "first"} {
		if !strings.Contains(out, wanted) {
			t.Errorf("the log has lost %q:\n%s", wanted, out)
		}
	}
}

// TestFiledIsTold: what is not certain of a recording stands in its one line.
func TestFiledIsTold(t *testing.T) {
	for reason, want := range map[string]string{"": "seconds=1.5\n", "one stream is a guess": `audio="one stream is a guess"`} {
		var b bytes.Buffer
		s := &Service{log: NewLog(&b, slog.LevelInfo)}
		rec := recording.Recording{ID: 1, State: recording.Filed, Place: "file:a.wav", Audio: recording.Audio{DurationS: 1.5, Reason: reason}}
		s.tell(step{from: recording.Decided}, rec)
		if got := b.String(); !strings.Contains(got, want) || reason == "" && strings.Contains(got, "audio") {
			t.Errorf("%q: %s", reason, got)
		}
	}
}
