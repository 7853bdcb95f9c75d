package service_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/link"
	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/service"
	checks "callreel/internal/setup"
)

// linkBench is a simulated PBX with a setup that fits it, and no recorder.
type linkBench struct {
	sim   *pbxsim.Sim
	cfg   service.Config
	dir   string
	inbox string
	clock clock.Clock
}

func newLinkBench(t *testing.T) *linkBench {
	t.Helper()
	b := &linkBench{dir: t.TempDir(), clock: clock.System()}
	b.inbox = filepath.Join(b.dir, "inbox")
	for _, d := range []string{b.inbox, filepath.Join(b.dir, "backup")} {
		if err := os.Mkdir(d, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	sim, err := pbxsim.Start(t.Context(), pbxsim.Config{InboxDir: b.inbox, PollHold: time.Second, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	b.sim, b.cfg = sim, setup(b.dir, sim)
	return b
}

func (b *linkBench) run(t *testing.T) map[string]checks.Finding {
	t.Helper()
	var out strings.Builder
	found, err := checks.RunAll(t.Context(), b.cfg.Links(b.clock), &out)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]checks.Finding{}
	for _, f := range found {
		byName[f.What] = f
	}
	t.Log("\n" + out.String())
	return byName
}

// between puts a server between callreel and the simulation, which may answer itself.
func between(t *testing.T, to string, start func(http.Handler) *httptest.Server, answer func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer == nil || !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + u.Path
}

func forbid(method string, code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == method {
			w.WriteHeader(code)
		}
		return r.Method == method
	}
}

func says(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// reportingOf sets a Reporting server up.
func (b *linkBench) reportingOf(t *testing.T, h http.HandlerFunc) {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	b.cfg.Reporting = []pbx.ReportingConfig{{URL: s.URL + "/report?conf={conf}", Timeout: pbx.Duration(time.Second)}}
}

// webhookAt sets a webhook up that refuses everything but is there.
func (b *linkBench) webhookAt(t *testing.T, start func(http.Handler) *httptest.Server) {
	s := start(says(405, ""))
	t.Cleanup(s.Close)
	b.cfg.Webhook = []link.WebhookConfig{{URL: s.URL, Secret: "sixteen letters, or more"}}
}

func TestLinksOfAGoodSetup(t *testing.T) {
	b := newLinkBench(t)
	b.reportingOf(t, says(200, "<report></report>"))
	b.cfg.Licence.Count = "pbx"
	b.sim.SetLicences("Recording", 4)
	found := b.run(t)
	for name, why := range map[string]string{
		"pbx sim": `the login is good; 4 agents are in the group "rec"`, "inbox phones": "captures waiting: 0", "archive": "are free", "backup": "are free",
		"reporting reporting": "it answers", "licences of pbx sim": `there are 4 called "Recording"`, "receiver": "the address is free",
		"clocks": "against this machine: pbx sim the same, reporting reporting the same, inbox phones the same",
	} {
		f, ok := found[name]
		if !ok || !strings.Contains(f.Why, why) || f.Level != checks.OK && name != "archive" && name != "backup" { // their disk is whose it is
			t.Errorf("%s: %s; want %q", name, f.Line(), why)
		}
	}
	if left, _ := os.ReadDir(b.inbox); len(left) > 0 {
		t.Errorf("left in the inbox: %v", left)
	}
	if _, err := os.Stat(b.cfg.Archive.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an archive was made: %v", err)
	}
	work := filepath.Join(b.cfg.Archive.Path, "REC")
	if err := os.MkdirAll(work, 0o750); err != nil {
		t.Fatal(err)
	}
	b.run(t)
	if _, err := os.Stat(work); err != nil {
		t.Errorf("a folder that was there is gone: %v", err)
	}
}

// TestFaultsOfLinks makes each fault for real and holds the finding against it.
func TestFaultsOfLinks(t *testing.T) {
	for _, row := range []struct {
		name   string
		breaks func(*testing.T, *linkBench)
		check  string
		level  checks.Level
		why    string
		do     string
	}{
		{"wrong password", func(_ *testing.T, b *linkBench) { b.cfg.PBX[0].Password = "wrong" }, "pbx sim", checks.Fault, "user or password is not accepted (401)", "Enter both anew"},
		{"group empty", func(_ *testing.T, b *linkBench) { b.cfg.PBX[0].Group = "rek" }, "pbx sim", checks.Fault, `nobody is in the group "rek": the user sees`, `put each agent into the group "rek"`},
		{"group misspelt, the right one is told", func(_ *testing.T, b *linkBench) { b.cfg.PBX[0].Group = "rek" }, "pbx sim", checks.Fault, `in the groups "rec"`, ""},
		{"no group", func(_ *testing.T, b *linkBench) { b.cfg.PBX[0].Group = "" }, "pbx sim", checks.Note, "no group is set up, so all 4 users", "Set group up"},
		{"wrong path", func(_ *testing.T, b *linkBench) { b.cfg.PBX[0].URL += "x" }, "pbx sim", checks.Fault, "nothing at this address (404)", "path of the URL"},
		{"PBX away", func(_ *testing.T, b *linkBench) { b.cfg.PBX[0].URL = "http://" + nobody + "/PBX0/user.soap" }, "pbx sim", checks.Fault, "nothing listens at this port", "Look at the port"},
		{"unknown certificate", func(t *testing.T, b *linkBench) {
			b.cfg.PBX[0].URL = between(t, b.sim.PBXURL(), httptest.NewTLSServer, nil)
		}, "pbx sim", checks.Fault, "its certificate is signed by nobody whom this machine knows", "ca_file"},
		{"no TLS there", func(_ *testing.T, b *linkBench) {
			b.cfg.PBX[0].URL = strings.Replace(b.sim.PBXURL(), "http:", "https:", 1)
		}, "pbx sim", checks.Fault, "it does not speak TLS", "with http"},
		{"PBX redirects", func(t *testing.T, b *linkBench) {
			b.cfg.PBX[0].URL = between(t, b.sim.PBXURL(), httptest.NewServer, forbid("POST", 302))
		}, "pbx sim", checks.Fault, "another address (302)", "https instead of http"},
		{"PBX has a fault", func(_ *testing.T, b *linkBench) { b.sim.Fault(pbxsim.SOAPFault, true) }, "pbx sim", checks.Fault, "SOAP fault", "/PBX0/user.soap"},

		{"inbox read-only", func(t *testing.T, b *linkBench) {
			b.cfg.Inbox[0].URL = between(t, b.sim.InboxURL(), httptest.NewServer, forbid("PUT", 403))
		}, "inbox phones", checks.Fault, "not be written to, so captures can most likely not be deleted either: the user may not do this (403)", "Give the user the right"},
		{"inbox not deletable", func(t *testing.T, b *linkBench) {
			b.cfg.Inbox[0].URL = between(t, b.sim.InboxURL(), httptest.NewServer, forbid("DELETE", 403))
		}, "inbox phones", checks.Fault, "nothing can be deleted there, so captures would be left behind: the user may not do this (403)", "Delete the file callreel-probe-"},
		{"inbox lies about deletion", func(t *testing.T, b *linkBench) {
			b.cfg.Inbox[0].URL = between(t, b.sim.InboxURL(), httptest.NewServer, forbid("DELETE", 204))
		}, "inbox phones", checks.Fault, "the file is still there after the delete", "Delete the file callreel-probe-"},
		{"inbox full", func(t *testing.T, b *linkBench) {
			b.cfg.Inbox[0].URL = between(t, b.sim.InboxURL(), httptest.NewServer, forbid("PUT", 507))
		}, "inbox phones", checks.Fault, "the server's disk is full", "Make room"},
		{"inbox's password", func(_ *testing.T, b *linkBench) { b.cfg.Inbox[0].Password = "wrong" }, "inbox phones", checks.Fault, "it cannot be listed: user or password is not accepted (401)", "Enter both anew"},
		{"inbox hangs", func(_ *testing.T, b *linkBench) { b.sim.Fault(pbxsim.InboxHangHeaders, true) }, "inbox phones", checks.Fault, "it cannot be listed: there is no answer in time", "firewall"},
		{"inbox folder missing", func(_ *testing.T, b *linkBench) {
			b.cfg.Inbox = []ingest.Config{{Name: "phones", Path: filepath.Join(b.dir, "none")}}
		}, "inbox phones", checks.Fault, "it cannot be listed: it is not there", "is the drive mounted"},
		{"inbox of plain HTTP without PUT", func(t *testing.T, b *linkBench) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					w.WriteHeader(http.StatusMethodNotAllowed)
					return
				}
				w.Header().Set("Content-Type", "text/html")
				_, _ = w.Write([]byte(`<html><title>Index of /rec/</title><a href="../">up</a></html>`))
			}))
			t.Cleanup(s.Close)
			b.cfg.Inbox = []ingest.Config{{Name: "phones", Kind: "http", URL: s.URL + "/rec/"}}
		}, "inbox phones", checks.Note, "(405)", "takes DELETE"},

		{"archive not a folder", func(t *testing.T, b *linkBench) {
			if err := os.WriteFile(filepath.Join(b.dir, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			b.cfg.Archive.Path = filepath.Join(b.dir, "file", "calls")
		}, "archive", checks.Fault, "it is no folder", "Enter a folder"},
		{"rules missing", func(_ *testing.T, b *linkBench) { b.cfg.Rules.File = filepath.Join(b.dir, "none.rules") }, "rules", checks.Fault, "it is not there", "Look at the path"},
		{"rules wrong", func(t *testing.T, b *linkBench) {
			b.cfg.Rules.File = filepath.Join(b.dir, "bad.rules")
			if err := os.WriteFile(b.cfg.Rules.File, []byte("mode = \"none\"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "rules", checks.Fault, "bad.rules:1", "rules check"},
		{"version 11", func(t *testing.T, b *linkBench) {
			sim, err := pbxsim.Start(t.Context(), pbxsim.Config{InboxDir: b.inbox, Wire: "v11"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(sim.Close)
			b.cfg.PBX[0].URL, b.cfg.PBX[0].Wire = sim.PBXURL(), "v11"
		}, "pbx sim", checks.OK, "4 agents are in the group", ""},
		{"backup not there", func(_ *testing.T, b *linkBench) { b.cfg.Archive.Backup = filepath.Join(b.dir, "usb") }, "backup", checks.Fault, "it is not there", "is the drive mounted"},
		{"receiver taken", func(t *testing.T, b *linkBench) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ln.Close() })
			b.cfg.Receiver.Listen = ln.Addr().String()
		}, "receiver", checks.Note, "the address cannot be taken now", "choose another port"},
		{"receiver out of reach", func(_ *testing.T, b *linkBench) {
			b.cfg.PBX[0].URL, b.cfg.PBX[0].CallTimeout = "http://192.0.2.1/PBX0/user.soap", pbx.Duration(100*time.Millisecond)
		}, "receiver", checks.Fault, "this machine alone, and the PBX is at 192.0.2.1", "0.0.0.0:8901"},
		{"clock ten minutes off", func(_ *testing.T, b *linkBench) {
			b.clock.Now = func() time.Time { return time.Now().Add(-10 * time.Minute) }
		}, "clocks", checks.Fault, "pbx sim 10m0s ahead, inbox phones 10m0s ahead", "NTP"},
		{"clock twenty seconds off", func(_ *testing.T, b *linkBench) {
			b.clock.Now = func() time.Time { return time.Now().Add(20 * time.Second) }
		}, "clocks", checks.Note, "s behind", "NTP"},

		{"Reporting away", func(_ *testing.T, b *linkBench) {
			b.cfg.Reporting = []pbx.ReportingConfig{{URL: "http://" + nobody + "/?c={conf}"}}
		}, "reporting reporting", checks.Fault, "nothing listens at this port", "switched on"},
		{"Reporting without answer", func(t *testing.T, b *linkBench) {
			b.reportingOf(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			b.cfg.Reporting[0].Timeout = pbx.Duration(200 * time.Millisecond)
		}, "reporting reporting", checks.Fault, "no answer in time", "firewall"},
		{"Reporting shows a login page", func(t *testing.T, b *linkBench) { b.reportingOf(t, says(200, "<html></html>")) }, "reporting reporting", checks.Fault, "a web page, not a report", "in a browser"},
		{"Reporting's password", func(t *testing.T, b *linkBench) { b.reportingOf(t, says(401, "")) }, "reporting reporting", checks.Fault, "(401)", "Enter both"},

		{"standby PBX that sleeps", func(_ *testing.T, b *linkBench) { b.cfg.PBX[0].Standby = nobody }, "pbx sim standby", checks.Note, "nothing listens at this port", "only while the main one is away"},
		{"standby inbox", func(_ *testing.T, b *linkBench) {
			u, _ := url.Parse(b.sim.InboxURL())
			b.cfg.Inbox[0].Standby = u.Host
		}, "inbox phones standby", checks.OK, "a probe written, read and deleted", ""},
		{"standby Reporting", func(t *testing.T, b *linkBench) {
			b.reportingOf(t, says(200, "<report/>"))
			b.cfg.Reporting[0].Standby = nobody
		}, "reporting reporting standby", checks.Note, "nothing listens at this port", ""},

		{"AppServer", func(t *testing.T, b *linkBench) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ln.Close() })
			b.cfg.AppServer.Address = ln.Addr().String()
		}, "appserver", checks.OK, "it takes a connection", ""},
		{"AppServer away", func(_ *testing.T, b *linkBench) { b.cfg.AppServer.Address = nobody }, "appserver", checks.Fault, "nothing listens at this port", "Look at the port"},
		{"mail server away", func(_ *testing.T, b *linkBench) {
			b.cfg.Alarm.Mail.Server, b.cfg.Alarm.Mail.From, b.cfg.Alarm.Mail.To = nobody, "a@example.com", []string{"b@example.com"}
		}, "mail", checks.Fault, "nothing listens at this port", "Look at the port"},
		{"webhook", func(t *testing.T, b *linkBench) { b.webhookAt(t, httptest.NewServer) }, "webhook webhook", checks.OK, "its server answers", ""},
		{"webhook with unknown certificate", func(_ *testing.T, b *linkBench) { b.webhookAt(t, httptest.NewTLSServer) }, "webhook webhook", checks.Fault, "signed by nobody", "ca_file"},

		{"too few licences", func(_ *testing.T, b *linkBench) { b.cfg.Licence.Count = "pbx"; b.sim.SetLicences("Recording", 1) }, "licences of pbx sim", checks.Note, "4 agents, so 3 will not be recorded", "more licences"},
		{"no such licence", func(_ *testing.T, b *linkBench) { b.cfg.Licence.Count = "pbx"; b.sim.SetLicences("Voice", 1) }, "licences of pbx sim", checks.Fault, `no licence called "Recording"; it has: Port, Voice`, "Enter the licence's name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newLinkBench(t)
			row.breaks(t, b)
			f := b.run(t)[row.check]
			if f.Level != row.level || !strings.Contains(f.Why, row.why) || !strings.Contains(f.Do, row.do) || strings.Contains(f.Line(), "\n") {
				t.Errorf("got  %s\nwant %s … %s … %s", f.Line(), row.level, row.why, row.do)
			}
		})
	}
}

// nobody is an address at which nothing listens. A port that was free a moment ago may be
// another test's by now.
const nobody = "127.0.0.1:1"

// TestProbesAreNoCaptures tries all links again and again while a recorder works on
// them, and places a call: that call alone becomes a recording.
func TestProbesAreNoCaptures(t *testing.T) {
	r := newRig(t, nil)
	cfg := r.cfg
	cfg.Receiver.Listen = "127.0.0.1:0"
	c := r.place(t, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 600 * time.Millisecond})
	var out strings.Builder
	for range 10 {
		if _, err := checks.RunAll(t.Context(), cfg.Links(clock.System()), &out); err != nil {
			t.Fatal(err)
		}
	}
	<-c.Done()
	r.calls = append(r.calls, c)
	r.allFiled(t)
	r.light(t, service.LampPCAP, service.Green) // nothing vanished, nothing was taken that is no capture
	if strings.Contains(out.String(), checks.Fault.String()) && !strings.Contains(out.String(), "nearly full") {
		t.Errorf("%s", out.String())
	}
	if left, err := os.ReadDir(filepath.Join(r.dir, "inbox")); err != nil || len(left) > 1 {
		t.Errorf("left in the inbox: %v, %v", left, err)
	}
}
