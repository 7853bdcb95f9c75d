package pbx_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"callreel/internal/clock"
	"callreel/internal/pbx"
)

const askedConf = "c03a55c2e909d311b6450090331b3e3b"

func question() pbx.Question {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	return pbx.Question{Conf: askedConf, From: at.Add(-time.Hour), To: at.Add(time.Hour), Number: "24"}
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func reporting(t *testing.T, cfg pbx.ReportingConfig) *pbx.Reporting {
	t.Helper()
	r, err := pbx.NewReporting(cfg, clock.System())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestReportingAnswers(t *testing.T) {
	one, two := `<cdr cn="Müller"><event msg="x"/></cdr>`, `<cdr a="2"/>`
	for _, row := range []struct {
		name, contentType, body string
		status                  int
		want                    []string
		reason                  string // of no answer
	}{
		{"records in a report", "text/xml", "<report><record>" + one + "</record>" + two + "</report>", 200, []string{one, two}, ""},
		{"one record alone", "", one, 200, []string{one}, ""},
		{"latin-1", "text/xml; charset=iso-8859-1", "<r><cdr cn=\"M\xfcller\"><event msg=\"x\"/></cdr></r>", 200, []string{one}, ""},
		{"latin-1 by its prolog", "", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r><cdr cn=\"M\xfcller\"><event msg=\"x\"/></cdr></r>", 200, []string{one}, ""},
		{"no record", "text/xml", "<report/>", 200, nil, ""},
		{"no content", "", "", 204, nil, ""},
		{"login page", "text/html", "<html><body>log in</body></html>", 200, nil, "web page"},
		{"a page of the other kind", "text/html", "<!DOCTYPE html><HTML>", 200, nil, "web page"},
		{"cut", "text/xml", "<report>" + one + "<cdr a=", 200, nil, "no whole XML"},
		{"cut between two", "text/xml", "<report>" + one, 200, nil, "no whole XML"},
		{"empty", "text/xml", "", 200, nil, "no whole XML"},
		{"refused", "", "", 403, nil, "403"},
		{"broken", "", "<report/>", 500, nil, "500"},
		{"somewhere else", "", "", 302, nil, "302"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", row.contentType)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(row.status)
				fmt.Fprint(w, row.body)
			})
			r := reporting(t, pbx.ReportingConfig{URL: s.URL + "/?conf={conf}"})
			got, err := r.Ask(t.Context(), question())
			if (err != nil) != (row.reason != "") || err != nil && (!errors.Is(err, pbx.ErrNoAnswer) || !strings.Contains(err.Error(), row.reason)) {
				t.Fatalf("error %v, want no answer because of %q", err, row.reason)
			}
			if fmt.Sprint(got) != fmt.Sprint(row.want) {
				t.Errorf("records %q, want %q", got, row.want)
			}
		})
	}
}

func TestReportingTemplate(t *testing.T) {
	var asked string
	s := serve(t, func(w http.ResponseWriter, req *http.Request) {
		asked = req.URL.String()
		fmt.Fprint(w, "<report/>")
	})
	for _, row := range []struct{ template, format, want string }{
		{"/r?id={conf}", "", "/r?id=" + askedConf},
		{"/{number}/{from}-{to}.xml", "", "/24/1795258800-1795266000.xml"},
		{"/r?a={from}&b={to}", "2006-01-02 15:04", "/r?a=2026-11-21+11%3A00&b=2026-11-21+13%3A00"},
	} {
		r := reporting(t, pbx.ReportingConfig{URL: s.URL + row.template, TimeFormat: row.format})
		if _, err := r.Ask(t.Context(), question()); err != nil || asked != row.want {
			t.Errorf("%s asks for %s, %v; want %s", row.template, asked, err, row.want)
		}
	}
}

func TestReportingStandby(t *testing.T) {
	mainUp, standbyUp := false, true
	answer := func(up *bool, record string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if !*up {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			fmt.Fprint(w, record)
		}
	}
	first, second := serve(t, answer(&mainUp, `<cdr main=""/>`)), serve(t, answer(&standbyUp, `<cdr standby=""/>`))
	r := reporting(t, pbx.ReportingConfig{
		URL: first.URL + "/?conf={conf}", Standby: strings.TrimPrefix(second.URL, "http://"), FollowPBX: true,
	})
	ask := func(want string, standby bool) {
		t.Helper()
		got, err := r.Ask(t.Context(), question())
		if err != nil || len(got) != 1 || !strings.Contains(got[0], want) || r.OnStandby() != standby {
			t.Errorf("%q, %v, on standby %v; want %s, %v", got, err, r.OnStandby(), want, standby)
		}
	}
	ask("standby", true)
	mainUp = true
	ask("standby", true) // it goes on with who answers …
	r.PBXBack()
	ask("main", false) // … until the PBX's main address is back
	mainUp, standbyUp = false, false
	if _, err := r.Ask(t.Context(), question()); !errors.Is(err, pbx.ErrNoAnswer) || strings.Count(err.Error(), "503") != 2 {
		t.Errorf("with both down: %v", err)
	}
}

func TestReportingHangs(t *testing.T) {
	over := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-over:
		case <-req.Context().Done():
		}
	})
	t.Cleanup(func() { close(over) })
	r := reporting(t, pbx.ReportingConfig{URL: s.URL + "/?conf={conf}", Timeout: pbx.Duration(50 * time.Millisecond)})
	if _, err := r.Ask(t.Context(), question()); !errors.Is(err, pbx.ErrNoAnswer) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Ask(ctx, question()); err == nil {
		t.Error("no error after the end")
	}
}

func TestReportingConfig(t *testing.T) {
	for want, cfg := range map[string]pbx.ReportingConfig{
		"url is missing":          {},
		`url "192.0.2.3" must`:    {URL: "192.0.2.3"},
		"asks for nothing":        {URL: "http://192.0.2.3/"},
		`standby "http://x" must`: {URL: "http://192.0.2.3/{conf}", Standby: "http://x"},
		"must not hold a user":    {URL: "http://u:p@192.0.2.3/{conf}"},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzReport(f *testing.F) {
	f.Add([]byte("<report><cdr a='1'><x/></cdr></report>"))
	f.Add([]byte("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r><cdr cn=\"M\xfcller\"/></r>"))
	body := make(chan []byte, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(<-body)
	}))
	f.Cleanup(s.Close)
	r, err := pbx.NewReporting(pbx.ReportingConfig{URL: s.URL + "/?conf={conf}"}, clock.System())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		body <- data
		records, err := r.Ask(t.Context(), question())
		if err != nil && !errors.Is(err, pbx.ErrNoAnswer) {
			t.Errorf("error %v is no ErrNoAnswer", err)
		}
		for _, rec := range records {
			if !strings.HasPrefix(rec, "<") || !strings.HasSuffix(rec, ">") {
				t.Errorf("record %q is no element", rec)
			}
		}
	})
}
