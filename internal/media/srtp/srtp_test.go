package srtp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDerive has the test vectors of RFC 3711 B.3.
func TestDerive(t *testing.T) {
	master, err := aes.NewCipher(unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139"))
	if err != nil {
		t.Fatal(err)
	}
	salt := [saltMost]byte(unhex(t, "0EC675AD498AFEEBB6960B3AABE6"))
	for label, want := range map[byte]string{
		labelKey:  "C61E7A93744F39EE10734AFE3FF7A087",
		labelSalt: "30CBBC08863D8C85D49DB34A9AE1",
		labelAuth: "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4",
	} {
		if got := (derivation{master, salt, 0}).derive(label, len(want)/2); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("label %d: %x, want %s", label, got, want)
		}
	}
}

func names() []string {
	return []string{
		"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AES_192_CM_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_32",
		"AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM",
	}
}

// inline is a key of a suite in base64.
func inline(name string) string {
	s, _ := suiteOf(name)
	master := make([]byte, s.key+s.salt)
	for i := range master {
		master[i] = byte(i*7 + 3)
	}
	return base64.StdEncoding.EncodeToString(master)
}

func context(t testing.TB, name, inline string, session ...string) *Context {
	t.Helper()
	k, err := ParseKey(name, inline, session...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(k)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seal makes the packet that c opens: the same transforms the other way round.
func seal(c *Context, header, payload []byte, roll uint32) []byte {
	if err := c.derive(c.turnOf(header, roll)); err != nil {
		panic(err)
	}
	out := append([]byte(nil), header...)
	mki := bytes.Repeat([]byte{0xaa}, c.key.mki)
	if c.aead != nil {
		iv := append(make([]byte, 2), header[8:12]...)
		iv = binary.BigEndian.AppendUint32(iv, roll)
		iv = append(iv, header[2:4]...)
		for i := range iv {
			iv[i] ^= c.salt[i]
		}
		return append(c.aead.Seal(out, iv, payload, header), mki...)
	}
	out = append(out, payload...)
	if !c.key.plain {
		cipher.NewCTR(c.block, c.counter(header, roll)).XORKeyStream(out[len(header):], out[len(header):])
	}
	c.mac.Reset()
	c.mac.Write(out)
	c.mac.Write(binary.BigEndian.AppendUint32(nil, roll))
	tag := c.mac.Sum(nil)[:c.key.suite.tag]
	return append(append(out, mki...), tag...)
}

func header(seq uint16) []byte {
	h := []byte{0x80, 8, 0, 0, 0, 0, 1, 2, 0xde, 0xad, 0xbe, 0xef}
	binary.BigEndian.PutUint16(h[2:], seq)
	return h
}

func TestOpen(t *testing.T) {
	for _, name := range names() {
		for _, mki := range []string{"", "|2^20|1:4", "|2^31", "|3:1"} {
			t.Run(name+mki, func(t *testing.T) {
				c := context(t, name, "inline:"+inline(name)+mki)
				payload := []byte("what was said, and more than a block of it")
				sealed := seal(c, header(77), payload, 3)
				if len(sealed) != fixedLen+len(payload)+c.Overhead() || bytes.Contains(sealed, payload[:8]) {
					t.Fatalf("sealed: %d octets", len(sealed))
				}
				if got, err := c.Open([]byte("x"), sealed, fixedLen, 3); err != nil || string(got) != "x"+string(payload) {
					t.Fatalf("%q, %v", got, err)
				}
				if _, err := c.Open(nil, sealed, fixedLen, 4); !errors.Is(err, ErrAuth) {
					t.Errorf("another rollover counter: %v", err)
				}
				for i := range sealed {
					inIdentifier := c.key.mki > 0 && sealed[i] == 0xaa
					bad := bytes.Clone(sealed)
					bad[i] ^= 0x10
					if out, err := c.Open(nil, bad, fixedLen, 3); !inIdentifier && (!errors.Is(err, ErrAuth) || len(out) != 0) {
						t.Fatalf("octet %d changed: %v", i, err)
					}
				}
				for n := range sealed {
					if _, err := c.Open(nil, sealed[:n], fixedLen, 3); !errors.Is(err, ErrAuth) {
						t.Fatalf("cut to %d octets: %v", n, err)
					}
				}
			})
		}
	}
}

// TestKeystream has the first key stream of RFC 3711 B.2, in the counter that the
// example's salt, source and index give.
func TestKeystream(t *testing.T) {
	c := &Context{}
	copy(c.salt[:], unhex(t, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD"))
	block, err := aes.NewCipher(unhex(t, "2B7E151628AED2A6ABF7158809CF4F3C"))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 32)
	cipher.NewCTR(block, c.counter(make([]byte, fixedLen), 0)).XORKeyStream(out, out)
	if want := unhex(t, "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"); !bytes.Equal(out, want) {
		t.Errorf("%x, want %x", out, want)
	}
}

// TestGCM has the packet of RFC 7714 §16.1.1, made with the session key and salt.
func TestGCM(t *testing.T) {
	block, err := aes.NewCipher(unhex(t, "000102030405060708090a0b0c0d0e0f"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Context{key: Key{suite: suite{tag: 16, aead: true}}}
	copy(c.salt[:], unhex(t, "517569642070726f2071756f"))
	if c.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	packet := unhex(t, "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce")
	got, err := c.Open(nil, packet, fixedLen, 0)
	if want := "Gallia est omnis divisa in partes tres"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}

func TestUnencrypted(t *testing.T) {
	for _, name := range []string{"AES_CM_128_HMAC_SHA1_80"} {
		c := context(t, name, inline(name), "UNENCRYPTED_SRTP", "WSH=64")
		sealed := seal(c, header(5), []byte("in clear"), 0)
		if got, err := c.Open(nil, sealed, fixedLen, 0); err != nil || string(got) != "in clear" {
			t.Errorf("%q, %v", got, err)
		}
		sealed[13] ^= 1
		if _, err := c.Open(nil, sealed, fixedLen, 0); !errors.Is(err, ErrAuth) {
			t.Error(err)
		}
	}
}

// TestDeriveAnew has keys of a later turn of the same master key, computed by the
// formula of RFC 3711 §4.3.1 with another program's AES.
func TestDeriveAnew(t *testing.T) {
	master, err := aes.NewCipher(unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139"))
	if err != nil {
		t.Fatal(err)
	}
	d := derivation{master, [saltMost]byte(unhex(t, "0EC675AD498AFEEBB6960B3AABE6")), 0x123456789a}
	for label, want := range map[byte]string{
		labelKey:  "995FA34E17A35691807B98B21D158E68",
		labelSalt: "4672ED03F7160F4EDC1FBEF8D412",
		labelAuth: "3656D2F1C98A530B2DB3907C3205094D6BA03CF7",
	} {
		if got := d.derive(label, len(want)/2); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("label %d: %x, want %s", label, got, want)
		}
	}
}

// TestDerivationRate: the keys change with the packet's index, also back again.
func TestDerivationRate(t *testing.T) {
	for _, name := range names() {
		once, often := context(t, name, inline(name)), context(t, name, inline(name), "KDR=4")
		text := []byte("what was said, and more than a block of it")
		for _, index := range []uint64{0, 15, 16, 31, 65535, 65536, 1 << 30, 17, 3} {
			seq, roll := uint16(index), uint32(index>>16)
			sealed := seal(context(t, name, inline(name), "KDR=4"), header(seq), text, roll)
			if got, err := often.Open(nil, sealed, fixedLen, roll); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: packet %d: %q, %v", name, index, got, err)
			}
			if _, err := once.Open(nil, sealed, fixedLen, roll); (err == nil) != (index < 16) {
				t.Errorf("%s: packet %d with keys that do not change: %v", name, index, err)
			}
		}
	}
}

// TestNotBuiltIn: what is missing is named, and what may be a key is not.
func TestNotBuiltIn(t *testing.T) {
	const good = "AES_CM_128_HMAC_SHA1_80"
	for _, row := range []struct{ suite, session, want string }{
		{"F8_128_HMAC_SHA1_80", "", "F8_128_HMAC_SHA1_80"},
		{"seed_128_gcm_96", "", "SEED_128_GCM_96"},
		{good, "UNAUTHENTICATED_SRTP", "UNAUTHENTICATED_SRTP"},
		{inline(good), "", ""},
		{"SOME_THING/1", "", ""},
		{strings.Repeat("A_", 40), "", ""},
	} {
		_, err := ParseKey(row.suite, inline(good), row.session)
		var missing *NotBuiltInError
		switch {
		case !errors.Is(err, ErrKey):
			t.Errorf("%s: %v", row.suite, err)
		case errors.As(err, &missing) != (row.want != ""):
			t.Errorf("%s: %v", row.suite, err)
		case missing != nil && missing.What != row.want:
			t.Errorf("%s: %q is missing", row.suite, missing.What)
		case strings.Contains(strings.ToUpper(err.Error()), strings.ToUpper(inline(good)[:8])):
			t.Errorf("%s: %v", row.suite, err)
		}
	}
}

func TestNoKey(t *testing.T) {
	const good = "AES_CM_128_HMAC_SHA1_80"
	for _, row := range [][]string{
		{"F8_128_HMAC_SHA1_80", inline(good)},
		{"", inline(good)},
		{good, ""},
		{good, "inline:" + inline(good)[:12]},
		{good, inline("AES_256_CM_HMAC_SHA1_80")},
		{good, inline(good) + "|1:x"},
		{good, inline(good) + "|1:4000"},
		{good, inline(good), "UNAUTHENTICATED_SRTP"},
		{good, inline(good), "KDR=25"},
		{good, inline(good), "KDR=-1"},
		{good, inline(good), "KDR=x"},
	} {
		_, err := ParseKey(row[0], row[1], row[2:]...)
		if !errors.Is(err, ErrKey) || len(row[1]) > 4 && strings.Contains(fmt.Sprint(err), row[1][:4]) {
			t.Errorf("%v: %v", row, err)
		}
	}
	if _, err := New(Key{}); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

func TestKeysDoNotShow(t *testing.T) {
	k, err := ParseKey(names()[0], inline(names()[0]))
	if err != nil {
		t.Fatal(err)
	}
	holder := struct{ Keys []Key }{[]Key{k}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, holder); strings.Contains(text, k.master[:3]) || !strings.Contains(text, "SRTP key") {
			t.Errorf("%s: %q", format, text)
		}
	}
}

func TestCount(t *testing.T) {
	var c Count
	for _, row := range []struct {
		seq  uint16
		want uint32
	}{{65000, 0}, {65535, 0}, {3, 1}, {65530, 0}, {30000, 1}, {20000, 1}, {60000, 1}, {100, 2}, {59999, 1}} {
		if got := c.Guess(row.seq); got != row.want {
			t.Errorf("%d: %d, want %d", row.seq, got, row.want)
		}
		c.Accept(row.seq, row.want)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("inline:x|2^20|1:4"), seal(context(f, names()[0], inline(names()[0])), header(1), []byte("abc"), 0), 12)
	f.Fuzz(func(t *testing.T, key, packet []byte, header int) {
		if k, err := ParseKey(names()[0], string(key)); err == nil {
			if _, err := New(k); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names() {
			if out, err := context(t, name, inline(name), "KDR=1").Open(nil, packet, header, 7); err != nil && len(out) > 0 {
				t.Fatal("octets of a packet that is not authentic")
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for _, name := range []string{names()[0], names()[6]} {
		b.Run(name, func(b *testing.B) {
			c := context(b, name, inline(name))
			sealed, out := seal(c, header(1), make([]byte, 160), 0), make([]byte, 0, 160)
			for b.Loop() {
				if _, err := c.Open(out, sealed, fixedLen, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
