// Package link tells others of calls, and takes their wishes: the AppServer, a TCP server
// of a booking or ticketing system that learns of recordings and pilots the players (the
// manual's "External Applications"); webhooks; and the relay that brings a command to the
// player of its name. What is to be told waits in a queue on the disk that is handed in;
// the package decides nothing of calls and opens no file.
//
// Everything is told at least once: what was under way when a link broke, or the program
// died, is told again.
package link

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"callreel/internal/recording"
)

// Type is what an event tells of.
type Type string

// The events.
const (
	CallStarted     Type = "call.started"     // an agent's first connection in a conference
	CallEnded       Type = "call.ended"       // his part in it has ended
	CallFiled       Type = "call.filed"       // the recording is in the archive and can be heard
	CallDiscarded   Type = "call.discarded"   // a rule did not keep it
	CallQuarantined Type = "call.quarantined" // no CDR came; it is kept aside until one does
	CallUnusable    Type = "call.unusable"    // its capture cannot become a recording
)

// Types lists all events, in the order in which they happen to a call.
func Types() []Type {
	return []Type{CallStarted, CallEnded, CallFiled, CallDiscarded, CallQuarantined, CallUnusable}
}

// Agent is whose call it is.
type Agent struct {
	Number string `json:"number"`
	Name   string `json:"name"` // the PBX's long name of him
	PBX    string `json:"pbx,omitempty"`
}

// Event is something that happened to a call. Its JSON is the body of a webhook and what
// the queue holds; the API's openapi.yaml describes it.
type Event struct {
	ID   string    `json:"id"` // the same in every try to tell it
	Type Type      `json:"type"`
	At   time.Time `json:"at"`

	UID          string              `json:"uid"`            // the conference id; of a capture without one the beginning of its SHA-256
	Conf         recording.ConfID    `json:"conf,omitempty"` // the conference id, if there is one
	Agent        Agent               `json:"agent"`
	Direction    recording.Direction `json:"direction,omitempty"` // i or o
	External     string              `json:"external,omitempty"`
	ExternalName string              `json:"external_name,omitempty"`
	Connected    time.Time           `json:"connected,omitzero"`
	Ended        time.Time           `json:"ended,omitzero"`

	Recording *Recording `json:"recording,omitempty"`
}

// Recording is what became of a call's capture.
type Recording struct {
	ID      recording.ID    `json:"id"`
	State   recording.State `json:"state"`
	Rule    string          `json:"rule,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	File    string          `json:"file,omitempty"` // name of the audio file, without its folder
	Path    string          `json:"path,omitempty"` // of it below the archive
	Started time.Time       `json:"started,omitzero"`
	Seconds float64         `json:"seconds,omitempty"`
	Sealed  bool            `json:"sealed,omitempty"` // the audio is encrypted too
	SHA256  string          `json:"sha256,omitempty"` // of the file
}

// Message puts an event into an envelope to one who is told of everything with the same
// key once.
func (e Event) Message(to, key string) (recording.Message, error) {
	sum := sha256.Sum256([]byte(key))
	e.ID = hex.EncodeToString(sum[:16])
	doc, err := json.Marshal(e)
	return recording.Message{To: to, Key: key, At: e.At, Doc: doc}, err
}

// Queue holds what is to be told, durably and in order. The catalog is one.
type Queue interface {
	// Waiting returns up to limit messages that were not sent, those behind after.
	Waiting(ctx context.Context, to string, after int64, limit int) ([]recording.Message, error)
	Sent(ctx context.Context, to string, upTo int64, at time.Time) error
	// Unsend makes those from a number on wait again.
	Unsend(ctx context.Context, to string, from int64) error
	// GiveUp gives up what is older than before, and the oldest of more than most.
	GiveUp(ctx context.Context, to string, before time.Time, most int, now time.Time) (int64, error)
	GiveUpOne(ctx context.Context, to string, seq int64, now time.Time) error
	Backlog(ctx context.Context, to string, since time.Time) (recording.Backlog, error)
}

// The limits that links share.
const (
	mostWaiting = 500_000          // messages to one; the oldest are given up beyond them, with an alarm
	atOnce      = 50               // messages taken from the queue together
	lookAgain   = 5 * time.Second  // at the queue, if nobody told of a new message
	tidyEvery   = 10 * time.Minute // between two looks for what is too old
	tellDead    = 24 * time.Hour   // so long the lamp tells of messages that were given up
	day         = 24 * time.Hour
)

// growing is the wait before try n+1: 1, 2, 4 … s, at most most.
func growing(n int, most time.Duration) time.Duration {
	if n > 12 {
		return most
	}
	return min(time.Second<<max(n-1, 0), most)
}
