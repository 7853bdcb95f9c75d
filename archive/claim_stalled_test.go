package archive

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/internal/recording"
)

// shared is a capture in an archive that two have open, as on two machines.
func shared(t *testing.T) (a, b *Archive, capture recording.Place) {
	t.Helper()
	a = open(t, Config{})
	b = open(t, Config{Path: a.config.Path})
	d, err := a.Draft(t.Context(), "id")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write([]byte("capture")); err != nil {
		t.Fatal(err)
	}
	if capture, err = d.Commit(t.Context(), testName, ".pcap", []byte("names capture")); err != nil {
		t.Fatal(err)
	}
	return a, b, capture
}

// drafted claims the pair and writes audio that only this owner makes, as sealing does.
func drafted(t *testing.T, a *Archive, who string, old time.Duration) (*Claim, *Draft) {
	t.Helper()
	c, err := a.Claim(t.Context(), testName, who, old)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Draft(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write([]byte("audio of " + who)); err != nil {
		t.Fatal(err)
	}
	return c, d
}

// wantGood checks that the sidecar, "names X", has a file beside it that holds X.
func wantGood(t *testing.T, a *Archive) {
	t.Helper()
	read := func(ext string) string {
		b, _ := os.ReadFile(filepath.Join(a.config.Path, testName+ext)) // absent is empty
		return string(b)
	}
	named, ok := strings.CutPrefix(read(".xml"), "names ")
	if !ok || (read(".wav") != named && read(".pcap") != named) {
		t.Errorf("the sidecar says %q; wav %q, pcap %q", read(".xml"), read(".wav"), read(".pcap"))
	}
}

// One owner stands still between the last look at his claim and the renaming of his
// sidecar, until another has taken the pair over: he may not rename it any more.
func TestStalledOwner(t *testing.T) {
	for _, through := range []bool{false, true} {
		name := map[bool]string{false: "the other has drafts", true: "the other is through"}[through]
		t.Run(name, func(t *testing.T) {
			a, b, capture := shared(t)
			slow, draft := drafted(t, a, "slow", time.Hour)
			if err := draft.durable([]byte("names audio of slow")); err != nil {
				t.Fatal(err)
			}
			if err := draft.file.Close(); err != nil {
				t.Fatal(err)
			}
			draft.file = nil
			if err := slow.moved(draft.audioPart(), testName+".wav", "new audio placed"); err != nil {
				t.Fatal(err)
			}
			if err := slow.Mine(); err != nil {
				t.Fatal(err)
			}
			other, theirs := drafted(t, b, "other", 0)
			if !through {
				if err := theirs.durable([]byte("names audio of other")); err != nil {
					t.Fatal(err)
				}
			} else if _, err := other.Recast(t.Context(), theirs, capture, ".wav", []byte("names capture"), []byte("names audio of other")); err != nil {
				t.Fatal(err)
			}
			if err := slow.moved(draft.sidecarPart(), testName+sidecarExt, "sidecar replaced"); err == nil {
				t.Error("the sidecar was renamed though the pair is another's")
			}
			wantGood(t, a)
			theirs.Abort()
		})
	}
}

// What the one who lost the pair throws away is his own.
func TestLoserAborts(t *testing.T) {
	a, b, capture := shared(t)
	_, draft := drafted(t, a, "slow", time.Hour)
	other, theirs := drafted(t, b, "other", 0)
	draft.Abort()
	if _, err := other.Recast(t.Context(), theirs, capture, ".wav", []byte("names capture"), []byte("names audio of other")); err != nil {
		t.Error(err)
	}
	wantGood(t, a)
}

// A renewal does not write into a claim of the same number that another has made since.
func TestRenewWritesItsOwn(t *testing.T) {
	a, b, _ := shared(t)
	first, _ := drafted(t, a, "first", time.Hour)
	first.Release()
	second, _ := drafted(t, b, "second", time.Hour)
	if err := first.Renew(); err == nil {
		t.Error("a claim was renewed that was given back")
	}
	if err := second.Mine(); err != nil {
		t.Error(err)
	}
}

func TestClaimOfLongestName(t *testing.T) {
	a := open(t, Config{})
	c, err := a.Claim(t.Context(), path.Dir(testName)+"/"+strings.Repeat("x", maxName), "one", time.Hour)
	if err != nil {
		t.Fatal("the longest name that the archive files cannot be claimed")
	}
	c.Release()
}

// However often converters crash over a pair, the one that comes through leaves nothing.
func TestManyCrashesLeaveNothing(t *testing.T) {
	a, _, _ := shared(t)
	var c *Claim
	var d *Draft
	for range 25 {
		c, d = drafted(t, a, "crashed", 0)
	}
	d.Abort()
	c.Release()
	list, err := os.ReadDir(filepath.Join(a.config.Path, convertFolder))
	if err != nil || len(list) != 0 {
		t.Errorf("%d files are left, %v", len(list), err)
	}
}
