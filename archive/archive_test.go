package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"callreel/internal/atomicfile"
	"callreel/internal/recording"
)

const testName = "2026_11/2026_11_21_1200_24_i_0012345_3_c03a55c2e909d31188fc009033062255"

func open(t *testing.T, c Config) *Archive {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), `\\server\share [x] ü`)
	}
	a, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func file(t *testing.T, a *Archive, name, audio, sidecar string) (recording.Place, error) {
	t.Helper()
	d, err := a.Draft(t.Context(), "r17")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(d, audio); err != nil {
		t.Fatal(err)
	}
	return d.Commit(t.Context(), name, "wav", []byte(sidecar))
}

func mustFile(t *testing.T, a *Archive, name, audio, sidecar string) recording.Place {
	t.Helper()
	place, err := file(t, a, name, audio, sidecar)
	if err != nil {
		t.Fatal(err)
	}
	return place
}

func wantPair(t *testing.T, a *Archive, place recording.Place, audio, sidecar string) {
	t.Helper()
	f, err := a.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil || string(got) != audio {
		t.Errorf("audio is %.40q, %v; want %.40q", got, err, audio)
	}
	if got, err := a.Sidecar(t.Context(), place); err != nil || string(got) != sidecar {
		t.Errorf("sidecar is %.40q, %v; want %.40q", got, err, sidecar)
	}
	if err := a.Verify(t.Context(), place, sumOf([]byte(audio))); err != nil {
		t.Error(err)
	}
}

func workIsEmpty(t *testing.T, a *Archive) {
	t.Helper()
	entries, err := readDir(a.root, workFolder)
	if err != nil || len(entries) != 0 {
		t.Errorf("left in %s: %v, %v", workFolder, entries, err)
	}
}

func TestFileAndRead(t *testing.T) {
	a := open(t, Config{})
	place := mustFile(t, a, testName, "audio", "sidecar")
	if want := PlaceOf(testName, "wav"); place != want {
		t.Errorf("place is %q, want %q", place, want)
	}
	wantPair(t, a, place, "audio", "sidecar")
	workIsEmpty(t, a)
	if err := a.Verify(t.Context(), place, sumOf([]byte("other"))); !errors.Is(err, ErrDamaged) {
		t.Errorf("wrong sum: %v", err)
	}
}

