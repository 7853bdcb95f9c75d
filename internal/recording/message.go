package recording

import "time"

// Message is something that somebody outside is to be told of a call. It waits in the
// catalog until he has it.
type Message struct {
	Seq int64     // the catalog's number of it; messages to the same one are told in this order
	To  string    // who is to be told
	Key string    // of all messages to him with the same key he is told one
	At  time.Time // when it happened
	Doc []byte    // what happened, as link writes it
}

// Backlog is what waits for one who is to be told.
type Backlog struct {
	Waiting int
	Oldest  time.Time // of those that wait; zero without one
	Dead    int       // given up since the time that was asked for
}
