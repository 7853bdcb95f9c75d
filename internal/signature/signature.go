// Package signature proves to who is posted a body that it is ours and not an old one sent
// again. Both kinds of webhook use it, so that one check at the other end serves for both.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Header bears the signature, HeaderID what is the same in every try of one body.
const (
	Header   = "Callreel-Signature" // t=…,v1=…
	HeaderID = "Callreel-Id"
)

// ErrWrong says that a body was not signed with the secret, or too long ago.
var ErrWrong = errors.New("the signature does not hold")

// Sign is the header that proves who sent a body, and when: the seconds since 1970, and
// the HMAC-SHA256 in lower-case hex, with the secret as its key, over those seconds, a full
// stop and the body.
func Sign(secret, body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return fmt.Sprintf("t=%s,v1=%s", t, hex.EncodeToString(mac(secret, t, body)))
}

func mac(secret []byte, t string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(t + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Verify is what a receiver does: it holds the header against the body, in constant time,
// and refuses one that was signed longer ago than tolerance, or later than that from now,
// because somebody may have kept it. Of several v1 one must hold.
func Verify(secret, body []byte, header string, now time.Time, tolerance time.Duration) error {
	var t string
	var sums [][]byte
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			t = value
		case "v1":
			if sum, err := hex.DecodeString(value); err == nil {
				sums = append(sums, sum)
			}
		}
	}
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return ErrWrong
	}
	want := mac(secret, t, body)
	for _, sum := range sums {
		if hmac.Equal(sum, want) {
			return nil
		}
	}
	return ErrWrong
}
