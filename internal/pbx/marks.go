package pbx

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"callreel/internal/recording"
)

// maxMarkNumber bounds the number of a mark, in bytes.
const maxMarkNumber = 64

// MarkSink stores a mark that came by HTTP. A nil error promises that it is durable;
// known tells whether an agent has its number.
type MarkSink interface {
	Mark(ctx context.Context, m recording.Mark) (known bool, err error)
}

// Marker takes marks by HTTP beside the receiver, from scripts of the PBX's voice mail:
// GET or POST of mark_path with n=NUMBER, conf=ID where the script knows a call, and
// skip=1 for a call that is not to be kept. With answer=voicemail the answer is a script
// that sets ok to 1 or 0, for the one that asks to go on with (our guess of what its exec
// takes). To everything else it hands the request on.
type Marker struct {
	cfg   ReceiverConfig
	sink  MarkSink
	next  *Receiver
	allow []netip.Prefix
	log   *slog.Logger
}

// NewMarker puts a Marker before a receiver, by the same valid config.
func NewMarker(cfg ReceiverConfig, sink MarkSink, next *Receiver, log *slog.Logger) *Marker {
	m := &Marker{cfg: cfg, sink: sink, next: next, log: log}
	for _, a := range cfg.MarkAllow {
		if p, err := parsePrefix(a); err == nil { // Validate has refused others
			m.allow = append(m.allow, p)
		}
	}
	return m
}

// parsePrefix reads an address, or a network in CIDR form.
func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
}

// ServeHTTP implements http.Handler. It answers a mark with
//
//	200  when it is stored
//	400  when it names no agent, or no conference where it should
//	401, 403  when who asks may not mark
//	503  when it could not be stored
func (m *Marker) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case m.cfg.MarkPath == "" || req.URL.Path != m.cfg.MarkPath:
		m.next.ServeHTTP(w, req)
	case req.Method != http.MethodGet && req.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "marks are received by GET or POST", http.StatusMethodNotAllowed)
	case fromPage(req):
		http.Error(w, "marks are not taken from pages of other sites", http.StatusForbidden)
	case !m.allowed(req):
		m.refuse(w, req)
	default:
		m.take(w, req)
	}
}

// fromPage reports whether a browser sends the request for a page that it shows: any
// page could then have calls thrown away.
func fromPage(req *http.Request) bool {
	site := req.Header.Get("Sec-Fetch-Site")
	return req.Header.Get("Origin") != "" || site != "" && site != "none"
}

// allowed lets in whom mark_allow names, and who knows the receiver's password. With
// neither set everybody may mark who can reach the receiver.
func (m *Marker) allowed(req *http.Request) bool {
	if at, err := netip.ParseAddrPort(req.RemoteAddr); err == nil {
		for _, p := range m.allow {
			if p.Contains(at.Addr().Unmap()) {
				return true
			}
		}
	}
	if m.cfg.User == "" {
		return len(m.allow) == 0
	}
	return m.next.allowed(req)
}

func (m *Marker) refuse(w http.ResponseWriter, req *http.Request) {
	m.log.Warn("a mark was refused: its sender may not mark", "from", req.RemoteAddr)
	if m.cfg.User == "" {
		http.Error(w, "this address may not mark", http.StatusForbidden)
		return
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="callreel"`)
	http.Error(w, "user and password are needed", http.StatusUnauthorized)
}

func (m *Marker) take(w http.ResponseWriter, req *http.Request) {
	mark, err := readMark(w, req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	known, err := m.sink.Mark(req.Context(), mark)
	switch {
	case req.Form.Get("answer") == "voicemail":
		answerScript(w, known && err == nil)
	case err != nil:
		http.Error(w, "not stored, send again", http.StatusServiceUnavailable)
	case !known:
		fmt.Fprintln(w, "stored, but no agent is known to have this number")
	default:
		fmt.Fprintln(w, "marked")
	}
}

// answerScript tells a script of the voice mail whether a mark is stored and somebody's.
func answerScript(w http.ResponseWriter, ok bool) {
	value := 0
	if ok {
		value = 1
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?>
<voicemail xmlns="http://www.innovaphone.com/xsd/voicemail6.xsd">
  <function define="Main">
    <assign out="ok" value="%d"/>
  </function>
</voicemail>
`, value)
}

// readMark reads the parameters, which are foreign.
func readMark(w http.ResponseWriter, req *http.Request) (recording.Mark, error) {
	mark := recording.Mark{Kind: recording.MarkKeep, From: recording.MarkByScript}
	req.Body = http.MaxBytesReader(w, req.Body, 16<<10)
	if err := req.ParseForm(); err != nil {
		return mark, fmt.Errorf("the request cannot be read: %w", err)
	}
	if mark.Number = strings.TrimSpace(req.Form.Get("n")); !ValidMarkNumber(mark.Number) {
		return mark, fmt.Errorf("n must be the agent's number or name, with 1 to %d characters", maxMarkNumber)
	}
	if conf := strings.TrimSpace(req.Form.Get("conf")); conf != "" {
		id, err := recording.ParseCallID(conf)
		if err != nil {
			return mark, fmt.Errorf("conf: %w", err)
		}
		mark.Conf = id
	}
	switch v := req.Form.Get("skip"); v {
	case "", "0":
	case "1":
		mark.Kind = recording.MarkSkip
	default:
		return mark, fmt.Errorf("skip %.20q is not allowed; allowed: 1, or leave it out", v)
	}
	return mark, nil
}

// ValidMarkNumber reports whether a mark may have this number or name: of printable
// characters, and not too long.
func ValidMarkNumber(s string) bool {
	return s != "" && len(s) <= maxMarkNumber && strings.ToValidUTF8(s, "") == s && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}