func TestDraftSum(t *testing.T) {
	d, err := open(t, Config{}).Draft(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Abort()
	_, _ = io.WriteString(d, "abc")
	sum, n := d.Sum()
	if sum != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || n != 3 {
		t.Errorf("sum %s, %d bytes", sum, n)
	}
}

func TestSamePairTwiceIsSuccessOtherIsRefused(t *testing.T) {
	a := open(t, Config{})
	place := mustFile(t, a, testName, "audio", "sidecar")
	mustFile(t, a, testName, "audio", "sidecar")
	for _, c := range [][2]string{{"other", "sidecar"}, {"audio", "other"}, {"", ""}} {
		if _, err := file(t, a, testName, c[0], c[1]); !errors.Is(err, ErrExists) {
			t.Errorf("%v: %v, want ErrExists", c, err)
		}
	}
	wantPair(t, a, place, "audio", "sidecar")
	workIsEmpty(t, a)
}

func TestSidecarAloneIsFinishedOrRemoved(t *testing.T) {
	a := open(t, Config{})
	mustFile(t, a, testName, "audio", "old")
	remove(t, a, testName+".wav")
	if got, err := a.Find(t.Context(), testName, ".wav"); got != FoundSidecar || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	place := mustFile(t, a, testName, "audio", "new")
	wantPair(t, a, place, "audio", "new")
	if err := a.RemoveOrphan(t.Context(), testName); !errors.Is(err, ErrExists) {
		t.Errorf("removing the sidecar of a pair: %v", err)
	}
	remove(t, a, testName+".wav")
	if err := a.RemoveOrphan(t.Context(), testName); err != nil {
		t.Error(err)
	}
	if got, _ := a.Find(t.Context(), testName, "wav"); got != FoundNothing {
		t.Errorf("found %q", got)
	}
	if err := errors.Join(a.RemoveOrphan(t.Context(), testName), a.RemoveOrphan(t.Context(), "2020_01/x")); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}

func remove(t *testing.T, a *Archive, name string) {
	t.Helper()
	if err := a.root.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func TestNamesAndPlacesCannotEscape(t *testing.T) {
	a := open(t, Config{Backup: t.TempDir()})
	for _, name := range []string{
		"", "x", "../x", "2026_11/..", "2026_11/.hidden", "2026_11/a/b", "/etc/passwd", `2026_11/..\x`, "2026_11/a:stream",
		"2026_11/a\x00b", "2026_11/" + strings.Repeat("x", 241), "REC/x", "2026_11/../2026_12/x", "2026_11/x ", "2026_11/a\nb",
	} {
		if _, err := file(t, a, name, "a", "s"); !errors.Is(err, ErrName) {
			t.Errorf("Commit(%.40q): %v", name, err)
		}
		if _, err := a.Find(t.Context(), name, "wav"); !errors.Is(err, ErrName) {
			t.Errorf("Find(%.40q): %v", name, err)
		}
		for _, place := range []string{"file:" + name + ".wav", name + ".wav", "s3:" + name} {
			if _, err := a.Open(t.Context(), recording.Place(place)); !errors.Is(err, ErrName) {
				t.Errorf("Open(%.40q): %v", place, err)
			}
		}
	}
	for _, ext := range []string{"", "xml", "txt", "../x", "WAV.exe", "toolonganextension"} {
		if _, err := a.Find(t.Context(), testName, ext); !errors.Is(err, ErrName) {
			t.Errorf("extension %q: %v", ext, err)
		}
	}
	for _, id := range []string{"", "../x", "a/b", strings.Repeat("x", 65), "a.b"} {
		if _, err := a.Draft(t.Context(), id); !errors.Is(err, ErrName) {
			t.Errorf("id %.40q: %v", id, err)
		}
	}
	for _, place := range []recording.Place{"backup:../x.wav", "backup:/etc/passwd.wav", `backup:a\b.wav`} {
		if _, err := a.Open(t.Context(), place); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", place, err)
		}
	}
	workIsEmpty(t, a)
}

func TestLinkOutOfTheArchiveIsNotFollowed(t *testing.T) {
	a := open(t, Config{})
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(a.config.Path, "2026_11")); err != nil {
		t.Skip("no symbolic links here")
	}
	if _, err := file(t, a, testName, "audio", "sidecar"); err == nil {
		t.Error("filed through a link that leads out")
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("written outside: %v", entries)
	}
}

