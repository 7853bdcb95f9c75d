package mp3

// layout is the division of the 576 lines into scale factor bands, in the order
// in which they are coded.
type layout struct {
	edges  []int // where each band begins, and 576
	scaled int   // bands that have a scale factor
	first  int   // lines in the first region of a window that is not long
}

// longEdges and shortEdges are from ISO/IEC 13818-3 table B.8 and, for 8 kHz, from
// what decoders of MPEG-2.5 agree on. The short ones are of one window.
var (
	longEdges = map[int][]int{
		16000: {0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 116, 140, 168, 200, 238, 284, 336, 396, 464, 522, 576},
		8000:  {0, 12, 24, 36, 48, 60, 72, 88, 108, 132, 160, 192, 232, 280, 336, 400, 476, 566, 568, 570, 572, 574, 576},
	}
	shortEdges = map[int][]int{
		16000: {0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 134, 174, 192},
		8000:  {0, 8, 16, 24, 36, 52, 72, 96, 124, 160, 162, 164, 166, 192},
	}
)

// longLayout is that of long windows; those that lead to short ones have a fixed
// first region.
func longLayout(rate int) layout {
	l := layout{edges: longEdges[rate], scaled: 21}
	l.first = l.edges[8]
	return l
}

// shortLayout has a band for each of the three windows in turn.
func shortLayout(rate int) layout {
	var l layout
	edges := shortEdges[rate]
	for i, from := range edges[:13] {
		for w := range 3 {
			l.edges = append(l.edges, 3*from+w*(edges[i+1]-from))
		}
	}
	l.edges = append(l.edges, FrameSamples)
	l.scaled, l.first = 36, l.edges[9]
	return l
}

// reorder brings the lines of three short windows into the order of coding.
func (l *layout) reorder(out, in *[FrameSamples]float32) {
	for b := 0; b < len(l.edges)-1; b += 3 {
		from, width := l.edges[b], l.edges[b+1]-l.edges[b]
		for w := range 3 {
			for i := range width {
				out[from+w*width+i] = in[from+3*i+w]
			}
		}
	}
}
