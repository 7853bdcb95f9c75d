package player_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/player"
	"callreel/internal/recording"
)

// archive is a recorder's archive in memory. It is what the page is handed.
type archive struct {
	recs   []recording.Recording
	wav    []byte
	fault  error        // answers everything when set
	asked  player.Query // of the last search
	closed int          // audio files that were closed again
	resets int          // of the master alarm

	commands chan player.Command // to the page that listens
	told     []string            // what pages were told
	left     int                 // pages that went away again
}

func (a *archive) Listen(name string) (player.Listener, error) {
	if name == "" {
		return nil, errors.New("a player has a name")
	}
	return listening{a}, nil
}

func (a *archive) Tell(_ context.Context, name string, c player.Command) error {
	if name == "nobody" {
		return player.ErrNoPlayer
	}
	if c.File == "none.wav" {
		return recording.ErrNotFound
	}
	a.told = append(a.told, fmt.Sprintf("%s: %s %s", name, c.Do, c.File))
	return nil
}

type listening struct{ a *archive }

func (l listening) Next(ctx context.Context) (player.Command, error) {
	select {
	case <-ctx.Done():
		return player.Command{}, ctx.Err()
	case c, open := <-l.a.commands:
		if !open {
			return c, io.EOF
		}
		return c, nil
	}
}

func (l listening) Leave() { l.a.left++ }

func (a *archive) ResetMasterAlarm() { a.resets++ }

func (a *archive) Search(_ context.Context, q player.Query) ([]recording.Recording, error) {
	a.asked = q
	return a.recs, a.fault
}

func (a *archive) Get(_ context.Context, id recording.ID) (recording.Recording, error) {
	i := slices.IndexFunc(a.recs, func(r recording.Recording) bool { return r.ID == id })
	if i < 0 {
		return recording.Recording{}, fmt.Errorf("recording %d: %w", id, recording.ErrNotFound)
	}
	return a.recs[i], nil
}

type openAudio struct {
	*bytes.Reader
	a *archive
}

func (o openAudio) Close() error { o.a.closed++; return nil }

func (a *archive) Audio(context.Context, recording.Recording) (player.Audio, error) {
	return openAudio{bytes.NewReader(a.wav), a}, a.fault
}

func (a *archive) Sidecar(context.Context, recording.Recording) ([]byte, error) {
	return []byte("<recording/>"), a.fault
}

func (a *archive) Details(_ context.Context, rec recording.Recording) (player.Details, error) {
	return player.Details{Recording: rec, Flow: []string{"12:00:00 it rings"}, Integrity: "original"}, a.fault
}

func (a *archive) Status(context.Context) (player.Status, error) {
	return player.Status{Version: "v1", Lamps: []player.Lamp{{Name: "DISK", Light: "green"}}, Checks: 7, Open: []player.Open{}}, a.fault
}

func sample() *archive {
	rec := recording.Recording{ID: 7, State: recording.Done, Name: "2026_11/2026_11_21_1200_24_i_0012345_3_c03a"}
	rec.Audio.Start = time.Date(2026, 11, 21, 11, 0, 3, 0, time.UTC)
	rec.Audio.DurationS = 12.5
	rec.Verdict = recording.Verdict{
		Owner: recording.Agent{CN: "Anna Rossi"}, Internal: "24", External: "0012345", ExternalName: "ACME", Direction: recording.In, Ring: 3,
	}
	return &archive{recs: []recording.Recording{rec}, wav: []byte("0123456789")}
}

