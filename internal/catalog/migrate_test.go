package catalog

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// schema is what a database is made of: its tables with their columns, its indexes and triggers.
func schema(t *testing.T, db *sql.DB) (list []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT type || ' ' || name || ': ' ||
			CASE type WHEN 'table' THEN (SELECT group_concat(name || ' ' || type, ', ' ORDER BY name) FROM pragma_table_info(s.name)) ELSE sql END
		FROM sqlite_schema s WHERE name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, strings.Join(strings.Fields(s), " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// unlike are the lines of one list that the other has not.
func unlike(a, b []string) (out []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// Every migration can be taken back, to the schema before it, and done again.
func TestMigrationsUpAndDown(t *testing.T) {
	ctx := t.Context()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := migrations(db)
	if err != nil {
		t.Fatal(err)
	}
	var before [][]string
	for {
		was := schema(t, db)
		done, err := p.UpByOne(ctx)
		if done == nil {
			break // there is none any more
		}
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, was)
	}
	if len(before) < 15 {
		t.Fatalf("%d migrations", len(before))
	}
	newest := schema(t, db)
	for _, was := range slices.Backward(before) {
		done, err := p.Down(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got := schema(t, db); !slices.Equal(got, was) {
			t.Errorf("taking back %d leaves %q and lacks %q", done.Source.Version, unlike(got, was), unlike(was, got))
		}
	}
	if _, err := p.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if got := schema(t, db); !slices.Equal(got, newest) {
		t.Errorf("the second time there is %q and not %q", unlike(got, newest), unlike(newest, got))
	}
}

// Who reads a catalog that no recorder of this version has opened yet is told so.
func TestReadOtherVersion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := migrations(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		change, want string
	}{
		{`SELECT 1`, "older version of callreel (6, "},
		{`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`, "newer version of callreel (99, "},
	} {
		if _, err := db.ExecContext(t.Context(), row.change); err != nil {
			t.Fatal(err)
		}
		c, err := OpenReader(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.LedgerFaults(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("after %s: %v", row.change, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
