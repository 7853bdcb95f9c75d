package tomlfile_test

import (
	"errors"
	"testing"

	"callreel/internal/tomlfile"
)

const text = "top = 1\n\n[plain]\nkey = 2\n\n[[list]]\nkey = 3\n[[list]]\nkey = 4\n"

func TestReport(t *testing.T) {
	wrong := errors.New("is wrong")
	for _, row := range []struct {
		p    tomlfile.Problem
		want string
	}{
		{tomlfile.Problem{Index: -1, Key: "top", Err: wrong}, "f:1: is wrong"},
		{tomlfile.Problem{Section: "plain", Index: -1, Key: "key", Err: wrong}, "f:4: is wrong"},
		{tomlfile.Problem{Section: "plain", Index: -1, Key: "absent", Err: wrong}, "f:3: is wrong"},
		{tomlfile.Problem{Section: "list", Index: 1, Key: "key", Err: wrong}, "f:9: is wrong"},
		{tomlfile.Problem{Section: "absent", Index: -1, Key: "key", Err: wrong}, "f:1: is wrong"},
	} {
		err := tomlfile.Report("f", []byte(text), []tomlfile.Problem{row.p})
		if err == nil || err.Error() != row.want || !errors.Is(err, wrong) {
			t.Errorf("%s %d %s: %v, want %s", row.p.Section, row.p.Index, row.p.Key, err, row.want)
		}
	}
	if err := tomlfile.Report("f", []byte(text), nil); err != nil {
		t.Error(err)
	}
}

func TestDecode(t *testing.T) {
	type key struct {
		Key int `toml:"key"`
	}
	var all struct {
		Top   int   `toml:"top"`
		Plain key   `toml:"plain"`
		List  []key `toml:"list"`
	}
	if err := tomlfile.Decode("f", []byte(text), &all); err != nil || all.Plain.Key != 2 || len(all.List) != 2 || all.List[1].Key != 4 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, row := range []struct{ text, want string }{
		{"tip = 1\n[plain]\nkez = 2\n", "f:1:1: key \"tip\" is not known here; see doc/config.md for the keys there are\n" +
			"f:3:1: key \"plain.kez\" is not known here; see doc/config.md for the keys there are"},
	} {
		if err := tomlfile.Decode("f", []byte(row.text), &all); err == nil || err.Error() != row.want {
			t.Errorf("got  %v\nwant %s", err, row.want)
		}
	}
}
