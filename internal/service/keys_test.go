package service_test

import (
	"reflect"
	"strings"
	"testing"

	"callreel/internal/secret"
	"callreel/internal/service"
	setupdoc "callreel/internal/setup"
	"callreel/internal/tomlfile"
)

// keysOf lists the keys that the setup is read into.
func keysOf(t reflect.Type, section string, out map[string]bool) {
	for f := range t.Fields() {
		key, ok := tomlfile.KeyOf(f)
		if !ok {
			continue
		}
		if section != "" {
			key = section + "." + key
		}
		switch {
		case f.Type.Kind() == reflect.Struct:
			keysOf(f.Type, key, out)
		case tomlfile.IsList(f.Type):
			keysOf(f.Type.Elem(), key, out)
		default:
			out[key] = true
		}
	}
}

// TestKeysAndDocument holds what the program reads against doc/config.md.
func TestKeysAndDocument(t *testing.T) {
	read := map[string]bool{}
	keysOf(reflect.TypeFor[service.Config](), "", read)
	if len(read) < 100 {
		t.Fatalf("only %d keys found", len(read))
	}
	told := map[string]bool{}
	for _, k := range setupdoc.Keys() {
		if k.Section != setupdoc.RulesFile {
			told[k.Name()] = true
		}
	}
	for key := range read {
		if !told[key] {
			t.Errorf("%s is read, and doc/config.md does not tell of it", key)
		}
		if end := key[strings.LastIndex(key, ".")+1:]; secret.IsSecret(end) && (!read[key+"_file"] || !read[key+"_env"]) {
			t.Errorf("%s cannot be in a file or in the environment", key)
		}
	}
	for key := range told {
		if !read[key] {
			t.Errorf("doc/config.md tells of %s, which is not read", key)
		}
	}
}
