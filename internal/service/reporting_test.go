package service_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
)

// office is a Reporting server: it takes the PBX's records and is asked for
// them by conference id.
type office struct {
	mu      sync.Mutex
	records []string
	down    bool
	asked   url.Values // last
}

func (o *office) lastAsked() url.Values {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

func (o *office) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if req.Method == http.MethodPost {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		o.records = append(o.records, strings.TrimPrefix(string(body), "log-msg"))
		return
	}
	o.asked = req.URL.Query()
	if o.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	fmt.Fprint(w, "<report>")
	for _, r := range o.records {
		if strings.Contains(r, req.URL.Query().Get("conf")) {
			fmt.Fprintf(w, "<record>%s</record>", r)
		}
	}
	fmt.Fprint(w, "</report>")
}

func (o *office) set(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

// TestReporting asks a Reporting server for the records that the PBX does not
// send to us; while it gives no answer the countdown stands still.
func TestReporting(t *testing.T) {
	t.Parallel()
	o := &office{}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	r := newRig(t, func(c *service.Config) {
		c.Receiver.Listen = ""
		c.Reporting = []pbx.ReportingConfig{{Name: "ap", URL: server.URL + "/report?conf={conf}"}}
		// A countdown that would be over long before the test is.
		c.CDR.FirstWait, c.CDR.SecondWait, c.CDR.LastWait = pbx.Duration(400*time.Millisecond), 0, 0
	})
	r.sim.SetCDRTarget(server.URL + "/cdr")
	r.light(t, service.LampPBX, service.Green)
	r.call(t, pbxsim.ExternalToAgent)
	r.allFiled(t)

	o.set(true)
	r.call(t, pbxsim.AgentToExternal)
	if st := r.light(t, service.LampReporting, service.Red); !strings.Contains(st.Error, "502") {
		t.Errorf("lamp REPORTING says %q", st.Error)
	}
	<-time.After(time.Second) // longer than the whole countdown
	if err := r.count("quarantined", 1); err == nil {
		t.Error("the countdown went on without an answer")
	}
	o.set(false)
	r.allFiled(t)
	r.light(t, service.LampReporting, service.Green)
}
