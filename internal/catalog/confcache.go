package catalog

import (
	"slices"
	"sync"

	"callreel/internal/recording"
)

// mostKnown bounds the conferences that a cache keeps in memory.
const mostKnown = 4096

// confCache are the legs, or the records, of conferences as they were read last: each is
// asked for in every look at the inbox, for each step and for each line of the ledger.
// While those of a conference are being written they are not answered from it, nor put into
// it as they were read meanwhile: who is told of a change, by a trigger too, must not find
// what was before. The nil cache knows nothing; it is that of a program beside the
// recorder, which sees no writes.
type confCache[T any] struct {
	mu      sync.Mutex
	known   map[recording.ConfID][]T
	writing map[recording.ConfID]int // how many write; "" stands for all
	changed map[recording.ConfID]int // the age at which they were written last, since all were forgotten
	age     int                      // counts the changes
}

func newConfCache[T any]() *confCache[T] {
	return &confCache[T]{
		known:   map[recording.ConfID][]T{},
		writing: map[recording.ConfID]int{}, changed: map[recording.ConfID]int{},
	}
}

// get returns a copy of what is of a conference, or false and what put wants.
func (c *confCache[T]) get(conf recording.ConfID) (list []T, known bool, age int) {
	if c == nil {
		return nil, false, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing[conf] > 0 || c.writing[""] > 0 {
		return nil, false, -1
	}
	list, known = c.known[conf]
	return slices.Clone(list), known, c.age
}

// put keeps what was read since get told age, if nothing was written since.
func (c *confCache[T]) put(conf recording.ConfID, list []T, age int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if age < 0 || age < c.changed[conf] || age < c.changed[""] {
		return
	}
	if len(c.known) >= mostKnown {
		clear(c.known)
	}
	c.known[conf] = slices.Clone(list)
}

// change is called before something of conferences is written, without any if that may be
// all, and what it returns after it.
func (c *confCache[T]) change(list []recording.ConfID) (written func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	confs := map[recording.ConfID]bool{}
	for _, conf := range list {
		confs[conf] = true
	}
	c.age++
	if len(list) == 0 || len(c.changed) >= mostKnown { // what is read just now is not put then
		clear(c.known)
		clear(c.changed)
		c.changed[""] = c.age
	}
	if len(list) == 0 {
		confs[""] = true
	}
	for conf := range confs {
		delete(c.known, conf)
		c.writing[conf]++
		c.changed[conf] = c.age
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for conf := range confs {
			if c.writing[conf]--; c.writing[conf] == 0 {
				delete(c.writing, conf)
			}
		}
	}
}
