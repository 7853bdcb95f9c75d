package convert

import (
	"context"
	"io"
	"runtime"
	"sync"

	"callreel/internal/media/mp3"
	"callreel/internal/recording"
)

// framesAtOnce is how many frames one worker makes in a batch. Each frame stands
// for itself, so the batches make the same file as the whole.
const framesAtOnce = 64

// writeMP3 is the second pass into an MP3 file. What is written is proved on the
// way: an error means that the file is not whole.
func (p *plan) writeMP3(ctx context.Context, dst io.Writer, tracks []*track, a *recording.Audio) error {
	f := p.out.mp3
	proof := newProof(f)
	defer proof.stop()
	file := newMP3File(f, io.MultiWriter(dst, proof))
	defer file.stop()
	if err := put(file.dst, f.Info(a.Samples)); err != nil {
		return err
	}
	if err := p.frames(ctx, tracks, file.add); err != nil {
		return err
	}
	if err := file.finish(f.Frames(a.Samples)); err != nil {
		return err
	}
	return proof.end(a.Samples)
}

// mp3File takes samples as they come, has workers encode them, and writes what
// they make in order.
type mp3File struct {
	format mp3.Format
	dst    io.Writer
	pcm    [][]int16 // from mp3.Before samples before the next frame's on
	frames int64     // handed to workers

	workers sync.WaitGroup
	todo    chan *batch
	pending []*batch // the oldest first
	free    []*batch
}

// batch is some frames of the file.
type batch struct {
	pcm    [][]int16
	frames int
	made   []byte
	done   chan any // has one value when made is there: nil, or what the worker panicked with
}

// newMP3File starts a worker for each core. The file must be stopped.
func newMP3File(f mp3.Format, dst io.Writer) *mp3File {
	m := &mp3File{format: f, dst: dst, pcm: make([][]int16, f.Channels), todo: make(chan *batch)}
	for c := range m.pcm {
		m.pcm[c] = make([]int16, mp3.Before)
	}
	for range runtime.GOMAXPROCS(0) {
		m.workers.Go(m.work)
		for range 2 {
			m.free = append(m.free, &batch{pcm: make([][]int16, f.Channels), done: make(chan any, 1)})
		}
	}
	return m
}

func (m *mp3File) stop() {
	close(m.todo)
	m.workers.Wait()
}

func (m *mp3File) work() {
	e, err := mp3.NewEncoder(m.format)
	if err != nil {
		panic(err) // chooseOutput makes formats that are valid
	}
	for p := range m.todo {
		p.done <- p.encode(e)
	}
}

func (p *batch) encode(e *mp3.Encoder) (panicked any) {
	defer func() { panicked = recover() }()
	p.made = e.Encode(p.made[:0], p.pcm, p.frames)
	return nil
}

// add takes the next samples of all channels.
func (m *mp3File) add(parts []*part) error {
	for c, t := range parts {
		m.pcm[c] = append(m.pcm[c], t.linear...)
	}
	for len(m.pcm[0]) >= mp3.Before+framesAtOnce*mp3.FrameSamples+mp3.After {
		if err := m.hand(framesAtOnce); err != nil {
			return err
		}
	}
	return nil
}

// hand gives the next n frames to a worker.
func (m *mp3File) hand(n int) error {
	if len(m.free) == 0 {
		if err := m.writeOldest(); err != nil {
			return err
		}
	}
	p := m.free[len(m.free)-1]
	m.free = m.free[:len(m.free)-1]
	p.frames = n
	for c, x := range m.pcm {
		p.pcm[c] = append(p.pcm[c][:0], x[:mp3.Before+n*mp3.FrameSamples+mp3.After]...)
		m.pcm[c] = append(x[:0], x[n*mp3.FrameSamples:]...)
	}
	m.frames += int64(n)
	m.pending = append(m.pending, p)
	m.todo <- p
	return nil
}

func (m *mp3File) writeOldest() error {
	p := m.pending[0]
	m.pending = append(m.pending[:0], m.pending[1:]...)
	if panicked := <-p.done; panicked != nil {
		panic(panicked)
	}
	m.free = append(m.free, p)
	return put(m.dst, p.made)
}

// finish encodes what is left, up to a number of frames, and writes all.
func (m *mp3File) finish(frames int64) error {
	for m.frames < frames {
		n := int(min(framesAtOnce, frames-m.frames))
		for c, x := range m.pcm {
			if missing := mp3.Before + n*mp3.FrameSamples + mp3.After - len(x); missing > 0 {
				m.pcm[c] = append(x, make([]int16, missing)...)
			}
		}
		if err := m.hand(n); err != nil {
			return err
		}
	}
	for len(m.pending) > 0 {
		if err := m.writeOldest(); err != nil {
			return err
		}
	}
	return nil
}
