package layout

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "callreel/"

func TestImports(t *testing.T) {
	root := moduleRoot(t)
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != root && (name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		seen[pkg] = true
		checkFile(t, pkg, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 10 {
		t.Errorf("only %d packages found: the test looks in the wrong place", len(seen))
	}
}

func checkFile(t *testing.T, pkg, file string) {
	t.Helper()
	row, name, ok := rowOf(pkg)
	if !ok {
		if !strings.HasPrefix(pkg, "bench") {
			t.Errorf("%s: package %s has no row in the table of internal/layout", file, pkg)
		}
		return
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	isTest := strings.HasSuffix(file, "_test.go")
	for _, spec := range parsed.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if why := refuse(pkg, name, row, imp, isTest); why != "" {
			t.Errorf("%s imports %q: %s", file, imp, why)
		}
	}
}

// refuse says why pkg must not import imp, or nothing.
func refuse(pkg, name string, row rule, imp string, isTest bool) string {
	ours, isOurs := strings.CutPrefix(imp, module)
	if isTest {
		return "" // a test may stand on whatever it tests with
	}
	if !isOurs {
		if matchAny(row.mustNot, imp) {
			return name + " must not: " + row.why
		}
		return ""
	}
	if users, only := testOnly()[ours]; only && !slices.Contains(users, pkg) {
		return ours + " is for tests and " + strings.Join(users, ", ")
	}
	if !matchAny(row.may, ours) {
		return name + " may import of ours only [" + strings.Join(row.may, " ") + "]: " + row.why
	}
	return ""
}

func rowOf(pkg string) (rule, string, bool) {
	if r, ok := table()[pkg]; ok {
		return r, pkg, true
	}
	for p := path.Dir(pkg); p != "."; p = path.Dir(p) {
		if r, ok := table()[p+"/..."]; ok {
			return r, p + "/...", true
		}
	}
	return rule{}, "", false
}

func matchAny(patterns []string, imp string) bool {
	for _, p := range patterns {
		if p == "..." || p == imp {
			return true
		}
		if below, ok := strings.CutSuffix(p, "/..."); ok && (imp == below || strings.HasPrefix(imp, below+"/")) {
			return true
		}
	}
	return false
}

// moduleRoot is the folder of go.mod above this package.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above this package")
		}
		dir = filepath.Dir(dir)
	}
}

func TestTheTableRefuses(t *testing.T) {
	for _, row := range []struct {
		pkg, imp string
		allowed  bool
	}{
		{"rules", "callreel/internal/recording", true},
		{"rules", "callreel/internal/catalog", false},
		{"rules", "os", false},
		{"rules", "net/http", false},
		{"rules", "strings", true},
		{"internal/media/rtp", "callreel/internal/media/pcap", true},
		{"internal/media/rtp", "callreel/internal/recording", false},
		{"internal/player", "callreel/internal/catalog", false},
		{"internal/player", "database/sql", false},
		{"archive", "callreel/crypto", false},
		{"internal/service", "callreel/archive", true},
		{"internal/service", "callreel/internal/pbxsim", false},
		{"cmd/callreel", "callreel/internal/pbxsim", true},
	} {
		r, name, ok := rowOf(row.pkg)
		if !ok {
			t.Fatalf("no row for %s", row.pkg)
		}
		if why := refuse(row.pkg, name, r, row.imp, false); (why == "") != row.allowed {
			t.Errorf("%s imports %s: allowed = %v (%s), want %v", row.pkg, row.imp, why == "", why, row.allowed)
		}
	}
}
