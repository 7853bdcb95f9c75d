package catalog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

// opened is a new catalog, closed when the test ends.
func opened(t *testing.T) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func numbers(t *testing.T, c *Catalog) int {
	t.Helper()
	var n int
	if err := c.queryRow(t.Context(), `SELECT count(*) FROM counter`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func add(name string) func(context.Context, *txn) error {
	return func(ctx context.Context, tx *txn) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO counter (agent, n) VALUES (?, 0)`, name)
		return err
	}
}

// Of writes that are done together, one that fails, or whose caller has gone, is undone
// alone, and each caller gets the answer of his own.
func TestWritesTogether(t *testing.T) {
	c := opened(t)
	boom := errors.New("boom")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	ctx := t.Context()
	list := []*write{
		{ctx: ctx, f: add("a")},
		{ctx: ctx, f: func(ctx context.Context, tx *txn) error { return errors.Join(add("b")(ctx, tx), boom) }},
		{ctx: gone, f: add("c")},
		{ctx: ctx, f: add("a")}, // not unique
		{ctx: ctx, f: add("d")},
	}
	c.together(list)
	if list[0].err != nil || !errors.Is(list[1].err, boom) || !errors.Is(list[2].err, context.Canceled) || list[3].err == nil || list[4].err != nil {
		t.Errorf("answers: %v, %v, %v, %v, %v", list[0].err, list[1].err, list[2].err, list[3].err, list[4].err)
	}
	if n := numbers(t, c); n != 2 {
		t.Errorf("%d rows, want those of a and d", n)
	}
}

// When the transaction itself is lost, nobody is told of success.
func TestWritesFailTogether(t *testing.T) {
	c := opened(t)
	ctx := t.Context()
	list := []*write{
		{ctx: ctx, f: add("a")},
		{ctx: ctx, f: func(ctx context.Context, tx *txn) error {
			_, err := tx.ExecContext(ctx, `ROLLBACK`) // as SQLite itself does when a disk is full
			return errors.Join(err, errors.New("disk full"))
		}},
		{ctx: ctx, f: add("b")},
	}
	c.together(list)
	for i, w := range list {
		if w.err == nil || !w.done {
			t.Errorf("write %d: %v", i, w.err)
		}
	}
	if n := numbers(t, c); n != 0 {
		t.Errorf("%d rows, want none", n)
	}
	if err := c.tx(ctx, add("c")); err != nil || numbers(t, c) != 1 {
		t.Errorf("the next write: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = c.tx(ctx, func(ctx context.Context, tx *txn) error {
			_ = add("d")(ctx, tx)
			panic("in the middle")
		})
	}()
	if err := c.tx(ctx, add("e")); err == nil { // its BEGIN finds the transaction open and gives the connection up
		t.Error("a write in what a panic left open succeeded")
	}
	if err := c.tx(ctx, add("e")); err != nil || numbers(t, c) != 2 {
		t.Errorf("the write after a panic: %v; %d rows, want those of c and e", err, numbers(t, c))
	}
}

func TestManyWriters(t *testing.T) {
	c := opened(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 50 {
				if err := c.tx(t.Context(), add(fmt.Sprint(i, "/", k))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := numbers(t, c); n != 400 {
		t.Errorf("%d rows, want 400", n)
	}
}
