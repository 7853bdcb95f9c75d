package rtp_test

import (
	"os"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/media/rtp"
)

func TestParse(t *testing.T) {
	plain := "\x80\x88\x01\x02\x00\x00\x03\xe8\xde\xad\xbe\xef"
	for _, row := range []struct {
		name, packet  string
		truncated, ok bool
		start, length int
	}{
		{"no payload", plain, false, true, 12, 0},
		{"payload", plain + "abc", false, true, 12, 3},
		{"too short", plain[:11], false, false, 0, 0},
		{"version 3", "\xc0" + plain[1:], false, false, 0, 0},
		{"two sources", "\x82" + plain[1:] + "aaaabbbbcc", false, true, 20, 2},
		{"sources cut", "\x82" + plain[1:] + "aaaa", false, false, 0, 0},
		{"extension", "\x90" + plain[1:] + "\xbe\xde\x00\x01aaaaxyz", false, true, 20, 3},
		{"extension cut", "\x90" + plain[1:] + "\xbe\xde\x00\x02aaaa", false, false, 0, 0},
		{"padding", "\xa0" + plain[1:] + "xy\x00\x02", false, true, 12, 2},
		{"padding 0", "\xa0" + plain[1:] + "\x00", false, false, 0, 0},
		{"padding longer than the packet", "\xa0" + plain[1:] + "\x09", false, false, 0, 0},
		{"padding not captured", "\xa0" + plain[1:] + "\x09", true, true, 12, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			var h rtp.Header
			ok := rtp.Parse([]byte(row.packet), row.truncated, &h)
			if ok != row.ok || ok && (h.Start != row.start || h.Length != row.length) {
				t.Fatalf("%v %+v", ok, h)
			}
			if want := map[bool]int{true: 2}[row.name == "padding"]; ok && h.Padding != want {
				t.Errorf("%d octets of padding", h.Padding)
			}
			if ok && (!h.Marker || h.Type != 8 || h.Seq != 0x102 || h.Timestamp != 1000 || h.SSRC != 0xdeadbeef) {
				t.Errorf("%+v", h)
			}
		})
	}
}

func TestVectors(t *testing.T) {
	for name, want := range map[string]rtp.Header{
		"rtp.bin":              {Type: 0, Seq: 15743, Timestamp: 3937035252, Length: 160},
		"rtp_dtmf.bin":         {Marker: true, Type: 101, Seq: 24152, Timestamp: 4021352124, Length: 4},
		"rtp_only_padding.bin": {Type: 120, Seq: 27759, Timestamp: 4044047131},
		"rtp_with_csrc.bin":    {Type: 0, Seq: 16082, Timestamp: 144, Length: 160},
	} {
		b, err := os.ReadFile(corpus.Vectors(t, "rtp-packets/"+name))
		if err != nil {
			t.Fatal(err)
		}
		var got rtp.Header
		ok := rtp.Parse(b, false, &got)
		got.SSRC, got.Start, got.Padding = 0, 0, 0
		if !ok || got != want || rtp.Look(b) != rtp.RTP {
			t.Errorf("%s: %v %+v", name, ok, got)
		}
	}
}

func TestLook(t *testing.T) {
	for _, row := range []struct {
		name, packet string
		want         rtp.Kind
	}{
		{"short", "\x80", rtp.Other},
		{"RTP", "\x80\x08\x00\x01....", rtp.RTP},
		{"sender report", "\x80\xc8\x00\x06....", rtp.RTCP},
		{"STUN", "\x00\x01\x00\x00\x21\x12\xa4\x42............", rtp.STUN},
		{"DTLS", "\x16\xfe\xff.........." + ".", rtp.DTLS},
		{"SIP", "INVITE sip:x", rtp.Other},
	} {
		if got := rtp.Look([]byte(row.packet)); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}

func TestEvent(t *testing.T) {
	e, ok := rtp.ParseEvent([]byte{11, 0x8a, 1, 0x90})
	if !ok || e != (rtp.Event{Code: 11, End: true, Duration: 400}) {
		t.Errorf("%v %+v", ok, e)
	}
	for _, b := range []string{"", "abc", "\x01\x40\x00\x00"} {
		if _, ok := rtp.ParseEvent([]byte(b)); ok {
			t.Errorf("%q is no event", b)
		}
	}
	keys := ""
	for code := range uint8(20) {
		key, _ := rtp.Digit(code)
		keys += key
	}
	if keys != "0123456789*#ABCD" {
		t.Error(keys)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x80\x88\x01\x02\x00\x00\x03\xe8\xde\xad\xbe\xef"), false)
	f.Add([]byte("\xb1\x88\x01\x02\x00\x00\x03\xe8\xde\xad\xbe\xefaaaa\xbe\xde\x00\x01aaaaxyz\x01"), true)
	f.Fuzz(func(t *testing.T, b []byte, truncated bool) {
		var h rtp.Header
		if rtp.Parse(b, truncated, &h) && (h.Start < 12 || h.Length < 0 || h.Start+h.Length > len(b)) {
			t.Fatalf("%+v of %d bytes", h, len(b))
		}
		var plain rtp.Header
		if rtp.Plain(b, &plain) && (!rtp.Parse(b, truncated, &h) || h != plain || rtp.Look(b) != rtp.RTP) {
			t.Fatalf("%+v, the long way says %+v", plain, h)
		}
		rtp.ParseEvent(b)
	})
}
