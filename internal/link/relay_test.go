package link_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"callreel/internal/clock"
	"callreel/internal/link"
)

func TestRelay(t *testing.T) {
	var r link.Relay
	if err := r.Send(link.Command{Do: link.Stop, Player: "Rossi"}); !errors.Is(err, link.ErrNoPlayer) {
		t.Errorf("to nobody: %v", err)
	}
	for _, bad := range []string{"", "a!b", "a\nb", strings.Repeat("x", 65), "\xff"} {
		if _, err := r.Join(bad); err == nil {
			t.Errorf("a player may be called %q", bad)
		}
	}
	first, err := r.Join("Rossi")
	if err != nil {
		t.Fatal(err)
	}
	send := func(name string, p *link.Player) {
		t.Helper()
		want := link.Command{Do: link.Play, Player: name, File: "a.wav"}
		if err := r.Send(want); err != nil {
			t.Fatal(err)
		}
		if got := <-p.C; got != want {
			t.Errorf("got %+v", got)
		}
	}
	send("ROSSI", first)
	send("", first) // the only one there is
	second, err := r.Join("rossi")
	if err != nil {
		t.Fatal(err)
	}
	send("Rossi", second) // the window that was opened last
	second.Leave()
	second.Leave()
	send("Rossi", first)
	for range 16 {
		if err := r.Send(link.Command{Do: link.Stop, Player: "Rossi"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Send(link.Command{Do: link.Stop, Player: "Rossi"}); err == nil {
		t.Error("a player that takes nothing takes commands without end")
	}
	for n := range 99 {
		if _, err := r.Join(fmt.Sprint("p", n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Join("one more"); err == nil || r.Listening() != 100 {
		t.Errorf("%d players listen", r.Listening())
	}
	r.Close()
	for range first.C { //nolint:revive // what was sent before
	}
	if _, err := r.Join("late"); err == nil {
		t.Error("a closed relay takes players")
	}
	first.Leave()
}

// What an AppServer sends reaches the player that is meant, whatever ends its lines and in
// whatever pieces it comes; the rest is counted and thrown away.
func TestCommands(t *testing.T) {
	t.Parallel()
	wire := "!PLAY!Rossi!2013_09.wav\r\n" + "!STOP!Rossi\r" + "!PAUS!rossi\n" + "!PLAY!Rossi\x00" +
		"!PLAY!Nobody!a.wav\r\n" + "hello\r\n" + "!STOP!\r\n" + strings.Repeat("x", 100_000) + "\r\n" +
		"!PLAY!Rossi!M\xfcller!b.wav\r\n" + "!EJEC!Rossi\n" + "!STOP!Rossi" // the last one is cut
	for _, size := range []int{1 << 20, 1000, 7} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			h := listen(t, "127.0.0.1:0", func(_ *host, c net.Conn) {
				for rest := wire; rest != ""; {
					n := min(size, len(rest))
					if _, err := c.Write([]byte(rest[:n])); err != nil {
						return
					}
					rest = rest[n:]
				}
			})
			b := newBench(t, clock.Scaled(50), h.addr) // 100 kB are read in 12 s
			p, err := b.relay.Join("Rossi")
			if err != nil {
				t.Fatal(err)
			}
			a, _ := b.start(t)
			for _, want := range []link.Command{
				{Do: link.Play, Player: "Rossi", File: "2013_09.wav"},
				{Do: link.Stop, Player: "Rossi"},
				{Do: link.Pause, Player: "rossi"},
				{Do: link.Resume, Player: "Rossi"},
				{Do: link.Play, Player: "Rossi", File: "Müller!b.wav"},
				{Do: link.Eject, Player: "Rossi"},
			} {
				if got := <-p.C; got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			st := a.State()
			if st.Commands < 6 || st.Ignored < 4 { // more if it has connected again
				t.Errorf("state %+v", st)
			}
		})
	}
}