func TestMissingIsNotFound(t *testing.T) {
	a := open(t, Config{})
	place := PlaceOf(testName, "wav")
	_, openErr := a.Open(t.Context(), place)
	_, sideErr := a.Sidecar(t.Context(), place)
	_, listErr := a.List(t.Context(), "2026_11")
	for name, err := range map[string]error{
		"Open": openErr, "Sidecar": sideErr, "List": listErr, "Verify": a.Verify(t.Context(), place, ""),
	} {
		if !errors.Is(err, recording.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if found, err := a.Find(t.Context(), testName, "wav"); found != FoundNothing || err != nil {
		t.Errorf("Find: %q, %v", found, err)
	}
}

func TestList(t *testing.T) {
	a := open(t, Config{})
	mustFile(t, a, "2026_11/b", "12345", "s")
	mustFile(t, a, "2026_11/a.o.1", "1", "s")
	mustFile(t, a, "2026_11/c", "1", "s")
	mustFile(t, a, "2026_10/z", "1", "s")
	remove(t, a, "2026_11/c.wav")
	remove(t, a, "2026_11/a.o.1.xml")
	if err := os.WriteFile(filepath.Join(a.config.Path, "2026_11", "b.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := a.List(t.Context(), "2026_11")
	want := []Pair{
		{Name: "2026_11/a.o.1", Audio: "file:2026_11/a.o.1.wav", Size: 1},
		{Name: "2026_11/b", Audio: "file:2026_11/b.wav", Sidecar: true, Size: 5},
		{Name: "2026_11/c", Sidecar: true},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if months, err := a.Months(t.Context()); err != nil || !slices.Equal(months, []string{"2026_10", "2026_11"}) {
		t.Errorf("months %v, %v", months, err)
	}
}

// TestSweepLeavesTheLock wants a spool that lies in the work folder to be locked still
// when the leftovers have been removed.
func TestSweepLeavesTheLock(t *testing.T) {
	a := open(t, Config{})
	work := filepath.Join(a.config.Path, workFolder)
	held, err := LockFolder(work)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	left := filepath.Join(work, atomicfile.Prefix+"X.tmp")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Sweep(t.Context(), func(string) bool { return false }); n != 1 || err != nil {
		t.Errorf("swept %d, %v, want the leftover alone", n, err)
	}
	if again, err := LockFolder(work); !errors.Is(err, ErrLocked) {
		t.Errorf("locked again: %v, %v; want ErrLocked", again, err)
	}
}

func TestSweepAndAnOlderDraft(t *testing.T) {
	a := open(t, Config{})
	for _, id := range []string{"keep", "drop"} {
		d, err := a.Draft(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(d, "half")
		_ = d.file.Close() // the program dies here
	}
	n, err := a.Sweep(t.Context(), func(id string) bool { return id == "keep" })
	if n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	d, err := a.Draft(t.Context(), "keep")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(d, "whole")
	place, err := d.Commit(t.Context(), testName, "wav", []byte("s"))
	if err != nil {
		t.Fatal(err)
	}
	wantPair(t, a, place, "whole", "s")
	workIsEmpty(t, a)
	if _, err := d.Write(nil); err == nil {
		t.Error("a draft that has ended was written")
	}
	if _, err := d.Commit(t.Context(), testName, "wav", nil); err == nil {
		t.Error("a draft that has ended was filed again")
	}
}

func TestBackup(t *testing.T) {
	for layout, want := range map[Layout]recording.Place{
		"": "backup:" + recording.Place(filepath.Base(testName)) + ".wav", Flat: "backup:" + recording.Place(filepath.Base(testName)) + ".wav",
		Mirror: "backup:" + testName + ".wav",
	} {
		a := open(t, Config{Backup: t.TempDir(), BackupLayout: layout})
		place := mustFile(t, a, testName, "audio", "sidecar")
		for range 2 { // a step may run twice
			got, err := a.Backup(t.Context(), place)
			if err != nil || got != want {
				t.Fatalf("%q: %q, %v; want %q", layout, got, err, want)
			}
			wantPair(t, a, got, "audio", "sidecar")
		}
		copied := filepath.Join(a.config.Backup, strings.TrimPrefix(string(want), backupScheme))
		if err := os.WriteFile(copied, []byte("changed"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Backup(t.Context(), place); !errors.Is(err, ErrExists) {
			t.Errorf("%q: a changed copy: %v", layout, err)
		}
	}
}

func TestBackupFaults(t *testing.T) {
	a := open(t, Config{})
	place := mustFile(t, a, testName, "audio", "sidecar")
	if _, err := a.Backup(t.Context(), place); !errors.Is(err, ErrNoBackup) {
		t.Errorf("no backup: %v", err)
	}
	gone := filepath.Join(t.TempDir(), "unmounted")
	b := open(t, Config{Backup: gone})
	place = mustFile(t, b, testName, "audio", "sidecar")
	if _, err := b.Backup(t.Context(), place); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unreachable backup: %v", err)
	}
	if _, err := os.Stat(gone); err == nil {
		t.Error("the missing backup folder was made")
	}
	if _, err := b.CheckBackup(t.Context()); err == nil {
		t.Error("the lamp of an unreachable backup is green")
	}
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	remove(t, b, testName+".xml")
	if _, err := b.Backup(t.Context(), place); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("sidecar missing: %v", err)
	}
}

func TestCheck(t *testing.T) {
	a := open(t, Config{Backup: t.TempDir()})
	for name, f := range map[string]func(context.Context) (Space, error){"archive": a.Check, "backup": a.CheckBackup} {
		if s, err := f(t.Context()); err != nil || s.Free <= 0 || s.Total < s.Free {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	workIsEmpty(t, a)
	if err := os.RemoveAll(filepath.Join(a.config.Path, workFolder)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Check(t.Context()); err == nil {
		t.Error("the lamp is green although nothing can be written")
	}
}

func TestLock(t *testing.T) {
	a := open(t, Config{})
	l, err := a.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockFolder(a.config.Path); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	l, err = a.Lock(t.Context())
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	_ = l.Release()
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "callreel.db")
	l, err := LockFile(path) // it is not there yet
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LockFile(path); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path+":") {
		t.Errorf("second lock: %v", err)
	}
	if other, err := LockFile(path + "2"); err != nil {
		t.Errorf("another file of the folder: %v", err)
	} else if err := other.Release(); err != nil {
		t.Error(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if l, err = LockFile(path); err != nil {
		t.Fatalf("after the release: %v", err)
	}
	_ = l.Release()
}

func TestCanceled(t *testing.T) {
	a := open(t, Config{Backup: t.TempDir()})
	place := mustFile(t, a, testName, "audio", "sidecar")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := a.Backup(ctx, place)
	_, err2 := a.Draft(ctx, "x")
	for _, err := range []error{err, err2, a.Verify(ctx, place, "")} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for want, c := range map[string]Config{
		"archive.path is empty":                         {},
		`archive.backup_layout is "round"`:              {Path: dir, BackupLayout: "round"},
		"lies in archive.path":                          {Path: dir, Backup: filepath.Join(dir, "backup")},
		fmt.Sprintf("archive.backup is %q, which", dir): {Path: dir, Backup: dir},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := Open(c); err == nil {
			t.Errorf("opened %+v", c)
		}
	}
	if err := (Config{Path: dir, Backup: dir + "2", BackupLayout: Mirror}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestRename(t *testing.T) {
	config := Config{Path: t.TempDir(), Backup: t.TempDir()}
	a := open(t, config)
	place := mustFile(t, a, testName, "audio", "sidecar")
	backup, err := a.Backup(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(config.Path, filepath.FromSlash(testName)+".txt")
	if err := os.WriteFile(notes, []byte("a note"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := path.Base(testName) + "_T123456"
	for _, p := range []recording.Place{place, backup} {
		for range 2 { // done twice it is the same
			got, err := a.Rename(t.Context(), p, base, []byte("another sidecar"))
			if err != nil || !strings.HasSuffix(string(got), base+".wav") {
				t.Fatalf("%s: renamed to %s, %v", p, got, err)
			}
			wantPair(t, a, got, "audio", "another sidecar")
		}
	}
	if text, err := os.ReadFile(strings.TrimSuffix(notes, ".txt") + "_T123456.txt"); err != nil || string(text) != "a note" {
		t.Errorf("notes %q, %v", text, err)
	}
	if left, err := a.Find(t.Context(), testName, "wav"); left != FoundNothing || err != nil {
		t.Errorf("under the old name stands %q, %v", left, err)
	}
	if _, err := a.Rename(t.Context(), PlaceOf(testName+"-none", "wav"), base+"1", nil); !errors.Is(err, recording.ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
	again := mustFile(t, a, testName, "audio two", "sidecar two")
	if _, err := a.Rename(t.Context(), again, base, nil); !errors.Is(err, ErrExists) {
		t.Errorf("onto another's name: %v", err)
	}
	wantPair(t, a, again, "audio two", "sidecar two")
	if _, err := a.Rename(t.Context(), again, "../x", nil); !errors.Is(err, ErrName) {
		t.Errorf("out of the archive: %v", err)
	}
}
