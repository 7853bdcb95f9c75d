package link

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// Do is what a player is to do.
type Do string

// The commands.
const (
	Play   Do = "play"   // the file that is named, instead of what it plays
	Resume Do = "resume" // what it had loaded
	Stop   Do = "stop"   // and go back to the beginning
	Pause  Do = "pause"
	Eject  Do = "eject" // unload it
)

// Command is one for a player.
type Command struct {
	Do     Do     `json:"do"`
	Player string `json:"player"`
	File   string `json:"file,omitempty"` // of Play: a recording's file, as an event names it
}

// The limits of the relay.
const (
	mostPlayers = 100 // the manual
	mostName    = 64  // bytes of a player's name
	mostAhead   = 16  // commands that wait for a player which does not take them
)

// ErrNoPlayer says that no player of a name is there.
var ErrNoPlayer = errors.New("no player of this name is there")

// Relay brings commands to the players that are there. It is safe for concurrent use; the
// zero value has none.
type Relay struct {
	mu      sync.Mutex
	players map[string][]*Player // by folded name, the one that came last at the end
	count   int
	closed  bool
}

// Player is one that listens. Leave ends it.
type Player struct {
	C     <-chan Command // closed when the relay is
	c     chan Command
	key   string
	relay *Relay
}

// CheckPlayer refuses a name that no player can have.
func CheckPlayer(name string) error {
	switch {
	case name == "" || len(name) > mostName || !utf8.ValidString(name):
		return fmt.Errorf("a player's name has 1 to %d bytes", mostName)
	case plain(name) != name:
		return errors.New(`a player's name has no "!" and is one line`)
	}
	return nil
}

// Join makes a player listen under a name; upper and lower case are the same.
func (r *Relay) Join(name string) (*Player, error) {
	if err := CheckPlayer(name); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the recorder is being stopped")
	}
	if r.count >= mostPlayers {
		return nil, fmt.Errorf("%d players listen already, and more are not served", mostPlayers)
	}
	if r.players == nil {
		r.players = map[string][]*Player{}
	}
	c := make(chan Command, mostAhead)
	p := &Player{C: c, c: c, key: fold(name), relay: r}
	r.players[p.key] = append(r.players[p.key], p)
	r.count++
	return p, nil
}

// Leave ends the listening. It may be called more than once.
func (p *Player) Leave() {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	list := p.relay.players[p.key]
	for i, other := range list {
		if other == p {
			p.relay.players[p.key] = append(list[:i:i], list[i+1:]...)
			p.relay.count--
		}
	}
	if len(p.relay.players[p.key]) == 0 {
		delete(p.relay.players, p.key)
	}
}

// Send brings a command to the player of its name; of several windows to the one that was
// opened last. A command without a name is for the only player there is.
func (r *Relay) Send(c Command) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.players[fold(c.Player)]
	if c.Player == "" && len(r.players) == 1 {
		for _, only := range r.players {
			list = only
		}
	}
	if len(list) == 0 {
		return ErrNoPlayer
	}
	select {
	case list[len(list)-1].c <- c:
		return nil
	default:
		return fmt.Errorf("the player has %d commands before this one and takes none", mostAhead)
	}
}

// Close sends all players away.
func (r *Relay) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range r.players {
		for _, p := range list {
			close(p.c)
		}
	}
	r.players, r.count, r.closed = nil, 0, true
}

// Listening is how many players are there.
func (r *Relay) Listening() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// fold makes names alike that a person would call the same.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
