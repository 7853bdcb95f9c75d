package cdr

import (
	"slices"
	"sync"

	"callreel/internal/recording"
)

// A record of the memory has at most memoryText bytes, and there are at most memoryMost.
const (
	memoryText = 4 << 10
	memoryMost = 2048
)

// Memory keeps what records say that were read lately: each is asked for several times,
// when it comes, when its capture is correlated and judged, and for the ledger. It is safe
// for concurrent use; the nil memory keeps nothing. What it returns must not be changed.
type Memory struct {
	mu    sync.Mutex
	known map[string]recording.CDR // by the record's text
}

// Keep keeps records that have just been read.
func (m *Memory) Keep(list []Parsed) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range list {
		if len(p.XML) > memoryText {
			continue
		}
		if m.known == nil || len(m.known) >= memoryMost {
			m.known = map[string]recording.CDR{}
		}
		p.CDR.Events = slices.Clip(p.CDR.Events) // who adds to them gets his own
		m.known[p.XML] = p.CDR
	}
}

// records are those of a text, which is mostly of one.
func (m *Memory) records(text string) []recording.CDR {
	if c, ok := m.of(text); ok {
		return []recording.CDR{c}
	}
	parsed, _ := Parse(text)
	m.Keep(parsed)
	out := make([]recording.CDR, len(parsed))
	for i, p := range parsed {
		out[i] = p.CDR
	}
	return out
}

func (m *Memory) of(text string) (c recording.CDR, ok bool) {
	if m == nil {
		return c, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok = m.known[text]
	return c, ok
}
