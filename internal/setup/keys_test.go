package setup_test

import (
	"strings"
	"testing"

	"callreel/doc"
	"callreel/internal/setup"
)

// TestTablesAreWhole looks that no row of the document is passed over or cut.
func TestTablesAreWhole(t *testing.T) {
	rows := 0
	for line := range strings.Lines(doc.Config()) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| key") {
			continue
		}
		rows++
		if n := strings.Count(line, "|"); n != 3 && n != 4 || !strings.HasSuffix(line, " |") {
			t.Errorf("a row of %d cells: %s", n-1, line)
		}
	}
	seen, meanings := map[string]bool{}, map[string]bool{}
	for _, k := range setup.Keys() {
		if seen[k.Name()] {
			t.Errorf("%s stands there twice", k.Name())
		}
		seen[k.Name()], meanings[k.Section+k.Meaning] = true, true
		if k.Key == "" || k.Meaning == "" || strings.ContainsAny(k.Key, "` ") {
			t.Errorf("%+v", k)
		}
	}
	if rows < 100 || len(meanings) != rows {
		t.Errorf("%d rows, %d of them read", rows, len(meanings))
	}
}

func TestFind(t *testing.T) {
	for word, want := range map[string]string{
		"archive.path": "archive.path", "[[inbox]]": "", "inbox.poll": "inbox.poll", "poll": "converter.poll asterisk.poll inbox.poll", "POLL": "converter.poll asterisk.poll inbox.poll",
		"timezone": "timezone", "tan": "tan.prefix", "mode": "rules file.mode", "nothing": "",
	} {
		var got []string
		for _, k := range setup.Find(word) {
			got = append(got, k.Name())
		}
		if word == "[[inbox]]" {
			if len(got) < 20 || got[0] != "inbox.name" {
				t.Errorf("%s: %v", word, got)
			}
			continue
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", word, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	var b strings.Builder
	if err := setup.Explain(&b, setup.Find("receiver.mark_path")); err != nil {
		t.Fatal(err)
	}
	want := "mark_path in [receiver]\n  default: \"/mark\"\n  of the URL by which scripts of the PBX mark calls, see Marks; \"\" takes none\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
