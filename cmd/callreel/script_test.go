package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"callreel": main})
}

// TestScripts runs the command line as the files of testdata/script say.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true})
}

// TestManPage wants every command to be named there.
func TestManPage(t *testing.T) {
	page, err := os.ReadFile("../../packaging/linux/callreel.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands() {
		if !regexp.MustCompile(`(?m)^([a-z]+, )*` + c.name + `[,.]`).Match(page) {
			t.Errorf("packaging/linux/callreel.1 does not name %q", c.name)
		}
	}
}
