package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callreel/internal/recording"
)

// age makes the newest claim of testName as old as one that was not renewed for so long.
func age(t *testing.T, a *Archive, by time.Duration) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(a.config.Path, convertFolder, "*.claim"))
	if err != nil || len(list) == 0 {
		t.Fatalf("%d claims, %v", len(list), err)
	}
	for _, f := range list {
		then := time.Now().Add(-by)
		if err := os.Chtimes(f, then, then); err != nil {
			t.Fatal(err)
		}
	}
}

// A pair has one owner; who does not renew loses it to exactly one of all who want it, and
// learns that before he changes anything.
func TestClaim(t *testing.T) {
	a := open(t, Config{Path: t.TempDir()})
	first, err := a.Claim(t.Context(), testName, "first", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Claim(t.Context(), testName, "second", time.Minute); !errors.Is(err, ErrClaimed) {
		t.Fatalf("a second claim: %v", err)
	}
	other, err := a.Claim(t.Context(), testName+".1", "second", time.Minute)
	if err != nil {
		t.Fatalf("another pair: %v", err)
	}
	other.Release()
	age(t, a, 2*time.Minute)
	if err := first.Renew(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Claim(t.Context(), testName, "second", time.Minute); !errors.Is(err, ErrClaimed) {
		t.Fatalf("a claim that was renewed is taken over: %v", err)
	}
	age(t, a, 2*time.Minute)
	var all sync.WaitGroup
	var won atomic.Int32
	winner := make(chan *Claim, 50)
	for range 50 {
		all.Go(func() {
			c, err := a.Claim(t.Context(), testName, "one of many", time.Minute)
			if err == nil {
				won.Add(1)
				winner <- c
			} else if !errors.Is(err, ErrClaimed) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d took the stale claim over, want 1", won.Load())
	}
	if err := errors.Join(first.Mine(), first.Renew()); !errors.Is(err, ErrClaimed) {
		t.Errorf("the one who lost it: %v", err)
	}
	first.Release() // is not his
	c := <-winner
	if err := c.Mine(); err != nil {
		t.Errorf("the new owner: %v", err)
	}
	c.Release()
	left, err := filepath.Glob(filepath.Join(a.config.Path, convertFolder, "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// recast puts new audio in the place of the filed capture, as far as it comes.
func recast(t *testing.T, a *Archive, c *Claim, from recording.Place, was string) (recording.Place, error) {
	t.Helper()
	d, err := c.Draft(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write([]byte("new audio")); err != nil {
		t.Fatal(err)
	}
	return c.Recast(t.Context(), d, from, "mp3", []byte(was), []byte("new sidecar"))
}

func TestRecast(t *testing.T) {
	backup := t.TempDir()
	a := open(t, Config{Path: t.TempDir(), Backup: backup})
	place := mustFile(t, a, testName, "audio", "sidecar")
	copied, err := a.Backup(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Claim(t.Context(), testName, "me", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recast(t, a, c, place, "another sidecar"); !errors.Is(err, ErrDamaged) {
		t.Fatalf("the sidecar changed meanwhile: %v", err)
	}
	wantPair(t, a, place, "audio", "sidecar")
	made, err := recast(t, a, c, place, "sidecar")
	if err != nil {
		t.Fatal(err)
	}
	wantPair(t, a, made, "new audio", "new sidecar")
	if found, err := a.Find(t.Context(), testName, "wav"); found != FoundSidecar || err != nil {
		t.Errorf("of the old form there is %q, %v", found, err)
	}
	if _, err := a.BackUpAgain(t.Context(), made, copied, sumOf([]byte("as it should be"))); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged audio is copied over a good copy: %v", err)
	}
	wantPair(t, a, copied, "audio", "sidecar")
	for range 2 { // it may be done again
		again, err := a.BackUpAgain(t.Context(), made, copied, sumOf([]byte("new audio")))
		if err != nil {
			t.Fatal(err)
		}
		wantPair(t, a, again, "new audio", "new sidecar")
		if files, err := os.ReadDir(backup); err != nil || len(files) != 2 {
			t.Errorf("%d files in the backup, %v; want 2", len(files), err)
		}
	}
	if err := c.DropCapture(t.Context(), place, made, strings.Repeat("0", 64)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a capture goes whose audio is not proved: %v", err)
	}
	if err := c.DropCapture(t.Context(), made, made, ""); !errors.Is(err, ErrExists) {
		t.Errorf("the audio itself goes: %v", err)
	}
}

// Who has lost his claim, be it in the middle, changes nothing.
func TestRecastAfterTheClaimWasLost(t *testing.T) {
	a := open(t, Config{Path: t.TempDir()})
	place := mustFile(t, a, testName, "audio", "sidecar")
	c, err := a.Claim(t.Context(), testName, "me", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	a.at = func(step string) {
		if step != "new audio placed" {
			return
		}
		age(t, a, 2*time.Minute)
		if _, err := a.Claim(t.Context(), testName, "other", time.Minute); err != nil {
			t.Error(err)
		}
	}
	if _, err := recast(t, a, c, place, "sidecar"); !errors.Is(err, ErrClaimed) {
		t.Fatalf("went on without the claim: %v", err)
	}
	wantPair(t, a, place, "audio", "sidecar")
}
