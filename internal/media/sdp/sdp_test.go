package sdp_test

import (
	"net/netip"
	"testing"

	"callreel/internal/media/sdp"
)

const description = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
	"m=audio 4000/2 RTP/AVP 8 101 99\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:99 L16/16000/2\r\na=sendonly\r\n" +
	"m=video 4002 RTP/SAVP 96\r\nc=IN IP6 2001:db8::1\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=rtpmap:bad\r\n"

func TestParse(t *testing.T) {
	media := sdp.Parse(description)
	if len(media) != 2 {
		t.Fatalf("%d sections", len(media))
	}
	audio, video := media[0], media[1]
	if audio.Kind != "audio" || audio.Addr != netip.MustParseAddrPort("192.0.2.1:4000") || audio.Direction != "sendonly" || audio.Secure() {
		t.Errorf("%+v", audio)
	}
	if audio.Types[99] != (sdp.Map{Name: "L16", Clock: 16000, Channels: 2}) || audio.Types[101].Name != "telephone-event" {
		t.Errorf("%+v", audio.Types)
	}
	if video.Addr != netip.MustParseAddrPort("[2001:db8::1]:4002") || !video.Secure() || len(video.Types) != 0 {
		t.Errorf("%+v", video)
	}
}

func TestOddities(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "no port": "m=audio x RTP/AVP 0", "cut": "m=audio", "attribute first": "a=rtpmap:0 PCMU/8000"} {
		if got := sdp.Parse(text); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if m := sdp.Parse("a=fingerprint:sha-1 00\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n"); len(m) != 1 || !m[0].Secure() {
		t.Errorf("%+v", m)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(description)
	f.Fuzz(func(t *testing.T, text string) {
		if len(sdp.Parse(text)) > 64 {
			t.Fatal("too many sections")
		}
	})
}
