package asterisk

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// memory is a sink.
type memory struct {
	lines   []string
	rows    []map[string]string
	garbage []string
	pos     Position
	full    bool
}

func (m *memory) Rows(_ context.Context, _, lines string) error {
	if m.full {
		return errors.New("the disk is full")
	}
	for line := range strings.Lines(lines) {
		m.lines = append(m.lines, strings.TrimSuffix(line, "\n"))
	}
	return nil
}

func (m *memory) Fields(_ context.Context, _ string, fields map[string]string, _ string) error {
	if m.full {
		return errors.New("the disk is full")
	}
	m.rows = append(m.rows, fields)
	return nil
}

func (m *memory) Garbage(_ context.Context, _ string, _ []byte, reason string) error {
	m.garbage = append(m.garbage, reason)
	return nil
}

func (m *memory) Position(context.Context, string) (Position, error) { return m.pos, nil }

func (m *memory) SavePosition(_ context.Context, _ string, p Position) error {
	m.pos = p
	return nil
}

// line is the n-th of a file.
func line(n int) string { return fmt.Sprintf(`"","24","0012345","2026-11-21 12:00:%02d"`, n) }

func lines(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		b.WriteString(line(n) + "\n")
	}
	return b.String()
}

type desk struct {
	*memory
	t      *testing.T
	path   string
	follow *Follower
}

func newDesk(t *testing.T) *desk {
	d := &desk{memory: &memory{}, t: t, path: filepath.Join(t.TempDir(), "Master.csv")}
	d.follow = NewFollower(Config{Name: "office", File: d.path}, d.memory, slog.New(slog.DiscardHandler))
	return d
}

