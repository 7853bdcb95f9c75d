package catalog

import (
	"context"
	"fmt"
	"time"
)

// SaveLicences stores how many licences of a name a PBX has.
func (c *Catalog) SaveLicences(ctx context.Context, pbx, name string, count int, read time.Time) error {
	_, err := c.exec(ctx, `INSERT OR REPLACE INTO licence (pbx, name, count, read) VALUES (?,?,?,?)`, pbx, name, count, ms(read))
	if err != nil {
		return fmt.Errorf("save the licences of PBX %s: %w", pbx, err)
	}
	return nil
}

// Licences returns, by PBX, how many licences of a name there were when it last said so.
func (c *Catalog) Licences(ctx context.Context, name string) (map[string]int, error) {
	rows, err := c.query(ctx, `SELECT pbx, count FROM licence WHERE name = ?`, name)
	if err != nil {
		return nil, fmt.Errorf("read the licences: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var pbx string
		var n int
		if err := rows.Scan(&pbx, &n); err != nil {
			return nil, fmt.Errorf("read the licences: %w", err)
		}
		out[pbx] = n
	}
	return out, rows.Err()
}
