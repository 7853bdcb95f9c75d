package pbxsim

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The sender's habits: the PBX buffers 300 kB and repeats until it gets a 200.
const (
	senderBuffer = 300 << 10
	senderRetry  = time.Second      // of the clock
	senderGiveUp = 10 * time.Second // for one POST, real time
	// LateBy is how much longer records take with CDRLate, of the clock.
	LateBy = 30 * time.Second
)

// sender posts call detail records one after the other.
type sender struct {
	sim    *Sim
	http   *http.Client
	mu     sync.Mutex
	cond   *sync.Cond // on mu: the queue or the target changed, or the end came
	queue  []posting
	size   int
	target string
	ended  bool
}

type posting struct {
	body string
	due  time.Time
}

func newSender(s *Sim) *sender {
	n := &sender{sim: s, target: s.cfg.CDRTarget, http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	n.cond = sync.NewCond(&n.mu)
	return n
}

func (n *sender) setTarget(url string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.target = url
	n.cond.Broadcast()
}

// add queues the records of a call. What does not fit into the buffer is lost
// with a log line, as in a PBX; it reports whether any was.
func (n *sender) add(records []string) (lost bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	due := n.sim.clock.Now().Add(n.sim.cfg.CDRDelay)
	if n.sim.faults.on(CDRLate) {
		due = due.Add(n.sim.cfg.CDRLateBy)
	}
	for _, r := range records {
		if n.sim.faults.on(CDRGarbage) {
			_ = n.put(posting{"log-msg<cdr guid=\"75c1\x00<<broken", due})
		}
		lost = !n.put(posting{"log-msg" + r, due}) || lost
		if n.sim.faults.on(CDRDuplicate) {
			_ = n.put(posting{"log-msg" + r, due})
		}
	}
	n.cond.Broadcast()
	return lost
}

func (n *sender) put(p posting) bool {
	if n.size+len(p.body) > senderBuffer {
		n.sim.log.Error("call detail record lost: the buffer of the simulated pbx is full")
		return false
	}
	n.queue = append(n.queue, p)
	n.size += len(p.body)
	return true
}

// run sends until the simulation ends.
func (n *sender) run() {
	defer n.http.CloseIdleConnections()
	for {
		p, target, ok := n.first()
		if !ok {
			return
		}
		if !n.sim.until(p.due) {
			continue // the end; first says so
		}
		if !n.post(target, p.body) {
			n.sim.clock.Wait(n.sim.life.Done(), senderRetry)
			continue
		}
		n.mu.Lock()
		n.queue, n.size = n.queue[1:], n.size-len(p.body)
		n.cond.Broadcast()
		n.mu.Unlock()
	}
}

// first waits for something to send and somewhere to send it.
func (n *sender) first() (p posting, target string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for !n.ended && (len(n.queue) == 0 || n.target == "") {
		n.cond.Wait()
	}
	if n.ended || n.sim.life.Err() != nil {
		return posting{}, "", false
	}
	return n.queue[0], n.target, true
}

// post sends one body and reports whether it was accepted with a 200.
func (n *sender) post(target, body string) bool {
	ctx, cancel := context.WithTimeout(n.sim.life, senderGiveUp)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		n.sim.log.Error("call detail records cannot be sent", "err", err)
		return false
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("User-Agent", "Innovaphone")
	res, err := n.http.Do(req)
	if err != nil {
		n.sim.log.Debug("call detail record not delivered", "err", err)
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4096))
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// idle waits until every record queued was accepted, or the end.
func (n *sender) idle(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.cond.Broadcast()
	})
	defer stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for !n.ended && ctx.Err() == nil && len(n.queue) > 0 {
		n.cond.Wait()
	}
}

func (n *sender) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	n.cond.Broadcast()
}
