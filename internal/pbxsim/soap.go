package pbxsim

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// pbxHandler serves the SOAP interface.
func (s *Sim) pbxHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /PBX0/user.soap", s.guard(http.HandlerFunc(s.soap)))
	return mux
}

// soap answers one request. An error of the caller is a fault inside a 500.
func (s *Sim) soap(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.faults.on(SOAPCut):
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to cut a connection
	case s.faults.on(SOAPFault):
		s.write(w, http.StatusInternalServerError, faultEnvelope("Server", "simulated fault"))
		return
	case s.faults.on(SOAPLost):
		s.exchange.end(0)
	}
	req, err := readRequest(r.Body, r.Header.Get("SOAPAction"))
	if err != nil {
		s.write(w, http.StatusInternalServerError, faultEnvelope("Client", err.Error()))
		return
	}
	parts, err := s.operate(req, r)
	if err != nil {
		s.write(w, http.StatusInternalServerError, faultEnvelope("Server", err.Error()))
		return
	}
	s.write(w, http.StatusOK, response(req.op, parts))
}

func (s *Sim) write(w http.ResponseWriter, status int, envelope string) {
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
func (s *Sim) operate(req request, r *http.Request) (string, error) {
	switch req.op {
	case "Version":
		return intPart("WSDLVersion", 500) + textPart("GatekeeperID", "SIM") + textPart("Location", ".") +
			textPart("FirmwareVersion", "simulated PBX") + textPart("SerialNumber", "00-90-33-00-00-00"), nil
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
		return intPart("return", alive), nil
	case "Poll":
		return s.poll(req, r), nil
	case "FindUser":
		return array("return", "UserInfo", nil), nil
	}
	found := s.exchange.find(req.integer("session"))
	if found == nil {
		return "", fmt.Errorf("session %s is not known", req.args["session"])
	}
	if req.op == "UserInitialize" {
		return intPart("return", s.exchange.subscribe(found, req.args["user"])), nil
	}
	return array("return", "CallInfo", s.exchange.snapshot(req.args["user"])), nil
}

func (s *Sim) initialize(req request) (string, error) {
	for _, flag := range []string{"v", "v501", "v700", "v800", "vx1000"} {
		if req.args[flag] != "true" {
			return "", fmt.Errorf("flag %s is not true: that version is not simulated", flag)
		}
	}
	if req.args["user"] != s.cfg.User {
		return intPart("return", 0) + intPart("key", 0), nil
	}
	opened := s.exchange.open()
	return intPart("return", opened.id) + intPart("key", opened.key), nil
}

// poll waits for events. For a session that is gone it returns nothing at
// once: what a real PBX does then is not documented, and this is the answer
// that is easiest to overlook.
func (s *Sim) poll(req request, r *http.Request) string {
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
	return `<return xsi:type="inno:AnyInfo">` + array("user", "UserInfo", users) + array("call", "CallInfo", calls) +
		array("reg", "RegInfo", nil) + array("info", "Info", nil) + `</return>`
}
