package recording

import "testing"

// TestAgentIsTheSameObject: GUIDs count in either case, as SOAP and CDRs may write them
// differently; without them names and numbers do.
func TestAgentIsTheSameObject(t *testing.T) {
	for _, row := range []struct {
		what       string
		a, b       Agent
		same, owns bool
	}{
		{"one GUID, written in two ways", Agent{GUID: "9a1f", CN: "Rossi"}, Agent{GUID: "9A1F", CN: "A. Rossi"}, true, true},
		{"two GUIDs", Agent{GUID: "9a1f", CN: "Rossi"}, Agent{GUID: "b777", CN: "Rossi"}, false, false},
		{"a name", Agent{CN: "Rossi"}, Agent{GUID: "b777", CN: "Rossi"}, true, true},
		{"a number, where one has no name", Agent{E164: "24"}, Agent{CN: "Rossi", E164: "24"}, true, true},
		{"a number under another name", Agent{CN: "A. Rossi", E164: "24"}, Agent{CN: "Rossi", E164: "24"}, false, true},
		{"nothing", Agent{}, Agent{}, false, false},
	} {
		if got := row.a.Same(row.b); got != row.same {
			t.Errorf("%s: same %v", row.what, got)
		}
		if got := row.a.Owns(&CDR{GUID: row.b.GUID, CN: row.b.CN, E164: row.b.E164}); got != row.owns {
			t.Errorf("%s: owns %v", row.what, got)
		}
	}
}
