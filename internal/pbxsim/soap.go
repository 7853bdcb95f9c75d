package pbxsim

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// site is one PBX of the simulation: the master, or the slave of a location.
type site struct {
	*Sim
	name     string // location; empty for the master
	exchange *exchange
	wire     wire
	url      string // of its SOAP interface
	standby  bool   // it is the main PBX's second address
}

const soapPath = "/PBX0/user.soap"

// pbxHandler serves the SOAP interface.
func (s *site) pbxHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+soapPath, s.guard(http.HandlerFunc(s.soap)))
	mux.Handle("GET "+licencePath, s.guard(http.HandlerFunc(s.showLicences)))
	return mux
}

// soap answers one request. An error of the caller is a fault inside a 500.
func (s *site) soap(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.faults.on(SOAPCut):
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut a connection
	case s.faults.on(SOAPFault):
		s.write(w, http.StatusInternalServerError, faultEnvelope("Server", "simulated fault"))
		return
	case s.faults.on(SOAPLost):
		s.exchange.end(0)
	}
	req, err := s.wire.readRequest(r.Body, r.Header.Get("SOAPAction"))
	if err != nil {
		s.write(w, http.StatusInternalServerError, faultEnvelope("Client", err.Error()))
		return
	}
	parts, err := s.operate(req, r)
	if err != nil {
		s.write(w, http.StatusInternalServerError, faultEnvelope("Server", err.Error()))
		return
	}
	s.write(w, http.StatusOK, s.wire.response(req.op, parts))
}

func (s *site) write(w http.ResponseWriter, status int, envelope string) {
	name, body := "utf-8", []byte(envelope)
	if s.cfg.Latin1 {
		if latin, err := charmap.ISO8859_1.NewEncoder().Bytes(body); err == nil {
			name, body = "iso-8859-1", latin
		}
	}
	prolog := `<?xml version="1.0" encoding="` + name + `"?>`
	w.Header().Set("Content-Type", "text/xml; charset="+name)
	w.Header().Set("Content-Length", strconv.Itoa(len(prolog)+len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(prolog), body...)) //nolint:gosec // XML, escaped where it was made
}

// operate carries an operation out and returns the parts of its answer.
func (s *site) operate(req request, r *http.Request) (string, error) {
	switch req.op {
	case "Version":
		return s.wire.integer(s.wire.versionName(), 500) + s.wire.text("GatekeeperID", "SIM") + s.wire.text("Location", cmp.Or(s.name, ".")) +
			s.wire.text("FirmwareVersion", "simulated PBX") + s.wire.text("SerialNumber", "00-90-33-00-00-00"), nil
	case "Initialize":
		return s.initialize(req)
	case "End":
		s.exchange.end(req.integer("session"))
		return "", nil
	case "UserEnd":
		s.exchange.unsubscribe(req.integer("user"))
		return "", nil
	case "Echo":
		alive := 0
		if found := s.exchange.find(req.integer("session")); found != nil && found.key == req.integer("key") {
			alive = 1
		}
		return s.wire.integer("return", alive), nil
	case "Poll":
		return s.poll(req, r), nil
	case "FindUser":
		if s.wire.v11 {
			return s.wire.object("return", "UserInfoArray", ""), nil
		}
		return s.wire.array("return", "UserInfo", nil), nil
	case "LocationUrl":
		return s.wire.text("return", s.locationURL(req.args["loc"])), nil
	}
	found := s.exchange.find(req.integer("session"))
	if found == nil {
		return "", fmt.Errorf("session %s is not known", req.args["session"])
	}
	if req.op == "UserInitialize" {
		return s.wire.integer("return", s.exchange.subscribe(found, req.args["user"])), nil
	}
	name := "return"
	if s.wire.v11 {
		name = "CallInfo"
	}
	return s.wire.array(name, "CallInfo", s.exchange.snapshot(req.args["user"])), nil
}

func (s *site) initialize(req request) (string, error) {
	for _, flag := range s.wire.signatures()["Initialize"].parts[2:] {
		if req.args[flag] != "true" {
			return "", fmt.Errorf("flag %s is not true: that version is not simulated", flag)
		}
	}
	if req.args["user"] != s.cfg.User {
		return s.wire.integer("return", 0) + s.wire.integer("key", 0), nil
	}
	opened := s.exchange.open(s.standby)
	return s.wire.integer("return", opened.id) + s.wire.integer("key", opened.key), nil
}

// poll waits for events. For a session that is gone it returns nothing at
// once: what a real PBX does then is not documented, and this is the answer
// that is easiest to overlook.
func (s *site) poll(req request, r *http.Request) string {
	var users, calls []string
	if found := s.exchange.find(req.integer("session")); found != nil {
		s.exchange.poll(found, +1)
		hold := time.NewTimer(s.cfg.PollHold)
		select {
		case <-found.event:
			users, calls = s.exchange.take(found)
		case <-found.gone:
		case <-hold.C:
		case <-r.Context().Done():
		case <-s.life.Done():
		}
		hold.Stop()
		s.exchange.poll(found, -1)
	}
	return s.wire.object("return", "AnyInfo", s.wire.array("user", "UserInfo", users)+s.wire.array("call", "CallInfo", calls)+
		s.wire.array("reg", "RegInfo", nil)+s.wire.array("info", "Info", nil))
}

// locationURL is the address of the PBX of a location, empty if there is none.
func (s *site) locationURL(loc string) string {
	for _, other := range s.sites {
		if other.name == loc && loc != "" {
			return other.url
		}
	}
	return ""
}
