package main

import (
	"strings"

	"callreel/internal/media/srtp"
)

// addKeys takes what the flags --srtp-key say: base64 of a key and its salt, as in
// a=crypto (RFC 4568), with the suite and a colon before it where that is not the
// usual one. The error does not say what the key was.
func (j *convertJob) addKeys(texts []string) error {
	for _, text := range texts {
		suite, inline, ok := strings.Cut(text, ":")
		if !ok || suite == "inline" {
			suite, inline = "AES_CM_128_HMAC_SHA1_80", text
		}
		key, err := srtp.ParseKey(suite, inline)
		if err != nil {
			return err
		}
		j.options.Keys = append(j.options.Keys, key)
	}
	return nil
}
