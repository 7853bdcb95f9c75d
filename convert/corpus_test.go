package convert

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callreel/internal/corpus"
	"callreel/internal/recording"
)

func open(tb testing.TB, path string) Capture {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.NewReader(b)
}

func samples(b []byte) []float64 {
	out := make([]float64, len(b)/2)
	for i := range out {
		out[i] = float64(int16(binary.LittleEndian.Uint16(b[2*i:])))
	}
	return out
}

// aligned finds the lag of at most 50 ms around start at which most samples of
// want are within 8 of got's, and returns their share and the correlation.
func aligned(got, want []float64, start int) (share, correlation float64) {
	best, found := start, -1.0
	for lag := start - 400; lag <= start+400; lag++ {
		if s := within(got, want, lag, 61); s > found {
			best, found = lag, s
		}
	}
	return within(got, want, best, 1), correlate(got, want, best)
}

func at(x []float64, i int) float64 {
	if i < 0 || i >= len(x) {
		return 0
	}
	return x[i]
}

// within is the share of every step-th sample of want that got has within 8.
func within(got, want []float64, lag, step int) float64 {
	n, all := 0, 0
	for i := 0; i < len(want); i += step {
		if math.Abs(at(got, i+lag)-want[i]) <= 8 {
			n++
		}
		all++
	}
	return float64(n) / float64(all)
}

func correlate(got, want []float64, lag int) float64 {
	var gw, gg, ww float64
	for i, w := range want {
		g := at(got, i+lag)
		gw, gg, ww = gw+g*w, gg+g*g, ww+w*w
	}
	if gg == 0 || ww == 0 {
		return 0
	}
	return gw / math.Sqrt(gg*ww)
}

// TestKnownGood holds each side of real calls against audio that other programs
// made of the same packets.
func TestKnownGood(t *testing.T) {
	for _, row := range []struct {
		capture, decoded, digits string
		one                      bool
		least                    float64 // share of equal samples, 0.99 if 0
	}{
		{capture: "rtpproxy/call1_alaw.pcap", decoded: "call1_alaw"},
		{capture: "rtpproxy/rtcp.pcap", decoded: "rtcp"},
		{capture: "asterisk/40msalaw.pcap", decoded: "ast_40msalaw", one: true},
		{capture: "asterisk/ulaw-2013785496.pcap", decoded: "ast_ulaw-2013785496", digits: "2013785496", one: true},
		{capture: "freeswitch/milliwatt.pcmu.rtp.pcap", decoded: "fs_milliwatt", one: true},
		{capture: "rtp-pcap/SIP_DTMF2.pcap", decoded: "SIP_DTMF2", digits: "6789123"},
		{capture: "generated/bs_pcma_hold_dtmf.pcap", decoded: "gen_bs_pcma_hold_dtmf", digits: "1"},
		{capture: "generated/bs_pcma_ipfrag_mtu150.pcap", decoded: "gen_bs_pcma_ipfrag_mtu150"},
		{capture: "generated/bs_gsm_sll.pcap", decoded: "gen_bs_gsm_sll"},
		{capture: "derived/pcma2way__dup.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__reorder.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__file_out_of_order.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__clock_step_back.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__seqwrap.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__tswrap.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__jitter.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__bigendian.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__nanosec.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__epoch_zero.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__gzip.pcap.gz", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__pcapng_2if.pcapng", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__ipfrag.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__ipfrag_ipv6.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__ipv6.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__ipv6_sll.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__sll.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__sll2.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__null.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__rawip.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__vlan.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__qinq.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__pppoe.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__rtp_ext_csrc_pad.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__ssrc_change.pcap", decoded: "call1_alaw"},
		{capture: "derived/pcma2way__loss3.pcap", decoded: "call1_alaw", least: 0.95},
		{capture: "derived/pcma2way__burstloss.pcap", decoded: "call1_alaw", least: 0.8},
		{capture: "derived/pcma2way__cut_tail.pcap", decoded: "call1_alaw", least: 0.95},
	} {
		t.Run(row.capture, func(t *testing.T) {
			a, w := converted(t, open(t, corpus.File(t, row.capture)), Options{PCM: true})
			if a.Status != recording.AudioOK {
				t.Fatal(a.Status, a.Reason)
			}
			digits := ""
			for _, d := range a.Digits {
				digits += d.Digit
			}
			if digits != row.digits {
				t.Errorf("digits %q, want %q", digits, row.digits)
			}
			compareSides(t, a, w, row.decoded, cmp.Or(row.least, 0.99))
			if row.one && len(bytes.Trim(w.channel(1), "\x00")) != 0 {
				t.Error("the side without a stream is not silent")
			}
		})
	}
}

