package archive

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"syscall"
	"testing"
	"time"
)

// The steps at which a program is killed, and what may stand in the archive then.
var crashes = []struct {
	at   string
	want Found
}{
	{"audio synced", FoundNothing},
	{"sidecar synced", FoundNothing},
	{"folder made", FoundNothing},
	{"sidecar renamed", FoundSidecar},
	{"audio renamed", FoundPair},
	{"copied .xml", FoundPair},
	{"copied .wav", FoundPair},
}

// TestCrash runs this test binary again, lets it kill itself at each step, and
// finishes the work as a restarted recorder would.
func TestCrash(t *testing.T) {
	if os.Getenv("CRASH_AT") != "" {
		crash(t)
	}
	for _, c := range crashes {
		t.Run(c.at, func(t *testing.T) {
			config := Config{Path: t.TempDir(), Backup: t.TempDir()}
			dies(t, c.at, config)
			a := open(t, config)
			if got, err := a.Find(t.Context(), testName, "wav"); got != c.want || err != nil {
				t.Errorf("after the crash: %q, %v; want %q", got, err, c.want)
			}
			l, err := a.Lock(t.Context())
			if err != nil {
				t.Fatalf("the dead program still holds the lock: %v", err)
			}
			_ = l.Release()
			if _, err := a.Sweep(t.Context(), func(string) bool { return false }); err != nil {
				t.Error(err)
			}
			workIsEmpty(t, a)
			place := mustFile(t, a, testName, "audio", "sidecar")
			wantPair(t, a, place, "audio", "sidecar")
			backup, err := a.Backup(t.Context(), place)
			if err != nil {
				t.Fatal(err)
			}
			wantPair(t, a, backup, "audio", "sidecar")
		})
	}
}

func dies(t *testing.T, at string, c Config) {
	t.Helper()
	diesIn(t, "TestCrash", at, c)
}

func diesIn(t *testing.T, test, at string, c Config) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), "CRASH_AT="+at, "CRASH_ARCHIVE="+c.Path, "CRASH_BACKUP="+c.Backup)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was to be killed at %q: %v\n%s", at, err, out)
	}
}

