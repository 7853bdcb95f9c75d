package convert

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
)

// The coders of three kinds of ADPCM, for files like other programs'. Sources: IMA,
// "Recommended Practices for Enhancing Digital Audio Compatibility" (1992), and
// Microsoft, "New Multimedia Data Types and Data Techniques" (1994), for blocks and
// for MS ADPCM; Dialogic, "Dialogic ADPCM Algorithm" (1988), for VOX. What these leave
// to the coder is as libsndfile does it, found out from the files it writes.

const (
	blockBytes = 256                  // of each channel
	imaBlock   = (blockBytes-4)*2 + 1 // samples
	msBlock    = (blockBytes-7)*2 + 2 // samples
	msProbe    = 3                    // samples by which a predictor is chosen
	msLeast    = 16                   // step
	voxUnit    = 16                   // of 16-bit samples in one of VOX's, which have 12 bits
	voxSteps   = 49
)

// inBlocks has samples coded n a channel at a time. The coder leaves in the block what
// it makes of it, for libsndfile clears no more than the first n samples of the last
// block: behind them it codes what the block before has left.
func inBlocks(x []int16, channels, n int, code func(block []int16)) {
	block := make([]int16, n*channels)
	for len(x) > 0 {
		got := copy(block, x)
		clear(block[got:max(got, n)])
		code(block)
		x = x[got:]
	}
}

func imaStep(i int) int {
	return [...]int{
		7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97,
		107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796,
		876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871,
		5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623,
		27086, 29794, 32767,
	}[i]
}

// ima is one channel's coder. Its step lives on from block to block.
type ima struct{ last, index int }

func (s *ima) code(x int16) (code byte) {
	step := imaStep(s.index)
	difference, sign := int(x)-s.last, 1
	if difference < 0 {
		difference, sign, code = -difference, -1, 8
	}
	change := step >> 3
	for bit := byte(4); bit > 0; bit, step = bit>>1, step>>1 {
		if difference >= step {
			difference, change, code = difference-step, change+step, code|bit
		}
	}
	s.last = max(-32768, min(32767, s.last+sign*change))
	s.index = max(0, min(88, s.index+[...]int{-1, -1, -1, -1, 2, 4, 6, 8}[code&7]))
	return code
}

// encodeIMA: a block begins with a sample and a step of each channel; then come
// eight samples of one channel, eight of the next.
func encodeIMA(x []int16, channels int) (out []byte) {
	coders := make([]ima, channels)
	inBlocks(x, channels, imaBlock, func(block []int16) {
		for c := range coders {
			coders[c].last = int(block[c])
			out = append(binary.LittleEndian.AppendUint16(out, uint16(block[c])), byte(coders[c].index), 0)
		}
		for i := channels; i < len(block); i++ {
			block[i] = int16(coders[i%channels].code(block[i]))
		}
		for at := channels; at < len(block); at += 8 * channels {
			for i := range 4 * channels {
				k := at + i/4 + i%4*2*channels
				out = append(out, byte(block[k]|block[k+channels]<<4))
			}
		}
	})
	return out
}

// msWeights are the standard's predictors: of the last sample and of the one before.
func msWeights() [7][2]int {
	return [7][2]int{{256, 0}, {512, -256}, {0, 0}, {192, 64}, {240, 0}, {460, -208}, {392, -232}}
}

func extensionMS() []uint16 {
	e := []uint16{msBlock, 7}
	for _, w := range msWeights() {
		e = append(e, uint16(w[0]), uint16(w[1]))
	}
	return e
}

// msCoder is one channel's coder.
type msCoder struct {
	weights      [2]int
	step         int
	last, before int
}

// chooseMS finds the predictor that errs least at the beginning of a block, and the
// step to begin with. In libsndfile the first channel decides for both.
func chooseMS(block []int16, channels int) (predictor byte, step int) {
	best := math.MaxInt
	for i, w := range msWeights() {
		sum := 0
		for k := 2; k < 2+msProbe; k++ {
			guess := (int(block[(k-1)*channels])*w[0] + int(block[(k-2)*channels])*w[1]) >> 8
			d := int(block[k*channels]) - guess
			sum += max(d, -d)
		}
		if sum /= 4 * msProbe; sum < best {
			best, predictor = sum, byte(i)
		}
	}
	return predictor, max(best, msLeast)
}

func (s *msCoder) code(x int16) byte {
	guess := (s.last*s.weights[0] + s.before*s.weights[1]) >> 8
	code := max(-8, min(7, (int(x)-guess)/s.step))
	s.before, s.last = s.last, max(-32768, min(32767, guess+code*s.step))
	adapt := [...]int{230, 230, 230, 230, 307, 409, 512, 614, 768, 614, 512, 409, 307, 230, 230, 230}
	s.step = max(msLeast, s.step*adapt[code&15]>>8)
	return byte(code & 15)
}

// encodeMS: a block begins with predictors, steps and two samples; then come the
// channels by turns.
func encodeMS(x []int16, channels int) (out []byte) {
	inBlocks(x, channels, msBlock, func(block []int16) {
		predictor, step := chooseMS(block, channels)
		coders := make([]msCoder, channels)
		for c := range coders {
			coders[c] = msCoder{msWeights()[predictor], step, int(block[channels+c]), int(block[c])}
		}
		out = appendHead(out, block[:2*channels], predictor, step)
		for i := 2 * channels; i < len(block); i += 2 {
			octet := byte(0)
			for k := i; k < i+2; k++ {
				c := &coders[k%channels]
				octet = octet<<4 | c.code(block[k])
				block[k] = int16(c.last)
			}
			out = append(out, octet)
		}
	})
	return out
}

// appendHead is the beginning of a block of MS ADPCM: the predictor of each channel,
// the step of each, the second sample of each, the first.
func appendHead(out []byte, first []int16, predictor byte, step int) []byte {
	le, channels := binary.LittleEndian, len(first)/2
	out = append(out, bytes.Repeat([]byte{predictor}, channels)...)
	for range channels {
		out = le.AppendUint16(out, uint16(step))
	}
	for _, x := range slices.Concat(first[channels:], first[:channels]) {
		out = le.AppendUint16(out, uint16(x))
	}
	return out
}

// encodeVox: no blocks, steps of 16 times the powers of 1.1, all in units of 12-bit
// samples.
func encodeVox(x []int16, _ int) (out []byte) {
	last, index := 0, 0
	for i, sample := range x {
		step := int(16 * math.Pow(1.1, float64(index)))
		difference, sign, code := int(sample)-last*voxUnit, 1, byte(0)
		if difference < 0 {
			difference, sign, code = -difference, -1, 8
		}
		size := min(7, 4*difference/(step*voxUnit))
		last = max(-2048, min(2047, last+sign*(step*(2*size+1)>>3)))
		index = max(0, min(voxSteps-1, index+[...]int{-1, -1, -1, -1, 2, 4, 6, 8}[size]))
		if code |= byte(size); i&1 == 0 {
			out = append(out, code<<4)
		} else {
			out[len(out)-1] |= code
		}
	}
	return out
}
