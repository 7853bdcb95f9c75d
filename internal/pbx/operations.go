package pbx

// The two body namespaces of pbx10_00.wsdl. Echo and UserEnd really live in
// the second one.
const (
	nsPBX     = "http://innovaphone.com/pbx"
	nsBinding = "http://innovaphone/binding"
)

// operation is one row of the PBX's interface as pbx10_00.wsdl has it. The
// SOAPAction is taken from there and not built: UserEnd's is unlike the others.
type operation struct {
	name      string
	action    string
	namespace string
	in        []part
}

// part is one parameter of an operation. Its type is an XML Schema name
// without prefix: string, int or boolean.
type part struct{ name, typ string }

func opInitialize() operation {
	return operation{"Initialize", nsPBX + "#Initialize", nsPBX, []part{
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
	return operation{"End", nsPBX + "#End", nsPBX, []part{{"session", "int"}}}
}

func opPoll() operation {
	return operation{"Poll", nsPBX + "#Poll", nsPBX, []part{{"session", "int"}}}
}

func opCalls() operation {
	return operation{"Calls", nsPBX + "#Calls", nsPBX, []part{{"session", "int"}, {"user", "string"}}}
}

func opUserInitialize() operation {
	return operation{"UserInitialize", nsPBX + "#UserInitialize", nsPBX, []part{
		{"session", "int"}, {"user", "string"}, {"xfer", "boolean"}, {"disc", "boolean"}, {"hw", "string"},
	}}
}

func opUserEnd() operation {
	return operation{"UserEnd", "capeconnect:pbx:pbxPortType#UserEnd", nsBinding, []part{{"user", "int"}}}
}

func opEcho() operation {
	return operation{"Echo", nsPBX + "#Echo", nsBinding, []part{{"session", "int"}, {"key", "int"}}}
}

func opVersion() operation {
	return operation{"Version", nsPBX + "#Version", nsPBX, nil}
}

// operations lists every operation the client uses.
func operations() []operation {
	return []operation{
		opInitialize(), opEnd(), opPoll(), opCalls(), opUserInitialize(), opUserEnd(), opEcho(), opVersion(),
	}
}
