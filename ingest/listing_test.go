package ingest

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// usualListings are written as these servers write them.
var usualListings = map[string]string{
	"Apache": `<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
<D:response xmlns:lp1="DAV:" xmlns:lp2="http://apache.org/dav/props/">
<D:href>/drop/</D:href>
<D:propstat>
<D:prop>
<lp1:resourcetype><D:collection/></lp1:resourcetype>
<lp1:creationdate>2026-11-21T12:00:00Z</lp1:creationdate>
<lp1:getetag>"1000-62a"</lp1:getetag>
<D:supportedlock>
<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>
</D:supportedlock>
<D:lockdiscovery/>
</D:prop>
<D:status>HTTP/1.1 200 OK</D:status>
</D:propstat>
</D:response>
<D:response xmlns:lp1="DAV:" xmlns:lp2="http://apache.org/dav/props/">
<D:href>/drop/caff%20e%26.pcap</D:href>
<D:propstat>
<D:prop>
<lp1:resourcetype/>
<lp1:getcontentlength>461846</lp1:getcontentlength>
<lp1:getlastmodified>Sat, 21 Nov 2026 12:00:00 GMT</lp1:getlastmodified>
<lp1:getetag>"70c16-62a"</lp1:getetag>
<lp2:executable>F</lp2:executable>
</D:prop>
<D:status>HTTP/1.1 200 OK</D:status>
</D:propstat>
</D:response>
</D:multistatus>
`,
	"nginx": `<?xml version="1.0" encoding="utf-8" ?>
<D:multistatus xmlns:D="DAV:">
<D:response>
<D:href>/drop/</D:href>
<D:propstat>
<D:prop>
<D:getlastmodified>Sat, 21 Nov 2026 12:00:00 GMT</D:getlastmodified>
<D:resourcetype><D:collection/></D:resourcetype>
</D:prop>
<D:status>HTTP/1.1 200 OK</D:status>
</D:propstat>
</D:response>
</D:multistatus>`,
	"golang.org/x/net/webdav": `<?xml version="1.0" encoding="UTF-8"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/drop/x.pcap</D:href><D:propstat><D:prop>` +
		`<D:getcontentlength>7</D:getcontentlength><D:getetag>&quot;18&amp;1&quot;</D:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>` +
		`<D:propstat><D:prop><D:quota/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response></D:multistatus>`,
	"a namespace for all": `<multistatus xmlns='DAV:'><response><href>/d/</href><status>HTTP/1.1 404 Not Found</status></response></multistatus>`,
	"another's names":     `<a:multistatus xmlns:a="DAV:"><a:response><a:href>/d/</a:href><b:propstat xmlns:b="urn:b"><b:status>x</b:status></b:propstat></a:response></a:multistatus>`,
}

// unusualListings are left to encoding/xml, or are none.
var unusualListings = []string{
	`<!DOCTYPE x><multistatus xmlns="DAV:"/>`,
	`<multistatus xmlns="DAV:"><!-- <response> --></multistatus>`,
	`<multistatus xmlns="DAV:"><response><href><![CDATA[/d/]]></href></response></multistatus>`,
	`<multistatus xmlns="DAV:"><response><href>/d&#47;</href></response></multistatus>`,
	`<multistatus xmlns="DAV:"><response><href>/d&nbsp;</href></response></multistatus>`,
	`<multistatus xmlns="DAV:"><response><href>/<b/>d</href></response></multistatus>`,
	`<multistatus xmlns="DAV:"><response><status>a</status><status>b</status></response></multistatus>`,
	`<multistatus xmlns="DAV:"><response><href>/d/</href></response>`,
	`<multistatus xmlns="DAV:"><response><href>/d/</hrefs></response></multistatus>`,
	`<multistatus xmlns="DAV:"></multistatus><multistatus xmlns="DAV:"/>`,
	`<multistatus xmlns="DAV:"/>more`,
	`<multistatus xmlns="urn:other"/>`,
	`<multistatus/>`,
	`<multistatus xmlns="DAV:" a=b></multistatus>`,
	`<multistatus xmlns="DAV:"><?x y?></multistatus>`,
	`<multistatus xmlns="DAV:">` + strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40) + `</multistatus>`,
	"",
}

func TestListingInOneGo(t *testing.T) {
	for name, doc := range usualListings {
		quick, ok := quickListing([]byte(doc))
		all, err := decodeListing([]byte(doc))
		if !ok || err != nil || !reflect.DeepEqual(quick, all) {
			t.Errorf("%s: %v, %+v; by encoding/xml %+v, %v", name, ok, quick, all, err)
		}
		for i := range doc { // a line that is cut is no listing
			if _, ok := quickListing([]byte(doc[:i])); ok && strings.TrimSpace(doc[i:]) != "" {
				t.Errorf("%s: its first %d bytes were taken for the whole", name, i)
			}
		}
	}
	for _, doc := range unusualListings {
		if quick, ok := quickListing([]byte(doc)); ok {
			t.Errorf("%s was read: %+v", doc, quick)
		}
	}
}

func BenchmarkListing(b *testing.B) {
	head, rest, _ := strings.Cut(usualListings["Apache"], "</D:response>\n")
	file, tail, _ := strings.Cut(rest, "</D:multistatus>")
	doc := []byte(head + "</D:response>\n" + strings.Repeat(file, 1000) + "</D:multistatus>" + tail)
	b.Run("in one go", func(b *testing.B) {
		for b.Loop() {
			if _, ok := quickListing(doc); !ok {
				b.Fatal("it was not read")
			}
		}
	})
	b.Run("by encoding-xml", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodeListing(doc); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func FuzzParseListing(f *testing.F) {
	f.Add([]byte(`<D:multistatus xmlns:D="DAV:"><D:response><D:href>/d/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>` +
		`<D:response><D:href>/d/x.pcap</D:href><D:propstat><D:prop><D:getcontentlength>1</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>`))
	f.Add([]byte(`<multistatus xmlns="DAV:"/>`))
	for _, doc := range append(slices.Collect(maps.Values(usualListings)), unusualListings...) {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if quick, ok := quickListing(data); ok {
			if all, err := decodeListing(data); err != nil || !reflect.DeepEqual(quick, all) {
				t.Fatalf("read in one go: %+v, by encoding/xml: %+v, %v", quick, all, err)
			}
		}
		l, err := parseListing(data, IsCapture)
		if err != nil {
			return
		}
		for name := range l.good {
			if !IsCapture(name) || filepath.Base(name) != name {
				t.Fatalf("%q was taken", name)
			}
		}
	})
}

func TestContentRange(t *testing.T) {
	if a, b, c, ok := contentRange("bytes 5-9/10"); a != 5 || b != 9 || c != 10 || !ok {
		t.Error(a, b, c, ok)
	}
	if _, _, c, ok := contentRange("bytes 5-9/*"); c != -1 || !ok {
		t.Error(c, ok)
	}
	for _, bad := range []string{"", "bytes", "bytes */10", "items 5-9/10", "bytes -5-9/10", "bytes 5-9", "bytes 5/9-10", strings.Repeat("9", 99)} {
		if _, _, _, ok := contentRange(bad); ok {
			t.Errorf("%q was read", bad)
		}
	}
}
