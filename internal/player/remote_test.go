package player_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"log/slog"

	"callreel/internal/player"
)

func TestRemoteControl(t *testing.T) {
	for _, row := range []struct {
		query string
		code  int
		told  string // what the page hears
	}{
		{"player=Rossi&play=2013_09_24_1107_39.o.024_1_93ad.wav", 204, "Rossi: play 2013_09_24_1107_39.o.024_1_93ad.wav"},
		{"player=Rossi&play=", 204, "Rossi: resume "},
		{"player=Rossi&play", 204, "Rossi: resume "},
		{"player=Rossi&stop", 204, "Rossi: stop "},
		{"player=Rossi&pause=1", 204, "Rossi: pause "},
		{"player=Rossi&eject", 204, "Rossi: eject "},
		{"play=a.wav", 204, ": play a.wav"}, // the only one there is
		{"player=Rossi", 400, ""},
		{"player=Rossi&play=a.wav&stop", 400, ""},
		{"player=%zz", 400, ""},
		{"player=nobody&stop", 404, ""},
		{"player=Rossi&play=none.wav", 404, ""},
	} {
		a := sample()
		resp := request(t, a, "/rc?"+row.query, nil)
		if resp.Code != row.code {
			t.Errorf("%s: %d %s, want %d", row.query, resp.Code, resp.Body, row.code)
		}
		want := []string{row.told}
		if row.told == "" {
			want = nil
		}
		if !slices.Equal(a.told, want) {
			t.Errorf("%s: the page hears %q, want %q", row.query, a.told, want)
		}
	}
}

// A link of the Reporting's page may be followed; nothing else of a foreign page may ask.
func TestWhoMayControl(t *testing.T) {
	for _, row := range []struct {
		site, mode, dest string
		want             int
	}{
		{"", "", "", 204},
		{"cross-site", "navigate", "document", 204},
		{"same-site", "navigate", "document", 204},
		{"none", "navigate", "document", 204},
		{"cross-site", "navigate", "iframe", 403},
		{"cross-site", "no-cors", "image", 403},
		{"cross-site", "cors", "empty", 403},
	} {
		resp := request(t, sample(), "/rc?player=Rossi&stop", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", row.site)
			r.Header.Set("Sec-Fetch-Mode", row.mode)
			r.Header.Set("Sec-Fetch-Dest", row.dest)
		})
		if resp.Code != row.want {
			t.Errorf("%+v: %d", row, resp.Code)
		}
	}
}

func TestListening(t *testing.T) {
	a := sample()
	a.commands = make(chan player.Command, 3)
	a.commands <- player.Command{Do: "play", File: "a\nb.wav", ID: 7}
	a.commands <- player.Command{}
	a.commands <- player.Command{Do: "stop"}
	close(a.commands)
	server := httptest.NewServer(player.New(a, slog.New(slog.DiscardHandler)))
	defer server.Close()
	resp, err := http.Get(server.URL + "/api/player?name=Rossi") //nolint:noctx // ends by itself
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := "retry: 2000\n\ndata: {\"do\":\"play\",\"file\":\"a\\nb.wav\",\"id\":7}\n\n: here\n\ndata: {\"do\":\"stop\"}\n\n"
	if string(got) != want || resp.Header.Get("Content-Type") != "text/event-stream" || a.left != 1 {
		t.Errorf("%q (%s), %d left", got, resp.Header.Get("Content-Type"), a.left)
	}
	if resp := request(t, a, "/api/player", nil); resp.Code != 400 {
		t.Errorf("without a name: %d", resp.Code)
	}
}
