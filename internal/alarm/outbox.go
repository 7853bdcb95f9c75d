package alarm

import (
	"context"
	"slices"
	"sync"
	"time"
)

// mostWaiting bounds the messages that wait for one way; the oldest gives place.
const mostWaiting = 100

// Sender is one way to bring messages to people.
type Sender interface {
	Name() string // its own, the same after a restart
	Takes(Kind) bool
	// Send returns nil once somebody else has the message. It returns soon after ctx is done.
	Send(ctx context.Context, m Message) error
}

// Waiting is what waits for one way.
type Waiting struct {
	Messages []Message `json:"messages,omitempty"`
	Tries    int       `json:"tries,omitempty"` // of the first one
	Next     time.Time `json:"next,omitzero"`   // when it is tried again
	Fault    string    `json:"fault,omitempty"` // of the last try
	Since    time.Time `json:"since,omitzero"`  // of the first try that failed
	Dropped  int       `json:"dropped,omitempty"`
	Sent     int       `json:"sent,omitempty"`
}

// Outbox holds messages until each way has taken them. It is safe for concurrent use.
type Outbox struct {
	mu   sync.Mutex
	ways map[string]*Waiting
}

// NewOutbox makes one for these ways, with what was saved of them; what waits for a
// way that is not set up any more is let go.
func NewOutbox(ways []string, saved map[string]Waiting) *Outbox {
	o := &Outbox{ways: map[string]*Waiting{}}
	for _, name := range ways {
		w := saved[name]
		if over := len(w.Messages) - mostWaiting; over > 0 {
			w.Messages = w.Messages[over:]
			w.Dropped += over
		}
		o.ways[name] = &w
	}
	return o
}

// Put adds a message for one way and reports how many had to give place.
func (o *Outbox) Put(way string, m Message) (dropped int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.ways[way]
	if w == nil {
		return 0
	}
	w.Messages = append(w.Messages, m)
	if len(w.Messages) > mostWaiting {
		w.Messages = slices.Clone(w.Messages[1:])
		w.Dropped++
		return 1
	}
	return 0
}

// Due returns the message that a way is to take now. Where none is due wait is how
// long until one is, zero where none waits.
func (o *Outbox) Due(way string, now time.Time) (m Message, due bool, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.ways[way]
	if w == nil || len(w.Messages) == 0 {
		return Message{}, false, 0
	}
	if wait = w.Next.Sub(now); wait > longestPause {
		wait = longestPause // the clock was set back
		w.Next = now.Add(wait)
	}
	if wait > 0 {
		return Message{}, false, wait
	}
	return w.Messages[0], true, 0
}

// Done notes that a way has taken a message.
func (o *Outbox) Done(way, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.ways[way]
	if w == nil {
		return
	}
	if len(w.Messages) > 0 && w.Messages[0].ID == id { // it may have given place meanwhile
		w.Messages = w.Messages[1:]
	}
	w.Sent++
	w.Tries, w.Next, w.Fault, w.Since = 0, time.Time{}, "", time.Time{}
}

// longestPause is the longest between two tries.
const longestPause = 30 * time.Minute

// patience is how many tries in a row the first message has before the next one gets a
// turn: a server may refuse one message and take the others.
const patience = 3

// Failed notes that a way has not taken its message. Pauses grow: 10 s, 20 s, … 30 min.
func (o *Outbox) Failed(way string, now time.Time, err error) (again time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.ways[way]
	if w == nil {
		return now
	}
	if w.Tries == 0 {
		w.Since = now
	}
	w.Tries++
	w.Fault = err.Error()
	if w.Tries%patience == 0 && len(w.Messages) > 1 {
		w.Messages = append(slices.Clone(w.Messages[1:]), w.Messages[0])
	}
	w.Next = now.Add(min(10*time.Second<<min(w.Tries-1, 10), longestPause))
	return w.Next
}

// All returns what waits, by way, to be saved or shown.
func (o *Outbox) All() map[string]Waiting {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make(map[string]Waiting, len(o.ways))
	for name, w := range o.ways {
		c := *w
		c.Messages = slices.Clone(w.Messages)
		out[name] = c
	}
	return out
}
