package pbxsim

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"
)

const (
	nsPBX     = "http://innovaphone.com/pbx"
	nsBinding = "http://innovaphone/binding"
)

// The two versions of the SOAP interface.
const (
	wireV10 = "v10" // pbx10_00.wsdl: rpc/encoded
	wireV11 = "v11" // pbx11_00.wsdl: document/literal
)

// signature is how a WSDL describes the request of an operation.
type signature struct {
	action, namespace string
	parts             []string
	partSpace         string // namespace of the parts
}

// wire writes and reads one version of the interface.
type wire struct{ v11 bool }

// signatures are the operations the simulation answers, as the WSDL of the version
// has them.
func (w wire) signatures() map[string]signature {
	all := signaturesV10()
	if !w.v11 {
		return all
	}
	for op, sig := range all {
		sig.action, sig.namespace, sig.partSpace = nsPBX+"/"+op, nsPBX, nsPBX
		for i, p := range sig.parts {
			if p == "vx1000" {
				sig.parts[i] = "vx1100"
			}
		}
		all[op] = sig
	}
	return all
}

func signaturesV10() map[string]signature {
	inPBX := func(op string, parts ...string) signature {
		return signature{action: nsPBX + "#" + op, namespace: nsPBX, parts: parts}
	}
	return map[string]signature{
		"Version":        inPBX("Version"),
		"Initialize":     inPBX("Initialize", "user", "appl", "v", "v501", "v700", "v800", "vx1000"),
		"End":            inPBX("End", "session"),
		"Poll":           inPBX("Poll", "session"),
		"Calls":          inPBX("Calls", "session", "user"),
		"UserInitialize": inPBX("UserInitialize", "session", "user", "xfer", "disc", "hw"),
		"FindUser":       inPBX("FindUser", "v501", "v700", "v800", "vx1000", "cn", "h323", "e164", "count", "next", "nohide"),
		"LocationUrl":    inPBX("LocationUrl", "v501", "v700", "v800", "vx1000", "loc", "tls"),
		"Echo":           {action: nsPBX + "#Echo", namespace: nsBinding, parts: []string{"session", "key"}},
		"UserEnd":        {action: "capeconnect:pbx:pbxPortType#UserEnd", namespace: nsBinding, parts: []string{"user"}},
	}
}

// request is one decoded SOAP request.
type request struct {
	op   string
	args map[string]string
}

func (r request) integer(name string) int {
	v, _ := strconv.Atoi(r.args[name])
	return v
}

// readRequest decodes a request and holds it against the WSDL: SOAPAction,
// namespace, names and order of the parts.
func (w wire) readRequest(body io.Reader, action string) (request, error) {
	var e struct {
		XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Body    struct {
			Op struct {
				XMLName xml.Name
				Parts   []struct {
					XMLName xml.Name
					Text    string `xml:",chardata"`
				} `xml:",any"`
			} `xml:",any"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	if err := xml.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&e); err != nil {
		return request{}, fmt.Errorf("no SOAP envelope: %w", err)
	}
	op := e.Body.Op.XMLName
	sig, ok := w.signatures()[op.Local]
	switch {
	case !ok:
		return request{}, fmt.Errorf("operation %q is not known", op.Local)
	case strings.Trim(action, `"`) != sig.action:
		return request{}, fmt.Errorf("%s: SOAPAction is %s, want %s", op.Local, action, sig.action)
	case op.Space != sig.namespace:
		return request{}, fmt.Errorf("%s: namespace is %q, want %q", op.Local, op.Space, sig.namespace)
	case len(e.Body.Op.Parts) != len(sig.parts):
		return request{}, fmt.Errorf("%s: %d parts, want %d", op.Local, len(e.Body.Op.Parts), len(sig.parts))
	}
	r := request{op: op.Local, args: map[string]string{}}
	for i, p := range e.Body.Op.Parts {
		if p.XMLName.Local != sig.parts[i] || p.XMLName.Space != sig.partSpace {
			return request{}, fmt.Errorf("%s: part %d is %q, want %q in %q", op.Local, i+1, p.XMLName.Local, sig.parts[i], sig.partSpace)
		}
		r.args[p.XMLName.Local] = p.Text
	}
	return r, nil
}

const envelopeHead = `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"` +
	` xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
	` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:inno="`

// response wraps the parts of an answer.
func (w wire) response(op, parts string) string {
	sig := w.signatures()[op]
	if w.v11 {
		return envelopeHead + sig.namespace + `"><SOAP-ENV:Body><` + op + `Response xmlns="` + sig.namespace + `">` +
			parts + `</` + op + `Response></SOAP-ENV:Body></SOAP-ENV:Envelope>`
	}
	return envelopeHead + sig.namespace +
		`"><SOAP-ENV:Body SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><inno:` + op + `Response>` +
		parts + `</inno:` + op + `Response></SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

// faultEnvelope is the body of an HTTP 500.
func faultEnvelope(code, reason string) string {
	return envelopeHead + nsPBX + `"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:` + code + `</faultcode><faultstring>` +
		html.EscapeString(reason) + `</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

// element writes one simple value; version 10 says its type.
func (w wire) element(name, typ, text string) string {
	if w.v11 {
		return `<` + name + `>` + text + `</` + name + `>`
	}
	return `<` + name + ` xsi:type="xsd:` + typ + `">` + text + `</` + name + `>`
}

func (w wire) integer(name string, v int) string { return w.element(name, "int", strconv.Itoa(v)) }
func (w wire) boolean(name string, v bool) string {
	return w.element(name, "boolean", strconv.FormatBool(v))
}
func (w wire) text(name, v string) string { return w.element(name, "string", html.EscapeString(v)) }

// null writes an element without a value.
func (w wire) null(name string) string {
	if w.v11 {
		return `<` + name + `/>`
	}
	return `<` + name + ` xsi:nil="true"/>`
}

// array writes items of an inno type: version 10 as a SOAP-ENC:Array, version 11
// by repeating the element.
func (w wire) array(name, typ string, items []string) string {
	var b strings.Builder
	if w.v11 {
		for _, item := range items {
			b.WriteString(`<` + name + `>` + item + `</` + name + `>`)
		}
		return b.String()
	}
	fmt.Fprintf(&b, `<%s xsi:type="SOAP-ENC:Array" SOAP-ENC:arrayType="inno:%s[%d]">`, name, typ, len(items))
	for _, item := range items {
		b.WriteString(`<item xsi:type="inno:` + typ + `">` + item + `</item>`)
	}
	b.WriteString(`</` + name + `>`)
	return b.String()
}

// object writes a struct of an inno type.
func (w wire) object(name, typ, content string) string {
	if w.v11 {
		return `<` + name + `>` + content + `</` + name + `>`
	}
	return `<` + name + ` xsi:type="inno:` + typ + `">` + content + `</` + name + `>`
}

// versionName is what Version calls its first value.
func (w wire) versionName() string {
	if w.v11 {
		return "VersionResult"
	}
	return "WSDLVersion"
}