func (d *desk) write(text string) {
	d.t.Helper()
	f, err := os.OpenFile(d.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) poll() {
	d.t.Helper()
	if err := d.follow.Poll(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// want holds what came against the lines of one call each.
func (d *desk) want(n int) {
	d.t.Helper()
	var want []string
	for i := range n {
		want = append(want, line(i))
	}
	if !slices.Equal(d.lines, want) {
		d.t.Errorf("got %d lines, want %d each once and in order: %q", len(d.lines), n, d.lines)
	}
}

func TestFollowReadsWhatIsNew(t *testing.T) {
	d := newDesk(t)
	d.write(lines(0, 2))
	d.poll()
	d.want(2)
	d.write(lines(2, 3) + line(3)[:10])
	d.poll()
	d.want(3) // the fourth is not ended
	d.write(line(3)[10:] + "\n")
	d.poll()
	d.poll()
	d.want(4)
	if len(d.garbage) > 0 {
		t.Error(d.garbage)
	}
}

func TestFollowGoesOnAfterARotation(t *testing.T) {
	rotate := map[string]func(*desk) error{
		"renamed": func(d *desk) error { return os.Rename(d.path, d.path+".1") },
		"zipped": func(d *desk) error {
			text, err := os.ReadFile(d.path)
			if err != nil {
				return err
			}
			out, err := os.Create(d.path + "-20261121.gz")
			if err != nil {
				return err
			}
			z := gzip.NewWriter(out)
			_, err = z.Write(text)
			return errors.Join(err, z.Close(), out.Close(), os.Remove(d.path))
		},
		"copied and truncated": func(d *desk) error {
			text, err := os.ReadFile(d.path)
			return errors.Join(err, os.WriteFile(d.path+".1", text, 0o600), os.Truncate(d.path, 0))
		},
	}
	for what, away := range rotate {
		t.Run(what, func(t *testing.T) {
			d := newDesk(t)
			d.write(lines(0, 3))
			d.poll()
			d.write(lines(3, 5)) // nobody looked between these and the rotation
			if err := away(d); err != nil {
				t.Fatal(err)
			}
			d.poll() // there may be no file yet
			d.want(5)
			d.write(lines(5, 7))
			d.poll()
			d.poll()
			d.want(7)
		})
	}
}

func TestFollowReadsEveryFileRotatedMeanwhile(t *testing.T) {
	d := newDesk(t)
	d.write(lines(0, 1))
	d.poll()
	at := time.Now()
	for n, name := range []string{".2", ".1"} {
		d.write(lines(2*n+1, 2*n+3))
		if err := os.Rename(d.path, d.path+name); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(d.path+name, at, at.Add(time.Duration(n)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	d.write(lines(5, 6))
	d.poll()
	d.want(6)
}

// TestFollowFilesOfANight: a file that was begun and rotated away between two looks is
// read, though the one before it had been read to its end.
func TestFollowFilesOfANight(t *testing.T) {
	d := newDesk(t)
	d.write(lines(0, 2))
	d.poll()
	at := time.Now().Add(-time.Hour)
	for n, name := range []string{".1", ".0"} {
		if err := errors.Join(os.Rename(d.path, d.path+name), os.Chtimes(d.path+name, at, at.Add(time.Duration(n)*time.Minute))); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			d.poll() // there is no new file yet
			d.poll()
			d.write(lines(2, 5)) // nobody looks
		}
	}
	d.write(lines(5, 6))
	d.poll()
	d.poll()
	d.want(6)
}

// TestFollowWaitsForTheDisk: what could not be stored is read again.
func TestFollowWaitsForTheDisk(t *testing.T) {
	d := newDesk(t)
	d.write(lines(0, 2))
	d.full = true
	if err := d.follow.Poll(t.Context()); err == nil {
		t.Fatal("no error")
	}
	d.full = false
	d.poll()
	d.want(2)
}

func TestFollowTellsOfAMissingFile(t *testing.T) {
	d := newDesk(t)
	if err := d.follow.Poll(t.Context()); err == nil || !strings.Contains(err.Error(), "office") {
		t.Errorf("error %v", err)
	}
}

func TestFollowALineWithoutEnd(t *testing.T) {
	d := newDesk(t)
	d.write(strings.Repeat("x", mostRead+10) + "\n" + lines(0, 1))
	d.poll()
	if len(d.garbage) != 1 || d.lines[len(d.lines)-1] != line(0) {
		t.Errorf("garbage %q, last line %.80q", d.garbage, d.lines[len(d.lines)-1])
	}
}

// TestFollowOverHTTP reads from servers that know ranges and that do not.
func TestFollowOverHTTP(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		d := newDesk(t)
		d.write(lines(0, 2))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if !ranges {
				r.Header.Del("Range")
			}
			http.ServeFile(w, r, d.path)
		}))
		t.Cleanup(server.Close)
		d.follow = NewFollower(Config{Name: "office", URL: server.URL, User: "u", Password: "p"}, d.memory, slog.New(slog.DiscardHandler))
		d.poll()
		d.poll()
		d.want(2)
		d.write(lines(2, 5))
		d.poll()
		d.want(5)
		if err := os.WriteFile(d.path, []byte(lines(5, 6)), 0o600); err != nil {
			t.Fatal(err)
		}
		d.poll()
		d.want(6)
		bad := NewFollower(Config{Name: "office", URL: server.URL}, d.memory, slog.New(slog.DiscardHandler))
		if err := bad.Poll(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("without password: %v", err)
		}
	}
}

func TestReceiver(t *testing.T) {
	for _, tt := range []struct {
		what, kind, body string
		rows             int
		lines            int
		garbage          string
	}{
		{"CSV", "text/csv", lines(0, 2), 0, 2, ""},
		{"CSV that CURL calls a form", "application/x-www-form-urlencoded", lines(0, 1), 0, 1, ""},
		{"a form", "application/x-www-form-urlencoded", "uniqueid=1795262400.10&src=24&clid=%22A%22+%3C24%3E", 1, 0, ""},
		{"an object", "application/json", `{"uniqueid":"1795262400.10","duration":12,"userfield":null}`, 1, 0, ""},
		{"a list", "", `[{"uniqueid":"1.1"},{"uniqueid":"1.2"}]`, 2, 0, ""},
		{"half an object", "application/json", `{"uniqueid":`, 0, 0, "JSON cannot be read"},
		{"a bad form", "application/x-www-form-urlencoded", "a=%zz", 0, 0, "form cannot be read"},
		{"nothing", "", " ", 0, 0, "empty body"},
		{"too much", "", strings.Repeat("a", maxBody+1), 0, 0, "more than"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			m := &memory{}
			r := NewReceiver(Config{Receive: "/asterisk"}, m, slog.New(slog.DiscardHandler))
			post := func() int {
				req := httptest.NewRequest(http.MethodPost, "/asterisk", strings.NewReader(tt.body))
				req.Header.Set("Content-Type", tt.kind)
				w := httptest.NewRecorder()
				r.ServeHTTP(w, req)
				return w.Code
			}
			if code := post(); code != http.StatusOK {
				t.Errorf("answer %d", code)
			}
			if len(m.rows) != tt.rows || len(m.lines) != tt.lines || !strings.HasPrefix(strings.Join(m.garbage, ""), tt.garbage) || (tt.garbage == "") != (len(m.garbage) == 0) {
				t.Errorf("%d rows, %d lines, garbage %q", len(m.rows), len(m.lines), m.garbage)
			}
			m.full = true
			if code := post(); tt.garbage == "" && code != http.StatusServiceUnavailable {
				t.Errorf("with a full disk: answer %d", code)
			}
		})
	}
}

