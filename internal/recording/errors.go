package recording

import "errors"

// The errors that decide what happens next. Wrap them with %w.
var (
	// ErrNotYet is no fault: offer the recording again later.
	ErrNotYet = errors.New("not yet")
	// ErrUnusable sets the recording aside with its reason and raises an alarm.
	ErrUnusable = errors.New("unusable")
	// ErrNotFound is the answer to a question about a record that is not there.
	ErrNotFound = errors.New("not found")
	// ErrChanged says that a source changed while it was being read: read again,
	// delete nothing.
	ErrChanged = errors.New("changed while being read")
)
