package sdp_test

import (
	"reflect"
	"strings"
	"testing"

	"callreel/internal/media/sdp"
)

func TestCrypto(t *testing.T) {
	got := sdp.Parse("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 8\r\n" +
		"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:AAAA|2^31\r\n" +
		"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:BBBB|2^20|1:4;inline:CCCC|2^20|2:4 UNENCRYPTED_SRTP FEC_ORDER=FEC_SRTP\r\n" +
		"a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:DDDD\r\n" +
		"a=crypto:3 AES_CM_128_HMAC_SHA1_80\r\n" +
		"a=crypto:4 AES_CM_128_HMAC_SHA1_80 uri:EEEE\r\n")
	plain := []string{"UNENCRYPTED_SRTP", "FEC_ORDER=FEC_SRTP"}
	want := []sdp.Key{
		{Tag: 1, Suite: "AES_256_CM_HMAC_SHA1_80", Inline: "inline:AAAA|2^31", Session: []string{}},
		{Tag: 2, Suite: "AES_CM_128_HMAC_SHA1_80", Inline: "inline:BBBB|2^20|1:4", Session: plain},
		{Tag: 2, Suite: "AES_CM_128_HMAC_SHA1_80", Inline: "inline:CCCC|2^20|2:4", Session: plain},
	}
	if len(got) != 1 || !got[0].Crypto || !reflect.DeepEqual(got[0].Keys, want) {
		t.Errorf("%+v", got)
	}
}

func TestCryptoIsBounded(t *testing.T) {
	body := "m=audio 4000 RTP/SAVP 8\r\n" + strings.Repeat("a=crypto:1 S inline:A;inline:B\r\n", 100)
	if got := sdp.Parse(body); len(got) != 1 || len(got[0].Keys) != 16 {
		t.Errorf("%d keys", len(got[0].Keys))
	}
}
