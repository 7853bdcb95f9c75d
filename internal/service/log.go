package service

import (
	"io"
	"log/slog"
	"regexp"
)

// Names of files in error texts: those of recordings, which hold numbers, and
// those of captures, of which the conference id may stay.
var (
	filedName   = regexp.MustCompile(`(\d{4}_\d{2}/)?\d{4}_\d{2}_\d{2}_\d{4}_[^\s"':]*`)
	captureName = regexp.MustCompile(`([0-9a-fA-F]{31,32})-[0-9a-fA-F-]{12,17}-[^\s"':]*`)
)

// NewLog writes plain lines of key=value to w. Errors come from many hands; what
// they say of files is taken out, because file names hold the numbers of people,
// and those may not stand in a log above debug (SPEC §8.2).
func NewLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutNames}))
}

func withoutNames(_ []string, a slog.Attr) slog.Attr {
	err, ok := a.Value.Any().(error)
	if !ok {
		return a
	}
	return slog.String(a.Key, scrub(err.Error()))
}

func scrub(text string) string {
	return captureName.ReplaceAllString(filedName.ReplaceAllString(text, "(file)"), "$1(…)")
}
