package pbxsim

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Voicemail is one call to a voicemail object of the simulated PBX, whose script it
// runs: the elements that scripts of ours use, as far as their meaning is known.
type Voicemail struct {
	Files fs.FS  // what the PBX reads scripts and prompts from
	Query string // of the object's URL: variables of the script

	Caller    string // number
	Second    string // number of the second leg, empty if there is none
	Conf      string // conference id of this call
	variables map[string]string

	Played      []string // prompts that were heard
	Transferred string   // number that the call was passed on to
	Ended       bool     // the script hung up
}

// mostSteps bounds a script that does not end.
const mostSteps = 1000

// element is one of a script.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// spoken is a script while it runs.
type spoken struct {
	*Voicemail
	dir   string
	root  element
	steps int
}

// Run runs the script of a name from its Main.
func (v *Voicemail) Run(ctx context.Context, name string) error {
	query, err := url.ParseQuery(v.Query)
	if err != nil {
		return fmt.Errorf("voicemail %s: %w", name, err)
	}
	v.variables = map[string]string{}
	for key := range query {
		v.variables[key] = query.Get(key)
	}
	text, err := fs.ReadFile(v.Files, name)
	if err != nil {
		return fmt.Errorf("voicemail %s: %w", name, err)
	}
	if err := v.text(ctx, text, path.Dir(name)); err != nil {
		return fmt.Errorf("voicemail %s: %w", name, err)
	}
	return nil
}

// text runs the Main of a script.
func (v *Voicemail) text(ctx context.Context, text []byte, dir string) error {
	s := spoken{Voicemail: v, dir: dir}
	if err := xml.Unmarshal(text, &s.root); err != nil {
		return err
	}
	return s.call(ctx, "Main")
}

func (s *spoken) call(ctx context.Context, name string) error {
	for _, f := range s.root.Children {
		if f.XMLName.Local == "function" && f.attr("define") == name {
			return s.all(ctx, f.Children)
		}
	}
	return fmt.Errorf("function %s is not defined", name)
}

// all runs elements one after the other; an else belongs to the if before it.
func (s *spoken) all(ctx context.Context, list []element) error {
	held := false
	for _, e := range list {
		if s.steps++; s.steps > mostSteps {
			return fmt.Errorf("more than %d steps", mostSteps)
		}
		if s.Ended {
			return nil
		}
		var err error
		switch e.XMLName.Local {
		case "if":
			if held = s.holds(e); held {
				err = s.all(ctx, e.Children)
			}
		case "else":
			if !held {
				err = s.all(ctx, e.Children)
			}
		default:
			err = s.one(ctx, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether an if's condition does: a variable that is set, and not 0.
func (s *spoken) holds(e element) bool {
	if c := e.attr("notcond"); c != "" {
		v := s.value(c)
		return v == "" || v == "0" || v == "false"
	}
	v := s.value(e.attr("cond"))
	return v != "" && v != "0" && v != "false"
}

// value is that of an attribute: a variable's, or the text itself.
func (s *spoken) value(text string) string {
	if name, ok := strings.CutPrefix(text, "$"); ok {
		return s.variables[name]
	}
	return text
}

// set sets the variable that an attribute names, with or without its $.
func (s *spoken) set(name, value string) { s.variables[strings.TrimPrefix(name, "$")] = value }

// one runs an element that is no branch.
func (s *spoken) one(ctx context.Context, e element) error {
	switch e.XMLName.Local {
	case "assign":
		s.set(e.attr("out"), s.value(e.attr("value")))
	case "call":
		return s.call(ctx, e.attr("name"))
	case "lib-enc":
		s.set(e.attr("out-string"), url.QueryEscape(s.value(e.attr("string"))))
	case "lib-strcat":
		s.set(e.attr("out-string"), s.value(e.attr("string"))+s.value(e.attr("string2")))
	case "pbx-getcallinfo":
		for name, v := range map[string]string{"out-cgpn": s.Caller, "out-leg2": s.Second, "out-confid": s.Conf} {
			if out := e.attr(name); out != "" {
				s.set(out, v)
			}
		}
	case "store-get":
		s.set(e.attr("out-url"), path.Join(s.dir, s.value(e.attr("name"))))
	case "exec":
		return s.exec(ctx, s.value(e.attr("url")))
	case "pbx-prompt":
		return s.play(s.value(e.attr("url")))
	case "pbx-xfer":
		s.Transferred, s.Ended = s.value(e.attr("e164")), true
	case "pbx-disc":
		s.Ended = true
	case "wait":
	default:
		return fmt.Errorf("element %s is not known", e.XMLName.Local)
	}
	return nil
}

func (s *spoken) play(name string) error {
	info, err := fs.Stat(s.Files, name)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("prompt %s is empty", name)
	}
	s.Played = append(s.Played, path.Base(name))
	return nil
}

// exec asks a server, whose answer is a script that goes on with the same variables.
// Without an answer the script goes on.
func (s *spoken) exec(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ctx.Err()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil || res.StatusCode != http.StatusOK {
		return ctx.Err()
	}
	return s.text(ctx, text, s.dir)
}
