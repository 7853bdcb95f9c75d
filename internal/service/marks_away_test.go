package service_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/pbxsim"
	"callreel/internal/service"

	"golang.org/x/net/webdav"
)

// card is a PBX's memory card, which can be away.
type card struct {
	*httptest.Server
	dir  string
	away atomic.Bool
}

func newCard(t *testing.T) *card {
	t.Helper()
	c := &card{dir: t.TempDir()}
	files := &webdav.Handler{FileSystem: webdav.Dir(c.dir), LockSystem: webdav.NewMemLS()}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.away.Load() {
			panic(http.ErrAbortHandler)
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

// TestMarkOnTheCardThatIsAway: an agent marks his call, and before that is read the PBX's
// card is away and the standby one in use. The call is not dropped until the card of the
// main PBX could be looked at; then the mark counts.
func TestMarkOnTheCardThatIsAway(t *testing.T) {
	t.Parallel()
	main, standby := newCard(t), newCard(t)
	r := newRig(t, func(c *service.Config) {
		ruled(t, "mode = \"tcr\"\n[tcr]\nminutes = 0\n")(c)
		u, err := url.Parse(standby.URL)
		if err != nil {
			t.Fatal(err)
		}
		in := ingest.Config{Name: "card", Kind: "webdav", URL: main.URL, Standby: u.Host}
		in.Poll, in.IdleTimeout = c.Inbox[0].Poll, c.Inbox[0].IdleTimeout
		c.Inbox = append(c.Inbox, in)
	})
	r.light(t, service.LampPBX, service.Green)
	call := r.answered(t, pbxsim.ExternalToAgent, 2*time.Second)
	main.away.Store(true)
	tcr := filepath.Join(main.dir, "TCR")
	if err := os.Mkdir(tcr, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tcr, fmt.Sprintf("TCR-%[1]s_%[1]s.txt", call.Internal)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-call.Done()
	until(t, "it waits for the folders", func() error {
		if rec := r.known(t, call); !strings.Contains(rec.Retry.Reason, "the folders of marks to be looked at") {
			return fmt.Errorf("%s: %s", rec.State, rec.Retry.Reason)
		}
		return nil
	})
	<-time.After(3 * time.Second) // as long as both addresses would be listed in
	if rec := r.known(t, call); rec.State.Ended() {
		t.Fatalf("while the card is away the call ended %s: %s", rec.State, rec.Verdict.Reason)
	}
	main.away.Store(false)
	r.filed(t, call)
}

// TestMarkInLatin1: a mark whose name is in Latin-1 counts, and one whose name cannot be
// read is told of.
func TestMarkInLatin1(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *service.Config) { c.Rules.File = writeRules(t, "mode = \"tcr\"\n[tcr]\nminutes = 0\n") })
	r.light(t, service.LampPBX, service.Green)
	call := r.place(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: "Jürgen Müller", Talk: 2 * time.Second})
	<-time.After(time.Until(call.Start))
	tcr := filepath.Join(r.dir, "inbox", "TCR")
	if err := os.Mkdir(tcr, 0o750); err != nil {
		t.Fatal(err)
	}
	if os.WriteFile(filepath.Join(tcr, "TCR-J\xfcrgen M\xfcller_J\xfcrgen M\xfcller.txt"), nil, 0o600) != nil {
		t.Skip("this file system takes no such names")
	}
	if err := os.WriteFile(filepath.Join(tcr, "TCR-\x85_\x85.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-call.Done()
	if m := r.filed(t, call).Verdict.Marks; len(m) != 1 || m[0].Number != "Jürgen Müller" || !strings.HasSuffix(m[0].From, "Müller.txt") {
		t.Errorf("the sidecar has the marks %+v", m)
	}
	if st := r.light(t, service.LampPCAP, service.Red); !strings.Contains(st.Error, "phones/TCR shows 1 names that are not safe") {
		t.Errorf("lamp PCAP: %+v", st)
	}
}
