package main_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"callreel/internal/player"
	"callreel/internal/recording"
)

// browser is a real browser with one empty tab.
type browser struct {
	ctx context.Context //nolint:containedctx // chromedp keeps the tab in it

	mu         sync.Mutex
	complaints []string
}

// openBrowser starts the browser that is on the machine. Whatever the page
// complains about to the console, a breach of its own policy too, fails the test.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(findBrowser(t)), chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(1400, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	)
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // the browser refuses to have one as root
	}
	limit, stop := context.WithTimeout(context.Background(), 2*time.Minute) // not t.Context(): the browser closes after the test
	alloc, endAlloc := chromedp.NewExecAllocator(limit, opts...)
	ctx, endTab := chromedp.NewContext(alloc)
	b := &browser{ctx: ctx}
	messages, heard := chromedp.Console(ctx), make(chan struct{})
	go func() {
		defer close(heard)
		for m, err := range messages {
			if err != nil {
				return
			}
			b.hear(m)
		}
	}()
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Logf("close the browser: %v", err)
		}
		endTab()
		endAlloc()
		stop()
		<-heard
	})
	return b
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROME"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	t.Skip("no browser here: install chromium, or name one in the environment variable CHROME")
	return ""
}

func (b *browser) hear(m chromedp.ConsoleMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.IsException() || m.Type == "error" || m.Type == "warning" || m.Type == "assert" {
		b.complaints = append(b.complaints, fmt.Sprintf("%s: %s (%s)", m.Type, m.Text, m.URL))
	}
}

// quiet wants no complaints so far.
func (b *browser) quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) > 0 {
		t.Errorf("the page complains:\n%s", strings.Join(b.complaints, "\n"))
	}
}

// do lets the browser act.
func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// becomes waits until an expression of the page is true.
func (b *browser) becomes(t *testing.T, atMost time.Duration, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, atMost)
	defer cancel()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("within %v this did not become true: %s (%v)\nthe page says: %s", atMost, expression, err, b.text(t, "body"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// is wants an expression of the page to be true now.
func (b *browser) is(t *testing.T, expression string) {
	t.Helper()
	ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
	if !ok || err != nil {
		t.Errorf("not true: %s (%v)\nthe page says: %s", expression, err, b.text(t, "body"))
	}
}

func (b *browser) number(t *testing.T, expression string) float64 {
	t.Helper()
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return n
}

func (b *browser) text(t *testing.T, css string) string {
	t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).innerText", css)))
	if err != nil {
		t.Fatalf("%s: %v", css, err)
	}
	return s
}

// firstWithin is how long the first recording may take from the start of the
// demo: the longest first call that its plan allows, and the work after it.
const firstWithin = 15 * time.Second

// TestBrowserShowsTheDemo is a user's first minute: start the demo, open the
// page, see the first call come, read it, hear it, look for another.
func TestBrowserShowsTheDemo(t *testing.T) {
	b := openBrowser(t)
	b.do(t, chromedp.Navigate("about:blank")) // it is open before the user looks
	d := startDemo(t, build(t), "--every", "1s", "--calls", "4")
	b.do(t, chromedp.Navigate(d.url))

	b.becomes(t, firstWithin-d.age(), `document.querySelectorAll("#rows tr").length > 0`)
	b.do(t, chromedp.Click(chromedp.CSS("#rows tr")))
	b.becomes(t, max(time.Second, firstWithin-d.age()), `document.getElementById("audio").readyState >= 1`)
	t.Logf("first recording playable %.1f s after the start", d.age().Seconds())

	checkSelected(t, b)
	checkPlays(t, b, d)
	b.is(t, `[...document.querySelectorAll("#lamps li")].map(l => l.className).join() === "green,green,green,green,green,green"`)
	b.is(t, `document.getElementById("trouble").hidden && document.getElementById("faults").hidden`)
	allDone(t, d, 3) // of four calls one is between others and not kept
	b.becomes(t, 5*time.Second, `document.querySelectorAll("#rows tr").length === 3`)
	checkSearch(t, b)
	b.quiet(t)
	d.interrupt(t)
}

func checkSelected(t *testing.T, b *browser) {
	t.Helper()
	b.becomes(t, 5*time.Second, `document.getElementById("integrity").innerText.startsWith("✓ original")`)
	b.is(t, `document.querySelector("#rows tr[aria-selected=true]") !== null && location.hash === "#" + document.querySelector("#rows tr[aria-selected=true]").dataset.id`)
	for css, want := range map[string][]string{
		"#flow":       {"(cause 16)", "rings"},
		"#trace":      {"✓ agent-took-part"},
		"#truth":      {"external", "internal", "100 % received"},
		"#side-title": {"0039047155501"},
	} {
		text := b.text(t, css)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s says %q, want %q in it", css, text, w)
			}
		}
	}
	b.is(t, `document.querySelectorAll("#flow li time").length >= 6`)
	b.do(t, chromedp.Click(chromedp.CSS("#more-facts summary")))
	if facts := b.text(t, "#facts"); !strings.Contains(facts, "PCMA") || !strings.Contains(facts, "SHA-256") {
		t.Errorf("the technical details are %q", facts)
	}
}

