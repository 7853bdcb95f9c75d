package rtp

// Block is one of the payloads in a packet of redundant audio (RFC 2198).
type Block struct {
	Type   uint8  // payload type
	Back   uint32 // by how much its timestamp is less than the packet's
	At     int    // offset in the packet's payload
	Length int
}

// maxBlocks is more than any sender puts into a packet.
const maxBlocks = 8

// Blocks takes the payload of a packet of redundant audio apart: the last block is
// what the packet is for, those before it repeat earlier ones, the oldest first. It
// reports false if b is no such payload.
func Blocks(b []byte) (blocks []Block, ok bool) {
	at := 0
	for ; at < len(b) && b[at]&0x80 != 0; at += 4 {
		if at+4 > len(b) || len(blocks) == maxBlocks {
			return nil, false
		}
		blocks = append(blocks, Block{
			Type: b[at] & 0x7f, Back: uint32(b[at+1])<<6 | uint32(b[at+2])>>2, Length: int(b[at+2]&3)<<8 | int(b[at+3]),
		})
	}
	if at >= len(b) {
		return nil, false
	}
	blocks = append(blocks, Block{Type: b[at] & 0x7f})
	at++
	for i := range blocks {
		last := i == len(blocks)-1
		if last {
			blocks[i].Length = len(b) - at
		}
		blocks[i].At = at
		if at += blocks[i].Length; at > len(b) || last && blocks[i].Length < 0 {
			return nil, false
		}
	}
	return blocks, true
}
