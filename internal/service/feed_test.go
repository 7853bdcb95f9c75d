package service_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// feedFault is a way in which the records of a PBX do not reach the recorder.
type feedFault string

const (
	feedBoth          feedFault = "" // Reporting and recorder get every record
	feedReportingOnly feedFault = "records for Reporting alone"
	feedReportingDown feedFault = "Reporting down"
	feedReportingCut  feedFault = "Reporting cuts its answers"
)

// feed takes a PBX's records for a Reporting server and for the recorder, and
// answers the recorder's questions about them.
type feed struct {
	url, recorder string
	office        *office
	mu            sync.Mutex
	fault         feedFault
	withheld      map[string]bool // conferences of which the recorder did not get all records
}

var confOf = regexp.MustCompile(`conf="([0-9a-f]{32})"`)

// withhold notes that the recorder does not get a record, and reports whether it does not.
func (f *feed) withhold(body []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != feedReportingOnly {
		return false
	}
	for _, m := range confOf.FindAllSubmatch(body, -1) {
		f.withheld[string(m[1])] = true
	}
	return true
}

// held reports whether a record of the conference was withheld from the recorder.
func (f *feed) held(conf string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.withheld[conf]
}

func newFeed(t *testing.T, recorder string) *feed {
	t.Helper()
	f := &feed{recorder: recorder, office: &office{}, withheld: map[string]bool{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL + "/cdr"
	return f
}

func (f *feed) set(fault feedFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
	f.office.set(fault == feedReportingDown)
}

func (f *feed) now() feedFault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault
}

func (f *feed) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		if f.now() == feedReportingCut {
			w.Header().Set("Content-Length", "9000")
			_, _ = io.WriteString(w, "<report>")
			panic(http.ErrAbortHandler)
		}
		f.office.ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil || !f.withhold(body) && !f.forward(req, body) {
		w.WriteHeader(http.StatusBadGateway) // the PBX sends it again
		return
	}
	if strings.HasSuffix(string(body), "</cdr>") { // no garbage
		req.Body = io.NopCloser(bytes.NewReader(body))
		f.office.ServeHTTP(w, req)
	}
}

// forward gives the recorder a record.
func (f *feed) forward(req *http.Request, body []byte) bool {
	again, err := http.NewRequestWithContext(req.Context(), http.MethodPost, f.recorder, bytes.NewReader(body))
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(again)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}
