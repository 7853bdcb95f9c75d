package vmscript_test

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"callreel/internal/vmscript"
)

// TestScripts: each is whole XML of elements that are known to exist, what it plays is
// there, and what it calls is defined.
func TestScripts(t *testing.T) {
	known := []string{
		"voicemail", "function", "call", "assign", "if", "else", "wait", "exec", "store-get",
		"lib-enc", "lib-strcat", "pbx-getcallinfo", "pbx-prompt", "pbx-xfer", "pbx-disc",
	}
	for _, name := range []string{"TCR/TCRec.xml", "TAN.xml"} {
		text, err := fs.ReadFile(vmscript.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		var calls, defined []string
		d := xml.NewDecoder(strings.NewReader(string(text)))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			e, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			if !slices.Contains(known, e.Name.Local) {
				t.Errorf("%s: element %s is not known to exist", name, e.Name.Local)
			}
			switch e.Name.Local {
			case "store-get":
				if info, err := fs.Stat(vmscript.Files(), path.Join(path.Dir(name), attribute(e, "name"))); err != nil || info.Size() < 8000 {
					t.Errorf("%s: %v", name, err)
				}
			case "call":
				calls = append(calls, attribute(e, "name"))
			case "function":
				defined = append(defined, attribute(e, "define"))
			}
		}
		if !slices.Contains(defined, "Main") {
			t.Errorf("%s has no Main", name)
		}
		for _, c := range calls {
			if !slices.Contains(defined, c) {
				t.Errorf("%s calls %s, which it does not define", name, c)
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
