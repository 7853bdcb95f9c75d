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
			got, err := wire{}.readRequest(strings.NewReader(row.body), row.action)
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
		for _, w := range []wire{{}, {v11: true}} {
			got, err := w.readRequest(strings.NewReader(body), action)
			if err == nil && len(got.args) != len(w.signatures()[got.op].parts) {
				t.Errorf("%d values for %s", len(got.args), got.op)
			}
		}
	})
}

const pollRequestV11 = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
	`<Poll xmlns="http://innovaphone.com/pbx"><session>7</session></Poll></s:Body></s:Envelope>`

func TestRequestsOfVersion11(t *testing.T) {
	const action = `"http://innovaphone.com/pbx/Poll"`
	rows := []struct{ name, body, action, want string }{
		{"good", pollRequestV11, action, ""},
		{"action of version 10", pollRequestV11, `"http://innovaphone.com/pbx#Poll"`, "SOAPAction"},
		{"part without namespace", pollRequest, action, `part 1 is "session"`},
	}
	for _, row := range rows {
		_, err := wire{v11: true}.readRequest(strings.NewReader(row.body), row.action)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q", row.name, err, row.want)
		}
	}
}
