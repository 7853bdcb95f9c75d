package link

import (
	"bytes"
	"io"
)

// mostLine bounds a line of an AppServer, in bytes.
const mostLine = 4096

// lines takes a stream apart at CR, LF and NUL. Empty lines do not count; one that is
// longer than mostLine is thrown away to its end.
type lines struct {
	in      io.Reader
	have    []byte
	buf     [4096]byte
	tooLong bool // the line that is being read is
	dropped func()
}

// next returns the next line. It is valid until the following call. A line that the
// stream cuts in its middle is none.
func (l *lines) next() ([]byte, error) {
	for {
		if i := bytes.IndexAny(l.have, "\r\n\x00"); i >= 0 {
			line := l.have[:i]
			l.have = l.have[i+1:]
			if l.over(i) || i == 0 {
				continue
			}
			return line, nil
		}
		if len(l.have) > mostLine {
			l.tooLong, l.have = true, nil
		}
		n, err := l.in.Read(l.buf[:])
		l.have = append(l.have[:len(l.have):len(l.have)], l.buf[:n]...)
		if err != nil && n == 0 {
			return nil, err
		}
	}
}

// over reports that a line of n bytes, or with what was cut from it, is too long, and
// begins the next one.
func (l *lines) over(n int) bool {
	over := l.tooLong || n > mostLine
	if l.tooLong = false; over {
		l.dropped()
	}
	return over
}
