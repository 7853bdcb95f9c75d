package ingest_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/recording"
)

// pairOf makes an inbox of two servers, by its setup.
func pairOf(t *testing.T, main, standby *server) (ingest.Inbox, *ingest.Pair) {
	t.Helper()
	u, err := url.Parse(standby.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := main.config()
	c.Standby, c.FollowPBX, c.IdleTimeout = u.Host, true, ingest.Duration(300*time.Millisecond)
	in := connect(t, c)
	p, ok := in.(*ingest.Pair)
	if !ok {
		t.Fatalf("%T is no pair", in)
	}
	return in, p
}

// down lets a server break every connection.
func (s *server) down() {
	s.set(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
}

func TestFailoverSwitches(t *testing.T) {
	main, standby := plain(t), plain(t)
	in, p := pairOf(t, main, standby)
	main.put(t, capName, "0123456789")
	standby.put(t, guid, "xy")
	if e := one(t, in); e.Name != capName || p.OnStandby() || in.Name() != "main" {
		t.Errorf("at first: %+v, on standby %v", e, p.OnStandby())
	}
	main.down()
	e := one(t, in)
	if e.Name != guid || !p.OnStandby() {
		t.Errorf("main is down: %+v, on standby %v", e, p.OnStandby())
	}
	if got, err := readFrom(t, in, e, 0); got != "xy" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if err := in.Delete(t.Context(), e.Name, e.Stamp); err != nil && !strings.Contains(err.Error(), "EOF") || standby.has(guid) {
		t.Errorf("Delete: %v", err)
	}
	main.set(nil)
	if list, _, err := in.List(t.Context()); len(list) != 0 || err != nil || !p.OnStandby() {
		t.Errorf("it stays on standby: %v, %v", list, err)
	}
	p.Use(false)
	if e := one(t, in); e.Name != capName {
		t.Errorf("back on main: %+v", e)
	}
	p.Use(true)
	standby.down()
	if e := one(t, in); e.Name != capName || p.OnStandby() {
		t.Errorf("standby is down: %+v", e)
	}
	main.down()
	if _, _, err := in.List(t.Context()); err == nil || p.OnStandby() {
		t.Errorf("both down: %v, on standby %v", err, p.OnStandby())
	}
}

func TestFailoverOnSilence(t *testing.T) {
	main, standby := plain(t), plain(t)
	in, p := pairOf(t, main, standby)
	standby.put(t, guid, "xy")
	main.set(func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that we leave
		<-r.Context().Done()
		return true
	})
	if _, err := in.Stat(t.Context(), guid); err != nil || !p.OnStandby() {
		t.Errorf("%v, on standby %v", err, p.OnStandby())
	}
}

func TestAnswersAreNoReasonToSwitch(t *testing.T) {
	main, standby := plain(t), plain(t)
	in, p := pairOf(t, main, standby)
	for _, code := range []int{302, 401, 403, 404, 423, 500, 503} {
		main.status("PROPFIND", code)
		_, _, err := in.List(t.Context())
		wantStatus(t, "List", err, code)
		if p.OnStandby() {
			t.Fatalf("%d made it switch", code)
		}
	}
	main.set(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusMultiStatus)
		_, _ = w.Write([]byte("<multistatus"))
		return true
	})
	if _, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrListing) || p.OnStandby() {
		t.Errorf("half a listing: %v", err)
	}
}

// What lies at the address not in use is neither gone nor forgotten.
func TestFailoverKnowsBothAddresses(t *testing.T) {
	main, standby := plain(t), plain(t)
	in, p := pairOf(t, main, standby)
	main.put(t, capName, "0123456789")
	e := one(t, in)
	p.Use(true)
	if got, err := in.Stat(t.Context(), capName); err != nil || !got.Same(e.Stamp) {
		t.Errorf("Stat: %+v, %v", got, err)
	}
	if got, err := readFrom(t, in, e, 4); got != "456789" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	seen := false
	for range 30 {
		list, _, err := in.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen = seen || len(list) == 1 && list[0].Name == capName
	}
	if !seen {
		t.Error("it is never listed")
	}
	main.down()
	if _, err := in.Stat(t.Context(), capName); err == nil || errors.Is(err, recording.ErrNotFound) {
		t.Errorf("main is down, its file counts as gone: %v", err)
	}
	if err := in.Delete(t.Context(), capName, e.Stamp); err == nil {
		t.Error("main is down, its file counts as deleted")
	}
	main.set(nil)
	if err := in.Delete(t.Context(), capName, e.Stamp); err != nil || main.has(capName) {
		t.Errorf("Delete: %v", err)
	}
	if _, err := in.Stat(t.Context(), capName); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("both say that it is gone: %v", err)
	}
	if err := in.Delete(t.Context(), capName, e.Stamp); err != nil {
		t.Errorf("second Delete: %v", err)
	}
}

// TestMarksOfTwoAddresses holds that a listing says what it may have left out: marks at the
// main address while the standby one is in use, with a folder of marks or without.
func TestMarksOfTwoAddresses(t *testing.T) {
	main, standby := plain(t), plain(t)
	u, err := url.Parse(standby.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := main.config()
	c.Standby, c.IdleTimeout = u.Host, ingest.Duration(300*time.Millisecond)
	in := marksOf(t, c)
	const mark = "TC R/TCR-24_24.txt"
	if err := os.Mkdir(filepath.Join(main.dir, "TC R"), 0o700); err != nil {
		t.Fatal(err)
	}
	main.put(t, mark, "")
	look := func(what string, want int, away bool) {
		t.Helper()
		var got ingest.Stats
		for range 12 {
			list, stats, err := in.List(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if got = stats; len(list) == want && stats.Away == away {
				return
			}
		}
		t.Errorf("%s: never %d marks, away %v; the last listing said %+v", what, want, away, got)
	}
	look("the main one is in use", 1, false)
	main.down()
	look("the standby one, which has no folder of marks", 0, true)
	main.set(nil)
	look("the main one answers again", 1, false)
	if err := os.Mkdir(filepath.Join(standby.dir, "TC R"), 0o700); err != nil {
		t.Fatal(err)
	}
	standby.put(t, mark, "x")
	look("of one name at both", 1, true)
}

func TestStandbyWithAnAddressOfItsOwn(t *testing.T) {
	main, standby := plain(t), plain(t)
	standby.put(t, guid, "xy")
	main.Close()
	in := connect(t, ingest.Config{Name: "main", URL: main.URL + "/elsewhere/", Standby: standby.URL + "/dav/drop%20box/"})
	if e := one(t, in); e.Name != guid {
		t.Errorf("got %+v", e)
	}
}
