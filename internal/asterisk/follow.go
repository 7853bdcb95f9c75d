package asterisk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
)

// Position is how far a file has been read. Head tells whether it is still the same.
type Position struct {
	Offset int64  `json:"offset"` // bytes; what was read ends with a whole line
	Head   string `json:"head"`   // SHA-256 of its first bytes, hex
	Length int    `json:"length"` // how many of them
}

const (
	mostHead = 512
	mostRead = 1 << 20 // at once
	mostLine = 64 << 10
)

// behind is the position after read, whole lines, was read as well. What was read
// first tells the file.
func (p Position) behind(read []byte) Position {
	if p.Offset == 0 {
		head := read[:min(len(read), mostHead)]
		p.Head, p.Length = digest(head), len(head)
	}
	p.Offset += int64(len(read))
	return p
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Sink stores what comes. Methods may be called concurrently.
type Sink interface {
	// Rows stores CSV lines; a nil error promises that they are durable. The same
	// lines may come again.
	Rows(ctx context.Context, pbx, lines string) error
	// Fields stores one row whose fields have names; text is the row as it came.
	Fields(ctx context.Context, pbx string, fields map[string]string, text string) error
	// Garbage keeps what is no row, and why.
	Garbage(ctx context.Context, pbx string, body []byte, reason string) error
	// Position and SavePosition remember how far a PBX's file has been read; the
	// zero value if it never was.
	Position(ctx context.Context, pbx string) (Position, error)
	SavePosition(ctx context.Context, pbx string, p Position) error
}

// place is where a file lies.
type place interface {
	// open reads the file from an offset on. It is fs.ErrNotExist where there is
	// none, and errShort where the file ends before the offset.
	open(ctx context.Context, offset int64) (io.ReadCloser, error)
	// before lists the files that the present one has taken the place of, the
	// oldest first, as far as that can be known.
	before(ctx context.Context) ([]place, error)
	String() string
}

// errShort says that a file ends before the wanted offset.
var errShort = errors.New("the file is shorter than what was read of it")

// Follower follows one file. It is used by one goroutine.
type Follower struct {
	cfg   Config
	sink  Sink
	log   *slog.Logger
	place place
}

// NewFollower makes the follower that a valid cfg with File or URL describes. It
// reads nothing.
func NewFollower(cfg Config, sink Sink, log *slog.Logger) *Follower {
	f := &Follower{cfg: cfg.WithDefaults(), sink: sink, log: log.With("asterisk", cfg.Name)}
	f.place = file(cfg.File)
	if cfg.URL != "" {
		f.place = newWeb(cfg)
	}
	return f
}

// Poll reads what has been written since the last time. Lines that are not ended
// yet are left for the next.
func (f *Follower) Poll(ctx context.Context) error {
	pos, err := f.sink.Position(ctx, f.cfg.Name)
	if err != nil {
		return err
	}
	same, err := isSame(ctx, f.place, pos)
	switch {
	case errors.Is(err, fs.ErrNotExist) && pos.Offset > 0:
		same = false // rotated, and nothing written since
	case err != nil:
		return fmt.Errorf("read the call detail records of %s: %w", f.cfg.Name, err)
	}
	if !same {
		reached, err := f.catchUp(ctx, pos)
		if err != nil {
			return fmt.Errorf("read the call detail records of %s: %w", f.cfg.Name, err)
		}
		// It stands until the present file has a line: that may be rotated away, too,
		// before anybody looks again.
		if err := f.sink.SavePosition(ctx, f.cfg.Name, reached); err != nil {
			return err
		}
		pos = Position{}
	}
	_, err = f.read(ctx, f.place, pos, true)
	if errors.Is(err, fs.ErrNotExist) && !same {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the call detail records of %s: %w", f.cfg.Name, err)
	}
	return nil
}

// isSame reports whether a file begins as the one that was read, and has a whole line
// where that reading stopped.
func isSame(ctx context.Context, p place, pos Position) (bool, error) {
	if pos.Offset == 0 {
		return true, nil
	}
	head, err := readAt(ctx, p, 0, pos.Length)
	if err != nil || digest(head) != pos.Head {
		return false, err
	}
	end, err := readAt(ctx, p, pos.Offset-1, 1)
	if errors.Is(err, errShort) {
		return false, nil
	}
	return string(end) == "\n", err
}

func readAt(ctx context.Context, p place, offset int64, n int) ([]byte, error) {
	r, err := p.open(ctx, offset)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, int64(n)))
}

// catchUp reads what was left in the file that has been rotated away, and the files
// that came between it and the present one. It returns the position behind the last of
// them; the zero value if the file is not found.
func (f *Follower) catchUp(ctx context.Context, pos Position) (reached Position, err error) {
	older, err := f.place.before(ctx)
	if err != nil {
		return reached, err
	}
	found := false
	for _, p := range older {
		from := Position{}
		if !found {
			if found, err = isSame(ctx, p, pos); err != nil || !found {
				continue // not readable, or another one
			}
			from = pos
		}
		end, err := f.read(ctx, p, from, false)
		if err != nil {
			return reached, err
		}
		if end.Offset > from.Offset {
			f.log.Info("the rest of a rotated file of call detail records was read", "bytes_before", from.Offset)
		}
		if end.Offset > 0 { // an empty file is like any other
			reached = end
		}
	}
	if !found {
		f.log.Warn("the file of call detail records was replaced, and the one before is not there: records may be missing", "read_to", pos.Offset)
	}
	return reached, nil
}

// read stores what a file has from a position on, and returns the one behind it. With
// save the position is kept, and nothing is read of a file that has been rotated away
// meanwhile.
func (f *Follower) read(ctx context.Context, p place, pos Position, save bool) (Position, error) {
	r, err := p.open(ctx, pos.Offset)
	if err != nil {
		return pos, err
	}
	defer r.Close()
	if same, err := isSame(ctx, p, pos); !same || err != nil {
		return pos, err
	}
	buf := make([]byte, 0, mostRead)
	for ended := false; !ended; {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return pos, err
		}
		whole, err := f.store(ctx, buf, ended && !save)
		if err != nil {
			return pos, err
		}
		pos = pos.behind(buf[:whole])
		buf = buf[:copy(buf, buf[whole:])]
		if !save || whole == 0 {
			continue
		}
		if err := f.sink.SavePosition(ctx, f.cfg.Name, pos); err != nil {
			return pos, err
		}
	}
	return pos, nil
}

// store stores the whole lines of buf, all of it where nothing more is to come, and
// returns how many bytes that were. A line too long to be one goes as garbage.
func (f *Follower) store(ctx context.Context, buf []byte, last bool) (int, error) {
	whole := bytes.LastIndexByte(buf, '\n') + 1
	if last {
		whole = len(buf)
	}
	if whole > 0 {
		return whole, f.sink.Rows(ctx, f.cfg.Name, string(buf[:whole]))
	}
	if len(buf) < mostRead {
		return 0, nil
	}
	return len(buf), f.sink.Garbage(ctx, f.cfg.Name, buf[:mostLine], "a line of a file of call detail records has no end")
}
