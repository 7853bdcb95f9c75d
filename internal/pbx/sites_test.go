package pbx_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"callreel/internal/pbx"
	"callreel/internal/pbxsim"
	"callreel/internal/recording"
)

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// A lost PBX: the standby address, then the main one, and so on.
func TestStandbyPBX(t *testing.T) {
	t.Parallel()
	main, standby := simulate(t, pbxsim.Config{}), simulate(t, pbxsim.Config{})
	cfg := config(main)
	cfg.Standby = hostOf(t, standby.PBXURL())
	b, _ := run(t, cfg)
	b.until(t, "session with the main PBX", func() bool { return slices.Equal(b.active, []bool{false}) && b.ups == 1 })
	lost := place(t, main, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 400 * time.Second})
	b.until(t, "a call", func() bool { l, _ := b.last(lost.Conf); return !l.Connected.IsZero() })
	main.Fault(pbxsim.SOAPCut, true)
	b.until(t, "session with the standby PBX", func() bool { return slices.Equal(b.active, []bool{false, true}) && b.ups == 2 })
	if l, _ := b.last(lost.Conf); l.Ended.IsZero() || !l.Uncertain {
		t.Errorf("a call that the standby PBX does not know: %+v", l)
	}
	c := place(t, standby, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, Talk: 4 * time.Second})
	b.until(t, "its call", func() bool { l, _ := b.last(c.Conf); return !l.Ended.IsZero() && !l.Uncertain })
	standby.Fault(pbxsim.SOAPCut, true)
	main.Fault(pbxsim.SOAPCut, false)
	b.until(t, "the main PBX again", func() bool { return slices.Equal(b.active, []bool{false, true, false}) && b.ups == 3 })
}

func TestStandbyPBXFromTheStart(t *testing.T) {
	t.Parallel()
	main, standby := simulate(t, pbxsim.Config{}), simulate(t, pbxsim.Config{})
	main.Fault(pbxsim.SOAPFault, true)
	cfg := config(main)
	cfg.Standby = hostOf(t, standby.PBXURL())
	b, _ := run(t, cfg)
	b.until(t, "session with the standby PBX", func() bool { return slices.Equal(b.active, []bool{true}) && b.ups == 1 })
	if len(b.downs) != 1 || !strings.Contains(b.downs[0].Error(), "simulated fault") {
		t.Errorf("the main PBX was not asked first: %v", b.downs)
	}
}

func branches(wire string) pbxsim.Config {
	return pbxsim.Config{Wire: wire, Users: []pbxsim.User{
		{CN: "Anna Rossi", Number: "24", Agent: true},
		{CN: "Berta Branch", Number: "51", Agent: true, Site: "branch"},
		{CN: "Carlo Branch", Number: "52", Agent: true, Site: "branch"},
		{CN: "Dora Depot", Number: "61", Agent: true, Site: "depot"},
		{CN: "Emil Office", Number: "31"},
	}}
}

// Agents of slave sites are followed there.
func TestSlaveSites(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{"v10", "v11"} {
		t.Run(wire, func(t *testing.T) {
			t.Parallel()
			sim := simulate(t, branches(wire))
			cfg := config(sim)
			cfg.Name = "main"
			b, stop := run(t, cfg)
			b.until(t, "three sessions", func() bool { return b.ups == 3 })
			master := slices.Index(b.said, "up main")
			for name, want := range map[string][]string{
				"main": {"Anna Rossi"}, "main/branch": {"Berta Branch", "Carlo Branch"}, "main/depot": {"Dora Depot"},
			} {
				if !slices.Equal(b.of[name], want) {
					t.Errorf("agents of %s: %q, want %q", name, b.of[name], want)
				}
				if first := slices.Index(b.said, "down "+name); name != "main" && (first < 0 || first > master) {
					t.Errorf("%s was not said to be down before the master was up: %q", name, b.said)
				}
			}
			for cn, name := range map[string]string{"Anna Rossi": "main", "Berta Branch": "main/branch", "Dora Depot": "main/depot"} {
				c := place(t, sim, pbxsim.Plan{Scenario: pbxsim.ExternalToAgent, User: cn, Ring: 2 * time.Second, Talk: 4 * time.Second})
				b.until(t, "the call of "+cn, func() bool { l, _ := b.last(c.Conf); return !l.Ended.IsZero() })
				if l, _ := b.last(c.Conf); l.Agent.CN != cn || l.Agent.PBX != name || l.Connected.IsZero() || l.Uncertain {
					t.Errorf("leg %+v", l)
				}
			}
			stop()
			if n := len(b.downs); n != 2 {
				t.Errorf("%d times down, want 2: %v", n, b.downs)
			}
		})
	}
}

func TestSlaveSitesLegsOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	sim := simulate(t, branches("v10"))
	cfg := config(sim)
	cfg.Name = "main"
	gone := recording.Leg{Agent: recording.Agent{CN: "Berta Branch", PBX: "main/branch"}, Conf: "c03a55c2e909d311b6450090331b3e3b"}
	b, _ := run(t, cfg, gone)
	b.until(t, "the end of the leg", func() bool {
		l, ok := b.last(string(gone.Conf))
		return ok && !l.Ended.IsZero() && l.Uncertain && l.Agent.PBX == "main/branch"
	})
}

func TestSlaveSitesComeBack(t *testing.T) {
	t.Parallel()
	sim := simulate(t, branches("v10"))
	cfg := config(sim)
	cfg.Name = "main"
	b, _ := run(t, cfg)
	b.until(t, "three sessions", func() bool { return b.ups == 3 })
	sim.Fault(pbxsim.SOAPLost, true)
	b.until(t, "losses", func() bool { return len(b.downs) >= 5 })
	sim.Fault(pbxsim.SOAPLost, false)
	b.until(t, "three new sessions", func() bool { return b.ups >= 6 })
}

// A master that names no usable address of a site: the site is down and says why,
// the master is up.
func TestSlaveSiteWithoutAddress(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{"": "knows no address", "ftp://x/": "is no URL", "http://u:p@x/": "is no URL"} {
		sim := simulate(t, branches("v10"))
		cfg := config(sim)
		cfg.Name = "main"
		intercept(t, &cfg, "LocationUrl", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`+
			`<r:LocationUrlResponse xmlns:r="http://innovaphone.com/pbx"><return>`+answer+`</return></r:LocationUrlResponse></e:Body></e:Envelope>`)
		b, stop := run(t, cfg)
		b.until(t, "the reason", func() bool {
			return b.ups == 1 && slices.ContainsFunc(b.downs, func(err error) bool { return err != nil && strings.Contains(err.Error(), want) })
		})
		stop()
	}
}

// intercept puts a proxy between client and PBX that answers one operation itself.
func intercept(t *testing.T, cfg *pbx.Config, op, answer string) {
	t.Helper()
	target, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := newProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("SOAPAction"), "#"+op) {
			_, _ = w.Write([]byte(answer))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	cfg.URL = server.URL + target.Path
}
