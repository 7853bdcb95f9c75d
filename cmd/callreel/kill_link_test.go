package main_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"callreel/internal/catalog"
	"callreel/internal/recording"
)

// TestKillTellsTheAppServer kills the program again and again while calls are filed, and
// half of the connections to the AppServer end in the middle. At the end the AppServer has
// read of every filed recording which file it is, and of none that is not filed.
func TestKillTellsTheAppServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	read := map[string]int{}
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				in := bufio.NewScanner(conn)
				for i := 0; in.Scan() && (n%2 == 0 || i < 3); i++ {
					mu.Lock()
					read[in.Text()]++
					mu.Unlock()
				}
			})
		}
	})
	r := newRig(t, fmt.Sprintf("[appserver]\naddress = %q\nsettle = \"200ms\"\nkeep_alive = \"0s\"\n", ln.Addr()))
	traffic := r.talk(t, 200*time.Millisecond)
	for i, line := range []string{
		`msg="step completed" step=file `, `msg="step begins" step=file `, `msg="AppServer is connected"`, `msg="step completed" step=file `,
		`msg="step begins" step="back up" `, `msg="step completed" step=file `, `msg="AppServer is connected"`,
	} {
		if !r.runUntil(t, killPoint{line, time.Duration(i) * 3 * time.Millisecond}) {
			t.Fatalf("kill %d: the line %q did not come", i, line)
		}
	}
	r.runToTheEnd(t, traffic())
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	all.Wait() // the program has ended, and with it every connection

	c, err := catalog.OpenReader(t.Context(), filepath.Join(r.dir, "callreel.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.Search(t.Context(), catalog.Query{Limit: 1000, States: []recording.State{recording.Done}})
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := c.Waiting(t.Context(), "appserver", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	later := "" // what was not sent before the stop
	for _, m := range waiting {
		later += string(m.Doc)
	}
	told, doubles := map[string]bool{}, 0
	for line, n := range read {
		if part := strings.Split(line, "!"); len(part) == 6 && part[1] == "LAST" {
			told[part[4]] = true
			doubles += n - 1
		}
	}
	for _, rec := range list {
		file := filepath.Base(strings.TrimPrefix(string(rec.Place), "file:"))
		if !told[file] && !strings.Contains(later, file) {
			t.Errorf("the AppServer was never told of %s", file)
		}
		delete(told, file)
	}
	for file := range told {
		if _, err := os.Stat(filepath.Join(r.dir, "archive", file[:7], file)); err != nil {
			t.Errorf("the AppServer was told of %s, which is not filed", file)
		}
	}
	if len(list) < 10 {
		t.Errorf("only %d recordings", len(list))
	}
	t.Logf("%d recordings, %d lines wait, %d doubles", len(list), len(waiting), doubles)
}
