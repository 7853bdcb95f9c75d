package pbx

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
)

// encode writes the request envelope of an operation in SOAP 1.1, in the
// rpc/encoded or in the document/literal form. args stand in the order of the
// operation's parts and must have the Go type of each: string, int32 or bool.
// Nothing is left out because it is zero, empty or false.
func encode(op operation, args ...any) ([]byte, error) {
	if len(args) != len(op.in) {
		return nil, fmt.Errorf("%s takes %d values, got %d", op.name, len(op.in), len(args))
	}
	style, prefix := ` soap:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"`, ""
	if op.literal {
		style, prefix = "", "inno:"
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	b.WriteString(`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"` +
		` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
		` xmlns:inno="` + op.namespace + `"><soap:Body` + style + `><inno:` + op.name + `>`)
	for i, arg := range args {
		p := op.in[i]
		text, err := literal(p, arg)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op.name, err)
		}
		typ := ` xsi:type="xsd:` + p.typ + `"`
		if op.literal {
			typ = ""
		}
		b.WriteString(`<` + prefix + p.name + typ + `>`)
		if err := xml.EscapeText(&b, []byte(text)); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", op.name, p.name, err)
		}
		b.WriteString(`</` + prefix + p.name + `>`)
	}
	b.WriteString(`</inno:` + op.name + `></soap:Body></soap:Envelope>`)
	return b.Bytes(), nil
}

func literal(p part, arg any) (string, error) {
	switch v := arg.(type) {
	case string:
		if p.typ == "string" {
			return v, nil
		}
	case int32:
		if p.typ == "int" {
			return strconv.FormatInt(int64(v), 10), nil
		}
	case bool:
		if p.typ == "boolean" {
			return strconv.FormatBool(v), nil
		}
	}
	return "", fmt.Errorf("%s is an xsd:%s, got %T", p.name, p.typ, arg)
}

// FaultError is a SOAP fault, which a PBX sends inside an HTTP 500.
type FaultError struct {
	Code   string // for instance "SOAP-ENV:Client"
	Reason string
}

// Error gives the fault as the PBX worded it.
func (f *FaultError) Error() string {
	return fmt.Sprintf("SOAP fault %q: %s", f.Code, f.Reason)
}

// body finds the one child of the SOAP body: the response of the operation
// named, or a fault, which is returned as a *FaultError.
func body(root *node, op operation) (*node, error) {
	if root.name != "Envelope" {
		return nil, fmt.Errorf("answer to %s is <%s>, not a SOAP envelope", op.name, clip(root.name))
	}
	b := root.child("Body")
	if b == nil {
		return nil, fmt.Errorf("answer to %s has no SOAP body", op.name)
	}
	if f := b.child("Fault"); f != nil {
		return nil, &FaultError{Code: clip(f.text("faultcode")), Reason: clip(f.text("faultstring"))}
	}
	if r := b.child(op.name + "Response"); r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("answer to %s has no %sResponse", op.name, op.name)
}

// clip bounds what of a foreign text stands in an error.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
