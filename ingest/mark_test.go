package ingest_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/recording"
)

func TestParseMark(t *testing.T) {
	const keep, skip = recording.MarkKeep, recording.MarkSkip
	for _, row := range []struct {
		name   string
		kind   recording.MarkKind
		number string
		why    string
	}{
		{"TCR-24_24.txt", keep, "24", ""},
		{"TCA-1234_1234.txt", skip, "1234", ""},
		{"tca-24_24.TXT", skip, "24", ""},
		{"TCR-24.txt", keep, "24", ""},
		{"TCR-+39*12_+39*12.txt", keep, "+39*12", ""},
		{"TCR-a_b_a_b.txt", keep, "a_b", ""},
		{"TCR-Müller_Müller.txt", keep, "Müller", ""},
		{"TCR-M\xfcller_M\xfcller.txt", keep, "Müller", ""},
		{"TCR-M\xfcller_M\x85ller.txt", "", "", "does not begin"},
		{"TCR-24_25.txt", keep, "", "differ"},
		{"TCR-24_24_24.txt", keep, "", "differ"},
		{"TCR-24_.txt", keep, "", "differ"},
		{"TCR-_.txt", keep, "", "no number"},
		{"TCA-.txt", skip, "", "no number"},
		{"TCR-" + strings.Repeat("1", 70) + ".txt", keep, "", "more than 64"},
		{"TCRec.xml", "", "", "does not begin"},
		{"TCR-24_24.txt.tmp", "", "", "does not begin"},
		{"../TCR-24_24.txt", "", "", "does not begin"},
		{"TCR-24/_24/.txt", "", "", "does not begin"},
		{"", "", "", "does not begin"},
	} {
		kind, number, err := ingest.ParseMark(row.name)
		if kind != row.kind || number != row.number || (err == nil) != (row.why == "") || err != nil && !strings.Contains(err.Error(), row.why) {
			t.Errorf("%q: %s %q %v", row.name, kind, number, err)
		}
		if ingest.IsMark(row.name) != (row.kind != "") {
			t.Errorf("%q: IsMark is %v", row.name, ingest.IsMark(row.name))
		}
	}
}

// FuzzParseMark holds that a number stands in the name, and is one of a mark's.
func FuzzParseMark(f *testing.F) {
	for _, s := range []string{"TCR-24_24.txt", "tca-+_+.txt", "TCR-__.txt", "TCA-\x00_\x00.txt", "TCR-é_é.txt"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		kind, number, err := ingest.ParseMark(name)
		if err != nil {
			return
		}
		if number == "" || len(number) > 64 || !strings.Contains(ingest.MarkText(name), number) || !ingest.IsMark(name) {
			t.Errorf("%q: number %q", name, number)
		}
		if kind != recording.MarkKeep && kind != recording.MarkSkip {
			t.Errorf("%q: kind %q", name, kind)
		}
	})
}

func marksOf(t *testing.T, c ingest.Config) ingest.Inbox {
	t.Helper()
	in, err := ingest.NewMarks(c, "TC R", clock.System(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// TestMarkFolders lists and deletes marks in each kind of inbox, and tells an inbox
// without that folder from one that does not answer.
func TestMarkFolders(t *testing.T) {
	disk := t.TempDir()
	dav, web := plain(t), plain(t)
	pages := http.StripPrefix(prefix, http.FileServer(http.Dir(web.dir)))
	web.set(func(w http.ResponseWriter, r *http.Request) bool {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if reads {
			pages.ServeHTTP(w, r)
		}
		return reads
	})
	asWeb := web.config()
	asWeb.Kind = ingest.KindHTTP
	for name, row := range map[string]struct {
		dir string
		cfg ingest.Config
	}{
		"folder": {disk, ingest.Config{Name: "a", Kind: ingest.KindFolder, Path: disk}},
		"webdav": {dav.dir, dav.config()},
		"http":   {web.dir, asWeb},
	} {
		t.Run(name, func(t *testing.T) {
			in := marksOf(t, row.cfg)
			if list, _, err := in.List(t.Context()); !errors.Is(err, ingest.ErrNoFolder) {
				t.Errorf("without the folder: %v, %v", list, err)
			}
			folder := filepath.Join(row.dir, "TC R")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{"TCR-24_24.txt", "TCA-+1_+1.txt", "TCR-1_2.txt", "TCRec.xml", capName} {
				if err := os.WriteFile(filepath.Join(folder, f), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want := 3
			latin := filepath.Join(folder, "TCA-M\xfcller_M\xfcller.txt")
			if name != "http" && os.WriteFile(latin, nil, 0o600) == nil { // net/http's file server knows no such names
				want++ // where the file system takes them
			}
			list, stats, err := in.List(t.Context())
			if err != nil || len(list) != want || stats.Ignored != 2 || stats.Refused > 0 {
				t.Fatalf("listed %v, %+v, %v", list, stats, err)
			}
			if name != "folder" && time.Since(stats.Date).Abs() > time.Minute {
				t.Errorf("the server's clock is %s", stats.Date)
			}
			for _, e := range list {
				if err := in.Delete(t.Context(), e.Name, e.Stamp); err != nil {
					t.Error(err)
				}
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}

// TestMarkFolderOfAMissingInbox holds that a card that is not there is no empty folder.
func TestMarkFolderOfAMissingInbox(t *testing.T) {
	in := marksOf(t, ingest.Config{Name: "a", Kind: ingest.KindFolder, Path: filepath.Join(t.TempDir(), "card")})
	if _, _, err := in.List(t.Context()); err == nil || errors.Is(err, ingest.ErrNoFolder) {
		t.Errorf("got %v", err)
	}
	s := plain(t)
	s.set(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true })
	if _, _, err := marksOf(t, s.config()).List(t.Context()); err == nil || errors.Is(err, ingest.ErrNoFolder) {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"", "..", "a/b", `a\b`, ".x", "a?b"} {
		if _, err := ingest.NewMarks(s.config(), name, clock.System(), quiet()); err == nil {
			t.Errorf("folder %q is accepted", name)
		}
	}
}
