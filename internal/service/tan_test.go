package service_test

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// TestTAN: the number that the agent dials in his call, under another conference id,
// stands in the file's name and finds the call.
func TestTAN(t *testing.T) {
	t.Parallel()
	r := foreign(t, func(c *service.Config) {
		c.CDR.FirstWait = pbx.Duration(time.Minute)
		c.TAN.Prefix = "77"
	})
	now := time.Now()
	post(t, r.s, fmt.Sprintf(`log-msg<cdr cn="Anna Rossi" e164="24" dir="from" utc="%d"><user/><event msg="setup-from" time="0" e164="77123456" `+
		`conf="11111111111111111111111111111111"/><event msg="rel-from" time="2"/></cdr>`, now.Unix()))
	r.drop(t, "a.pcap", pcapOf(now, sipCall("0999888", "24")...))
	post(t, r.s, sipCDR("0badc0de0badc0de0badc0de0badc0de", "24", "00999888", now.Add(2*time.Second)))
	rec := theOnly(t, r.cfg)
	if rec.State != recording.Done || rec.Call.TAN != "123456" || !strings.HasSuffix(rec.Name, "_T123456") || !strings.Contains(rec.Name, "_00999888_") {
		t.Fatalf("%s as %q, TAN %q: %s", rec.State, rec.Name, rec.Call.TAN, rec.Retry.Reason)
	}
	c, err := catalog.OpenReader(t.Context(), r.cfg.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for number, want := range map[string]int{"123456": 1, "00999": 1, "654321": 0} {
		if found, err := c.Search(t.Context(), catalog.Query{Number: number}); err != nil || len(found) != want {
			t.Errorf("%s: %d found, %v, want %d", number, len(found), err, want)
		}
	}
}

// TestTANGivenLater: a filed recording gets a TAN, then another one; audio, sidecar and
// copy have the new name, and the old ones still find it.
func TestTANGivenLater(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.light(t, service.LampPBX, service.Green)
	call := r.call(t, pbxsim.ExternalToAgent)
	until(t, "done", func() error { return r.count("done", 1) })
	first := r.known(t, call)
	words := []string{call.Conf, path.Base(first.Name) + ".wav"}
	for i, tan := range []string{"123456", "000000"} {
		id, err := service.WishTAN(t.Context(), r.cfg, clock.System(), words[i], tan)
		if err != nil || id != first.ID {
			t.Fatalf("recording %d, %v", id, err)
		}
		until(t, "the TAN is given", func() error {
			if got := r.known(t, call); got.Call.TAN != tan || !strings.HasSuffix(string(got.Backup), "_T"+tan+".wav") {
				return fmt.Errorf("TAN %q, copy %s", got.Call.TAN, got.Backup)
			}
			return nil
		})
	}
	// The program died in a rename, another TAN is wished, and somebody took the copy away.
	for _, ext := range []string{".wav", ".xml"} {
		base := filepath.Join(r.cfg.Archive.Path, filepath.FromSlash(first.Name)) + "_T"
		if err := errors.Join(os.Rename(base+"000000"+ext, base+"111111"+ext),
			os.Remove(filepath.Join(r.cfg.Archive.Backup, path.Base(first.Name)+"_T000000"+ext))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := service.WishTAN(t.Context(), r.cfg, clock.System(), fmt.Sprint(first.ID), "222222"); err != nil {
		t.Fatal(err)
	}
	until(t, "the TAN is given", func() error {
		if got := r.known(t, call); got.Call.TAN != "222222" || !strings.HasSuffix(string(got.Backup), "_T222222.wav") {
			return fmt.Errorf("TAN %q, copy %s", got.Call.TAN, got.Backup)
		}
		return nil
	})
	r.allFiled(t)
	rec := r.filed(t, call)
	before := []string{first.Name, first.Name + "_T123456", first.Name + "_T000000", first.Name + "_T111111"}
	if rec.Name != first.Name+"_T222222" || rec.Call.TAN != "222222" || !slices.Equal(rec.Aliases, before) {
		t.Errorf("the sidecar has %q, TAN %q, before %q", rec.Name, rec.Call.TAN, rec.Aliases)
	}
	for _, bad := range []string{"", "12345", "1234567", "12345a"} {
		if _, err := service.WishTAN(t.Context(), r.cfg, clock.System(), call.Conf, bad); !errors.Is(err, service.ErrTAN) {
			t.Errorf("TAN %q: %v", bad, err)
		}
	}
	if _, err := service.WishTAN(t.Context(), r.cfg, clock.System(), strings.Repeat("f", 32), "123456"); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("an unknown call: %v", err)
	}
}
