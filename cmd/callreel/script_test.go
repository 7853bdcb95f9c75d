package main

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaned{m}, map[string]func(){"callreel": main})
}

// builtIn names the folder that the tests of the built program put it into, once for all.
const builtIn = "CALLREEL_TEST_BUILT_IN"

// cleaned runs the tests with that folder.
type cleaned struct{ *testing.M }

func (c cleaned) Run() int {
	dir, err := os.MkdirTemp("", "callreel-built")
	if err == nil {
		err = os.Setenv(builtIn, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	return c.M.Run()
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
