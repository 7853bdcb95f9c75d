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

// signature is how pbx10_00.wsdl describes the request of an operation.
type signature struct {
	action, namespace string
	parts             []string
}

// signatures are the operations the simulation answers.
func signatures() map[string]signature {
	inPBX := func(op string, parts ...string) signature { return signature{nsPBX + "#" + op, nsPBX, parts} }
	return map[string]signature{
		"Version":        inPBX("Version"),
		"Initialize":     inPBX("Initialize", "user", "appl", "v", "v501", "v700", "v800", "vx1000"),
		"End":            inPBX("End", "session"),
		"Poll":           inPBX("Poll", "session"),
		"Calls":          inPBX("Calls", "session", "user"),
		"UserInitialize": inPBX("UserInitialize", "session", "user", "xfer", "disc", "hw"),
		"FindUser":       inPBX("FindUser", "v501", "v700", "v800", "vx1000", "cn", "h323", "e164", "count", "next", "nohide"),
		"Echo":           {nsPBX + "#Echo", nsBinding, []string{"session", "key"}},
		"UserEnd":        {"capeconnect:pbx:pbxPortType#UserEnd", nsBinding, []string{"user"}},
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
func readRequest(body io.Reader, action string) (request, error) {
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
	sig, ok := signatures()[op.Local]
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
		if p.XMLName.Local != sig.parts[i] || p.XMLName.Space != "" {
			return request{}, fmt.Errorf("%s: part %d is %q, want %q", op.Local, i+1, p.XMLName.Local, sig.parts[i])
		}
		r.args[p.XMLName.Local] = p.Text
	}
	return r, nil
}

const envelopeHead = `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"` +
	` xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
	` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:inno="`

// response wraps the parts of an answer.
func response(op, parts string) string {
	return envelopeHead + signatures()[op].namespace +
		`"><SOAP-ENV:Body SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><inno:` + op + `Response>` +
		parts + `</inno:` + op + `Response></SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

// faultEnvelope is the body of an HTTP 500.
func faultEnvelope(code, reason string) string {
	return envelopeHead + nsPBX + `"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:` + code + `</faultcode><faultstring>` +
		html.EscapeString(reason) + `</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

func intPart(name string, v int) string {
	return `<` + name + ` xsi:type="xsd:int">` + strconv.Itoa(v) + `</` + name + `>`
}

func boolPart(name string, v bool) string {
	return `<` + name + ` xsi:type="xsd:boolean">` + strconv.FormatBool(v) + `</` + name + `>`
}

func textPart(name, v string) string {
	return `<` + name + ` xsi:type="xsd:string">` + html.EscapeString(v) + `</` + name + `>`
}

// array is a SOAP-ENC:Array of items of an inno type.
func array(name, typ string, items []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<%s xsi:type="SOAP-ENC:Array" SOAP-ENC:arrayType="inno:%s[%d]">`, name, typ, len(items))
	for _, item := range items {
		b.WriteString(`<item xsi:type="inno:` + typ + `">` + item + `</item>`)
	}
	b.WriteString(`</` + name + `>`)
	return b.String()
}
