package ingest

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// The bounds of a listing page beside its length: one tag, and all links.
const (
	maxTag   = 64 << 10
	maxLinks = 200_000
)

// indexPage is what a listing page says: the page that a web server makes of a
// folder (Apache, nginx, lighttpd), or any simple page with one link for each
// file. Sizes and dates in its text are for people and are not read.
type indexPage struct {
	names   []string // captures directly in the folder, each once, in the page's order
	refused []string // links to captures elsewhere, and names that are not safe
	others  int      // other files and folders in the folder
	date    time.Time
}

// indexReader reads one page.
type indexReader struct {
	wanted func(name string) bool
	self   *url.URL // of the folder, with a slash at its end
	base   *url.URL // what links are relative to
	page   indexPage
	seen   map[string]bool
	links  int
	ours   bool              // something shows that the page is of this folder
	began  bool              // <html> was seen
	ended  bool              // </html> was seen
	open   map[atom.Atom]int // elements of a list that are open
}

// readIndex reads the page of the folder self. framed says that the end of r is
// known to be the end of the answer. An error means that the page is no listing or
// not a whole one.
func readIndex(r io.Reader, self *url.URL, framed bool, wanted func(name string) bool) (*indexPage, error) {
	x := &indexReader{self: self, base: self, wanted: wanted, seen: map[string]bool{}, open: map[atom.Atom]int{}}
	bounded := &io.LimitedReader{R: r, N: maxListing + 1}
	z := html.NewTokenizer(bounded)
	z.SetMaxBuf(maxTag)
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		if err := x.token(z.Token()); err != nil {
			return nil, err
		}
	}
	switch err := z.Err(); {
	case bounded.N <= 0:
		return nil, fmt.Errorf("more than %d bytes", maxListing)
	case !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	}
	return x.finish(framed)
}

// finish proves that the page is whole and of the folder.
func (x *indexReader) finish(framed bool) (*indexPage, error) {
	switch {
	case x.began && !x.ended:
		return nil, errors.New("it is cut: <html> is not closed")
	case !x.began && !framed:
		return nil, errors.New("its end cannot be told: it has neither <html> nor a length")
	case x.unclosed() != "":
		return nil, fmt.Errorf("it is cut: <%s> is not closed", x.unclosed())
	case !x.ours:
		return nil, errors.New("the page shows nothing of this folder: it is no listing")
	}
	return &x.page, nil
}

func (x *indexReader) unclosed() string {
	for _, a := range listElements() {
		if x.open[a] > 0 && !x.ended {
			return a.String()
		}
	}
	return ""
}

// listElements are those whose end tag nobody leaves out.
func listElements() []atom.Atom {
	return []atom.Atom{atom.A, atom.Pre, atom.Table, atom.Ul, atom.Ol, atom.Body}
}

func (x *indexReader) token(t html.Token) error {
	switch t.Type {
	case html.StartTagToken, html.SelfClosingTagToken:
		return x.start(t)
	case html.EndTagToken:
		x.open[t.DataAtom]--
		x.ended = x.ended || t.DataAtom == atom.Html
	case html.TextToken:
		x.text(t.Data)
	}
	return nil
}

// text takes a headline that names the folder as a sign that the page is of it.
func (x *indexReader) text(s string) {
	where := strings.TrimSuffix(x.self.Path, "/")
	x.ours = x.ours || where != "" && strings.Contains(s, where) || strings.HasPrefix(strings.TrimSpace(s), "Index of /")
}

func (x *indexReader) start(t html.Token) error {
	switch t.DataAtom {
	case atom.Html:
		x.began = true
	case atom.Input:
		if strings.EqualFold(attr(t, "type"), "password") {
			return errors.New("the page asks for a password: it is no listing")
		}
	case atom.Meta:
		if strings.EqualFold(attr(t, "http-equiv"), "refresh") {
			return errors.New("the page sends the reader elsewhere: it is no listing")
		}
	case atom.Base:
		if to, err := x.self.Parse(strings.TrimSpace(attr(t, "href"))); err == nil {
			x.base = to
		}
	case atom.A:
		if err := x.link(attr(t, "href")); err != nil {
			return err
		}
	}
	if t.Type == html.StartTagToken {
		x.open[t.DataAtom]++
	}
	return nil
}

func attr(t html.Token, key string) string {
	for _, a := range t.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// link sorts one link. Links out of the folder are of no interest unless they
// pretend to be captures.
func (x *indexReader) link(href string) error {
	if x.links++; x.links > maxLinks {
		return fmt.Errorf("more than %d links", maxLinks)
	}
	href = strings.TrimSpace(href)
	if href == "" || strings.HasPrefix(href, "#") {
		return nil
	}
	to, err := x.base.Parse(href)
	if err != nil {
		x.refuse(href)
		return nil //nolint:nilerr // one bad link does not spoil the page; it is counted
	}
	name, inside := strings.CutPrefix(to.Path, x.self.Path)
	switch {
	case to.Scheme != x.self.Scheme || to.Host != x.self.Host || to.User != nil:
		if x.wanted(path.Base(to.Path + to.Opaque)) {
			x.refuse(href)
		}
	case !inside:
		x.outside(to.Path, href)
	case name == "":
		x.ours = true // the page itself, for instance sorted otherwise
	default:
		x.ours = true
		x.inside(name, href, to)
	}
	return nil
}

// outside takes a link to the folder above as a sign that the page is a listing.
func (x *indexReader) outside(where, href string) {
	parent := path.Dir(strings.TrimSuffix(x.self.Path, "/"))
	x.ours = x.ours || strings.TrimSuffix(where, "/") == strings.TrimSuffix(parent, "/")
	if x.wanted(path.Base(where)) {
		x.refuse(href)
	}
}

func (x *indexReader) inside(name, href string, to *url.URL) {
	folder := strings.HasSuffix(name, "/") && harmless(strings.TrimSuffix(name, "/"))
	switch {
	case x.seen[name]: // an icon links there too
	case to.RawQuery != "" || to.Fragment != "" || folder || hidden(name):
		x.page.others++
	case x.wanted(name):
		x.page.names = append(x.page.names, name)
	case !harmless(name):
		x.refuse(href)
	default:
		x.page.others++
	}
	x.seen[name] = true
}

func (x *indexReader) refuse(href string) { x.page.refused = append(x.page.refused, href) }