// killAt has the program killed at the step that it was told.
func killAt(a *Archive) {
	a.at = func(step string) {
		if step == os.Getenv("CRASH_AT") {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}

// crash is the child: it files one recording, renames it, and kills itself on the way.
func crash(t *testing.T) {
	a, err := Open(Config{Path: os.Getenv("CRASH_ARCHIVE"), Backup: os.Getenv("CRASH_BACKUP")})
	if err != nil {
		t.Fatal(err)
	}
	killAt(a)
	if _, err := a.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := a.Draft(t.Context(), "r17")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(d, "audio")
	place, err := d.Commit(t.Context(), testName, "wav", []byte("sidecar"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = a.Backup(t.Context(), place); err != nil {
		t.Fatal(err)
	}
	_, err = a.Rename(t.Context(), place, path.Base(testName)+"_T123456", []byte("new sidecar"))
	t.Fatalf("still alive after the last step: %v", err)
}

// TestRecastCrash kills a converter at each step: at every moment the sidecar has the audio
// that it names, and the next converter brings the work to its end.
func TestRecastCrash(t *testing.T) {
	if os.Getenv("CRASH_AT") != "" {
		crashRecast(t)
	}
	for _, c := range []struct {
		at     string
		recast bool // the sidecar names the new audio
	}{
		{"audio synced", false}, {"sidecar synced", false}, {"new audio placed", false}, {"sidecar replaced", true}, {"capture removed", true},
	} {
		t.Run(c.at, func(t *testing.T) {
			config := Config{Path: t.TempDir()}
			place := mustFile(t, open(t, config), testName, "audio", "sidecar")
			diesIn(t, "TestRecastCrash", c.at, config)
			a := open(t, config)
			made := PlaceOf(testName, "mp3")
			if c.recast {
				wantPair(t, a, made, "new audio", "new sidecar")
			} else {
				wantPair(t, a, place, "audio", "sidecar")
			}
			age(t, a, 2*time.Minute)
			claim, err := a.Claim(t.Context(), testName, "the next", time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if c.recast {
				err = claim.DropCapture(t.Context(), place, made, sumOf([]byte("new audio")))
			} else {
				_, err = recast(t, a, claim, place, "sidecar")
			}
			if err != nil {
				t.Fatal(err)
			}
			claim.Release()
			wantPair(t, a, made, "new audio", "new sidecar")
			if found, _ := a.Find(t.Context(), testName, "wav"); found != FoundSidecar {
				t.Errorf("the capture is still there: %q", found)
			}
		})
	}
}

func crashRecast(t *testing.T) {
	a, err := Open(Config{Path: os.Getenv("CRASH_ARCHIVE")})
	if err != nil {
		t.Fatal(err)
	}
	killAt(a)
	c, err := a.Claim(t.Context(), testName, "me", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, err = recast(t, a, c, PlaceOf(testName, "wav"), "sidecar")
	t.Fatalf("still alive after the last step: %v", err)
}

func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return dir
}

func TestFullDisk(t *testing.T) {
	a := open(t, Config{Path: smallDisk(t)})
	t.Cleanup(func() { _ = a.Close() }) // before the disk goes
	mustFile(t, a, "2026_11/first", "audio", "sidecar")
	d, err := a.Draft(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = d.Write(make([]byte, 4096))
	}
	if !IsFull(err) {
		t.Fatalf("got %v, want a full disk", err)
	}
	if _, err := a.Check(t.Context()); !IsFull(err) {
		t.Errorf("lamp: %v, want a full disk", err)
	}
	d.Abort()
	workIsEmpty(t, a)
	wantPair(t, a, "file:2026_11/first.wav", "audio", "sidecar")
	if _, err := file(t, a, testName, "audio", string(make([]byte, 256<<10))); !IsFull(err) {
		t.Errorf("sidecar on a full disk: %v", err)
	}
	if found, _ := a.Find(t.Context(), testName, "wav"); found != FoundNothing {
		t.Errorf("found %q after a full disk", found)
	}
	mustFile(t, a, testName, "audio", "sidecar") // the work goes on when it can
	workIsEmpty(t, a)
}

func TestFullBackup(t *testing.T) {
	a := open(t, Config{Backup: smallDisk(t)})
	place := mustFile(t, a, testName, string(make([]byte, 256<<10)), "sidecar")
	if _, err := a.Backup(t.Context(), place); !IsFull(err) {
		t.Errorf("got %v, want a full disk", err)
	}
	root, err := a.openBackup()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if entries, _ := readDir(root, "."); len(entries) != 1 {
		t.Errorf("want the sidecar alone, got %v", entries)
	}
}

// TestCrashInRename kills the program while a pair gets another name; done again the
// rename comes to its end, and at every moment the audio has a sidecar under its name.
func TestCrashInRename(t *testing.T) {
	const other = testName + "_T123456"
	for _, at := range []string{"new sidecar written", "audio has its new name"} {
		t.Run(at, func(t *testing.T) {
			config := Config{Path: t.TempDir(), Backup: t.TempDir()}
			dies(t, at, config)
			a := open(t, config)
			one, err := a.Find(t.Context(), testName, "wav")
			two, err2 := a.Find(t.Context(), other, "wav")
			if err := errors.Join(err, err2); err != nil || one != FoundPair && two != FoundPair {
				t.Fatalf("after the crash: %q and %q, %v", one, two, err)
			}
			place, err := a.Rename(t.Context(), PlaceOf(testName, "wav"), path.Base(other), []byte("new sidecar"))
			if err != nil || place != PlaceOf(other, "wav") {
				t.Fatalf("renamed to %s, %v", place, err)
			}
			wantPair(t, a, place, "audio", "new sidecar")
			if left, err := a.Find(t.Context(), testName, "wav"); left != FoundNothing || err != nil {
				t.Errorf("under the old name stands %q, %v", left, err)
			}
		})
	}
}
