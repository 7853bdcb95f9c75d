package service

import (
	"context"
	"sync"

	"callreel/internal/recording"
)

// filing keeps two captures of the same content from being filed at the same time: each
// would find that the other is not filed yet. Who comes second waits until the first is
// saved. The zero value is ready.
type filing struct {
	mu   sync.Mutex
	busy map[recording.ID]*turn
}

// turn is the filing of one content.
type turn struct {
	content string
	over    chan struct{}
}

// begin waits until nobody else files that content. It ends with end.
func (f *filing) begin(ctx context.Context, id recording.ID, content string) error {
	for {
		other := f.take(id, content)
		if other == nil {
			return nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take takes the turn, or returns what tells that it is free.
func (f *filing) take(id recording.ID, content string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.busy {
		if t.content == content {
			return t.over
		}
	}
	if f.busy == nil {
		f.busy = map[recording.ID]*turn{}
	}
	f.busy[id] = &turn{content: content, over: make(chan struct{})}
	return nil
}

// end gives the turn of a recording back, if it has one.
func (f *filing) end(id recording.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.busy[id]; t != nil {
		close(t.over)
		delete(f.busy, id)
	}
}
