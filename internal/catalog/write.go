package catalog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
)

// SQLite has one writer at a time, and who finds another at work waits by looking again
// at growing distances, so that under load some never get their turn. Therefore all
// writes of this program queue here. Those that wait while one is at work are done
// together: one commit, and one sync of the disk, makes all of them durable. Nobody is
// told of success before that commit.

// mostTogether bounds the writes of one commit.
const mostTogether = 100

// mostStatements bounds the statements that are kept prepared; some are put together
// from what is looked for.
const mostStatements = 200

// write is one caller's writing.
type write struct {
	ctx  context.Context //nolint:containedctx // the caller's, who waits
	f    func(context.Context, *txn) error
	done bool
	err  error
}

// writer is the one connection that writes.
type writer struct {
	mu    sync.Mutex // of queue
	queue []*write

	turn sync.Mutex // held by who works the queue, or reads; of what follows
	txn  *txn       // nil before the first write and after a broken connection
	open bool       // a transaction may be open
}

// txn is the transaction that a write is done in.
type txn struct {
	conn  *sql.Conn
	known map[string]*sql.Stmt
}

// tx runs f in a write transaction that is rolled back when f fails. f may share the
// transaction with other writes; its context is none that ends in the middle, which would
// undo theirs.
func (c *Catalog) tx(ctx context.Context, f func(context.Context, *txn) error) error {
	w := &write{ctx: ctx, f: f}
	c.writer.mu.Lock()
	c.writer.queue = append(c.writer.queue, w)
	c.writer.mu.Unlock()
	c.writer.turn.Lock()
	defer c.writer.turn.Unlock()
	for !w.done {
		c.together(c.writer.next())
	}
	return w.err
}

// next takes the writes that have waited longest.
func (w *writer) next() []*write {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), mostTogether)
	list := w.queue[:n:n]
	w.queue = w.queue[n:]
	return list
}

// together does some writes in one transaction. One that fails is undone alone; when the
// transaction itself fails, all have.
func (c *Catalog) together(list []*write) {
	failed := errors.New("the write was broken off")
	defer func() {
		for _, w := range list {
			w.done = true
			if w.err == nil {
				w.err = failed
			}
		}
	}()
	ctx := context.WithoutCancel(list[0].ctx)
	// Nearly always all of them are well. A savepoint for each costs as much as a commit,
	// so that is for a second run: a write does the same when it is done again.
	if failed = c.commit(ctx, list, false); failed != nil && len(list) > 1 {
		failed = c.commit(ctx, list, true)
	}
}

// commit does writes in one transaction. Where they are apart, one that fails is undone
// alone and keeps its error; else the first that fails undoes all.
func (c *Catalog) commit(ctx context.Context, list []*write, apart bool) error {
	t, err := c.begin(ctx)
	if err != nil {
		return err
	}
	for _, w := range list {
		if apart {
			err = w.apart(ctx, t)
		} else {
			err = w.do(ctx, t)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		_, err = t.ExecContext(ctx, `COMMIT`)
	}
	if err == nil {
		c.writer.open = false
		return nil
	}
	_, undone := t.ExecContext(ctx, `ROLLBACK`) // SQLite may have done so already
	c.writer.open = undone != nil
	return err
}

// begin starts a transaction that may write, on a new connection if the last one is broken.
func (c *Catalog) begin(ctx context.Context) (*txn, error) {
	if c.writer.txn == nil {
		conn, err := c.db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		c.writer.txn = &txn{conn: conn, known: map[string]*sql.Stmt{}}
	}
	c.writer.open = true
	_, err := c.writer.txn.ExecContext(ctx, `BEGIN IMMEDIATE`)
	if err != nil {
		err = errors.Join(err, c.writer.close())
	}
	return c.writer.txn, err
}

func (w *writer) close() error {
	if w.txn == nil {
		return nil
	}
	var err error
	for _, st := range w.txn.known {
		err = errors.Join(err, st.Close())
	}
	// It does not go back to those that read: a transaction may still be open in it.
	_ = w.txn.conn.Raw(func(any) error { return driver.ErrBadConn })
	if closing := w.txn.conn.Close(); !errors.Is(closing, sql.ErrConnDone) {
		err = errors.Join(err, closing)
	}
	w.txn = nil
	return err
}

// do does one write, unless its caller has gone.
func (w *write) do(ctx context.Context, t *txn) error {
	if w.err = context.Cause(w.ctx); w.err == nil {
		w.err = w.f(ctx, t)
	}
	return w.err
}

// apart does one write. Its own fault is kept in err and undone; what is returned is a fault
// of the transaction.
func (w *write) apart(ctx context.Context, t *txn) error {
	if _, err := t.ExecContext(ctx, `SAVEPOINT one`); err != nil {
		return err
	}
	if w.do(ctx, t) != nil {
		if _, err := t.ExecContext(ctx, `ROLLBACK TO one`); err != nil {
			return fmt.Errorf("undo a write: %w", errors.Join(err, w.err))
		}
	}
	_, err := t.ExecContext(ctx, `RELEASE one`)
	return err
}

// exec is a write of one statement.
func (c *Catalog) exec(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	err = c.tx(ctx, func(ctx context.Context, tx *txn) error {
		res, err = tx.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

func (t *txn) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := t.known[query]; ok {
		return st, nil
	}
	st, err := t.conn.PrepareContext(ctx, query)
	if err == nil {
		t.known[query] = st
	}
	return st, err
}

// ExecContext is that of the database, with a statement that is prepared once.
func (t *txn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := t.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

// QueryContext is that of the database, with a statement that is prepared once.
func (t *txn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := t.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// QueryRowContext is that of the database, with a statement that is prepared once.
func (t *txn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := t.prepared(ctx, query)
	if err != nil {
		return t.conn.QueryRowContext(ctx, query, args...) // tells the error
	}
	return st.QueryRowContext(ctx, args...)
}
