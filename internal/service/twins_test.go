package service_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/service"
)

// twice is a setup with a folder of phones and one of gateways.
func twice(t *testing.T, rulesText string) service.Config {
	t.Helper()
	cfg := plain(t)
	cfg.CDR.DiscardSettle = pbx.Duration(2 * time.Second)
	cfg.Rules.File = writeRules(t, rulesText)
	gateway := cfg.Inbox[0]
	gateway.Name, gateway.Path, gateway.RecordedOn = "trunk", filepath.Join(filepath.Dir(gateway.Path), "trunk"), "gateway"
	if err := os.MkdirAll(gateway.Path, 0o750); err != nil {
		t.Fatal(err)
	}
	cfg.Inbox = append(cfg.Inbox, gateway)
	return cfg
}

// leave drops a capture of the lonely conference into an inbox.
func leave(t *testing.T, cfg service.Config, inbox int, device string, content []byte) {
	t.Helper()
	name := fmt.Sprintf("%s-%s-1.pcap", lonely, device)
	if err := os.WriteFile(filepath.Join(cfg.Inbox[inbox].Path, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

const phoneMAC, trunkMAC = "009033010203", "009033410d19"

// ends waits until n recordings have come to their end, and returns them by inbox.
func ends(t *testing.T, cfg service.Config, n int) map[string]recording.Recording {
	t.Helper()
	all := map[string]recording.Recording{}
	until(t, "all come to their end", func() error {
		list := rows(t, cfg, lonely)
		if len(list) != n {
			return fmt.Errorf("%d recordings, want %d", len(list), n)
		}
		for _, rec := range list {
			if !rec.State.Ended() {
				return fmt.Errorf("recording %d is %s: %s", rec.ID, rec.State, rec.Retry.Reason)
			}
			all[rec.Capture.Source.Inbox] = rec
		}
		return nil
	})
	return all
}

// TestRecordedTwice has the same call from a phone and from the gateway, in both orders.
func TestRecordedTwice(t *testing.T) {
	t.Parallel()
	talk := func() []byte { return pcapOf(time.Now(), sipCall("0012345", "24")...) }
	const preferring = "[ownership]\nprefer = \"phone\"\n"
	for _, row := range []struct {
		name, rules string
		first       int  // the inbox whose capture comes first
		broken      bool // the second capture is
		phone       recording.State
		trunk       recording.State
	}{
		{"both are wanted", "", 0, false, recording.Done, recording.Done},
		{"the phone's first", preferring, 0, false, recording.Done, recording.Discarded},
		{"the trunk's first", preferring, 1, false, recording.Done, recording.Discarded},
		{"the phone's is unusable", preferring, 1, true, recording.Unusable, recording.Done},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			cfg := twice(t, row.rules)
			s := running(t, cfg)
			devices := []string{phoneMAC, trunkMAC}
			post(t, s, cdrOf("24", lonely))
			leave(t, cfg, row.first, devices[row.first], talk())
			until(t, "the first is seen", func() error {
				if len(rows(t, cfg, lonely)) == 0 {
					return errors.New("not yet")
				}
				return nil
			})
			second := talk()
			if row.broken {
				second = []byte("no capture")
			}
			leave(t, cfg, 1-row.first, devices[1-row.first], second)
			all := ends(t, cfg, 2)
			phone, trunk := all["card"], all["trunk"]
			if phone.State != row.phone || trunk.State != row.trunk {
				t.Fatalf("phone %s (%s), trunk %s: %+v", phone.State, phone.Retry.Reason, trunk.State, trunk.Verdict.Trace)
			}
			if row.trunk == recording.Discarded && (trunk.Verdict.Rule != "recorded-twice" || !strings.Contains(trunk.Verdict.Reason, fmt.Sprintf("recording %d", phone.ID))) {
				t.Errorf("discarded by %s: %s", trunk.Verdict.Rule, trunk.Verdict.Reason)
			}
			if len(trunk.Call.Twins) != 1 || trunk.Call.Twins[0].UID != phone.Capture.UID {
				t.Errorf("the trunk's knows of %+v", trunk.Call.Twins)
			}
			for one, other := range map[recording.ID]recording.ID{phone.ID: trunk.ID, trunk.ID: phone.ID} {
				if text, _ := told(t, cfg, fmt.Sprint(one)); !strings.Contains(text, fmt.Sprintf("recorded twice: recording %d ", other)) {
					t.Errorf("the other recording is not named in\n%s", text)
				}
			}
		})
	}
}

// TestRecordedTwiceOverARestart stops the recorder while the trunk's recording waits for
// the phone's, which then is lost: the trunk's is filed.
func TestRecordedTwiceOverARestart(t *testing.T) {
	t.Parallel()
	cfg := twice(t, "[ownership]\nprefer = \"phone\"\n")
	t.Run("before", func(t *testing.T) {
		s := running(t, cfg)
		post(t, s, cdrOf("24", lonely))
		leave(t, cfg, 0, phoneMAC, []byte("no capture"))
		leave(t, cfg, 1, trunkMAC, pcapOf(time.Now(), sipCall("0012345", "24")...))
		until(t, "both are here", func() error {
			for _, rec := range rows(t, cfg, lonely) {
				if rec.Capture.Source.Inbox == "trunk" && rec.State == recording.Correlated {
					return nil
				}
			}
			return errors.New("not yet")
		})
	})
	t.Run("after", func(t *testing.T) {
		running(t, cfg)
		all := ends(t, cfg, 2)
		if all["trunk"].State != recording.Done || all["card"].State != recording.Unusable {
			t.Errorf("trunk %s, phone %s", all["trunk"].State, all["card"].State)
		}
	})
}

// TestTwoPhonesOfOneCall has a call that Rossi passes to Verdi, recorded by the telephone
// of each; the captures' names have their devices alone. Each is filed for his own.
func TestTwoPhonesOfOneCall(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	cfg.Agent = []service.AgentConfig{{Number: "24"}, {Number: "25"}}
	s := running(t, cfg)
	began := time.Now().Add(-2 * time.Minute).Truncate(time.Second)
	record := func(number string, at, talk int) string {
		return fmt.Sprintf(`<cdr e164="%s" dir="to" utc="%d"><user/><event msg="setup-to" time="0" type="ext" e164="0012345" conf="%s"/>`+
			`<event msg="conn-from" time="3" type="ext" e164="0012345"/><event msg="rel-to" time="%d"/></cdr>`, number, began.Unix()+int64(at), lonely, 3+talk)
	}
	post(t, s, record("24", 0, 20)+record("25", 20, 30))
	for device, at := range map[string]time.Duration{phoneMAC: 3 * time.Second, "009033040506": 23 * time.Second} {
		leave(t, cfg, 0, device, pcapOf(began.Add(at+200*time.Millisecond), sipCall("0012345", "24")...))
	}
	until(t, "both are filed, each for his own", func() error {
		owners := map[string]string{}
		for _, rec := range rows(t, cfg, lonely) {
			if rec.State != recording.Done {
				return fmt.Errorf("recording %d is %s: %s", rec.ID, rec.State, rec.Retry.Reason)
			}
			owners[rec.Capture.MAC] = rec.Verdict.Internal
		}
		if owners[phoneMAC] != "24" || owners["009033040506"] != "25" {
			return fmt.Errorf("filed for %v", owners)
		}
		return nil
	})
}
