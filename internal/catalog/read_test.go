package catalog

import (
	"context"
	"testing"
	"time"
)

// What is asked near finds what is committed, never what is being written or was undone;
// it waits for no write, and a write waits until it has been read.
func TestNear(t *testing.T) {
	c := opened(t)
	count := func(what string, want int) {
		t.Helper()
		var n int
		if err := c.nearRow(t.Context(), `SELECT count(*) FROM counter`).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d rows, %v; want %d", what, n, err, want)
		}
	}
	if err := c.tx(t.Context(), add("a")); err != nil {
		t.Fatal(err)
	}
	count("after a write", 1)
	if err := c.tx(t.Context(), func(ctx context.Context, tx *txn) error {
		if err := add("b")(ctx, tx); err != nil {
			return err
		}
		count("in the middle of a write", 1)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	count("after the second write", 2)
	if err := c.tx(t.Context(), add("b")); err == nil {
		t.Error("a second b was written")
	}
	count("after one that was undone", 2)

	found, err := c.near(t.Context(), `SELECT agent FROM counter ORDER BY agent`)
	if err != nil || !found.Next() {
		t.Fatalf("no row: %v", err)
	}
	count("while another reads", 2)
	written := make(chan error, 1)
	go func() { written <- c.tx(context.WithoutCancel(t.Context()), add("c")) }()
	select {
	case err := <-written:
		t.Fatalf("written while rows are open: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	for range 2 {
		if err := found.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	count("at the end", 3)
}

// When a transaction may still be open where the writes are done, nobody reads there.
func TestNearIsCommitted(t *testing.T) {
	c := opened(t)
	if err := c.tx(t.Context(), add("a")); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := c.begin(ctx); err != nil {
		t.Fatal(err)
	}
	if err := add("b")(ctx, c.writer.txn); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := c.nearRow(ctx, `SELECT count(*) FROM counter`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v; want the one that is committed", n, err)
	}
	// The next write finds the open transaction, and gives that connection up.
	if err := c.tx(ctx, add("c")); err == nil {
		t.Error("written in a transaction that somebody left open")
	}
	if err := c.tx(ctx, add("c")); err != nil {
		t.Error(err)
	}
	if err := c.nearRow(ctx, `SELECT count(*) FROM counter`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows, %v; want a and c", n, err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.nearRow(gone, `SELECT 1`).Scan(&n); err == nil {
		t.Error("answered one who has gone")
	}
}

// When the connection that writes does not answer, the others do.
func TestNearIsBroken(t *testing.T) {
	c := opened(t)
	if err := c.tx(t.Context(), add("a")); err != nil {
		t.Fatal(err)
	}
	const query = `SELECT count(*) FROM counter`
	st, err := c.writer.txn.prepared(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := c.nearRow(t.Context(), query).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v; want 1", n, err)
	}
	if err := c.tx(t.Context(), add("b")); err != nil {
		t.Errorf("its turn was not given back: %v", err)
	}
}
