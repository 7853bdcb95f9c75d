package player

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"callreel/internal/recording"
)

// Command is what a page is told from afar: to play, resume, stop, pause or eject. One
// that says nothing is a sign of life.
type Command struct {
	Do   string       `json:"do"`
	File string       `json:"file,omitempty"` // of play
	ID   recording.ID `json:"id,omitempty"`   // of that file's recording; 0: there is none
}

// Listener hands a page its commands.
type Listener interface {
	// Next waits for a command; its error ends the listening.
	Next(ctx context.Context) (Command, error)
	Leave()
}

// ErrNoPlayer says that no page of a name listens.
var ErrNoPlayer = errors.New("no player of this name is there")

// Remote is the remote control of named pages.
type Remote interface {
	// Listen makes a page listen under a name; the error is for its user.
	Listen(name string) (Listener, error)
	// Tell brings a command to the page of a name. It returns ErrNoPlayer, or
	// recording.ErrNotFound for a file that no recording has.
	Tell(ctx context.Context, name string, c Command) error
}

// listen is a long answer of server-sent events: one for each command.
func (h *handler) listen(w http.ResponseWriter, r *http.Request) {
	l, err := h.src.Listen(r.URL.Query().Get("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer l.Leave()
	out := http.NewResponseController(w)
	// The answer has no end; who does not read it holds one connection.
	if err := errors.Join(out.SetReadDeadline(time.Time{}), out.SetWriteDeadline(time.Time{})); err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, err = fmt.Fprint(w, "retry: 2000\n\n")
	for err == nil && out.Flush() == nil {
		var c Command
		if c, err = l.Next(r.Context()); err != nil {
			return
		}
		err = writeEvent(w, c)
	}
}

func writeEvent(w http.ResponseWriter, c Command) error {
	if c.Do == "" {
		_, err := fmt.Fprint(w, ": here\n\n")
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "data: %s\n\n", b)
	return err
}

// control is the URL of the Reporting's links, /rc?player=Rossi&play=FILE. A browser that
// follows one stays where it is.
func (h *handler) control(w http.ResponseWriter, r *http.Request) {
	if !ownPage(r.Header.Get("Sec-Fetch-Site")) && !followed(r) {
		http.Error(w, "only a link that somebody follows may ask this", http.StatusForbidden)
		return
	}
	name, c, err := parseControl(r.URL.RawQuery)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	err = h.src.Tell(r.Context(), name, c)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, ErrNoPlayer):
		http.Error(w, "no player of this name is there; a page of callreel gets its name below \"Remote control\"", http.StatusNotFound)
	default:
		h.fail(w, r, err)
	}
}

// followed reports whether a browser asks because a link was followed, and not for an
// image, a script or a frame of somebody's page.
func followed(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// parseControl reads the question: exactly one of play, resume, stop, pause and eject;
// play without a file is resume.
func parseControl(raw string) (name string, c Command, err error) {
	form, err := url.ParseQuery(raw)
	if err != nil {
		return "", c, errors.New("the question after ? is not written as a URL wants it")
	}
	for _, do := range []string{"play", "resume", "stop", "pause", "eject"} {
		if !form.Has(do) {
			continue
		}
		if c.Do != "" {
			return "", c, fmt.Errorf("%s and %s exclude each other", c.Do, do)
		}
		c.Do = do
	}
	switch {
	case c.Do == "":
		return "", c, errors.New("write what the player is to do: play=FILE, play, stop, pause or eject")
	case c.Do == "play" && form.Get("play") == "":
		c.Do = "resume"
	case c.Do == "play":
		if c.File = form.Get("play"); len(c.File) > maxFile {
			return "", c, fmt.Errorf("play must have at most %d characters", maxFile)
		}
	}
	return form.Get("player"), c, nil
}
