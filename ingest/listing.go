package ingest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"callreel/internal/recording"
)

// maxListing bounds a listing in bytes: some 100,000 files.
const maxListing = 64 << 20

// listing is what a strict reading of a PROPFIND answer gives (RFC 4918 §13,
// §14.16). gowebdav takes what it can and drops the rest, so it is not asked.
type listing struct {
	wanted  func(name string) bool
	self    string                     // path of the first response, unescaped
	folder  bool                       // the first response is a folder
	found   bool                       // the first response has properties
	gone    bool                       // the first response says 404
	first   recording.Stamp            // of the first response
	good    map[string]recording.Stamp // files that lie directly in the folder and have a length
	refused []string
	others  int // folders
}

type multistatus struct {
	XMLName   xml.Name      `xml:"DAV: multistatus"`
	Responses []davResponse `xml:"DAV: response"`
}

type davResponse struct {
	Href   []string      `xml:"DAV: href"`
	Status string        `xml:"DAV: status"`
	Props  []davPropstat `xml:"DAV: propstat"`
}

type davPropstat struct {
	Status   string    `xml:"DAV: status"`
	Length   string    `xml:"DAV: prop>getcontentlength"`
	Modified string    `xml:"DAV: prop>getlastmodified"`
	ETag     string    `xml:"DAV: prop>getetag"`
	Folder   *struct{} `xml:"DAV: prop>resourcetype>collection"`
}

// stamp is what tells one content of a file from another. A time that cannot be read
// tells nothing.
func (p *davPropstat) stamp() (s recording.Stamp) {
	s.Size, _ = strconv.ParseInt(p.Length, 10, 64)
	s.ETag = p.ETag
	if t, err := http.ParseTime(p.Modified); err == nil && t.Unix() > 0 {
		s.ModTime = t.UTC()
	}
	return s
}

// parseListing fails on anything that is not one whole multistatus document.
func parseListing(data []byte, wanted func(name string) bool) (*listing, error) {
	if len(data) > maxListing {
		return nil, fmt.Errorf("more than %d bytes", maxListing)
	}
	all, ok := quickListing(data)
	if !ok {
		var err error
		if all, err = decodeListing(data); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, errors.New("it has no entries, not even for the folder itself")
	}
	return newListing(all, wanted)
}

// decodeListing reads the entries of any multistatus document.
func decodeListing(data []byte) ([]davResponse, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var doc multistatus
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
	}
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return doc.Responses, nil
		}
		if _, second := tok.(xml.StartElement); err != nil || second {
			return nil, fmt.Errorf("at byte %d: something follows the end", d.InputOffset())
		}
	}
}

func newListing(all []davResponse, wanted func(name string) bool) (*listing, error) {
	l := &listing{wanted: wanted, good: make(map[string]recording.Stamp)}
	seen := make(map[string]int)
	for i, r := range all {
		if len(r.Href) != 1 {
			return nil, fmt.Errorf("entry %d has %d names", i+1, len(r.Href))
		}
		where, err := url.Parse(strings.TrimSpace(r.Href[0]))
		if i == 0 {
			if err != nil {
				return nil, fmt.Errorf("the folder's name cannot be read: %w", err)
			}
			l.self = strings.TrimSuffix(where.Path, "/") + "/"
			p := r.ok()
			l.found, l.folder = p != nil, p != nil && p.Folder != nil
			l.gone = p == nil && strings.Contains(r.Status, " 404")
			if l.found {
				l.first = p.stamp()
			}
			continue
		}
		loose, err2 := url.PathUnescape(r.Href[0])
		if errors.Join(err, err2) != nil || path.Base(loose) != path.Base(where.Path) {
			l.refused = append(l.refused, r.Href[0])
			continue
		}
		seen[path.Base(loose)]++
		l.add(where.Path, r.ok())
	}
	for name, n := range seen {
		if _, good := l.good[name]; good && n > 1 {
			delete(l.good, name)
			l.refused = append(l.refused, name)
		}
	}
	return l, nil
}

func (l *listing) add(where string, p *davPropstat) {
	name, inside := strings.CutPrefix(where, l.self)
	switch {
	case p == nil:
		l.others++
	case p.Folder != nil:
		l.others++
	case !inside || !l.wanted(name) && !harmless(name) && !hidden(name):
		l.refused = append(l.refused, where)
	case !l.wanted(name):
		l.others++
	case !isLength(p.Length):
		l.refused = append(l.refused, where)
	default:
		l.good[name] = p.stamp()
	}
}

func isLength(s string) bool {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return err == nil && n >= 0 && s == strings.TrimSpace(s)
}

// ok gives the properties that the server knows.
func (r *davResponse) ok() *davPropstat {
	for i := range r.Props {
		if strings.Contains(r.Props[i].Status, " 200") {
			return &r.Props[i]
		}
	}
	return nil
}
