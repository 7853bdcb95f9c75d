package crypto_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"callreel/crypto"
)

func headerOf(b []byte) [head]byte { return [head]byte(b[:head]) }

func TestOldKeysGoOnOpening(t *testing.T) {
	ring := newRing(t)
	old := seal(t, ring, []byte("old"), -1)
	if err := errors.Join(ring.Generate("2027"), ring.SetCurrent("2027"), ring.Retire("default")); err != nil {
		t.Fatal(err)
	}
	fresh := seal(t, ring, []byte("new"), -1)
	for want, b := range map[string][]byte{"old": old, "new": fresh} {
		if got, err := open(t, ring, b); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", want, got, err)
		}
	}
	if name, err := crypto.KeyName(headerOf(fresh)); name != "2027" || err != nil {
		t.Errorf("the new file names key %q, %v", name, err)
	}
	_, err := crypto.NewWriterWith(io.Discard, ring, crypto.Options{Key: "default", ClearLen: -1})
	if !errors.Is(err, crypto.ErrKey) {
		t.Errorf("sealing with a retired key: %v", err)
	}
}

func TestUnknownKeyIsNamed(t *testing.T) {
	b := seal(t, newRing(t), []byte("x"), -1)
	_, err := open(t, crypto.NewRing(), b)
	if !errors.Is(err, crypto.ErrUnknownKey) || !strings.Contains(err.Error(), `"default"`) {
		t.Errorf("empty ring: %v", err)
	}
	_, err = open(t, newRing(t), b)
	if !errors.Is(err, crypto.ErrUnknownKey) || !strings.Contains(err.Error(), "another key of that name") {
		t.Errorf("ring with another default: %v", err)
	}
	if _, err := crypto.NewWriter(io.Discard, crypto.NewRing(), -1); !errors.Is(err, crypto.ErrUnknownKey) {
		t.Errorf("sealing with an empty ring: %v", err)
	}
}

func TestRewrapChangesOnlyTheHeader(t *testing.T) {
	ring := newRing(t, "customer")
	clear := noise(segment + 5)
	b := seal(t, ring, clear, -1)
	h, err := crypto.Rewrap(headerOf(b), ring, "customer")
	if err != nil {
		t.Fatal(err)
	}
	again := append(h[:], b[head:]...)
	if got, err := open(t, ring, again); err != nil || !bytes.Equal(got, clear) {
		t.Errorf("rewrapped: %v", err)
	}
	if name, _ := crypto.KeyName(h); name != "customer" {
		t.Errorf("key is %q", name)
	}
	if _, err := crypto.Rewrap(headerOf(b), ring, "nobody"); !errors.Is(err, crypto.ErrUnknownKey) {
		t.Errorf("to an unknown key: %v", err)
	}
}

func TestPassphraseOpensOnAnotherMachine(t *testing.T) {
	here := crypto.NewRing()
	if err := here.AddPassphrase("customer", "caf\u00e9 au lait"); err != nil {
		t.Fatal(err)
	}
	b := seal(t, here, []byte("secret"), -1)
	there := newRing(t)
	if err := there.Unlock(headerOf(b), "cafe au lait"); !errors.Is(err, crypto.ErrUnknownKey) {
		t.Errorf("wrong passphrase: %v", err)
	}
	// The same letters, composed otherwise, as another keyboard types them.
	if err := there.Unlock(headerOf(b), "cafe\u0301 au lait"); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, there, b); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	if there.Current() != "default" {
		t.Errorf("current key is %q", there.Current())
	}
	if err := there.Unlock(headerOf(b), "caf\u00e9 au lait"); err != nil || len(there.Names()) != 2 {
		t.Errorf("unlocking twice: %v, %d keys", err, len(there.Names()))
	}
	if _, err := reload(there); err != nil {
		t.Errorf("ring with an unlocked key: %v", err)
	}
	// A header that was rewrapped from a random key opens with it too.
	r := newRing(t)
	_ = r.AddPassphrase("second", "two")
	h, err := crypto.Rewrap(headerOf(seal(t, r, nil, -1)), r, "second")
	if err != nil {
		t.Fatal(err)
	}
	onlyOpens := crypto.NewRing()
	if err := onlyOpens.Unlock(h, "two"); err != nil {
		t.Error(err)
	}
	if _, err := reload(onlyOpens); err != nil {
		t.Errorf("ring that only opens: %v", err)
	}
}

