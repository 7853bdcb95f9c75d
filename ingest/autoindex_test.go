package ingest

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const apachePage = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html>
 <head>
  <title>Index of /drop</title>
 </head>
 <body>
<h1>Index of /drop</h1>
  <table>
   <tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=S;O=A">Size</a></th></tr>
<tr><td valign="top"><img src="/icons/back.gif" alt="[PARENTDIR]"></td><td><a href="/">Parent Directory</a></td><td>  - </td></tr>
<tr><td valign="top"><a href="a%20b.pcap"><img src="/icons/unknown.gif" alt="[   ]"></a></td><td><a href="a%20b.pcap">a b.pcap</a></td><td>1.2M</td></tr>
<tr><td valign="top"><img src="/icons/folder.gif" alt="[DIR]"></td><td><a href="TCR/">TCR/</a></td><td>  - </td></tr>
   <tr><th colspan="5"><hr></th></tr>
</table>
<address>Apache Server at pbx.example Port 80</address>
</body></html>
`

func drop() *url.URL { return &url.URL{Scheme: "http", Host: "pbx.example", Path: "/drop/"} }

func TestReadIndex(t *testing.T) {
	rows := []struct {
		name, page string
		framed     bool
		names      []string
		others     int
		refused    int
	}{
		{"Apache", apachePage, false, []string{"a b.pcap"}, 1, 0},
		{"list", `<ul><li><a href=x.pcap>x</a></ul>`, true, []string{"x.pcap"}, 0, 0},
		{"whole addresses", `<html><a href="http://pbx.example/drop/x.pcap">x</a><a href="/drop/y.pcap">y</a><a href="/drop/notes.txt">n</a></html>`, false, []string{"x.pcap", "y.pcap"}, 1, 0},
		{"base", `<html><base href="/drop/"><a href="x.pcap">x</a></html>`, false, []string{"x.pcap"}, 0, 0},
		{"base elsewhere", `<html><title>Index of /drop/</title><base href="http://stranger.invalid/"><a href="x.pcap">x</a></html>`, false, nil, 0, 1},
		{"in a comment", `<html><!-- <a href="x.pcap"> --><script>"<a href='y.pcap'>"</script><a href="../">up</a></html>`, false, nil, 0, 0},
		{"other links", `<html><a name=top><a href="#x.pcap"><a href="mailto:x@pbx.example"><a href="javascript:void(0)"><a href="../">up</a></html>`, false, nil, 0, 0},
		{"with a query", `<html><a href="x.pcap?download">x</a></html>`, false, nil, 1, 0},
	}
	for _, row := range rows {
		got, err := readIndex(strings.NewReader(row.page), drop(), row.framed, IsCapture)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if !slices.Equal(got.names, row.names) || got.others != row.others || len(got.refused) != row.refused {
			t.Errorf("%s: %+v", row.name, got)
		}
	}
}

func TestReadIndexRefuses(t *testing.T) {
	rows := []struct{ name, page, want string }{
		{"length not known", `<a href="x.pcap">x</a>`, "end cannot be told"},
		{"huge tag", `<html><a href="` + strings.Repeat("x", maxTag+1) + `">`, "max buffer"},
		{"too many links", "<html>" + strings.Repeat("<a href=x.pcap>", maxLinks+1) + "</html>", "links"},
	}
	for _, row := range rows {
		if _, err := readIndex(strings.NewReader(row.page), drop(), false, IsCapture); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
}

func FuzzReadIndex(f *testing.F) {
	f.Add([]byte(apachePage), false)
	f.Add([]byte(`<ul><li><a href="..%2f..%2fx.pcap">x</a></ul>`), true)
	f.Add([]byte(`<html><base href="//x/"><a href="\x.pcap">`), true)
	f.Fuzz(func(t *testing.T, page []byte, framed bool) {
		got, err := readIndex(strings.NewReader(string(page)), drop(), framed, IsCapture)
		if err != nil {
			return
		}
		for _, name := range got.names {
			if !IsCapture(name) || filepath.Base(name) != name || drop().JoinPath(url.PathEscape(name)).Path != "/drop/"+name {
				t.Fatalf("%q was taken", name)
			}
		}
	})
}
