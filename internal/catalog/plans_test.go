package catalog

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

// What is asked at each look at an inbox and for each recording goes by an index that
// leads to few rows, however many years the catalog holds: no statement of these looks
// through all recordings, nor through all of one inbox.
func TestHotQueriesGoByIndex(t *testing.T) {
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	rec, err := c.Add(ctx, recording.Capture{Conf: "c", UID: "u", Source: recording.Source{Inbox: "i", Name: "n"}})
	if err != nil {
		t.Fatal(err)
	}
	rec.Capture.SHA256, rec.Capture.Spool = "sum", "1.pcap"
	asks := []func() error{
		func() error { _, err := c.BySource(ctx, rec.Capture.Source); return err },
		func() error { _, err := c.Pending(ctx, "i"); return err },
		func() error { _, err := c.DueSources(ctx, "i", began, 9); return err },
		func() error { _, _, err := c.NextDue(ctx); return err },
		func() error { _, _ = c.SameContent(ctx, rec); return nil },
		func() error { _, err := c.SharesSpool(ctx, rec); return err },
		func() error { _, err := c.Judged(ctx, "c"); return err },
		func() error { _, err := c.Others(ctx, rec); return err },
		func() error { _, err := c.ByConf(ctx, "c"); return err },
		func() error { _, err := c.Legs(ctx, "c"); return err },
		func() error { _, err := c.LiveConfs(ctx); return err },
		func() error { _, err := c.CDRs(ctx, "c"); return err },
		func() error { _, err := c.LedgerAtRest(ctx, began, began, 9); return err },
		func() error { _, err := c.FiledCaptures(ctx, 0, 9); return err },
		func() error { return c.Observe(ctx, rec, began) },
		func() error { _, err := c.Claim(ctx, began, time.Minute); return err },
		func() error {
			_, err := c.SaveAndWake(ctx, []CDR{{XML: "<cdr/>", Confs: []recording.ConfID{"c"}}}, began, Waking{})
			return err
		},
		func() error { return c.SourceGone(ctx, rec.ID) },
		func() error { return c.SaveAgentsGained(ctx, "p", []recording.Agent{{CN: "A", PBX: "p"}}, began) },
	}
	for i, ask := range asks {
		if err := ask(); err != nil {
			t.Fatalf("question %d: %v", i, err)
		}
	}
	var asked []string
	for q := range c.reads.known {
		asked = append(asked, q)
	}
	for q := range c.writer.txn.known {
		asked = append(asked, q)
	}
	if len(asked) < len(asks) {
		t.Fatalf("%d statements are known, at least %d were made", len(asked), len(asks))
	}
	for _, q := range asked {
		for _, step := range planOf(t, c, q) {
			whole := strings.HasPrefix(step, "SCAN recording") || strings.HasPrefix(step, "SCAN leg") || strings.HasPrefix(step, "SCAN cdr") ||
				strings.Contains(step, "recording_source (inbox=?)") ||
				strings.Contains(q, "GLOB") && !strings.Contains(step, "recording_capture")
			if whole {
				t.Errorf("%s\nlooks through all: %s", q, step)
			}
		}
	}
}

// planOf is how SQLite says that it finds what a statement asks for.
func planOf(t *testing.T, c *Catalog, query string) (steps []string) {
	t.Helper()
	if !strings.Contains(query, "recording") && !strings.Contains(query, "leg") && !strings.Contains(query, "cdr") {
		return nil
	}
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 1
	}
	rows, err := c.db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