// checkPlays lets the keyboard start the selected recording. The file is
// A-law in a WAV: the browser must know its length, play it and jump in it.
func checkPlays(t *testing.T, b *browser, d *demoRun) {
	t.Helper()
	b.do(t, chromedp.Focus(chromedp.CSS("#rows tr[aria-selected=true]")), chromedp.KeyEvent(kb.Enter))
	b.becomes(t, 10*time.Second, `document.getElementById("audio").currentTime > 0.5`)
	b.is(t, `document.getElementById("audio").error === null && document.getElementById("audio-trouble").hidden`)
	id := b.number(t, `Number(location.hash.slice(1))`)
	det := wait(t, d, fmt.Sprintf("api/recordings/%.0f", id), 5*time.Second, func(player.Details) bool { return true })
	got, want := b.number(t, `document.getElementById("audio").duration`), det.Recording.Audio.DurationS
	if got < want-0.02 || got > want+0.02 {
		t.Errorf("the browser takes it for %.2f s long, want %.2f", got, want)
	}
	b.is(t, `(a => { a.currentTime = a.duration - 1.5; return a.seekable.end(0) === a.duration; })(document.getElementById("audio"))`)
	b.becomes(t, 5*time.Second, `(a => !a.seeking && a.currentTime > a.duration - 1.4)(document.getElementById("audio"))`)
	b.becomes(t, 5*time.Second, `document.getElementById("audio").ended`)
}

