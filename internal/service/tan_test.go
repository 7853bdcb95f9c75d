package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/pbx"
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