func TestReceiverAsksWhoItIs(t *testing.T) {
	m := &memory{}
	r := NewReceiver(Config{Receive: "/asterisk", ReceiveUser: "u", ReceivePassword: "p"}, m, slog.New(slog.DiscardHandler))
	for password, want := range map[string]int{"p": http.StatusOK, "q": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		req := httptest.NewRequest(http.MethodPost, "/asterisk", strings.NewReader(lines(0, 1)))
		req.SetBasicAuth("u", password)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if w.Code != want {
			t.Errorf("password %q: answer %d, want %d", password, w.Code, want)
		}
	}
	w := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/asterisk", http.NoBody)
	req.SetBasicAuth("u", "p")
	if r.ServeHTTP(w, req); w.Code != http.StatusMethodNotAllowed || len(m.lines) != 1 {
		t.Errorf("GET: answer %d, %d lines stored", w.Code, len(m.lines))
	}
}

func TestValidate(t *testing.T) {
	good := Config{File: "Master.csv", Trunks: []string{"PJSIP/prov*"}, Timezone: "Europe/Rome"}.WithDefaults()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "file is missing"},
		{Config{File: "a", URL: "http://b"}, "url and file exclude"},
		{Config{URL: "ftp://b/c"}, "url \"ftp://b/c\""},
		{Config{Receive: "asterisk"}, "receive \"asterisk\" must start"},
		{Config{Receive: "/{a}"}, "receive \"/{a}\" must start"},
		{Config{Receive: "/a", ReceiveUser: "u"}, "receive_user and receive_password"},
		{Config{File: "a", Timezone: "Rom"}, "timezone \"Rom\""},
		{Config{File: "a", Trunks: []string{"provider"}}, "trunks \"provider\""},
		{Config{File: "a", Trunks: []string{"PJSIP/["}}, "trunks \"PJSIP/[\""},
		{Config{File: "a", Poll: -1}, "poll"},
	} {
		if err := tt.cfg.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.cfg, err, tt.want)
		}
	}
}

// FuzzReceive: whatever is posted is stored or kept as garbage.
func FuzzReceive(f *testing.F) {
	f.Add("text/csv", lines(0, 1))
	f.Add("application/json", `[{"a":1}]`)
	f.Add("application/x-www-form-urlencoded", "a=b&c=d")
	f.Fuzz(func(t *testing.T, kind, body string) {
		m := &memory{}
		req := httptest.NewRequest(http.MethodPost, "/asterisk", strings.NewReader(body))
		req.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		NewReceiver(Config{}, m, slog.New(slog.DiscardHandler)).ServeHTTP(w, req)
		if w.Code != http.StatusOK || len(m.rows)+len(m.lines)+len(m.garbage) == 0 && !strings.HasPrefix(strings.TrimSpace(body), "[") {
			t.Fatalf("answer %d, %d rows, %d lines, %q", w.Code, len(m.rows), len(m.lines), m.garbage)
		}
	})
}
