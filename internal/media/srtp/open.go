package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 3711's
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// ErrAuth says that a packet was not made with the key, or has been changed.
var ErrAuth = errors.New("packet does not authenticate")

// The labels of what is derived from a master key (RFC 3711 §4.3.2).
const (
	labelKey  = 0
	labelAuth = 1
	labelSalt = 2
)

const (
	authKey   = 20 // octets
	saltMost  = 14
	fixedLen  = 12 // of an RTP header
	positions = 16 // of the sequence number in an index, bits
)

// Context opens the packets of one stream. It is not safe for concurrent use.
type Context struct {
	key    Key
	master cipher.Block
	session
	turn uint64 // of the session's keys: which derivation they are of
}

// session is what is derived from a master key.
type session struct {
	salt  [saltMost]byte
	block cipher.Block
	aead  cipher.AEAD // nil for the suites that are not
	mac   hash.Hash
	sum   [sha1.Size]byte // room for its results
}

// New makes a context of a key that ParseKey gave.
func New(k Key) (*Context, error) {
	c := &Context{key: k}
	var err error
	if len(k.master) != k.suite.key+k.suite.salt || k.suite.key == 0 {
		return nil, ErrKey
	}
	if c.master, err = aes.NewCipher([]byte(k.master[:k.suite.key])); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return c, c.derive(0)
}

// derive makes the session keys of a turn.
func (c *Context) derive(turn uint64) (err error) {
	var salt [saltMost]byte
	copy(salt[:], c.key.master[c.key.suite.key:])
	d := derivation{c.master, salt, turn}
	var next session
	if next.block, err = aes.NewCipher(d.derive(labelKey, c.key.suite.key)); err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	if c.key.suite.aead {
		if next.aead, err = cipher.NewGCM(next.block); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	next.mac = hmac.New(sha1.New, d.derive(labelAuth, authKey))
	copy(next.salt[:], d.derive(labelSalt, c.key.suite.salt))
	c.session, c.turn = next, turn
	return nil
}

// turnOf is which derivation a packet's keys are of: its index divided by the rate.
func (c *Context) turnOf(packet []byte, roll uint32) uint64 {
	if c.key.rate == 0 {
		return 0
	}
	return (uint64(roll)<<positions | uint64(binary.BigEndian.Uint16(packet[2:]))) >> c.key.rate
}

// derivation is the pseudo-random function of one turn (RFC 3711 §4.3.3): AES in
// counter mode.
type derivation struct {
	master cipher.Block
	salt   [saltMost]byte
	turn   uint64 // 48 bits
}

// derive gives n octets of the key stream of a label.
func (d derivation) derive(label byte, n int) []byte {
	var iv [aes.BlockSize]byte
	copy(iv[:], d.salt[:])
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], uint64(label)<<48|d.turn)
	subtle.XORBytes(iv[6:14], iv[6:14], id[:])
	out := make([]byte, n)
	cipher.NewCTR(d.master, iv[:]).XORKeyStream(out, out)
	return out
}

// Overhead is by how many octets a packet is longer than it was.
func (c *Context) Overhead() int { return c.key.suite.tag + c.key.mki }

// Open appends a packet's payload in clear to dst. header is the length of its RTP
// header, roll the rollover counter that it was sent with. The error is ErrAuth.
func (c *Context) Open(dst, packet []byte, header int, roll uint32) ([]byte, error) {
	end := len(packet) - c.Overhead()
	if header < fixedLen || end < header {
		return dst, ErrAuth
	}
	if turn := c.turnOf(packet, roll); turn != c.turn {
		if err := c.derive(turn); err != nil {
			return dst, err
		}
	}
	if c.aead != nil {
		return c.openAEAD(dst, packet, header, roll)
	}
	if !c.authentic(packet[:end], packet[end+c.key.mki:], roll) {
		return dst, ErrAuth
	}
	n := len(dst)
	dst = append(dst, packet[header:end]...)
	if !c.key.plain {
		cipher.NewCTR(c.block, c.counter(packet, roll)).XORKeyStream(dst[n:], dst[n:])
	}
	return dst, nil
}

// authentic reports whether tag is that of what was sent (RFC 3711 §4.2).
func (c *Context) authentic(sent, tag []byte, roll uint32) bool {
	c.mac.Reset()
	c.mac.Write(sent)
	c.mac.Write(binary.BigEndian.AppendUint32(c.sum[:0], roll))
	return subtle.ConstantTimeCompare(c.mac.Sum(c.sum[:0])[:len(tag)], tag) == 1
}

// counter is where the key stream of a packet begins (RFC 3711 §4.1.1).
func (c *Context) counter(packet []byte, roll uint32) []byte {
	iv := make([]byte, aes.BlockSize)
	copy(iv, c.salt[:])
	subtle.XORBytes(iv[4:8], iv[4:8], packet[8:12])
	var index [6]byte
	binary.BigEndian.PutUint32(index[:], roll)
	copy(index[4:], packet[2:4])
	subtle.XORBytes(iv[8:14], iv[8:14], index[:])
	return iv
}

// openAEAD is Open for AES-GCM (RFC 7714 §8): the tag comes before the identifier.
func (c *Context) openAEAD(dst, packet []byte, header int, roll uint32) ([]byte, error) {
	sealed := packet[header : len(packet)-c.key.mki]
	iv := make([]byte, 2, 12)
	iv = append(iv, packet[8:12]...)
	iv = binary.BigEndian.AppendUint32(iv, roll)
	iv = append(iv, packet[2:4]...)
	subtle.XORBytes(iv, iv, c.salt[:12])
	if c.key.plain {
		tag := len(packet) - c.Overhead()
		if _, err := c.aead.Open(nil, iv, packet[tag:tag+c.key.suite.tag], packet[:tag]); err != nil {
			return dst, ErrAuth
		}
		return append(dst, packet[header:tag]...), nil
	}
	out, err := c.aead.Open(dst, iv, sealed, packet[:header])
	if err != nil {
		return dst, ErrAuth
	}
	return out, nil
}

// Count follows the rollover counter of a stream. The zero value has seen nothing.
type Count struct {
	highest uint64 // index of the packet that was farthest
	any     bool
}

// Guess is the rollover counter that a packet with a sequence number was most
// likely sent with (RFC 3711 §3.3.1 and Appendix A).
func (c *Count) Guess(seq uint16) uint32 {
	roll, last := uint32(c.highest>>positions), uint16(c.highest)
	switch d := int(seq) - int(last); {
	case !c.any:
		return 0
	case d > 1<<15:
		return max(roll, 1) - 1
	case d < -1<<15:
		return roll + 1
	}
	return roll
}

// Accept takes note of a packet that authenticated.
func (c *Count) Accept(seq uint16, roll uint32) {
	if index := uint64(roll)<<positions | uint64(seq); !c.any || index > c.highest {
		c.highest, c.any = index, true
	}
}
