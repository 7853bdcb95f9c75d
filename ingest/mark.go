package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// ErrNoFolder says that an inbox has no folder of this name.
var ErrNoFolder = errors.New("there is no such folder")

// maxMarkNumber is the length in bytes of the longest number, or name, of a mark.
const maxMarkNumber = 64

// NewMarks makes the inbox of one folder of marks in the inbox that a valid cfg
// describes: it lists mark files instead of captures, and deletes them. Where the inbox
// has no such folder, List says ErrNoFolder. What stands in the files says nothing, and
// is never read.
func NewMarks(cfg Config, folder string, clk clock.Clock, log *slog.Logger) (Inbox, error) {
	cfg = cfg.WithDefaults()
	if err := CheckMarkFolder(folder); err != nil {
		return nil, fmt.Errorf("inbox %q: %w", cfg.Name, err)
	}
	for _, address := range []*string{&cfg.URL, &cfg.Standby} {
		if !strings.Contains(*address, "://") {
			continue // a host alone takes the other's path
		}
		u, err := url.Parse(*address)
		if err != nil {
			return nil, fmt.Errorf("inbox %q: url: %w", cfg.Name, err)
		}
		*address = u.JoinPath(url.PathEscape(folder)).String()
	}
	cfg.marks, cfg.DeleteDelay = folder, 0
	return New(cfg, clk, log)
}

// CheckMarkFolder says why a folder of marks cannot have this name.
func CheckMarkFolder(name string) error {
	if !harmless(name) || strings.ContainsAny(name, "?#%") {
		return fmt.Errorf("%.100q is no name of a folder: write it without a path", name)
	}
	return nil
}

// wanted reports whether the inbox lists a file of this name.
func (c Config) wanted(name string) bool {
	if c.marks != "" {
		return IsMark(name)
	}
	return IsCapture(name)
}

// missing makes the answer "not found" to the listing of a folder of marks ErrNoFolder.
func (c Config) missing(err error) error {
	if status, ok := errors.AsType[*StatusError](err); ok && c.marks != "" && status.Code == http.StatusNotFound {
		return ErrNoFolder
	}
	return err
}

// IsMark reports whether a file of this name is a mark, be it one that says of nobody.
func IsMark(name string) bool {
	_, _, ours := cutMark(name)
	return ours
}

// ParseMark reads the name of a mark file, TCR-24_24.txt to keep and TCA-24_24.txt not
// to, in either case. It has the agent's number twice; once is enough. An error says
// why it is not certain which agent is meant.
func ParseMark(name string) (recording.MarkKind, string, error) {
	kind, rest, ours := cutMark(name)
	if !ours {
		return "", "", errors.New("it does not begin with TCR- or TCA- and end with .txt")
	}
	number := rest
	if half := len(rest) / 2; len(rest)%2 == 1 && rest[half] == '_' && rest[:half] == rest[half+1:] {
		number = rest[:half]
	}
	switch {
	case number == "":
		return kind, "", errors.New("it has no number")
	case len(number) > maxMarkNumber:
		return kind, "", fmt.Errorf("its number has more than %d characters", maxMarkNumber)
	case number == rest && strings.Contains(rest, "_"):
		return kind, "", errors.New("it has two numbers that differ, and it is not certain which agent is meant")
	}
	return kind, number, nil
}

// MarkText is the name of a mark's file as text: one that is no UTF-8 is read as Latin-1,
// which older cards and scripts write.
func MarkText(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	letters := make([]rune, len(name))
	for i := range len(name) {
		letters[i] = rune(name[i])
	}
	return string(letters)
}

// cutMark gives what stands between the kind and the extension.
func cutMark(name string) (kind recording.MarkKind, rest string, ours bool) {
	name = MarkText(name)
	const begin, end = len("TCR-"), len(".txt")
	if !harmless(name) || len(name) < begin+end || !strings.EqualFold(name[len(name)-end:], ".txt") {
		return "", "", false
	}
	switch strings.ToUpper(name[:begin]) {
	case "TCR-":
		kind = recording.MarkKeep
	case "TCA-":
		kind = recording.MarkSkip
	}
	return kind, name[begin : len(name)-end], kind != ""
}