func TestUnlockRefusesExpensiveHeaders(t *testing.T) {
	ring := crypto.NewRing()
	if err := ring.AddPassphrase("p", "x"); err != nil {
		t.Fatal(err)
	}
	h := headerOf(seal(t, ring, nil, -1))
	h[132] = 0xFF // four tebibytes of memory
	if err := ring.Unlock(h, "x"); !errors.Is(err, crypto.ErrKey) {
		t.Errorf("got %v", err)
	}
	if err := ring.Unlock(headerOf(seal(t, newRing(t), nil, -1)), "x"); !errors.Is(err, crypto.ErrKey) {
		t.Errorf("random key: %v", err)
	}
}

func TestDataKeyIsSharedByFiles(t *testing.T) {
	ring := newRing(t)
	first := seal(t, ring, []byte("one"), -1)
	data, err := crypto.DataKeyOf(headerOf(first), ring)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := crypto.NewWriterWith(&b, ring, crypto.Options{Data: data, ClearLen: 3})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("two"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, ring, b.Bytes()); err != nil || string(got) != "two" {
		t.Errorf("%q, %v", got, err)
	}
	if s := fmt.Sprintf("%v %+v %#v", data, data, data); strings.ContainsAny(s, "0123456789") {
		t.Errorf("a printed data key shows bytes: %s", s)
	}
}

func reload(r *crypto.Ring) (*crypto.Ring, error) {
	b, err := r.Encode()
	if err != nil {
		return nil, err
	}
	return crypto.DecodeRing(b)
}

func TestRingFileRoundTrip(t *testing.T) {
	ring := newRing(t, "old", "Kunde Müller")
	if err := errors.Join(ring.AddPassphrase("pass", "word"), ring.SetCurrent("pass"), ring.Retire("old")); err != nil {
		t.Fatal(err)
	}
	b := seal(t, ring, []byte("x"), -1)
	back, err := reload(ring)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, back, b); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if got, want := fmt.Sprint(back.Names()), fmt.Sprint(ring.Names()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := reload(crypto.NewRing()); err != nil {
		t.Errorf("empty ring: %v", err)
	}
}

func TestBadRingFiles(t *testing.T) {
	good, err := newRing(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string { return strings.Replace(string(good), old, new, 1) }
	for name, c := range map[string]struct{ file, want string }{
		"empty":         {"", "at byte 0"},
		"unknown field": {change(`"current"`, `"kurrent"`), `unknown field`},
		"other format":  {change("ring 1", "ring 2"), "want \"callreel key ring 1\""},
		"more text":     {string(good) + "x", "after the end"},
		"short secret":  {change(`"secret": "`, `"secret": "00`), "want 64 hex digits"},
		"other secret":  {change(`"id": "`, `"id": "f`), "id does not fit"},
		"no current":    {change(`"current": "default"`, `"current": ""`), "current"},
		"bad name":      {change(`"name": "default"`, `"name": ""`), "key 1"},
	} {
		_, err := crypto.DecodeRing([]byte(c.file))
		if !errors.Is(err, crypto.ErrKey) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestRingRefuses(t *testing.T) {
	ring := newRing(t, "second")
	_ = ring.Retire("second")
	for name, err := range map[string]error{
		"same name":       ring.Generate("default"),
		"empty name":      ring.Generate(""),
		"long name":       ring.Generate(strings.Repeat("x", 65)),
		"control":         ring.Generate("a\x00b"),
		"no passphrase":   ring.AddPassphrase("p", ""),
		"retire current":  ring.Retire("default"),
		"current retired": ring.SetCurrent("second"),
	} {
		if !errors.Is(err, crypto.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ring.SetCurrent("nobody"); !errors.Is(err, crypto.ErrUnknownKey) {
		t.Errorf("unknown: %v", err)
	}
}

func TestRingIsSafeForConcurrentUse(t *testing.T) {
	ring := newRing(t)
	b := seal(t, ring, []byte("x"), -1)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_ = ring.Generate(fmt.Sprint("key", i))
			_ = ring.SetCurrent(fmt.Sprint("key", i))
			if got, err := openStream(ring, b); err != nil || string(got) != "x" {
				t.Errorf("%q, %v", got, err)
			}
			_ = ring.Names()
		})
	}
	wg.Wait()
}

func FuzzDecodeRing(f *testing.F) {
	good, _ := newRing(f, "two").Encode()
	f.Add(good)
	f.Add([]byte(`{"format":"callreel key ring 1","keys":[{"name":"a"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ring, err := crypto.DecodeRing(b)
		if err != nil {
			return
		}
		if _, err := reload(ring); err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
	})
}
