package pbx

import (
	"encoding/xml"
	"os"
	"slices"
	"strings"
	"testing"
)

// wsdl is what of a WSDL 1.1 file the contract needs.
type wsdl struct {
	Messages []struct {
		Name  string `xml:"name,attr"`
		Parts []struct {
			Name string `xml:"name,attr"`
			Type string `xml:"type,attr"`
		} `xml:"part"`
	} `xml:"message"`
	Binding struct {
		Style struct {
			Style string `xml:"style,attr"`
		} `xml:"http://schemas.xmlsoap.org/wsdl/soap/ binding"`
		Operations []struct {
			Name string `xml:"name,attr"`
			SOAP struct {
				Action string `xml:"soapAction,attr"`
			} `xml:"http://schemas.xmlsoap.org/wsdl/soap/ operation"`
			Input struct {
				Body struct {
					Namespace string `xml:"namespace,attr"`
					Use       string `xml:"use,attr"`
				} `xml:"body"`
			} `xml:"input"`
		} `xml:"http://schemas.xmlsoap.org/wsdl/ operation"`
	} `xml:"binding"`
}

func TestOperationsAreThoseOfTheWSDL(t *testing.T) {
	raw, err := os.ReadFile("wsdl/pbx10_00.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	var w wsdl
	if err := xml.Unmarshal(raw, &w); err != nil {
		t.Fatal(err)
	}
	if w.Binding.Style.Style != "rpc" {
		t.Fatalf("binding style %q", w.Binding.Style.Style)
	}
	want := map[string]operation{}
	for _, o := range w.Binding.Operations {
		if o.Input.Body.Use != "encoded" {
			t.Errorf("%s: use %q", o.Name, o.Input.Body.Use)
		}
		want[o.Name] = operation{name: o.Name, action: o.SOAP.Action, namespace: o.Input.Body.Namespace}
	}
	for _, m := range w.Messages {
		name, ok := strings.CutSuffix(m.Name, "Request")
		if !ok {
			continue
		}
		op := want[name]
		for _, p := range m.Parts {
			op.in = append(op.in, part{p.Name, strings.TrimPrefix(p.Type, "xsd:")})
		}
		want[name] = op
	}
	compare(t, operations(), want)
}

func compare(t *testing.T, got []operation, want map[string]operation) {
	t.Helper()
	for _, got := range got {
		w, ok := want[got.name]
		if !ok {
			t.Errorf("%s is not in the WSDL", got.name)
			continue
		}
		if got.action != w.action || got.namespace != w.namespace {
			t.Errorf("%s: action %q in %q, want %q in %q", got.name, got.action, got.namespace, w.action, w.namespace)
		}
		if !slices.Equal(got.in, w.in) {
			t.Errorf("%s: parts %v, want %v", got.name, got.in, w.in)
		}
	}
}

// wsdlV11 is what of pbx11_00.wsdl the contract needs.
type wsdlV11 struct {
	Schema struct {
		Namespace string `xml:"targetNamespace,attr"`
		Form      string `xml:"elementFormDefault,attr"`
		Elements  []struct {
			Name  string `xml:"name,attr"`
			Parts []struct {
				Name string `xml:"name,attr"`
				Type string `xml:"type,attr"`
			} `xml:"complexType>sequence>element"`
		} `xml:"element"`
	} `xml:"types>schema"`
	Messages []struct {
		Name string `xml:"name,attr"`
		Part struct {
			Element string `xml:"element,attr"`
		} `xml:"part"`
	} `xml:"message"`
	Binding struct {
		Operations []struct {
			Name string `xml:"name,attr"`
			SOAP struct {
				Action string `xml:"soapAction,attr"`
				Style  string `xml:"style,attr"`
			} `xml:"http://schemas.xmlsoap.org/wsdl/soap/ operation"`
			Input struct {
				Body struct {
					Use string `xml:"use,attr"`
				} `xml:"body"`
			} `xml:"input"`
		} `xml:"http://schemas.xmlsoap.org/wsdl/ operation"`
	} `xml:"binding"`
}

// The whole file and the trimmed one that the types are made of say the same.
func TestOperationsAreThoseOfTheV11WSDL(t *testing.T) {
	for _, file := range []string{"wsdl/pbx11_00.wsdl", "wsdl/pbx11_00_trimmed.wsdl"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var w wsdlV11
		if err := xml.Unmarshal(raw, &w); err != nil {
			t.Fatal(err)
		}
		if w.Schema.Form != "qualified" {
			t.Fatalf("%s: elements are %q", file, w.Schema.Form)
		}
		element := map[string]string{}
		for _, m := range w.Messages {
			element[m.Name] = strings.TrimPrefix(m.Part.Element, "inno:")
		}
		want := map[string]operation{}
		for _, o := range w.Binding.Operations {
			if o.Input.Body.Use != "literal" || o.SOAP.Style != "document" {
				t.Errorf("%s: %s is %s/%s", file, o.Name, o.SOAP.Style, o.Input.Body.Use)
			}
			op := operation{name: o.Name, action: o.SOAP.Action, namespace: w.Schema.Namespace}
			for _, e := range w.Schema.Elements {
				if e.Name != element[o.Name+"Request"] {
					continue
				}
				for _, p := range e.Parts {
					op.in = append(op.in, part{p.Name, strings.TrimPrefix(p.Type, "xsd:")})
				}
			}
			want[o.Name] = op
		}
		var got []operation
		for _, op := range operations() {
			got = append(got, op.v11())
			if name := element[op.name+"Request"]; name != op.name {
				t.Errorf("%s: the element of %s is %q", file, op.name, name)
			}
		}
		compare(t, got, want)
	}
}
