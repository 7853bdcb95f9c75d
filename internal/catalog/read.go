package catalog

import (
	"context"
	"database/sql"
	"sync"
)

// Two kinds of connections read. Those of query are apart from the one that writes, so
// that a long search keeps no write waiting; but each of them forgets all it knows of the
// file at every commit of that one. near asks where the writes are done, if nothing is
// being written just then, and finds there what it needs in memory.

// rows are what a query found. Close gives back what they are read from.
type rows struct {
	*sql.Rows
	free func()
}

func (r *rows) Close() error {
	err := r.Rows.Close()
	if r.free != nil {
		r.free()
		r.free = nil
	}
	return err
}

// row is the only row of a query, or its fault.
type row struct {
	rows *rows
	err  error
}

// Scan is that of sql.Row.
func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}

// reads are the statements that read, by their text, prepared once.
type reads struct {
	mu    sync.Mutex
	known map[string]*sql.Stmt
}

// read returns the statement of a query; nil where it cannot be prepared or there are too
// many: then the query is made as it stands, and tells the error.
func (c *Catalog) read(ctx context.Context, query string) *sql.Stmt {
	c.reads.mu.Lock()
	defer c.reads.mu.Unlock()
	if st, ok := c.reads.known[query]; ok {
		return st
	}
	if len(c.reads.known) >= mostStatements {
		return nil
	}
	st, err := c.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	c.reads.known[query] = st
	return st
}

// asker is query or near.
type asker func(ctx context.Context, query string, args ...any) (*rows, error)

// query asks a connection that only reads.
func (c *Catalog) query(ctx context.Context, query string, args ...any) (*rows, error) {
	var found *sql.Rows
	var err error
	if st := c.read(ctx, query); st != nil {
		found, err = st.QueryContext(ctx, args...)
	} else {
		found, err = c.db.QueryContext(ctx, query, args...)
	}
	if err != nil {
		return nil, c.ofOtherVersion(ctx, err)
	}
	return &rows{Rows: found}, nil
}

func (c *Catalog) queryRow(ctx context.Context, query string, args ...any) row {
	found, err := c.query(ctx, query, args...)
	return row{rows: found, err: err}
}

// near asks the connection that writes, unless it is at work. It is for what is found by an
// index and is asked for in every step, or every look at an inbox. Until the rows are closed
// nothing is written, so their reader must not wait for a write.
func (c *Catalog) near(ctx context.Context, query string, args ...any) (*rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !c.writer.turn.TryLock() {
		return c.query(ctx, query, args...)
	}
	if c.writer.txn == nil || c.writer.open {
		c.writer.turn.Unlock()
		return c.query(ctx, query, args...)
	}
	// Nothing is broken off in the middle: that could hit the write that comes next.
	found, err := c.writer.txn.QueryContext(context.WithoutCancel(ctx), query, args...)
	if err != nil { // the connection may be broken, which the next write finds out
		c.writer.turn.Unlock()
		return c.query(ctx, query, args...)
	}
	return &rows{Rows: found, free: c.writer.turn.Unlock}, nil
}

func (c *Catalog) nearRow(ctx context.Context, query string, args ...any) row {
	found, err := c.near(ctx, query, args...)
	return row{rows: found, err: err}
}
