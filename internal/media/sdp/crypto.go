package sdp

import (
	"strconv"
	"strings"
)

// maxKeys bounds the keys of a section.
const maxKeys = 16

// Key is what one a=crypto offers or answers (RFC 4568 §9.1): the key that the one
// who wrote the description encrypts with. It is secret.
type Key struct {
	Tag     int
	Suite   string
	Inline  string   // as written, from "inline:" on
	Session []string // session parameters
}

// crypto takes the keys of an a=crypto: one for each of its inline parameters.
func (m *Media) crypto(value string) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return
	}
	tag, err := strconv.Atoi(f[0])
	if err != nil {
		return
	}
	for inline := range strings.SplitSeq(f[2], ";") {
		if strings.HasPrefix(inline, "inline:") && len(m.Keys) < maxKeys {
			m.Keys = append(m.Keys, Key{Tag: tag, Suite: f[1], Inline: inline, Session: f[3:]})
		}
	}
}
