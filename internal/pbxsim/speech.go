package pbxsim

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed speech/*.alaw
var speechFiles embed.FS

// Frames of 20 ms at 8 kHz.
const (
	frameSamples = 160
	frameMillis  = 20
	alawSilence  = 0xD5 // the smallest positive A-law value
)

// speech holds the sentences of both roles, in the order of their names.
type speech struct{ caller, agent [][]byte }

func loadSpeech() (speech, error) {
	var sp speech
	entries, err := speechFiles.ReadDir("speech")
	if err != nil {
		return sp, err
	}
	for _, e := range entries {
		raw, err := speechFiles.ReadFile("speech/" + e.Name())
		if err != nil {
			return sp, err
		}
		if strings.HasPrefix(e.Name(), "caller") {
			sp.caller = append(sp.caller, raw)
		} else {
			sp.agent = append(sp.agent, raw)
		}
	}
	if len(sp.caller) == 0 || len(sp.agent) == 0 {
		return sp, fmt.Errorf("speech of one side is missing")
	}
	return sp, nil
}

// dialogue returns both sides of a talk of so many frames as A-law: the two
// take turns, each silent while the other speaks. n varies the pause before
// the first word and the sentences, so that calls differ.
func (sp speech) dialogue(n, frames int) (external, internal []byte) {
	total := frames * frameSamples
	lead := min((n%50)*frameSamples, total/4)
	external, internal = silence(lead), silence(lead)
	for turn := 0; len(external) < total; turn++ {
		sentence := sp.agent[(n+turn/2)%len(sp.agent)]
		if turn%2 == 1 {
			sentence = sp.caller[(n/4+turn/2)%len(sp.caller)]
		}
		pause := silence(15 * frameSamples)
		said := slices.Concat(sentence, pause)
		if turn%2 == 1 {
			external, internal = append(external, said...), append(internal, silence(len(said))...)
		} else {
			external, internal = append(external, silence(len(said))...), append(internal, said...)
		}
	}
	return external[:total], internal[:total]
}

func silence(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = alawSilence
	}
	return b
}
