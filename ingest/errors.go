package ingest

import (
	"errors"
	"fmt"
	"net/http"
)

var (
	// ErrNoResume says that a server cannot go on in the middle of a file.
	ErrNoResume = errors.New("the server cannot go on in the middle of a file")
	// ErrIdle says that a server sent nothing for too long.
	ErrIdle = errors.New("the server sends nothing")
	// ErrListing says that a listing was cut or is no listing.
	ErrListing = errors.New("the listing is not whole")
	// ErrStill says that a file is still there after its deletion.
	ErrStill = errors.New("the file is still there after the delete")
)

// StatusError is an answer of a server that is not the one wanted.
type StatusError struct {
	Code     int
	Location string // of a redirect, without what could be secret in it
}

// Error says what the code means for this inbox.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("the server answers %d %s", e.Code, http.StatusText(e.Code))
	switch {
	case e.Code == http.StatusUnauthorized:
		return text + ": user or password is not accepted"
	case e.Code == http.StatusForbidden:
		return text + ": the user may not do this"
	case e.Code >= 300 && e.Code < 400:
		return text + fmt.Sprintf(": redirects are not followed (to %q); put the real address into the setup", e.Location)
	case e.Code == http.StatusMethodNotAllowed, e.Code == http.StatusNotImplemented:
		return text + ": it does not take this request at this address (is the kind of the inbox right?)"
	case e.Code == http.StatusLocked:
		return text + ": the file is being written"
	}
	return text
}

// Refusal reports whether trying again soon is of no use: a wrong password, a
// redirect. It goes on at the next poll all the same.
func (e *StatusError) Refusal() bool {
	return e.Code >= 300 && e.Code < 400 || e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden
}

// HTTPStatus is the code of the answer.
func (e *StatusError) HTTPStatus() int { return e.Code }
