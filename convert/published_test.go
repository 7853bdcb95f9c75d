package convert

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"callreel/internal/corpus"
)

// published is a call of rtpproxy's tests, as we have it.
type published struct {
	captures []string // of the corpus: files of one call; none: the one of testdata
	legA     uint32   // SSRC of what extractaudio puts left
	keys     []string // of SRTP
	// later is by how many ticks extractaudio puts leg O later than Convert, which goes
	// by the packet of each leg that was least delayed, and not by its first.
	later int64
	not   string // why there is nothing of ours to compare with
}

// Why a call is not compared.
const (
	notStored = "its capture is not in the corpus"
	notExact  = "G.729: ours is exact to the bit of ITU-T's Annex A, bcg729 behind the sum is not"
	notWhole  = "the sender begins anew: ours has all of it, the file behind the sum lacks the first 3.4 s; and it is G.729"
	notClear  = "SRTP without a key: ours says so and makes no audio, the file behind the sum is decoded ciphertext"
	notBuilt  = "G.723.1 is not built in"
)

func publishedCalls() map[string]published {
	const relayed = "reference/rtpproxy/originals/"
	keys := []string{"9sOd+W72ilwfNgNt0FzlGYj6YZPMqN1sJJx43UuS", "NhqBK/JjtVJgmOgPyDKpvMTEjvFCQ4eiyVQelF6x"}
	calls := map[string]published{
		"call1_alaw":     {legA: 0x1b5d8c64, later: 33},
		"corrupted_g722": {captures: []string{"rtpproxy/corrupted_g722.pcap"}, legA: 0x359cf916, later: -5},
		"rtcp":           {captures: []string{"rtpproxy/rtcp.pcap"}, legA: 0xdee0ee8f, later: -4},
		// One leg alone. It came twice, and Convert keeps the copy with the other SSRC.
		"DLT_NULL":     {captures: []string{"rtpproxy/DLT_NULL.a.pcap"}, legA: 0xcead2a2b},
		"alice_to_bob": {captures: []string{"rtpproxy/alice_bob_srtp.pcap"}, legA: 0x2a1ad144, keys: keys, later: -3},
		"alice_to_bob_out": {
			captures: []string{relayed + "alice_srtp_out.pcap", relayed + "bob_srtp_out.pcap"},
			legA:     0x2a1ad144, keys: keys, later: 1,
		},
		"c1": {not: notExact}, "lost": {not: notExact}, "sess6": {not: notWhole},
		"srtp1": {not: notClear}, "G723_1": {not: notBuilt},
	}
	for _, name := range []string{
		"call1_g722", "call1_g722_srtp", "call1_g729", "call1_gsm", "call1_ulaw", "p12", "p23", "weird", "dups", "dups1",
	} {
		calls[name] = published{not: notStored}
	}
	return calls
}

// capture is the call's; files of one side each are put one behind the other.
func (c published) capture(t *testing.T) Capture {
	t.Helper()
	if c.captures == nil {
		return open(t, "testdata/call1_alaw.pcap.gz")
	}
	var all []byte
	for _, name := range c.captures {
		b, err := os.ReadFile(corpus.File(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 {
			b = b[24:] // without its header
		}
		all = append(all, b...)
	}
	return bytes.NewReader(all)
}

// notCoded says why files of a coding are not made. The same samples are compared in
// the other codings.
func notCoded(coding string) string {
	switch {
	case coding == "g721_32":
		return "G.721 is only decoded here"
	case coding == "gsm610":
		return "GSM is only decoded here"
	case strings.HasPrefix(coding, "dwvw_"):
		return "DWVW has no published description"
	}
	return ""
}

// publishedSum is of one file that extractaudio made.
type publishedSum struct {
	name, call, sum string
	file            soundFile
}

// publishedSums reads the lists of rtpproxy: the files of one are named for what is
// in them, those of the other are all what extractaudio makes when nothing is said.
func publishedSums(t *testing.T) (sums []publishedSum) {
	t.Helper()
	for _, list := range []string{"extractaudio", "rtp_analyze1"} {
		b, err := os.ReadFile("testdata/" + list + ".checksums")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			s := publishedSum{file: soundFile{container: "wav", coding: "ms_adpcm", channels: 2}}
			name, sum, _ := strings.Cut(strings.TrimPrefix(line, "SHA256 ("), ") = ")
			s.name, s.sum = name, strings.TrimSpace(sum)
			part := strings.Split(name, ".")
			s.call = strings.TrimPrefix(part[0], "rtp_analyze_")
			if len(part) == 4 {
				s.file = soundFile{container: part[3], coding: part[2], channels: map[string]int{"mono": 1, "stereo": 2}[part[1]]}
			}
			sums = append(sums, s)
		}
	}
	return sums
}
