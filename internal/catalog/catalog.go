// Package catalog is callreel's database: every recording with its state, the
// CDRs and live call events that have come in, and the agents last known. It
// holds the only SQL of the program and decides nothing: which step comes next
// and when is the service's affair.
//
// The catalog is one SQLite file, written with full synchronisation because
// sources are deleted on its word. It can be rebuilt from the archive's
// sidecars, never the other way round.
package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the driver

	"callreel/internal/recording"
)

// Catalog is an open database. It is safe for concurrent use.
type Catalog struct {
	db     *sql.DB
	writer writer
	reads  reads
	legs   *confCache[recording.Leg]    // nil beside a recorder, as
	cdrs   *confCache[recording.RawCDR] // this is
}

func newCatalog(db *sql.DB) *Catalog {
	return &Catalog{db: db, reads: reads{known: map[string]*sql.Stmt{}}}
}

// Open opens or makes the database at path and brings its schema up to date.
// Leases of a recorder that was killed are given back at once, so the caller
// must be the only recorder on this catalog.
func Open(ctx context.Context, path string) (*Catalog, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate" +
		"&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=cache_size(-8000)" + // KiB, of each connection
		"&_pragma=wal_autocheckpoint(4000)" + // pages; what is written often is copied, and synced, a quarter as often
		"&_pragma=temp_store(memory)" // else what a statement may have to undo goes into files, in the clear
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	db.SetMaxOpenConns(5) // one writes
	db.SetMaxIdleConns(5)
	c := newCatalog(db)
	c.legs, c.cdrs = newConfCache[recording.Leg](), newConfCache[recording.RawCDR]()
	if err := c.migrate(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	return c, nil
}

func (c *Catalog) migrate(ctx context.Context) error {
	p, err := migrations(c.db)
	if err != nil {
		return err
	}
	if _, err = p.Up(ctx); err != nil {
		return err
	}
	_, err = c.exec(ctx, `UPDATE recording SET leased = 0, due = 0 WHERE due IS NOT NULL AND leased = 1`)
	return err
}

// Close closes the database.
func (c *Catalog) Close() error {
	c.writer.turn.Lock()
	defer c.writer.turn.Unlock()
	return errors.Join(c.writer.close(), c.db.Close())
}

// Check reports whether the database answers and can be written, by writing.
func (c *Catalog) Check(ctx context.Context) error {
	return c.tx(ctx, func(ctx context.Context, tx *txn) error {
		_, err := tx.ExecContext(ctx, `UPDATE health SET ticks = ticks + 1`)
		return err
	})
}

// ms is how the database keeps a time: whole milliseconds since 1970, 0 = none.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// due is ms, or NULL where the zero time means "when something happens".
func due(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// OpenReader opens an existing database to look at it while a recorder works
// on it. It changes nothing.
func OpenReader(ctx context.Context, path string) (*Catalog, error) {
	const reads = "mode=ro&_pragma=query_only(1)"
	c, err := openExisting(ctx, path, reads)
	if err == nil {
		return c, nil
	}
	// Beside a database that nobody has open SQLite makes files, also to read it; where that
	// is not allowed it is read as it is, unless some of it stands in the log of a recorder.
	if _, log := os.Stat(path + "-wal"); errors.Is(log, fs.ErrNotExist) {
		if c, err := openExisting(ctx, path, reads+"&immutable=1"); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func openExisting(ctx context.Context, path, options string) (*Catalog, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)&" + options
	db, err := sql.Open("sqlite", dsn)
	if err == nil {
		err = db.PingContext(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	return newCatalog(db), nil
}
