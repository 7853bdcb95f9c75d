package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"callreel/crypto"
	"callreel/internal/atomicfile"
	"callreel/internal/service"
)

const keysUsage = `Usage: callreel keys [--config FILE | --keys FILE] ACTION

  new                     make a key ring with a first key
  list                    the keys, the one that seals now marked with *
  add NAME                make a new random key and seal with it from now on
  add-passphrase NAME     the same with a key made of a passphrase, read from
                          the environment variable CALLREEL_PASSPHRASE
  unlock FILE             take over the passphrase key that FILE is sealed with,
                          with the passphrase in CALLREEL_PASSPHRASE
  use NAME                seal with this key from now on
  retire NAME             stop sealing with it; it goes on opening old files
  rewrap DIR NAME         exchange the key of all sealed files below DIR without
                          touching what they hold; exit code 4 if some could not be

The ring opens every recording: keep a copy of it in a safe place.`

func runKeys(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("keys", keysUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup that names the key ring, a TOML `file`")
	path := fl.String("keys", "", "the key ring `file` itself, instead of the one the setup names")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	file, err := ringPath(*path, *config)
	if err != nil {
		return err
	}
	rest := fl.Args()
	if len(rest) == 0 {
		return usagef("keys needs an action: new, list, add, add-passphrase, unlock, use, retire or rewrap")
	}
	if rest[0] == "new" {
		return newRing(file, stdout)
	}
	ring, err := service.ReadRing(file)
	if err != nil {
		return err
	}
	if rest[0] == "rewrap" {
		if len(rest) != 3 {
			return usagef("keys rewrap needs a folder and the name of a key")
		}
		return rewrapAll(ctx, rest[1], ring, rest[2], stdout, stderr)
	}
	if err := editRing(ring, rest, stdout); err != nil {
		return err
	}
	if rest[0] == "list" {
		return nil
	}
	return service.SaveRing(file, ring)
}

func newRing(file string, stdout io.Writer) error {
	_, made, err := service.EnsureRing(file)
	if err != nil {
		return err
	}
	if !made {
		return &exitError{exitNothing, fmt.Errorf("there is a key ring %s already; nothing was changed", file)}
	}
	_, err = fmt.Fprintf(stdout, "new key ring %s; keep a copy of it in a safe place\n", file)
	return err
}

// ringPath is the ring's file: named directly, else by the setup.
func ringPath(path, config string) (string, error) {
	if path != "" {
		return path, nil
	}
	cfg, err := service.ReadConfig(config)
	if err != nil {
		return "", &exitError{exitUsage, err}
	}
	return cfg.Keys.File, nil
}

func editRing(ring *crypto.Ring, args []string, stdout io.Writer) error {
	action := args[0]
	if action == "list" {
		return listKeys(ring, stdout)
	}
	if len(args) != 2 {
		return usagef("keys %s needs the name of a key", action)
	}
	name := args[1]
	switch action {
	case "add":
		return errors.Join(ring.Generate(name), ring.SetCurrent(name))
	case "add-passphrase":
		pass, err := passphrase()
		if err != nil {
			return err
		}
		return errors.Join(ring.AddPassphrase(name, pass), ring.SetCurrent(name))
	case "unlock":
		return unlock(ring, name)
	case "use":
		return ring.SetCurrent(name)
	case "retire":
		return ring.Retire(name)
	default:
		return usagef("keys has no action %q; it has new, list, add, add-passphrase, unlock, use, retire and rewrap", action)
	}
}

func passphrase() (string, error) {
	pass := os.Getenv("CALLREEL_PASSPHRASE")
	if pass == "" {
		return "", usagef("set the passphrase in the environment variable CALLREEL_PASSPHRASE")
	}
	return pass, nil
}

// unlock adds the passphrase key of a sealed file to the ring.
func unlock(ring *crypto.Ring, path string) error {
	pass, err := passphrase()
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [crypto.HeaderSize]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return ring.Unlock(head, pass)
}

func listKeys(ring *crypto.Ring, stdout io.Writer) error {
	for _, k := range ring.Names() {
		mark, note := " ", ""
		if k.Name == ring.Current() {
			mark = "*"
		}
		if k.Retired {
			note = "  retired"
		}
		if _, err := fmt.Fprintf(stdout, "%s %s%s\n", mark, k.Name, note); err != nil {
			return err
		}
	}
	return nil
}

// rewrapAll exchanges the headers of all sealed files below dir.
func rewrapAll(ctx context.Context, dir string, ring *crypto.Ring, key string, stdout, stderr io.Writer) error {
	done, left := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), atomicfile.Prefix) {
			return nil
		}
		changed, err := rewrap(path, ring, key)
		switch {
		case err != nil:
			left++
			fmt.Fprintf(stderr, "%s: %v\n", path, err)
		case changed:
			done++
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d files rewrapped to key %s\n", done, key)
	if left > 0 {
		return &exitError{exitSomeLeft, fmt.Errorf("%d files were not rewrapped; each is named above", left)}
	}
	return nil
}

// rewrap writes a file anew with an exchanged header; a clear file is left.
func rewrap(path string, ring *crypto.Ring, key string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [crypto.HeaderSize]byte
	n, err := io.ReadFull(f, head[:])
	if !crypto.IsSealed(head[:min(n, 8)]) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	fresh, err := crypto.Rewrap(head, ring, key)
	if err != nil {
		return false, err
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	return true, atomicfile.Write(path, info.Mode().Perm(), func(w io.Writer) error {
		if _, err := w.Write(fresh[:]); err != nil {
			return err
		}
		_, err := io.Copy(w, f)
		return err
	})
}
