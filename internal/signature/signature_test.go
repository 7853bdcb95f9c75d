package signature_test

import (
	"strings"
	"testing"
	"time"

	"callreel/internal/signature"
)

const secret = "a secret of the test"

func TestSignatures(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	body := []byte(`{"id":"1"}`)
	good := signature.Sign([]byte(secret), body, now)
	// Computed once with another program: printf '1700000000.{"id":"1"}' | openssl dgst -sha256 -hmac "a secret of the test"
	const want = "t=1700000000,v1=d7a4f2e51089d0ddfc503df9c30a38b930f453865a6e55b0b88070de57aadcc3"
	if good != want {
		t.Errorf("signed as %s, want %s", good, want)
	}
	for _, row := range []struct {
		name, secret, body, header string
		at                         time.Time
		good                       bool
	}{
		{"as sent", secret, string(body), good, now.Add(299 * time.Second), true},
		{"one of two secrets", secret, string(body), good + ",v1=" + strings.Repeat("0", 64), now, true},
		{"kept and sent again", secret, string(body), good, now.Add(301 * time.Second), false},
		{"from the future", secret, string(body), good, now.Add(-301 * time.Second), false},
		{"another secret", "another", string(body), good, now, false},
		{"another body", secret, string(body) + " ", good, now, false},
		{"another time", secret, string(body), strings.Replace(good, "1700000000", "1700000001", 1), now, false},
		{"no time", secret, string(body), good[len("t=1700000000,"):], now, false},
		{"nothing", secret, string(body), "", now, false},
	} {
		err := signature.Verify([]byte(row.secret), []byte(row.body), row.header, row.at, 5*time.Minute)
		if (err == nil) != row.good {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