// request asks the page as a browser on this machine does.
func request(t *testing.T, a *archive, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Host = "127.0.0.1:8080"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	player.New(a, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	for _, row := range []struct {
		path, contentType string
		code              int
		want              string
	}{
		{"/", "text/html; charset=utf-8", 200, `<script src="page.js" type="module">`},
		{"/page.js", "text/javascript; charset=utf-8", 200, "import"},
		{"/style.css", "text/css; charset=utf-8", 200, ":root"},
		{"/icon.svg", "image/svg+xml", 200, "<svg"},
		{"/nothing.js", "text/plain; charset=utf-8", 404, "not found"},
		{"/player.go", "text/plain; charset=utf-8", 404, "not found"},
		{"/api/status", "application/json", 200, `"checks":7`},
		{"/api/recordings", "application/json", 200, `"external":"0012345","name":"ACME","ring":3,"duration_s":12.5`},
		{"/api/recordings/7", "application/json", 200, `"flow":["12:00:00 it rings"],"integrity":"original"`},
		{"/api/recordings/7/audio", "audio/wav", 200, "0123456789"},
		{"/api/recordings/7/sidecar", "text/xml; charset=utf-8", 200, "<recording/>"},
		{"/api/recordings/8", "text/plain; charset=utf-8", 404, "no such recording"},
		{"/api/recordings/8/audio", "text/plain; charset=utf-8", 404, "no such recording"},
		{"/api/recordings/8/sidecar", "text/plain; charset=utf-8", 404, "no such recording"},
		{"/api/recordings/0", "text/plain; charset=utf-8", 400, "id is a number"},
		{"/api/recordings/-1", "text/plain; charset=utf-8", 400, "id is a number"},
		{"/api/recordings/7x/audio", "text/plain; charset=utf-8", 400, "id is a number"},
		{"/api/recordings/99999999999999999999/sidecar", "text/plain; charset=utf-8", 400, "id is a number"},
		{"/api/recordings?before=0", "text/plain; charset=utf-8", 400, "before must be"},
		{"/api/recordings?before=x", "text/plain; charset=utf-8", 400, "before must be"},
		{"/api/recordings?limit=0", "text/plain; charset=utf-8", 400, "limit must be 1 to 500"},
		{"/api/recordings?limit=501", "text/plain; charset=utf-8", 400, "limit must be 1 to 500"},
		{"/api/recordings?limit=ten", "text/plain; charset=utf-8", 400, "limit must be 1 to 500"},
		{"/api/recordings?number=" + strings.Repeat("1", 65), "text/plain; charset=utf-8", 400, "number must have"},
		{"/api/recordings?number=%zz", "text/plain; charset=utf-8", 400, "written as a URL"},
		{"/api/other", "text/plain; charset=utf-8", 404, "not found"},
	} {
		t.Run(row.path[:min(40, len(row.path))], func(t *testing.T) {
			resp := request(t, sample(), row.path, nil)
			if got := resp.Body.String(); resp.Code != row.code || !strings.Contains(got, row.want) {
				t.Errorf("got %d %q, want %d with %q", resp.Code, got, row.code, row.want)
			}
			if got := resp.Header().Get("Content-Type"); got != row.contentType {
				t.Errorf("Content-Type is %q, want %q", got, row.contentType)
			}
		})
	}
}

// What is filed as MP3 is told as MP3, and saved under such a name.
func TestAudioOfAnMP3(t *testing.T) {
	a := sample()
	a.recs[0].Place = recording.Place("file:" + a.recs[0].Name + ".mp3")
	h := request(t, a, "/api/recordings/7/audio", nil).Header()
	if got, name := h.Get("Content-Type"), h.Get("Content-Disposition"); got != "audio/mpeg" || !strings.HasSuffix(name, `c03a.mp3`) {
		t.Errorf("%q, %q", got, name)
	}
}

func TestListPassesTheQuestionOn(t *testing.T) {
	a := sample()
	for path, want := range map[string]player.Query{
		"/api/recordings": {Limit: 100},
		"/api/recordings?number=%2B39%204*&limit=500&before=12": {Number: "+39 4*", Limit: 500, Before: 12},
		"/api/recordings?limit=1":                               {Limit: 1},
	} {
		if resp := request(t, a, path, nil); resp.Code != http.StatusOK || a.asked != want {
			t.Errorf("%s: %d, asked %+v, want %+v", path, resp.Code, a.asked, want)
		}
	}
	a.recs = nil
	if got := request(t, a, "/api/recordings", nil).Body.String(); got != "[]" {
		t.Errorf("an empty list is %q, want []", got)
	}
}

func TestRowOf(t *testing.T) {
	rec := sample().recs[0]
	rec.Seal.AudioSealed = true
	want := player.Row{
		ID: 7, Started: rec.Audio.Start, Direction: recording.In, Internal: "24", Agent: "Anna Rossi", External: "0012345",
		Name: "ACME", Ring: 3, DurationS: 12.5, Sealed: true, File: rec.Name, State: recording.Done,
	}
	if got := player.RowOf(rec); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOnlyReading(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "PROPFIND"} {
		for _, path := range []string{"/", "/api/status", "/api/recordings/7", "/api/recordings/7/audio"} {
			resp := request(t, sample(), path, func(r *http.Request) { r.Method = method })
			if resp.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d, want 405", method, path, resp.Code)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	const secret = "0039047155501"
	file := "/calls/2026_11_21_" + secret + ".wav"
	for _, row := range []struct {
		name  string
		fault error
		code  int
		log   string
	}{
		{"gone", &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}, 404, ""},
		{"not filed", fmt.Errorf("recording 7: %w", recording.ErrNotFound), 404, ""},
		{"disk", fmt.Errorf("open %s: %w", file, &fs.PathError{Op: "open", Path: file, Err: errors.New("input/output error")}), 500, "input/output error"},
		{"two at once", errors.Join(errors.New("segment 3 is not what was sealed"), errors.New("close")), 500, "segment 3 is not what was sealed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, path := range []string{"/api/recordings/7", "/api/recordings/7/audio", "/api/recordings/7/sidecar", "/api/recordings", "/api/status"} {
				a := sample()
				a.fault = row.fault
				var log bytes.Buffer
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
				r.Host = "localhost"
				w := httptest.NewRecorder()
				player.New(a, slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(w, r)
				if w.Code != row.code || w.Body.Len() == 0 {
					t.Errorf("%s: %d %q, want %d with a reason", path, w.Code, w.Body, row.code)
				}
				if got := log.String(); !strings.Contains(got, row.log) || (row.log == "") != (got == "") {
					t.Errorf("%s: the log says %q, want %q", path, got, row.log)
				}
				if strings.Contains(log.String(), secret) {
					t.Errorf("%s: the log names a file: %s", path, log.String())
				}
			}
		})
	}
}

// A browser that has gone away is no fault.
func TestAskerGone(t *testing.T) {
	a := sample()
	a.fault = context.Canceled
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/recordings/7", nil)
	r.Host = "localhost"
	player.New(a, slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(httptest.NewRecorder(), r)
	if log.Len() > 0 {
		t.Errorf("logged %s", log.String())
	}
}

func TestRanges(t *testing.T) {
	for _, row := range []struct {
		asked, content, want string
		code                 int
	}{
		{"", "", "0123456789", 200},
		{"bytes=0-", "bytes 0-9/10", "0123456789", 206},
		{"bytes=4-6", "bytes 4-6/10", "456", 206},
		{"bytes=-3", "bytes 7-9/10", "789", 206},
		{"bytes=8-99", "bytes 8-9/10", "89", 206},
		{"bytes=10-", "bytes */10", "", 416},
		{"lines=1-2", "", "", 416},
	} {
		a := sample()
		resp := request(t, a, "/api/recordings/7/audio", func(r *http.Request) {
			if row.asked != "" {
				r.Header.Set("Range", row.asked)
			}
		})
		got := resp.Body.String()
		if resp.Code != row.code || resp.Header().Get("Content-Range") != row.content || row.code < 400 && got != row.want {
			t.Errorf("%q: %d %q %q, want %d %q %q", row.asked, resp.Code, resp.Header().Get("Content-Range"), got, row.code, row.content, row.want)
		}
		if resp.Code < 400 && resp.Header().Get("Accept-Ranges") != "bytes" {
			t.Errorf("%q: no Accept-Ranges, so no player can seek", row.asked)
		}
		if a.closed != 1 {
			t.Errorf("%q: the audio was closed %d times", row.asked, a.closed)
		}
	}
}

func TestSavedNames(t *testing.T) {
	for name, want := range map[string]string{
		"2026_11/2026_11_21_1200_24_i_0012345_3_c03a": "inline; filename=2026_11_21_1200_24_i_0012345_3_c03a.wav",
		"2026_11/a\"; filename=evil.exe":              `inline; filename="a\"; filename=evil.exe.wav"`,
		"2026_11/a\r\nSet-Cookie: x":                  "inline; filename*=utf-8''a%0D%0ASet-Cookie%3A%20x.wav",
	} {
		a := sample()
		a.recs[0].Name = name
		resp := request(t, a, "/api/recordings/7/audio", nil)
		if got := resp.Header().Get("Content-Disposition"); got != want {
			t.Errorf("%q is saved as %q, want %q", name, got, want)
		}
	}
}

// Foreign texts leave as JSON in which no markup can begin, whatever a browser
// takes the answer for.
func TestHostileTexts(t *testing.T) {
	const evil = `<script>alert("x")</script>' onmouseover='&<img src=x>`
	a := sample()
	a.recs[0].Verdict.ExternalName, a.recs[0].Verdict.Owner.CN = evil, evil
	for _, path := range []string{"/api/recordings", "/api/recordings/7"} {
		resp := request(t, a, path, nil)
		got := resp.Body.String()
		if strings.ContainsAny(got, "<>") {
			t.Errorf("%s: markup in %s", path, got)
		}
		if resp.Header().Get("Content-Type") != "application/json" || resp.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, resp.Header())
		}
	}
	var rows []player.Row
	if err := json.Unmarshal(request(t, a, "/api/recordings", nil).Body.Bytes(), &rows); err != nil || rows[0].Name != evil {
		t.Errorf("the name arrives as %+v, %v", rows, err)
	}
}

// FuzzQuery asks with any question; none may be a fault of the server.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"", "number=24", "before=1&limit=2", "limit=501", "number=%zz", "a;b", "before=-9223372036854775809"} {
		f.Add(s)
	}
	h := player.New(sample(), slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, question string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/recordings", nil)
		r.Host, r.URL.RawQuery = "localhost", question
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d %s", question, w.Code, w.Body)
		}
	})
}
