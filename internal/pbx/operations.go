package pbx

import "slices"

// The two body namespaces of pbx10_00.wsdl. Echo and UserEnd really live in
// the second one.
const (
	nsPBX     = "http://innovaphone.com/pbx"
	nsBinding = "http://innovaphone/binding"
)

// The two versions of the SOAP interface.
const (
	wireV10 = "v10" // pbx10_00.wsdl: rpc/encoded
	wireV11 = "v11" // pbx11_00.wsdl: document/literal
)

// operation is one row of the PBX's interface as pbx10_00.wsdl has it. The
// SOAPAction is taken from there and not built: UserEnd's is unlike the others.
type operation struct {
	name      string
	action    string
	namespace string
	in        []part
	literal   bool // document/literal with qualified parts, as in pbx11_00.wsdl
}

// v11 is the same operation as pbx11_00.wsdl has it: one namespace, regular
// SOAPActions, and a flag for its own version in place of that of version 10.
func (o operation) v11() operation {
	o.action, o.namespace, o.literal = nsPBX+"/"+o.name, nsPBX, true
	o.in = slices.Clone(o.in)
	for i := range o.in {
		if o.in[i].name == "vx1000" {
			o.in[i].name = "vx1100"
		}
	}
	return o
}

// part is one parameter of an operation. Its type is an XML Schema name
// without prefix: string, int or boolean.
type part struct{ name, typ string }

func opInitialize() operation {
	return operation{name: "Initialize", action: nsPBX + "#Initialize", namespace: nsPBX, in: []part{
		{"user", "string"},
		{"appl", "string"},
		{"v", "boolean"},
		{"v501", "boolean"},
		{"v700", "boolean"},
		{"v800", "boolean"},
		{"vx1000", "boolean"},
	}}
}

func opEnd() operation {
	return operation{name: "End", action: nsPBX + "#End", namespace: nsPBX, in: []part{{"session", "int"}}}
}

func opPoll() operation {
	return operation{name: "Poll", action: nsPBX + "#Poll", namespace: nsPBX, in: []part{{"session", "int"}}}
}

func opCalls() operation {
	return operation{name: "Calls", action: nsPBX + "#Calls", namespace: nsPBX, in: []part{{"session", "int"}, {"user", "string"}}}
}

func opUserInitialize() operation {
	return operation{name: "UserInitialize", action: nsPBX + "#UserInitialize", namespace: nsPBX, in: []part{
		{"session", "int"}, {"user", "string"}, {"xfer", "boolean"}, {"disc", "boolean"}, {"hw", "string"},
	}}
}

func opUserEnd() operation {
	return operation{name: "UserEnd", action: "capeconnect:pbx:pbxPortType#UserEnd", namespace: nsBinding, in: []part{{"user", "int"}}}
}

func opEcho() operation {
	return operation{name: "Echo", action: nsPBX + "#Echo", namespace: nsBinding, in: []part{{"session", "int"}, {"key", "int"}}}
}

func opVersion() operation {
	return operation{name: "Version", action: nsPBX + "#Version", namespace: nsPBX}
}

func opLocationURL() operation {
	return operation{name: "LocationUrl", action: nsPBX + "#LocationUrl", namespace: nsPBX, in: []part{
		{"v501", "string"}, {"v700", "string"}, {"v800", "string"}, {"vx1000", "string"}, {"loc", "string"}, {"tls", "boolean"},
	}}
}

// operations lists every operation the client uses.
func operations() []operation {
	return []operation{
		opInitialize(), opEnd(), opPoll(), opCalls(), opUserInitialize(), opUserEnd(), opEcho(), opVersion(), opLocationURL(),
	}
}
