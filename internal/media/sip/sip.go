// Package sip reads from a SIP message (RFC 3261) what tells who called whom
// and when: it is no SIP stack and keeps no state.
package sip

import (
	"strconv"
	"strings"
)

// maxHeaders is how many header lines are read.
const maxHeaders = 512

// Message is one request or response.
type Message struct {
	Method string // of the request, or from CSeq for a response
	Status int    // 0 for a request
	CallID string
	From   string // user part of the URI
	To     string
	// FromTag tells which party of the dialogue made the request.
	FromTag string
	// ReferTo is whom a REFER asks to call, its user part; Replaces is the Call-ID
	// of the dialogue that a new one takes the place of (RFC 3891), also where a
	// REFER says it.
	ReferTo  string
	Replaces string
	SDP      string // the body, if it holds a session description
}

// Parse reads b and reports whether it is a SIP message. Junk in front of the
// first line is not accepted.
func Parse(b []byte) (Message, bool) {
	if !starts(b) {
		return Message{}, false
	}
	head, body := split(string(b))
	first, rest, _ := strings.Cut(head, "\n")
	m := Message{}
	if !m.firstLine(strings.TrimRight(first, "\r")) {
		return Message{}, false
	}
	m.headers(rest)
	if i := strings.Index(body, "v=0"); i >= 0 {
		m.SDP = body[i:]
	}
	return m, true
}

// Length is how many bytes the message that b begins with has, for streams in which
// one comes behind the other: more than b has where its end is missing, by one where
// it is not known how much. It reports false if b does not begin with a message.
func Length(b []byte) (n int, ok bool) {
	if !starts(b) {
		return 0, false
	}
	head, body := split(string(b))
	at := len(b) - len(body)
	if len(head) == len(b) {
		return len(b) + 1, true
	}
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-length", "l":
			if length, err := strconv.ParseUint(strings.TrimSpace(value), 10, 20); err == nil {
				return at + int(length), true
			}
		}
	}
	return len(b), true
}

// starts is the cheap look at a datagram: most are no SIP.
func starts(b []byte) bool {
	if len(b) < 16 || b[0] < 'A' || b[0] > 'Z' {
		return false
	}
	line, _, found := strings.Cut(string(b[:min(len(b), 4096)]), "\n")
	return found && (strings.HasPrefix(line, "SIP/2.0 ") || strings.HasSuffix(strings.TrimRight(line, "\r "), " SIP/2.0"))
}

func split(text string) (head, body string) {
	if h, b, ok := strings.Cut(text, "\r\n\r\n"); ok {
		return h, b
	}
	head, body, _ = strings.Cut(text, "\n\n")
	return head, body
}

func (m *Message) firstLine(line string) bool {
	word, rest, _ := strings.Cut(line, " ")
	if word != "SIP/2.0" {
		m.Method = word
		return true
	}
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	m.Status = status
	return err == nil && status >= 100 && status <= 699
}

func (m *Message) headers(text string) {
	n := 0
	for line := range strings.Lines(text) {
		if n++; n > maxHeaders {
			return
		}
		name, value, ok := strings.Cut(line, ":")
		if ok {
			m.header(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value))
		}
	}
}

func (m *Message) header(name, value string) {
	switch name {
	case "call-id", "i":
		m.CallID = value
	case "from", "f":
		m.From, m.FromTag = User(value), tag(value)
	case "to", "t":
		m.To = User(value)
	case "refer-to", "r":
		m.ReferTo = User(value)
		if _, after, ok := strings.Cut(value, "Replaces="); ok {
			after, _, _ = strings.Cut(after, "&")
			m.Replaces, _, _ = strings.Cut(unescape(strings.TrimRight(after, ">")), ";")
		}
	case "replaces":
		m.Replaces, _, _ = strings.Cut(value, ";")
	case "cseq":
		if _, method, ok := strings.Cut(value, " "); ok && m.Status != 0 {
			m.Method = strings.TrimSpace(method)
		}
	}
}

// User is the user part of the address in a From or To header: of
// `"Rossi" <sip:24@pbx;user=phone>;tag=1` it is 24. It is empty if there is
// none.
func User(value string) string {
	if i := strings.LastIndexByte(value, '<'); i >= 0 {
		value, _, _ = strings.Cut(value[i+1:], ">")
	}
	scheme, rest, ok := strings.Cut(value, ":")
	if !ok {
		return ""
	}
	user, _, hasHost := strings.Cut(rest, "@")
	if !hasHost && !strings.EqualFold(strings.TrimSpace(scheme), "tel") {
		return ""
	}
	user, _, _ = strings.Cut(user, ";")
	user, _, _ = strings.Cut(user, ":")
	return unescape(user)
}

func tag(value string) string {
	if i := strings.LastIndexByte(value, '>'); i >= 0 {
		value = value[i:]
	}
	_, after, _ := strings.Cut(value, ";tag=")
	t, _, _ := strings.Cut(after, ";")
	return strings.TrimSpace(t)
}

// unescape undoes %xx; a wrong one stays as it is.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
