package setup_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"callreel/internal/secret"
	"callreel/internal/setup"
)

const written = `# our own remark on the whole
timezone = "Europe/Rome" # beside it

[archive]
## a comment of the program
path = 'calls'
# the NAS in the cellar
backup = "/mnt/nas \"old\""

# second floor
[[inbox]]
name = "a"
path = "x"
gateway_macs = ["009033010203", "00-90-33-01-02-04"]
knid = { a = 1, "b c" = "d" }

[[inbox]]
name = "b"
password = "open sesame"
user = "u"
url = "http://192.0.2.1/"

[licence]
count = 12

[strange]
colour = "blue"
# at the end
`

func key(t testing.TB) *secret.Key {
	t.Helper()
	k, err := secret.EnsureKey(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func encode(t *testing.T, d *setup.Draft, k *secret.Key) string {
	t.Helper()
	data, err := d.Encode(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDraftKeepsAll(t *testing.T) {
	k := key(t)
	d, err := setup.ReadDraft("f", []byte(written))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.Unknown(), " "); got != "inbox.knid strange.colour" {
		t.Errorf("unknown: %s", got)
	}
	out := encode(t, d, k)
	for _, want := range []string{
		"# our own remark on the whole\n", "# beside it\n## IANA name for file names and lists, \"Europe/Rome\"\ntimezone = \"Europe/Rome\"\n", "# the NAS in the cellar\n## folder of the copies; none without it\nbackup = \"/mnt/nas \\\"old\\\"\"\n", "# second floor\n[[inbox]]",
		`gateway_macs = ["009033010203", "00-90-33-01-02-04"]`, `# callreel does not know this key: knid = {"b c" = "d", a = 1}`,
		`# callreel does not know this key: colour = "blue"`, "# at the end\n", "count = 12\n", "## folder of the copies; none without it\n", "password = \"sealed:1:",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("missing: %q", want)
		}
	}
	for _, not := range []string{"## a comment of the program", "open sesame"} {
		if strings.Contains(out, not) {
			t.Errorf("still there: %q", not)
		}
	}
	again, err := setup.ReadDraft("f", []byte(out))
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if len(again.Unknown()) > 0 {
		t.Errorf("unknown again: %v", again.Unknown())
	}
	if second := encode(t, again, k); second != out {
		t.Errorf("written a second time it is another:\n%s\nfirst:\n%s", second, out)
	}
	if got, err := k.Open(again.Text("inbox", 1, "password")); got != "open sesame" || err != nil {
		t.Errorf("the password is %q, %v", got, err)
	}
}

func TestDraftSet(t *testing.T) {
	d := setup.NewDraft()
	i := d.Add("pbx")
	d.Set("pbx", i, "password_env", "PW")
	d.Set("pbx", i, "password", "x")
	d.Set("archive", -1, "path", "calls")
	d.Set("archive", -1, "backup", "y")
	d.Set("archive", -1, "backup", "")
	if d.Get("pbx", 0, "password_env") != nil || d.Get("archive", -1, "backup") != nil || d.Len("pbx") != 1 {
		t.Error("a value is still there")
	}
	out := encode(t, d, nil)
	if !strings.Contains(out, "[[pbx]]  ## one for each PBX\n") || !strings.Contains(out, "\npassword = \"x\"\n") {
		t.Errorf("%s", out)
	}
}

// lines are the keys of a file and the operator's comments, in no order: what must not
// be lost.
func lines(data []byte) []string {
	list := slices.DeleteFunc(strings.Split(string(data), "\n"), func(s string) bool {
		return strings.TrimSpace(s) == "" || strings.HasPrefix(s, "##") || strings.HasPrefix(s, "[")
	})
	slices.Sort(list)
	return list
}

func FuzzDraft(f *testing.F) {
	f.Add([]byte(written))
	f.Add([]byte("a.b.c = 1\n[[a]]\n[[a.b]]\nx = [[1], [{}]]\n\"\" = 2\n"))
	k := key(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := setup.ReadDraft("f", data)
		if err != nil {
			return
		}
		out, err := d.Encode(k)
		if err != nil {
			return // a value that has no place in a setup
		}
		again, err := setup.ReadDraft("f", out)
		if err != nil {
			t.Fatalf("%v in\n%s\nmade of\n%s", err, out, data)
		}
		second, err := again.Encode(k)
		if err != nil || !slices.Equal(lines(second), lines(out)) {
			t.Errorf("second writing, %v:\n%s\nfirst:\n%s", err, second, out)
		}
	})
}
