package catalog

import (
	"context"
	"time"

	"callreel/internal/recording"
)

// ByUID returns the recordings of captures with this UID, oldest first.
func (c *Catalog) ByUID(ctx context.Context, uid string) ([]recording.Recording, error) {
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE uid = ? ORDER BY id`, uid)
}

// Named returns the recordings with this UID, and those of captures with this name, with
// or without its extension, in whatever inbox, each call of a capture that holds several,
// oldest first. Upper and lower case are the same to it. It looks at every row.
func (c *Catalog) Named(ctx context.Context, uid, file string) ([]recording.Recording, error) {
	name := globEscape(file)
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE uid = ?1 COLLATE NOCASE
		OR lower(source) GLOB lower(?2) OR lower(source) GLOB lower(?3) OR lower(source) GLOB lower(?4) ORDER BY id`,
		uid, name, name+"#[0-9]*", name+".pcap*")
}

// globEscape makes of a text a GLOB pattern that fits only that text.
func globEscape(s string) string {
	var out []rune
	for _, r := range s {
		if r == '*' || r == '?' || r == '[' {
			out = append(out, '[', r, ']')
			continue
		}
		out = append(out, r)
	}
	return string(out)
}

// Started returns a page of the recordings whose calls began in a time, by number, those
// behind after; at most limit. What no step has saved yet counts by when it was seen.
func (c *Catalog) Started(ctx context.Context, from, to time.Time, after recording.ID, limit int) ([]recording.Recording, error) {
	const began = `CASE started WHEN 0 THEN CAST(unixepoch(json_extract(doc, '$.capture.seen_at')) AS INTEGER) * 1000 ELSE started END`
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE id > ? AND `+began+` BETWEEN ? AND ? - 1 ORDER BY id LIMIT ?`,
		int64(after), ms(from), ms(to), limit)
}
