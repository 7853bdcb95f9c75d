package rules_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	tableBegins = "<!-- The table is made of rules/testdata/cases; UPDATE_GOLDEN=1 go test ./rules makes it anew. -->\n"
	tableEnds   = "<!-- End of the table. -->\n"
)

// TestDocShowsTheCases holds the table in doc/rules.md against the case files.
func TestDocShowsTheCases(t *testing.T) {
	const doc = "../doc/rules.md"
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	got, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s has no table", doc)
	}
	want := table(trials(t))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(doc, []byte(before+tableBegins+want+tableEnds+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("the table in %s differs from the cases; set UPDATE_GOLDEN=1, then read the difference", doc)
	}
	for i := 1; i <= 31; i++ {
		if !strings.Contains(got, fmt.Sprintf("\n| %d |", i)) {
			t.Errorf("case %d is not in the table", i)
		}
	}
}

func table(all []trial) string {
	var b strings.Builder
	b.WriteString("\n| case | what happens | verdict | if a record never comes |\n|---|---|---|---|\n")
	for _, c := range all {
		var missing []string
		for i := range c.cdrs {
			if w, told := c.without[i+1]; told && inWords(w) != inWords(c.expect) {
				missing = append(missing, fmt.Sprintf("that of %s: %s", c.objects[i], inWords(w)))
			}
		}
		if len(c.cdrs) == 1 {
			missing = []string{"it is waited for"}
		}
		if len(missing) == 0 {
			missing = []string{"the same"}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.number, c.what, inWords(c.expect), strings.Join(missing, "; "))
	}
	return b.String() + "\n"
}

// inWords says an outcome for people.
func inWords(outcome string) string {
	w := strings.Fields(outcome)
	if w[0] != "keep" {
		return fmt.Sprintf("not kept (`%s`)", w[len(w)-1])
	}
	way := map[string]string{"i": "in", "o": "out"}[w[2]]
	return fmt.Sprintf("**%s**, %s, %s, rang %s s", w[1], way, w[3], w[5])
}
