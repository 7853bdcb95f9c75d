package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"callreel/internal/player"
)

// TestBrowserIsRemoteControlled gives the page a name and lets links play, pause, stop and
// eject recordings on it.
func TestBrowserIsRemoteControlled(t *testing.T) {
	b := openBrowser(t)
	d := startDemo(t, build(t), "--every", "1s", "--calls", "4")
	allDone(t, d, 3)
	rows := wait(t, d, "api/recordings", 5*time.Second, func(rows []player.Row) bool { return len(rows) == 3 })
	b.do(t, chromedp.Navigate(d.url))
	b.becomes(t, 10*time.Second, `document.querySelectorAll("#rows tr").length === 3`)
	b.do(t, chromedp.Click(chromedp.CSS("#rc summary")), chromedp.SendKeys(chromedp.CSS("#rc-name"), "Rossi"), chromedp.Click(chromedp.CSS("#rc-form button")))
	b.becomes(t, 5*time.Second, `document.getElementById("rc-state").innerText === "RC on"`)

	tell(t, d, 204, url.Values{"player": {"Rossi"}, "play": {path.Base(rows[1].File) + ".wav"}})
	b.becomes(t, 10*time.Second, `document.getElementById("audio").currentTime > 0.3 && !document.getElementById("audio").paused`)
	b.is(t, `location.hash === "#`+fmt.Sprint(rows[1].ID)+`" && !document.getElementById("rc-sign").hidden`)
	tell(t, d, 204, url.Values{"player": {"rossi"}, "pause": {""}})
	b.becomes(t, 5*time.Second, `document.getElementById("audio").paused && document.getElementById("audio").currentTime > 0.2 && document.getElementById("rc-sign").hidden`)
	tell(t, d, 204, url.Values{"player": {"Rossi"}, "play": {""}})
	b.becomes(t, 5*time.Second, `!document.getElementById("audio").paused && !document.getElementById("rc-sign").hidden`)
	tell(t, d, 204, url.Values{"player": {"Rossi"}, "play": {path.Base(rows[0].File)}}) // another one, while it plays
	b.becomes(t, 5*time.Second, `location.hash === "#`+fmt.Sprint(rows[0].ID)+`" && !document.getElementById("audio").paused`)
	tell(t, d, 204, url.Values{"player": {"Rossi"}, "stop": {""}})
	b.becomes(t, 5*time.Second, `document.getElementById("audio").paused && document.getElementById("audio").currentTime === 0`)
	tell(t, d, 204, url.Values{"player": {"Rossi"}, "eject": {""}})
	b.becomes(t, 5*time.Second, `document.getElementById("side").hidden`)
	tell(t, d, 404, url.Values{"player": {"Verdi"}, "stop": {""}})

	b.do(t, chromedp.Reload()) // the name is remembered
	b.becomes(t, 5*time.Second, `document.getElementById("rc-state").innerText === "RC on"`)
	b.quiet(t)
	d.interrupt(t)
}

// tell follows a link of the Reporting.
func tell(t *testing.T, d *demoRun, want int, query url.Values) {
	t.Helper()
	resp, err := http.Get(d.url + "rc?" + query.Encode()) //nolint:noctx // answers at once
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
		t.Errorf("%s: %s, want %d, %v", query.Encode(), resp.Status, want, err)
	}
}
