package secret

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"

	"callreel/internal/tomlfile"
)

// IsSecret reports whether the value of a key of the setup is one. All that end so are:
// password, receive_password, secret.
func IsSecret(key string) bool {
	return strings.HasSuffix(key, "password") || strings.HasSuffix(key, "secret")
}

// The endings of the keys that say where a secret is instead of what it is.
const (
	fileEnd = "_file"
	envEnd  = "_env"
)

// From says where a setup lies.
type From struct {
	Dir     string // files named in it are taken from here
	KeyFile string
}

// Resolve opens the sealed texts of a setup and fetches the secrets that lie in files
// and in the environment, whatever the section is called. cfg points to a struct with
// toml tags; a field for "password" has those for "password_file" and "password_env"
// beside it. A key file is read only when something is sealed.
func Resolve(cfg any, from From) []tomlfile.Problem {
	key := sync.OnceValues(func() (*Key, error) { return ReadKey(from.KeyFile) })
	r := resolver{from: from, key: key}
	tomlfile.Sections(cfg, r.section)
	return r.problems
}

// resolver collects what is wrong on its way.
type resolver struct {
	from     From
	key      func() (*Key, error)
	problems []tomlfile.Problem
}

func (r *resolver) section(v reflect.Value, section string, index int) {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		if name, ok := tomlfile.KeyOf(v.Type().Field(i)); ok && v.Field(i).Kind() == reflect.String {
			fields[name] = v.Field(i)
		}
	}
	for i := range v.NumField() { // in the order of the struct, so that messages have one
		name, _ := tomlfile.KeyOf(v.Type().Field(i))
		f, ok := fields[name]
		if !ok {
			continue
		}
		at := func(key string, err error) {
			if err != nil {
				r.problems = append(r.problems, tomlfile.Problem{Section: section, Index: index, Key: key, Err: fmt.Errorf("%s: %w", said(section, key), err)})
			}
		}
		if IsSealed(f.String()) {
			at(name, r.unseal(f))
		}
		if IsSecret(name) {
			r.fetch(f, name, fields, at)
		}
	}
}

// said is how a message names a key.
func said(section, key string) string {
	if section == "" {
		return key
	}
	return section + "." + key
}

func (r *resolver) unseal(f reflect.Value) error {
	key, err := r.key()
	if errors.Is(err, ErrNoKey) {
		return fmt.Errorf(`%w; put it back from its copy, or enter the password anew with "callreel setup"`, err)
	}
	if err != nil {
		return err
	}
	text, err := key.Open(f.String())
	if err != nil {
		return fmt.Errorf(`%w; put the right key back as %s, or enter the password anew with "callreel setup"`, err, r.from.KeyFile)
	}
	f.SetString(text)
	return nil
}

// fetch puts a secret in its field that lies elsewhere.
func (r *resolver) fetch(f reflect.Value, name string, fields map[string]reflect.Value, at func(string, error)) {
	file, env := fields[name+fileEnd], fields[name+envEnd]
	set := 0
	for _, other := range []reflect.Value{f, file, env} {
		if other.IsValid() && other.String() != "" {
			set++
		}
	}
	switch {
	case set > 1:
		at(name, fmt.Errorf("only one of %s, %s and %s can be set", name, name+fileEnd, name+envEnd))
	case file.IsValid() && file.String() != "":
		path := file.String()
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.from.Dir, path)
		}
		text, err := FromFile(path)
		at(name+fileEnd, put(f, file, text, err))
	case env.IsValid() && env.String() != "":
		text, err := FromEnv(env.String())
		at(name+envEnd, put(f, env, text, err))
	}
}

// put moves a secret to its field, so that nobody fetches it a second time.
func put(f, from reflect.Value, text string, err error) error {
	if err == nil && text == "" {
		err = fmt.Errorf("%s holds nothing", from.String())
	}
	if err != nil {
		return err
	}
	f.SetString(text)
	from.SetString("")
	return nil
}