func checkSearch(t *testing.T, b *browser) {
	t.Helper()
	number, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector("#rows tr:last-child .external").firstChild.textContent`))
	if err != nil || len(number) < 10 {
		t.Fatalf("the last number is %q, %v", number, err)
	}
	same := b.number(t, fmt.Sprintf(`[...document.querySelectorAll("#rows .external")].filter(c => c.innerText.includes(%q)).length`, number[4:]))
	b.do(t, chromedp.SendKeys(chromedp.CSS("#number"), number[4:]))
	b.becomes(t, 5*time.Second, fmt.Sprintf(`document.querySelectorAll("#rows tr").length === %.0f && document.getElementById("rows").innerText.includes(%q)`, same, number))
	b.do(t, chromedp.SendKeys(chromedp.CSS("#number"), "987654"))
	b.becomes(t, 5*time.Second, `document.getElementById("empty").innerText === "No recording has this number."`)
	b.is(t, `document.querySelectorAll("#rows tr").length === 0`)
	b.is(t, `(n => { n.value = ""; return n.dispatchEvent(new Event("input")); })(document.getElementById("number"))`)
	b.becomes(t, 5*time.Second, `document.querySelectorAll("#rows tr").length === 3`)
}

// evil is a name as nobody should have it.
const evil = `</td><script>document.title="taken"</script><img src=x onerror='document.title="taken"'>"`

// strange is an archive full of strange texts, longer than one page.
type strange struct {
	n     int
	reset *atomic.Bool // the master alarm is out
}

func (s strange) ResetMasterAlarm() { s.reset.Store(true) }

func (s strange) recording(id int) recording.Recording {
	rec := recording.Recording{ID: recording.ID(id), State: recording.Done, Name: "2026_11/" + evil}
	rec.Capture.Conf = recording.ConfID(evil)
	rec.Audio = recording.Audio{
		Start: time.Date(2026, 11, 21, 12, 0, id, 0, time.UTC), DurationS: 3725.9, SidesBy: recording.SidesBy(evil),
		Digits:  []recording.Digit{{Digit: evil}},
		Streams: []recording.Stream{{Side: evil, Codec: evil}},
		Truth: []recording.Truth{{Side: evil, Spans: []recording.Span{
			{FromS: 0, ToS: 3725.8, Kind: "received"}, {FromS: 3725.8, ToS: 3725.9, Kind: evil},
		}}},
	}
	rec.Verdict = recording.Verdict{
		Owner: recording.Agent{CN: evil}, Internal: fmt.Sprint(id), External: evil, ExternalName: evil, Direction: recording.Out,
		Trace: []recording.Tried{{Rule: evil, Fired: true, Why: evil}},
	}
	return rec
}

func (s strange) Search(_ context.Context, q player.Query) (out []recording.Recording, err error) {
	for id := s.n; id > 0 && len(out) < q.Limit; id-- {
		if q.Before == 0 || recording.ID(id) < q.Before {
			out = append(out, s.recording(id))
		}
	}
	return out, nil
}

func (s strange) Get(_ context.Context, id recording.ID) (recording.Recording, error) {
	return s.recording(int(id)), nil
}

func (s strange) Audio(context.Context, recording.Recording) (player.Audio, error) {
	return nil, recording.ErrNotFound
}

func (s strange) Sidecar(context.Context, recording.Recording) ([]byte, error) {
	return nil, recording.ErrNotFound
}

func (s strange) Details(_ context.Context, rec recording.Recording) (player.Details, error) {
	return player.Details{Recording: rec, Flow: []string{evil, "12:00:00 " + evil}, Integrity: "manipulated", Reason: evil}, nil
}

func (s strange) Status(context.Context) (player.Status, error) {
	alarm := player.Alarm{State: "latched", Since: time.Unix(0, 0), Lamp: "DISK", Error: evil, Unsent: "mail: " + evil}
	if s.reset.Load() {
		alarm = player.Alarm{State: "armed"}
	}
	return player.Status{
		Alarm:   alarm,
		Version: evil, Counts: map[recording.State]int{recording.Done: s.n, recording.Unusable: 2}, Checks: 12345,
		Lamps: []player.Lamp{{Name: "DISK", Light: "red", Error: evil, Since: time.Unix(0, 0)}, {Name: "BACKUP", Light: "grey"}},
		Open:  []player.Open{{ID: 999, UID: evil, State: recording.Seen, Why: evil}},
	}, nil
}

func (s strange) Listen(string) (player.Listener, error) { return nil, errors.New(evil) }

func (s strange) Tell(context.Context, string, player.Command) error { return player.ErrNoPlayer }

// TestBrowserTakesTextsForTexts opens an archive whose every text is markup; it
// shows faults, long lists, keys, and a recorder that stops answering.
func TestBrowserTakesTextsForTexts(t *testing.T) {
	b := openBrowser(t)
	server := httptest.NewServer(player.New(strange{n: 230, reset: new(atomic.Bool)}, slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	b.do(t, chromedp.Navigate(server.URL+"/#229"))
	b.becomes(t, 10*time.Second, `document.querySelectorAll("#rows tr").length === 100 && document.getElementById("integrity").className === "other"`)
	b.do(t, chromedp.Click(chromedp.CSS("#open summary")), chromedp.Click(chromedp.CSS("#more-facts summary")))
	for _, css := range []string{"#rows", "#side-title", "#integrity", "#flow", "#trace", "#truth", "#facts", "#faults", "#alarm", "#open-list"} {
		if text := b.text(t, css); !strings.Contains(text, "<script>") {
			t.Errorf("%s shows %q, want the text as it came", css, text)
		}
	}
	b.is(t, `document.querySelectorAll("script").length === 1 && document.querySelectorAll("img").length === 1 && document.title !== "taken"`)
	b.is(t, `document.querySelector("#truth .track").innerText.includes("99.9 % received")`) // never rounded up to the whole
	b.is(t, `document.querySelector("#rows tr td:last-child").innerText === "1:02:05"`)
	b.becomes(t, 5*time.Second, `!document.getElementById("audio-trouble").hidden`) // its file is gone, and the page says so
	checkFaults(t, b)
	b.is(t, `document.getElementById("alarm-text").innerText.startsWith("Master alarm since ")`)
	b.do(t, chromedp.Click(chromedp.CSS("#alarm-reset")))
	b.becomes(t, 5*time.Second, `document.getElementById("alarm").hidden`)
	checkKeys(t, b)
	for _, want := range []int{200, 230} {
		b.do(t, chromedp.Click(chromedp.CSS("#more")))
		b.becomes(t, 5*time.Second, fmt.Sprintf(`document.querySelectorAll("#rows tr").length === %d`, want))
	}
	b.is(t, `document.getElementById("more").hidden && [...document.querySelectorAll("#rows tr")].every((tr, i) => Number(tr.dataset.id) === 230 - i)`)
	server.CloseClientConnections()
	server.Close()
	b.becomes(t, 10*time.Second, `document.getElementById("lamps").className === "stale" && document.getElementById("trouble").innerText.startsWith("The recorder does not answer")`)
}

func checkFaults(t *testing.T, b *browser) {
	t.Helper()
	b.is(t, `document.querySelector("#lamps .red").innerText.startsWith("DISK") && document.querySelector("#lamps .grey").title === "not set up"`)
	b.is(t, `document.getElementById("faults").innerText.startsWith("DISK since ")`)
	b.is(t, `document.getElementById("counts").innerText === "230 filed · 0 not kept · 2 set aside · check 2345"`)
	b.is(t, `document.getElementById("open-count").innerText === "1 in recording"`)
	b.is(t, `document.getElementById("integrity").innerText.startsWith("✗ manipulated: ")`)
}

// checkKeys walks the list by keyboard: one stop of the tab key, arrows inside,
// Escape closes, "back" opens again.
func checkKeys(t *testing.T, b *browser) {
	t.Helper()
	b.is(t, `document.querySelectorAll("#rows tr[tabindex='0']").length === 1`)
	b.do(t, chromedp.Focus(chromedp.CSS("#rows tr")))
	for key, want := range map[string]string{kb.End: "131", kb.Home: "230"} {
		b.do(t, chromedp.KeyEvent(key))
		b.is(t, fmt.Sprintf(`document.activeElement.dataset.id === %q`, want))
	}
	b.do(t, chromedp.Focus(chromedp.CSS("#rows tr")), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(kb.ArrowDown))
	b.is(t, `document.activeElement.dataset.id === "228" && document.querySelectorAll("#rows tr[tabindex='0']").length === 1`)
	b.do(t, chromedp.KeyEvent(kb.Enter))
	b.becomes(t, 5*time.Second, `location.hash === "#228" && document.querySelector("[aria-selected=true]").dataset.id === "228"`)
	b.do(t, chromedp.KeyEvent(kb.Escape))
	b.is(t, `document.getElementById("side").hidden && location.hash === "" && document.activeElement.dataset.id === "228"`)
	b.do(t, chromedp.NavigateBack())
	b.becomes(t, 5*time.Second, `!document.getElementById("side").hidden && location.hash === "#228"`)
}

// A page of another port of this machine cannot read the list of recordings,
// whichever way it asks.
func TestBrowserKeepsOtherPagesOut(t *testing.T) {
	b := openBrowser(t)
	ours := httptest.NewServer(player.New(strange{n: 1, reset: new(atomic.Bool)}, slog.New(slog.DiscardHandler)))
	t.Cleanup(ours.Close)
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "<!doctype html><title>elsewhere</title>")
	}))
	t.Cleanup(theirs.Close)
	b.do(t, chromedp.Navigate(theirs.URL))
	for _, mode := range []string{"cors", "no-cors"} {
		got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](fmt.Sprintf(
			`fetch(%q, {mode: %q}).then(r => r.text()).then(t => "read: " + t, () => "refused")`, ours.URL+"/api/recordings", mode), chromedp.EvalAwaitPromise))
		if err != nil || got != "refused" {
			t.Errorf("%s: %q, %v", mode, got, err)
		}
	}
}
