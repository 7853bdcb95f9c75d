package ingest

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzParseListing(f *testing.F) {
	f.Add([]byte(`<D:multistatus xmlns:D="DAV:"><D:response><D:href>/d/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>` +
		`<D:response><D:href>/d/x.pcap</D:href><D:propstat><D:prop><D:getcontentlength>1</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>`))
	f.Add([]byte(`<multistatus xmlns="DAV:"/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
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
