package pbxsim

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// licencePath is where a PBX shows its licences.
const licencePath = "/PBX0/ADMIN/mod_cmd_login.xml"

// SetLicences makes the PBX show licences of one name. Until the first call it shows
// no list at all; fewer than none take the list away again.
func (s *Sim) SetLicences(name string, count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if count < 0 {
		s.licences = nil
		return
	}
	if s.licences == nil {
		s.licences = map[string]int{}
	}
	s.licences[name] = count
}

func (s *site) showLicences(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	list := maps.Clone(s.licences)
	s.mu.Unlock()
	if list == nil {
		http.NotFound(w, r)
		return
	}
	var b strings.Builder
	b.WriteString(`<info cmd-lics-time="0"><lic name="Port" count="20" used="6"/>`)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		fmt.Fprintf(&b, `<lic name="%s" count="%d" used="0"/>`, html.EscapeString(name), list[name])
	}
	b.WriteString(`</info>`)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write([]byte(b.String()))
}
