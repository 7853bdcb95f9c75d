package daemon

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"

	"callreel/internal/clock"
)

// The numbers of our events. eventcreate.exe, whose texts are used, knows 1 to 1000.
const (
	eventStart = 1
	eventStop  = 2
	eventError = 3
)

const (
	tellStarting = 3 * time.Second // between two signs of life while it starts
	stopHint     = 12 * time.Second
)

// errSilent ends a recorder that is stuck, so that the manager starts it anew.
var errSilent = errors.New("nothing in callreel has moved for two minutes; it ends itself, and is to be started anew")

// UnderWindows reports whether the service manager of Windows started this process.
func UnderWindows() bool {
	is, err := svc.IsWindowsService()
	return err == nil && is
}

// Serve runs a recorder under the service manager of Windows. It is running from its
// READY=1 on, and its error is the service's: Windows starts it anew then.
func Serve(run Recorder) error {
	h := &host{run: run, ready: make(chan struct{}), signs: make(chan struct{}, 1)}
	if err := svc.Run("", h); err != nil { // Windows tells the name of a process of its own
		return err
	}
	return h.err
}

// host is one run of the service.
type host struct {
	run   Recorder
	once  sync.Once
	ready chan struct{}
	signs chan struct{} // of life
	log   *eventlog.Log
	err   error
}

// Watchdog is ours: Windows has none.
func (h *host) Watchdog() time.Duration { return silentFor }

func (h *host) Send(lines ...string) error {
	if slices.Contains(lines, "READY=1") {
		h.once.Do(func() { close(h.ready) })
	}
	if slices.Contains(lines, "WATCHDOG=1") {
		select {
		case h.signs <- struct{}{}:
		default: // one that nobody has taken yet will do
		}
	}
	return nil
}

func (h *host) Errors() io.Writer { return eventWriter{h.log} }

// eventWriter makes an event of each write.
type eventWriter struct{ log *eventlog.Log }

func (w eventWriter) Write(p []byte) (int, error) {
	if err := w.log.Error(eventError, strings.TrimSpace(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Execute is called by Windows with the name of the service.
func (h *host) Execute(args []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (own bool, code uint32) {
	status <- svc.Status{State: svc.StartPending, WaitHint: hint(3 * tellStarting)}
	var err error
	if h.log, err = eventlog.Open(args[0]); err != nil {
		h.err = err
		return true, 1
	}
	defer h.log.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx, h) }()
	h.err = h.follow(requests, status, cancel, ended)
	if h.err != nil {
		_ = h.log.Error(eventError, args[0]+" has stopped: "+h.err.Error())
		return true, 1
	}
	_ = h.log.Info(eventStop, args[0]+" was stopped; every call is safe")
	return false, 0
}

// follow passes on what Windows wants and what the recorder is, until it has ended.
func (h *host) follow(requests <-chan svc.ChangeRequest, status chan<- svc.Status, cancel func(), ended <-chan error) error {
	ready := h.ready
	silent, done := make(chan struct{}), make(chan struct{})
	defer close(done)
	starting := clock.System().After(tellStarting)
	now := svc.Status{State: svc.StartPending, Accepts: svc.AcceptStop | svc.AcceptShutdown, WaitHint: hint(3 * tellStarting)}
	for {
		select {
		case err := <-ended:
			return err
		case <-ready:
			ready = nil
			go func() {
				if silence(done, h.signs, silentFor) {
					close(silent)
				}
			}()
			_ = h.log.Info(eventStart, "callreel records")
			if now.State == svc.StartPending {
				now.State, now.CheckPoint, now.WaitHint = svc.Running, 0, 0
				status <- now
			}
		case <-silent:
			return errSilent // what hangs ends with the process
		case <-starting:
			starting = clock.System().After(tellStarting)
			if now.State == svc.StartPending {
				now.CheckPoint++
				status <- now
			}
		case r := <-requests:
			switch r.Cmd {
			case svc.Stop, svc.Shutdown:
				cancel()
				now = svc.Status{State: svc.StopPending, WaitHint: hint(stopHint)}
				status <- now
			case svc.Interrogate:
				status <- now
			}
		}
	}
}

func hint(d time.Duration) uint32 { return uint32(d.Milliseconds()) }
