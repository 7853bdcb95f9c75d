package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// SavePosition remembers how far something has been read, as a JSON value.
func (c *Catalog) SavePosition(ctx context.Context, name string, position any) error {
	doc, err := json.Marshal(position)
	if err == nil {
		_, err = c.exec(ctx, `INSERT INTO position (name, doc) VALUES (?,?)
			ON CONFLICT (name) DO UPDATE SET doc = excluded.doc`, name, string(doc))
	}
	if err != nil {
		return fmt.Errorf("save how far %s has been read: %w", name, err)
	}
	return nil
}

// Position reads what SavePosition wrote; position stays as it is where there is none.
func (c *Catalog) Position(ctx context.Context, name string, position any) error {
	var doc string
	err := c.queryRow(ctx, `SELECT doc FROM position WHERE name = ?`, name).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(doc), position)
	}
	if err != nil {
		return fmt.Errorf("read how far %s has been read: %w", name, err)
	}
	return nil
}
