package sip_test

import (
	"testing"

	"callreel/internal/media/sip"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       sip.Message
		ok         bool
	}{
		{
			"request with compact headers", "INVITE sip:24@pbx SIP/2.0\r\ni: abc@h\r\nf: \"Rossi, A\" <sip:24@pbx;user=phone>;tag=77\r\nt: <tel:+39012345>\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n",
			sip.Message{Method: "INVITE", CallID: "abc@h", From: "24", FromTag: "77", To: "+39012345", SDP: "v=0\r\n"},
			true,
		},
		{
			"response", "SIP/2.0 180 Ringing\r\nCall-ID: x\r\nFrom: sip:1@a;tag=q\r\nTo: sip:%32@b\r\nCSeq: 5 INVITE\r\n\r\n",
			sip.Message{Method: "INVITE", Status: 180, CallID: "x", From: "1", FromTag: "q", To: "2"},
			true,
		},
		{"line feeds only", "BYE sip:a SIP/2.0\nCall-ID: x\n\n", sip.Message{Method: "BYE", CallID: "x"}, true},
		{"HTTP", "GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n", sip.Message{}, false},
		{"status that is none", "SIP/2.0 99 Low and odd\r\n\r\n", sip.Message{}, false},
		{"junk in front", "\x00\x01INVITE sip:24@pbx SIP/2.0\r\n\r\n", sip.Message{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, ok := sip.Parse([]byte(row.text)); ok != row.ok || got != row.want {
				t.Errorf("%v %+v", ok, got)
			}
		})
	}
}

func TestLength(t *testing.T) {
	const invite = "INVITE sip:24@pbx SIP/2.0\r\nCall-ID: x\r\nContent-Length: 5\r\n\r\n"
	for name, row := range map[string]struct {
		text string
		more int // than the text
		ok   bool
	}{
		"whole":                   {invite + "v=0\r\n", 0, true},
		"the body is missing":     {invite, 5, true},
		"another behind it":       {invite + "v=0\r\n" + invite, -len(invite), true},
		"compact":                 {"BYE sip:24@pbx SIP/2.0\r\nl:0\r\n\r\nACK", -3, true},
		"no length":               {"BYE sip:24@pbx SIP/2.0\r\nCall-ID: x\r\n\r\nv=0", 0, true},
		"a length that is none":   {"BYE sip:24@pbx SIP/2.0\r\nl: 99999999\r\n\r\nv=0", 0, true},
		"headers that go on":      {"BYE sip:24@pbx SIP/2.0\r\nCall-ID: x\r\nVi", 1, true},
		"no message":              {"GET / HTTP/1.1\r\n\r\n1234567", 0, false},
		"the middle of a message": {"m=audio 4000 RTP/AVP 8\r\n", 0, false},
	} {
		n, ok := sip.Length([]byte(row.text))
		if ok != row.ok || ok && n-len(row.text) != row.more {
			t.Errorf("%s: %d of %d bytes, %v", name, n, len(row.text), ok)
		}
	}
}

func TestUser(t *testing.T) {
	for value, want := range map[string]string{
		"<sip:24@pbx>": "24", "sip:pbx": "", "": "", "<sip:24:secret@pbx>": "24", "Nobody": "", "<sip:%zz@a>": "%zz", "<sip:a;x=1@b>": "a",
	} {
		if got := sip.User(value); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("INVITE sip:24@pbx SIP/2.0\r\ni: abc\r\nf: <sip:24@pbx>;tag=7\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 8\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := sip.Parse(b); ok && m.Status != 0 && (m.Status < 100 || m.Status > 699) {
			t.Fatal(m.Status)
		}
		_, parsed := sip.Parse(b)
		if n, ok := sip.Length(b); parsed && (!ok || n <= 0) || n > len(b)+1<<20 {
			t.Fatalf("%d of %d bytes, %v", n, len(b), ok)
		}
	})
}
