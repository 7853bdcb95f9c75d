package pbxsim

import (
	"strings"
	"testing"
)

const pollRequest = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
	`<i:Poll xmlns:i="http://innovaphone.com/pbx"><session>7</session></i:Poll></s:Body></s:Envelope>`

func TestRequestsAreHeldAgainstTheWSDL(t *testing.T) {
	const action = `"http://innovaphone.com/pbx#Poll"`
	rows := []struct{ name, body, action, want string }{
		{"good", pollRequest, action, ""},
		{"action", pollRequest, `"http://innovaphone.com/pbx/Poll"`, "SOAPAction"},
		{"namespace", strings.ReplaceAll(pollRequest, "com/pbx", "com/other"), action, "namespace"},
		{"part", strings.ReplaceAll(pollRequest, "session>", "sitting>"), action, `part 1 is "sitting"`},
		{"too many", strings.ReplaceAll(pollRequest, "</i:Poll>", "<key>1</key></i:Poll>"), action, "2 parts, want 1"},
		{"unknown", strings.ReplaceAll(pollRequest, "Poll", "Pull"), action, `"Pull" is not known`},
		{"nothing", "", action, "no SOAP envelope"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := readRequest(strings.NewReader(row.body), row.action)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Fatalf("error %v, want %q", err, row.want)
			}
			if err == nil && (got.op != "Poll" || got.integer("session") != 7) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(pollRequest, "http://innovaphone.com/pbx#Poll")
	f.Add(`<Envelope/>`, "")
	f.Add(pollRequest[:80], "x")
	f.Fuzz(func(t *testing.T, body, action string) {
		got, err := readRequest(strings.NewReader(body), action)
		if err == nil && len(got.args) != len(signatures()[got.op].parts) {
			t.Errorf("%d values for %s", len(got.args), got.op)
		}
	})
}
