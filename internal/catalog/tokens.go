package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callreel/internal/recording"
)

// Token is one who may ask the API.
type Token struct {
	Name    string
	Hash    []byte // SHA-256 of the token
	Scope   string
	Created time.Time
	Expires time.Time // zero: never
	Revoked time.Time // zero: it is not
}

// ErrNameTaken says that there is, or was, something of this name already.
var ErrNameTaken = errors.New("the name is taken")

// AddToken stores a token. The name of a revoked one stays taken: lines of the log tell of
// it.
func (c *Catalog) AddToken(ctx context.Context, t Token) error {
	res, err := c.exec(ctx, `INSERT OR IGNORE INTO token (name, hash, scope, created, expires) VALUES (?,?,?,?,?)`,
		t.Name, t.Hash, t.Scope, ms(t.Created), ms(t.Expires))
	if err != nil {
		return fmt.Errorf("add token %s: %w", t.Name, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return fmt.Errorf("add token %s: %w", t.Name, errors.Join(err, ErrNameTaken))
	}
	return nil
}

// Tokens returns all tokens by name, revoked ones too.
func (c *Catalog) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := c.query(ctx, `SELECT name, hash, scope, created, expires, revoked FROM token ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		var t Token
		var times [3]int64
		if err := rows.Scan(&t.Name, &t.Hash, &t.Scope, &times[0], &times[1], &times[2]); err != nil {
			return nil, fmt.Errorf("read the tokens: %w", err)
		}
		for i, at := range []*time.Time{&t.Created, &t.Expires, &t.Revoked} {
			if times[i] > 0 {
				*at = time.UnixMilli(times[i]).UTC()
			}
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// RevokeToken ends a token at once. It returns recording.ErrNotFound if none that is valid
// has this name.
func (c *Catalog) RevokeToken(ctx context.Context, name string, now time.Time) error {
	res, err := c.exec(ctx, `UPDATE token SET revoked = ? WHERE name = ? AND revoked = 0`, ms(now), name)
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", name, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return fmt.Errorf("revoke token %s: %w", name, errors.Join(err, recording.ErrNotFound))
	}
	return nil
}
