package catalog

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations/*.sql
var files embed.FS

// What a migration's file has before the statements up, and before those down.
const (
	upMark   = "-- +goose Up"
	downMark = "-- +goose Down"
)

// migrations brings db up to date, and keeps account in it of which files it has had. SQLite
// is given each of them whole: goose's own reading of a file takes it apart first, in buffers
// of megabytes, which took nine tenths of the time in which a new catalog was opened.
func migrations(db *sql.DB) (*goose.Provider, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	list := make([]*goose.Migration, 0, len(names))
	for _, name := range names {
		m, err := migration(name)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		list = append(list, m)
	}
	return goose.NewProvider(database.DialectSQLite3, db, nil, goose.WithGoMigrations(list...), goose.WithDisableGlobalRegistry(true))
}

func migration(name string) (*goose.Migration, error) {
	version, err := goose.NumericComponent(name)
	if err != nil {
		return nil, err
	}
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	_, both, isUp := strings.Cut(string(text), upMark)
	up, down, isDown := strings.Cut(both, downMark)
	if !isUp || !isDown {
		return nil, fmt.Errorf("it needs the lines %q and %q", upMark, downMark)
	}
	return goose.NewGoMigration(version, statements(up), statements(down)), nil
}

func statements(text string) *goose.GoFunc {
	return &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, text)
		return err
	}}
}

// ofOtherVersion says of a query's fault that the file is of another version of callreel,
// where that is so: who only reads does not bring it up to date.
func (c *Catalog) ofOtherVersion(ctx context.Context, fault error) error {
	var is int64
	if err := c.db.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&is); err != nil {
		return fault
	}
	switch newest, err := newestMigration(); {
	case err != nil || is == newest:
		return fault
	case is < newest:
		return fmt.Errorf("the catalog is of an older version of callreel (%d, and not %d), and is brought up to date when a recorder of this one starts: %w", is, newest, fault)
	default:
		return fmt.Errorf("the catalog is of a newer version of callreel (%d, and not %d) than this program: %w", is, newest, fault)
	}
}

func newestMigration() (int64, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil || len(names) == 0 {
		return 0, err
	}
	return goose.NumericComponent(names[len(names)-1]) // Glob sorts
}
