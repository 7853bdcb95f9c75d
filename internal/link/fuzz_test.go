package link

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// commandsIn are those that a stream holds, and how many lines of it were too long.
func commandsIn(t *testing.T, in io.Reader, name string) (out []Command, dropped int) {
	t.Helper()
	set, ok := charsetOf(name)
	if !ok {
		t.Fatalf("no charset %q", name)
	}
	tpl, err := DefaultAppServerConfig().templates()
	if err != nil {
		t.Fatal(err)
	}
	for l := (lines{in: in, dropped: func() { dropped++ }}); ; {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return out, dropped
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(l.have) > 2*mostLine {
			t.Fatalf("%d bytes are held", len(l.have))
		}
		if c, ok := tpl.read(set.decode(line)); ok {
			out = append(out, c)
		}
	}
}

// Whatever an AppServer sends: in whatever pieces it comes, the same commands are in it, each
// with a player, and with a file if it is to be played.
func FuzzInput(f *testing.F) {
	f.Add([]byte("!PLAY!Rossi!a.wav\r\n!STOP!Rossi\x00!PLAY!Rossi\r!EJEC!R\n!PAUS!M\xfcller\n!PLAY!!\n!STOP!"))
	f.Add([]byte(strings.Repeat("x", 5000) + "\n!STOP!Rossi\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{latin1, utf8Charset, windows1252} {
			whole, long := commandsIn(t, bytes.NewReader(data), name)
			pieces, longToo := commandsIn(t, iotest.OneByteReader(bytes.NewReader(data)), name)
			if !slices.Equal(whole, pieces) || long != longToo {
				t.Fatalf("%s: %+v in one piece, %+v in many; %d and %d too long", name, whole, pieces, long, longToo)
			}
			for _, c := range whole {
				if c.Player == "" || (c.Do == Play) != (c.File != "") || len(c.Player)+len(c.File) > 4*mostLine {
					t.Errorf("%+v", c)
				}
			}
		}
	})
}

// What a template writes it reads again, and a line that it writes is one line.
func FuzzTemplate(f *testing.F) {
	f.Add("!PLAY!{player}!{file}", "Rossi", "a.wav")
	f.Add("{player}", "a!b", "\r\n")
	f.Add("<{file}|{player}>", "", "é€")
	f.Fuzz(func(t *testing.T, text, player, file string) {
		tpl, err := parseTemplate(text, "player", "file")
		if err != nil {
			return
		}
		line := tpl.write(map[string]string{"player": player, "file": file})
		if strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("%q is more than one line", line)
		}
		values, ok := tpl.read(line)
		if !ok || slices.ContainsFunc(tpl.fields, func(f string) bool { return strings.Count(text, "{"+f+"}") > 1 }) {
			return // a value holds what separates fields; or a field stands there twice, and its last value counts
		}
		for f, v := range values {
			if plain(v) != v && !strings.ContainsAny(text, "!") {
				t.Errorf("field %s of %q is %q", f, line, v)
			}
		}
		if again := tpl.write(values); again != line && !strings.Contains(text, "!") {
			t.Errorf("%q was read as %v and written as %q", line, values, again)
		}
	})
}
