package pbx

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCountLicences(t *testing.T) {
	for _, row := range []struct {
		name, xml string
		want      int
		err       string
	}{
		{"one", `<info><lic name="Port" count="9" used="3"/><lic name="Recording" count="4" used="0"/></info>`, 4, ""},
		{"in two parts", `<a><lic name="Recording" count="4"/><b><lic count="2" name="Recording"/></b></a>`, 6, ""},
		{"none of them", `<lic name="Recording" count="0"/>`, 0, ""},
		{"another name", `<a><lic name="Port" count="4"/><lic name="Fax" count="1"/></a>`, 0, `no licence called "Recording"; it has: Fax, Port`},
		{"no number", `<lic name="Recording" count="many"/>`, 0, `count of "many"`},
		{"negative", `<lic name="Recording" count="-1"/>`, 0, `count of "-1"`},
		{"a login page", `<html><body><p>Login</body>`, 0, "no licence called"},
		{"no XML", `<lic name="Recording`, 0, "not XML"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := countLicences([]byte(row.xml), "Recording")
			if got != row.want || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
				t.Errorf("got %d, %v; want %d, %s", got, err, row.want, row.err)
			}
		})
	}
}

// TestLicencesOfTheStandby: while the main address is away the other is asked.
func TestLicencesOfTheStandby(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/PBX0/x.xml" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(`<lic name="R" count="7"/>`))
	}))
	defer there.Close()
	cfg := Config{URL: away.URL + "/PBX0/user.soap", Standby: strings.TrimPrefix(there.URL, "http://"), User: "u"}
	if n, err := Licences(t.Context(), cfg, "/PBX0/x.xml", "R"); n != 7 || err != nil {
		t.Errorf("%d, %v; want 7", n, err)
	}
	if _, err := Licences(t.Context(), cfg, "/other", "R"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v, want both addresses' errors", err)
	}
}

func FuzzCountLicences(f *testing.F) {
	f.Add([]byte(`<info><lic name="Port" count="9" used="3"/></info>`))
	f.Add([]byte(`<lic count="99999999999999999999"/>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if n, err := countLicences(raw, "Port"); n < 0 || n > mostLicences || err != nil && n != 0 {
			t.Errorf("%d, %v", n, err)
		}
	})
}
