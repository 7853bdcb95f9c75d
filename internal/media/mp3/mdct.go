package mp3

import "math"

// blockType is the window of a frame: one long one, or three short ones for
// voice that changes quickly, and what leads from the one to the other.
type blockType uint8

const (
	long blockType = iota
	start
	short
	stop
)

// windows are the 36 weights of the long kinds, scaled so that a decoder gives
// the level that came in.
var windows = makeWindows()

func makeWindows() (w [4][36]float32) {
	for i := range 36 {
		slope := math.Sin(math.Pi/36*(float64(i)+0.5)) / 9
		steep := func(k int) float64 { return math.Sin(math.Pi/12*(float64(k)+0.5)) / 9 }
		w[long][i] = float32(slope)
		switch {
		case i < 18:
			w[start][i] = float32(slope)
		case i < 24:
			w[start][i] = 1. / 9
		case i < 30:
			w[start][i] = float32(steep(i - 18))
		}
		w[stop][35-i] = w[start][i]
	}
	return w
}

// transform makes the 576 lines of a frame of its own band samples and those of
// the frame before.
func transform(out *[FrameSamples]float32, before, now *[slots][bands]float32, kind blockType) {
	var z [36]float32
	for k := range bands {
		for t := range slots {
			z[t], z[18+t] = before[t][k], now[t][k]
		}
		lines := (*[18]float32)(out[18*k:])
		if kind == short {
			mdct12(lines, &z)
			continue
		}
		mdct36(lines, &z, &windows[kind])
		if k > 0 {
			butterflies(out, 18*k)
		}
	}
}

// butterflies take back what the bands have of their neighbours' (table B.9).
func butterflies(out *[FrameSamples]float32, edge int) {
	for i, c := range &alias {
		up, down := out[edge+i], out[edge-1-i]
		out[edge-1-i] = down*c[0] + up*c[1]
		out[edge+i] = up*c[0] - down*c[1]
	}
}

var alias = makeAlias()

func makeAlias() (a [8][2]float32) {
	for i, c := range []float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037} {
		a[i] = [2]float32{float32(1 / math.Sqrt(1+c*c)), float32(c / math.Sqrt(1+c*c))}
	}
	return a
}

// mdct36 folds 36 samples to 18 and transforms these.
func mdct36(out *[18]float32, z, w *[36]float32) {
	var u [18]float32
	for n := range 9 {
		u[n] = -w[26-n]*z[26-n] - w[27+n]*z[27+n]
		u[9+n] = w[n]*z[n] - w[17-n]*z[17-n]
	}
	cosines18(out, &u)
}

var (
	secants36 = [18]float32(secants(36))
	secants18 = [9]float32(secants(18))
	cos18     = makeCos18()
)

// makeCos18 are the cosines of multiples of π/18.
func makeCos18() (c [10]float32) {
	for i := range c {
		c[i] = float32(math.Cos(float64(i) * math.Pi / 18))
	}
	return c
}

// cosines18 is out[i] = Σ u[n]·cos((2i+1)(2n+1)π/72), halved twice like
// cosines32.
func cosines18(out, u *[18]float32) {
	var e, o, even, odd [9]float32
	e[0], o[0] = u[0], u[1]+u[0]
	for p := 1; p < 9; p++ {
		// g[n] = u[n]+u[n-1]; the odd half is g[2p+1]+g[2p-1].
		g, next, last := u[2*p]+u[2*p-1], u[2*p+1]+u[2*p], u[2*p-1]+u[2*p-2]
		e[p], o[p] = g, next+last
	}
	cosines9(&even, &e)
	cosines9(&odd, &o)
	for i := range even {
		v := odd[i] * secants18[i]
		out[i], out[17-i] = (even[i]+v)*secants36[i], (even[i]-v)*secants36[17-i]
	}
}

// cosines9 is out[i] = Σ x[p]·cos((2i+1)·p·π/18): the even terms are the same at
// both ends of out, the odd ones have the other sign there.
func cosines9(out, x *[9]float32) {
	c := &cos18
	third := x[0] - x[6]
	half := c[6] * (x[2] - x[4] - x[8])
	mid := x[0] + c[6]*x[6]
	e0 := mid + c[2]*x[2] + c[4]*x[4] + c[8]*x[8]
	e2 := mid - c[8]*x[2] - c[2]*x[4] + c[4]*x[8]
	e3 := mid - c[4]*x[2] + c[8]*x[4] - c[2]*x[8]
	side := c[3] * x[3]
	o0 := c[1]*x[1] + side + c[5]*x[5] + c[7]*x[7]
	o1 := c[3] * (x[1] - x[5] - x[7])
	o2 := c[5]*x[1] - side - c[7]*x[5] + c[1]*x[7]
	o3 := c[7]*x[1] - side + c[1]*x[5] - c[5]*x[7]
	out[0], out[8] = e0+o0, e0-o0
	out[1], out[7] = third+half+o1, third+half-o1
	out[2], out[6] = e2+o2, e2-o2
	out[3], out[5] = e3+o3, e3-o3
	out[4] = x[0] - x[2] + x[4] - x[6] + x[8]
}

// mdct12 transforms each of the three short windows in the middle of 36 samples;
// line m of window w goes to 3m+w.
func mdct12(out *[18]float32, z *[36]float32) {
	for w := range 3 {
		x := (*[12]float32)(z[6+6*w:])
		var u [6]float32
		for n := range 3 {
			u[n] = -steep[8-n]*x[8-n] - steep[9+n]*x[9+n]
			u[3+n] = steep[n]*x[n] - steep[5-n]*x[5-n]
		}
		for m := range 6 {
			c := &cos24[m]
			out[3*m+w] = c[0]*u[0] + c[1]*u[1] + c[2]*u[2] + c[3]*u[3] + c[4]*u[4] + c[5]*u[5]
		}
	}
}

var (
	steep = makeSteep()
	cos24 = makeCos24()
)

// makeSteep are the weights of a short window, scaled like the long ones.
func makeSteep() (w [12]float32) {
	for k := range w {
		w[k] = float32(math.Sin(math.Pi/12*(float64(k)+0.5)) / 3)
	}
	return w
}

func makeCos24() (c [6][6]float32) {
	for m := range 6 {
		for n := range 6 {
			c[m][n] = float32(math.Cos(float64((2*n+1)*(2*m+1)) * math.Pi / 24))
		}
	}
	return c
}
