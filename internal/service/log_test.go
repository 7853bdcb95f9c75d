package service

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
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
