package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// errInterrupted says that Ctrl-C was typed in a hidden line.
var errInterrupted = errors.New("interrupted")

// terminal asks in plain lines, for any terminal, for ssh and for who has the screen
// read out. Where the input is none, hidden lines are read as they come.
type terminal struct {
	in  *os.File
	buf *bufio.Reader
	out io.Writer
}

func newTerminal(in *os.File, out io.Writer) *terminal {
	return &terminal{in, bufio.NewReader(in), out}
}

// Line reads a line without its end; the last one may have none.
func (t *terminal) Line(prompt string) (string, error) {
	if _, err := io.WriteString(t.out, prompt); err != nil {
		return "", err
	}
	line, err := t.buf.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// Hidden reads a line that is not shown. The terminal is put back whatever happens:
// while it is silent, Ctrl-C is a letter.
func (t *terminal) Hidden(prompt string) (string, error) {
	fd := int(t.in.Fd())
	if !term.IsTerminal(fd) {
		return t.Line(prompt)
	}
	if _, err := io.WriteString(t.out, prompt); err != nil {
		return "", err
	}
	was, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	line, err := readHidden(t.buf)
	err = errors.Join(err, term.Restore(fd, was))
	fmt.Fprintln(t.out)
	return line, err
}

// readHidden reads letters up to Enter, with Backspace and Ctrl-U.
func readHidden(in io.ByteReader) (string, error) {
	const most = 1024
	var line []byte
	for {
		b, err := in.ReadByte()
		if err != nil {
			return "", err
		}
		switch b {
		case '\r', '\n':
			return string(line), nil
		case 3: // Ctrl-C
			return "", errInterrupted
		case 4: // Ctrl-D
			return "", io.EOF
		case 21: // Ctrl-U
			line = line[:0]
		case 8, 127:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		default:
			if len(line) < most {
				line = append(line, b)
			}
		}
	}
}
