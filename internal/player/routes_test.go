package player

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestDescription: the description is valid OpenAPI by somebody else's reading, and has
// exactly the questions that are answered, each with its scope.
func TestDescription(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Webhooks) != 1 {
		t.Errorf("OpenAPI %s with %d webhooks", doc.OpenAPI, len(doc.Webhooks))
	}
	described := []string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if path == "/api/openapi.yaml" {
				continue
			}
			_, rest, _ := strings.Cut(op.Description, "Scope ")
			scope, _, _ := strings.Cut(rest, ".")
			described = append(described, fmt.Sprintf("%s %s %s", method, path, scope))
		}
	}
	var answered []string
	for _, r := range (&api{}).routes() {
		answered = append(answered, fmt.Sprintf("%s %s", r.pattern, r.needs))
	}
	slices.Sort(described)
	slices.Sort(answered)
	if !slices.Equal(described, answered) {
		t.Errorf("described:\n%s\nanswered:\n%s", strings.Join(described, "\n"), strings.Join(answered, "\n"))
	}
}

func TestScopes(t *testing.T) {
	for _, row := range []struct {
		has, needs Scope
		want       bool
	}{
		{ScopeRead, ScopeRead, true},
		{ScopeRead, ScopeMark, false},
		{ScopeMark, ScopeRead, true},
		{ScopeMark, ScopeAdmin, false},
		{ScopeAdmin, ScopeMark, true},
		{"", ScopeRead, false},
		{"root", ScopeRead, false},
		{ScopeAdmin, "", false},
	} {
		if got := row.has.Covers(row.needs); got != row.want {
			t.Errorf("%q for %q: %v", row.has, row.needs, got)
		}
	}
}
