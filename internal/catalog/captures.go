package catalog

import (
	"context"

	"callreel/internal/recording"
)

// FiledCaptures returns recordings whose capture was filed as it came, and that the line is
// done with: up to most of them behind one, by number.
func (c *Catalog) FiledCaptures(ctx context.Context, after recording.ID, most int) ([]recording.Recording, error) {
	return c.list(ctx, `SELECT `+columns+` FROM recording WHERE place GLOB '*.pcap' AND state = ? AND id > ? ORDER BY id LIMIT ?`,
		string(recording.Done), int64(after), most)
}