// compareSides compares with the decoded file of each stream, or in the order of
// the streams where a derived capture has other SSRCs.
func compareSides(t *testing.T, a recording.Audio, w wave, name string, least float64) {
	t.Helper()
	pattern := filepath.Join(filepath.Dir(corpus.File(t, "INDEX.md")), "reference", "decoded", name+"__*.wav")
	files, _ := filepath.Glob(pattern)
	if len(files) == 0 {
		t.Fatalf("no reference at %s", pattern)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := samples(parseWAV(t, b).data)
		var share, correlation [2]float64
		for channel := range 2 {
			got := samples(w.channel(channel))
			for _, start := range starts(a) {
				if s, c := aligned(got, want, start); s > share[channel] {
					share[channel], correlation[channel] = s, c
				}
			}
		}
		own := 0
		if share[1] > share[0] {
			own = 1
		}
		if share[own] < least || correlation[own] < 0.9 || math.Abs(correlation[1-own]) > 0.2 {
			t.Errorf("%s: shares of equal samples %.4f, correlations %.2f", filepath.Base(file), share, correlation)
		}
	}
}

// starts are the two moments at which a side may begin.
func starts(a recording.Audio) []int {
	out := []int{0}
	for _, s := range a.Streams {
		if at := int(s.StartS * rate); at > 400 && at < 2*rate && len(out) < 2 {
			out = append(out, at)
		}
	}
	return out
}

// expected tells the status of the captures that are not good G.711.
func expected() map[string]recording.AudioStatus {
	const none, secret, other = recording.AudioNone, recording.AudioEncrypted, recording.AudioUnsupported
	return map[string]recording.AudioStatus{
		"discord.pcap": other, "skype-conference-call.pcap": other, "stun_dtls_rtp.pcapng": secret,
		"rtp-nanobts-2-phones-amr.pcap": other, "sip-rtp-speex.pcap": other,
		"G723_1.pcap": other, "alice_bob_srtp.pcap": secret, "srtp1.pcap": secret,
		"SIP_Eyebeam2Eyebeam_Video_Audio.pcap": other, "marseillaise-srtp.pcap": secret,
		"delay_10_rtp_250k_short.pcap": other,
		"ssrc1.pcap":                   none, "ssrc2.pcap": none, "ip_frag_source.pcapng": none, "h323.pcap": none, "http_on_sip_port.pcap": none,
		"linecall_falsepositve.pcap": none, "mgcp.pcap": none, "sip_hello.pcapng": none, "sdp.pcap": none,
		"sip_non_default_port.pcap": none, "sip_reqs.pcap": none, "sip_resp.pcap": none, "dtmf_rfc2833_2_digit_pairs.pcap": none,
		"dtmf_rfc2833_4_digits_slow.pcap": none, "zendesk-34401-rfc2833.pcap": none, "nb6-startup.pcap": none,
		"dtmf_2833_0.pcap": none, "dtmf_2833_1.pcap": none, "dtmf_2833_5.pcap": none, "dtmf_2833_pound.pcap": none,
		"dtmf_2833_star.pcap": none, "ipip.pcap": none, "ipv6frag.pcap": none, "pppoe.pcap": none, "teredo.pcap": none,
		"public-cloudshark-sip-s0.pcap": none, "sip-body-large.pcap": none, "sip-tcp.pcap": none, "rtp-seg-fault-1.pcapng": none,
		"rtp-seg-fault-2.pcapng": none, "empty.pcap": none, "trunc.pcap": none, "invalid-content-length.pcap": none,
		"linux_dlt_sll2.pcap": none, "sip-junk-before-request.pcap": none, "sip-long-request-response-paths.pcap": none,
		"wireshark.pcap": none,
	}
}

// TestEveryCapture walks over the whole corpus: each capture ends in the status
// it must have, and each file that is written is whole.
func TestEveryCapture(t *testing.T) {
	root := filepath.Dir(corpus.File(t, "INDEX.md"))
	want := expected()
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "reference":
			return fs.SkipDir
		case d.IsDir() || !strings.Contains(d.Name(), ".pcap") && !strings.Contains(d.Name(), ".cap"):
			return nil
		}
		seen++
		t.Run(d.Name(), func(t *testing.T) {
			for i, o := range []Options{{}, {Channels: Mono}, {PCM: true}, {Wideband: WideG711}} {
				if oneOf > 1 && i != seen%4 {
					continue
				}
				a, _ := converted(t, open(t, path), o)
				status, listed := want[d.Name()]
				if !listed {
					status = recording.AudioOK
				}
				if a.Status != status {
					t.Errorf("%s (%s), want %s", a.Status, a.Reason, status)
				}
			}
		})
		return nil
	})
	if err != nil || seen == 0 {
		t.Fatal(seen, err)
	}
}

func TestLengthAndPairs(t *testing.T) {
	for name, want := range map[string]float64{"sipp/g711a.pcap": 7.08, "siprec/g711_audio.pcap": 10, "pcap2wav/sip-rtp-g711.pcap": 16.9} {
		t.Run(name, func(t *testing.T) {
			a, _ := converted(t, open(t, corpus.File(t, name)), Options{Together: true})
			if math.Abs(a.DurationS-want) > 0.04 {
				t.Errorf("%v s, want %v", a.DurationS, want)
			}
		})
	}
}
