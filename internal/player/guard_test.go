package player_test

import (
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A name of somebody else that points to this machine (DNS rebinding) must not
// open the archive to his page.
func TestHosts(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1":              200,
		"127.0.0.1:8080":         200,
		"127.8.9.10:80":          200,
		"localhost":              200,
		"localhost:65535":        200,
		"LocalHost:1":            200,
		"[::1]":                  200,
		"[::1]:8080":             200,
		"[::ffff:127.0.0.1]:1":   200,
		"":                       403,
		"evil.example":           403,
		"evil.example:8080":      403,
		"127.0.0.1.evil.example": 403,
		"localhost.evil.example": 403,
		"evil.example@127.0.0.1": 403,
		"192.0.2.1:8080":         403,
		"0.0.0.0:8080":           403,
		"[2001:db8::1]:8080":     403,
		"[::1":                   200, // no browser sends it; it names this machine all the same
		"127.0.0.1:8080:8080":    403,
		"2130706433":             403,
		"0x7f.1":                 403,
	} {
		for _, path := range []string{"/", "/api/status", "/api/recordings/7/audio"} {
			resp := request(t, sample(), path, func(r *http.Request) { r.Host = host })
			if resp.Code != want {
				t.Errorf("Host %q, %s: %d, want %d", host, path, resp.Code, want)
			}
		}
	}
}

func TestOtherPages(t *testing.T) {
	for _, row := range []struct {
		site, path string
		want       int
	}{
		{"", "/api/recordings/7/audio", 200}, // curl, a player
		{"same-origin", "/api/recordings/7/audio", 200},
		{"none", "/api/recordings/7/sidecar", 200}, // typed into the address line
		{"cross-site", "/api/recordings/7/audio", 403},
		{"cross-site", "/api/status", 403},
		{"same-site", "/api/recordings", 403}, // another port of this machine
		{"same-site", "/api/recordings/7/sidecar", 403},
		{"cross-site", "/", 200}, // a link to the page
	} {
		resp := request(t, sample(), row.path, func(r *http.Request) {
			if row.site != "" {
				r.Header.Set("Sec-Fetch-Site", row.site)
			}
			r.Header.Set("Origin", "https://evil.example")
		})
		if resp.Code != row.want {
			t.Errorf("%q, %s: %d, want %d", row.site, row.path, resp.Code, row.want)
		}
		if got := resp.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%q, %s: opened to %q", row.site, row.path, got)
		}
	}
}

// Only the page itself may put the master alarm out.
func TestWhoMayPost(t *testing.T) {
	for _, row := range []struct {
		name, method, site, origin, own string
		want                            int
	}{
		{"the page", http.MethodPost, "same-origin", "http://127.0.0.1:8080", "1", 200},
		{"a program", http.MethodPost, "", "", "1", 200},
		{"another page", http.MethodPost, "cross-site", "https://evil.example", "1", 403},
		{"another port", http.MethodPost, "same-site", "http://127.0.0.1:9", "1", 403},
		{"an old browser's other page", http.MethodPost, "", "https://evil.example", "1", 403},
		{"an old browser's other port", http.MethodPost, "", "http://127.0.0.1:9", "1", 403},
		{"a form without origin", http.MethodPost, "", "", "", 403},
		{"a form of no page", http.MethodPost, "none", "null", "", 403},
		{"a link", http.MethodGet, "same-origin", "", "1", 404},
	} {
		a := sample()
		resp := request(t, a, "/api/alarm/reset", func(r *http.Request) {
			r.Method = row.method
			for name, v := range map[string]string{"Sec-Fetch-Site": row.site, "Origin": row.origin, "X-Callreel": row.own} {
				if v != "" {
					r.Header.Set(name, v)
				}
			}
		})
		if resp.Code != row.want || (a.resets == 1) != (row.want == 200) {
			t.Errorf("%s: %d, want %d; %d resets", row.name, resp.Code, row.want, a.resets)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	refused := func(r *http.Request) { r.Host = "evil.example" }
	for _, row := range []struct {
		path   string
		change func(*http.Request)
	}{
		{"/", nil},
		{"/page.js", nil},
		{"/api/status", nil},
		{"/api/recordings/7/audio", nil},
		{"/api/recordings/7/sidecar", nil},
		{"/api/recordings/8", nil},
		{"/", refused},
	} {
		head := request(t, sample(), row.path, row.change).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cache-Control":                "no-store",
		} {
			if got := head.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", row.path, name, got, want)
			}
		}
		policy := head.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy %q lacks %q", row.path, policy, part)
			}
		}
		if strings.HasSuffix(row.path, "/sidecar") { // drawn with the browser's own style for XML
			if strings.Contains(policy, "-src 'self'") {
				t.Errorf("%s: the policy %q lets the file load something", row.path, policy)
			}
			policy = strings.Replace(policy, "style-src 'unsafe-inline'", "", 1)
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy %q opens too much", row.path, policy)
		}
	}
}

// The page builds its elements one by one; nothing in it makes markup of a
// text, and nothing in it comes from elsewhere.
func TestPageMakesNoMarkup(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|javascript:|\bon[a-z]+=|style=|<style`)
	elsewhere := regexp.MustCompile(`https?://[^"\s]+`)
	web := os.DirFS("web")
	files, err := fs.Glob(web, "*")
	if err != nil || len(files) < 4 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(web, name)
		if err != nil {
			t.Fatal(err)
		}
		if found := forbidden.Find(text); found != nil {
			t.Errorf("%s contains %q", name, found)
		}
		for _, url := range elsewhere.FindAllString(string(text), -1) {
			if url != "http://www.w3.org/2000/svg" { // the name of a language, never fetched
				t.Errorf("%s names %s", name, url)
			}
		}
	}
}
