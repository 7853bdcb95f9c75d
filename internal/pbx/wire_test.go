package pbx

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"callreel/internal/pbx/wsdl11"
)

func TestEncodeLeavesNothingOut(t *testing.T) {
	got, err := encode(opUserInitialize(), int32(0), "Jürgen <&> Müller", false, false, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`xmlns:inno="http://innovaphone.com/pbx"`, `<inno:UserInitialize>`, `<session xsi:type="xsd:int">0</session>`,
		`<user xsi:type="xsd:string">Jürgen &lt;&amp;&gt; Müller</user>`, `<xfer xsi:type="xsd:boolean">false</xfer>`,
		`<disc xsi:type="xsd:boolean">false</disc>`, `<hw xsi:type="xsd:string"></hw>`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if _, err := encode(opEnd(), "1"); err == nil {
		t.Error("a string was taken for an int")
	}
	if _, err := encode(opEnd()); err == nil {
		t.Error("a missing value was not noticed")
	}
}

func TestEncodeV11(t *testing.T) {
	got, err := encode(opUserInitialize().v11(), int32(0), "Jürgen <&> Müller", false, false, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`xmlns:inno="http://innovaphone.com/pbx"><soap:Body><inno:UserInitialize>`, `<inno:session>0</inno:session>`,
		`<inno:user>Jürgen &lt;&amp;&gt; Müller</inno:user>`, `<inno:xfer>false</inno:xfer>`, `<inno:hw></inno:hw>`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if strings.Contains(string(got), "xsi:type") {
		t.Errorf("types in a literal message: %s", got)
	}
}

const (
	userV10 = `<user SOAP-ENC:arrayType="inno:UserInfo[2]"><item><active>true</active><cn>Anna</cn><type>ep</type><channel/>` +
		`<groups><item><group>rec</group><active>false</active></item></groups><presence xsi:nil="true"/></item><item/></user>`
	userV11 = `<user><active>1</active><cn>Anna</cn><type>ep</type><groups><group>rec</group><active>0</active></groups></user><user/>`
	callV10 = `<call><item><user>7</user><call>42</call><reg>0</reg><active>true</active><state>133</state><No>` +
		`<item><type>this</type><cn>Anna</cn></item><item><type>peer</type><e164>0012345</e164></item></No><msg>r-conn</msg>` +
		`<info><item><type>conf</type><vali>0</vali><vals>c03a55c2e909d311b6450090331b3e3b</vals></item></info></item></call>`
	callV11 = `<call><user>7</user><call>42</call><active>true</active><state>133</state><No><type>this</type><cn>Anna</cn></No>` +
		`<No><type>peer</type><e164>0012345</e164></No><msg>r-conn</msg><info><type>conf</type>` +
		`<vals>c03a55c2e909d311b6450090331b3e3b</vals></info></call>`
)

func pollAnswer(inner string) string {
	return `<?xml version="1.0"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
		` xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/"><S:Body><r:PollResponse xmlns:r="http://innovaphone.com/pbx"><return>` +
		inner + `</return></r:PollResponse></S:Body></S:Envelope>`
}

func TestListsOfBothVersionsDecodeToTheSame(t *testing.T) {
	want := &wsdl11.AnyInfo{
		User: []*wsdl11.UserInfo{{Active: true, Cn: "Anna", Type_: "ep", Groups: []*wsdl11.Group{{Group: "rec"}}}},
		Call: []*wsdl11.CallInfo{{
			User: 7, Call: 42, Active: true, State: 133, Msg: "r-conn",
			No:   []*wsdl11.No{{Type_: "this", Cn: "Anna"}, {Type_: "peer", E164: "0012345"}},
			Info: []*wsdl11.Info{{Type_: "conf", Vals: "c03a55c2e909d311b6450090331b3e3b"}},
		}},
	}
	rows := []struct{ name, body string }{
		{"v10", pollAnswer(userV10 + callV10 + `<reg/><info xsi:nil="true"/>`)},
		{"v11", pollAnswer(userV11 + callV11)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			root, err := parse([]byte(row.body), "text/xml")
			if err != nil {
				t.Fatal(err)
			}
			n, err := body(root, opPoll())
			if err != nil {
				t.Fatal(err)
			}
			var r reader
			if got := r.anyInfo(n.child("return")); !reflect.DeepEqual(got, want) || r.err != nil {
				t.Errorf("got %+v (%v)", got, r.err)
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	rows := []struct{ name, raw, want string }{
		{"empty", "", "no XML element"},
		{"cut", pollAnswer(userV10)[:300], "XML at byte"},
		{"html", "<html><body>login</body></html>", "not a SOAP envelope"},
		{"other answer", strings.ReplaceAll(pollAnswer(""), "PollResponse", "EchoResponse"), "no PollResponse"},
		{"no body", `<Envelope/>`, "no SOAP body"},
		{"charset", `<?xml version="1.0" encoding="koi8-r"?><a/>`, `charset "koi8-r" is not known`},
		{"deep", strings.Repeat("<a>", 100), "deeper than"},
		{"fault", faultXML, "session unknown"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			root, err := parse([]byte(row.raw), "")
			if err == nil {
				_, err = body(root, opPoll())
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
			var fault *FaultError
			if got := errors.As(err, &fault); got != (row.name == "fault") {
				t.Errorf("is a fault: %v", got)
			}
		})
	}
}

const faultXML = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>` +
	`<faultcode>e:Client</faultcode><faultstring>session unknown</faultstring></e:Fault></e:Body></e:Envelope>`

func TestCharsets(t *testing.T) {
	rows := []struct{ name, raw, contentType string }{
		{"utf-8", "<cn>Müller</cn>", "text/xml; charset=utf-8"},
		{"prolog", "<?xml version='1.0' encoding='ISO-8859-1'?><cn>M\xfcller</cn>", "text/xml; charset=utf-8"},
		{"header", "<cn>M\xfcller</cn>", "text/xml; charset=iso-8859-1"},
		{"neither", "<cn>M\xfcller</cn>", ""},
		{"windows", "<cn>M\xfcller</cn>", "text/xml; charset=windows-1252"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			n, err := parse([]byte(row.raw), row.contentType)
			if err != nil || string(n.data) != "Müller" {
				t.Errorf("got %+v, %v", n, err)
			}
		})
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	for _, raw := range []string{"<c><user>x</user></c>", "<c><user>99999999999</user></c>", "<c><active>maybe</active></c>"} {
		n, err := parse([]byte(raw), "")
		if err != nil {
			t.Fatal(err)
		}
		var r reader
		r.callInfo(n)
		if r.err == nil {
			t.Errorf("%s was taken", raw)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(pollAnswer(userV10+callV10)), "text/xml; charset=utf-8")
	f.Add([]byte(pollAnswer(userV11+callV11)), "text/xml; charset=iso-8859-1")
	f.Add([]byte(faultXML), "")
	f.Add([]byte("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xfc</a>"), "x")
	f.Add([]byte(`<?xml encoding="`), "")
	f.Fuzz(func(t *testing.T, raw []byte, contentType string) {
		root, err := parse(raw, contentType)
		if err != nil {
			return
		}
		n, err := body(root, opPoll())
		if err != nil {
			return
		}
		var r reader
		tr := &tracker{}
		for _, c := range r.anyInfo(n.child("return")).Call {
			changed, _ := tr.event(anna(), c, noon())
			for _, leg := range changed {
				if len(leg.Conf) != 32 {
					t.Errorf("leg without conference: %+v", leg)
				}
			}
		}
	})
}
