package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callreel/internal/casefile"
	"callreel/internal/recording"
	"callreel/rules"
)

// trial is one file of testdata/cases: a call as people read it in the head, its
// CDRs as the PBX writes them, and what SOAP showed of the agents.
type trial struct {
	file    string
	number  string // of the case in the manual's list
	what    string
	agents  []recording.Agent
	all     bool
	capture recording.Capture
	expect  string // an outcome, see the function of that name
	name    string // of the file it is filed under; empty if it is not kept
	without map[int]string
	objects []string // whose record each is, in words
	raw     []string
	cdrs    []recording.CDR
	legs    []recording.Leg // of the capture's conference
	read    casefile.Case
}

// trials reads all cases, in the order of their names.
func trials(tb testing.TB) []trial {
	tb.Helper()
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) < 31 {
		tb.Fatalf("%d cases found, %v", len(files), err)
	}
	var all []trial
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		read, err := casefile.Parse(file, text, nil)
		if err != nil {
			tb.Fatal(err)
		}
		if len(read.Objects) == 0 {
			tb.Fatalf("%s does not say whose the records are", file)
		}
		all = append(all, trial{
			file: strings.TrimSuffix(filepath.Base(file), ".txt"), number: read.Number, what: read.What,
			agents: read.Agents, all: read.All, capture: read.Capture, expect: read.Expect, name: read.Name,
			without: read.Without, objects: read.Objects, raw: read.Raw, cdrs: read.CDRs, legs: read.Legs, read: read,
		})
	}
	return all
}

// known are the agents as a PBX names them, else as a setup does.
func (c trial) known(byPBX bool) []recording.Agent { return c.read.Known(byPBX) }

// ask hands the rules these records in this order, long after the last came.
func (c trial) ask(cdrs []recording.CDR, legs []recording.Leg) recording.Verdict {
	return c.read.Ask(rules.First(), cdrs, legs)
}

// outcome is a verdict as the heads of the cases write it.
func outcome(v recording.Verdict) string { return casefile.Outcome(v) }
