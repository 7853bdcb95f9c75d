package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"callreel/internal/atomicfile"
	"callreel/internal/vmscript"
)

const scriptsUsage = `Usage: callreel scripts [--force] DIR

Writes the scripts and prompts for the PBX's voicemail objects into DIR, the
folder that captures are put in:

  TCR/TCRec.xml  marks the caller's conversation; the object's URL says where the
                 recorder is: …/TCR/TCRec.xml?recorder=HOST:8901/mark
                 and with &skip=1 marks it not to be kept
  TAN.xml        gives it a number of six digits; the object's own number is the
                 prefix in [tan] of the setup

The prompts are raw A-law at 8 kHz. A file that is there already and is not the
same is left as it is: it may be your own announcement.`

func runScripts(_ context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("scripts", scriptsUsage, stderr)
	force := fl.Bool("force", false, "replace files that differ")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() != 1 {
		return usagef("scripts needs one folder to write to")
	}
	left := 0
	err := fs.WalkDir(vmscript.Files(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		did, err := writeScript(name, filepath.Join(fl.Arg(0), filepath.FromSlash(name)), *force)
		if err == nil && did == differs {
			left++
		}
		if err == nil {
			_, err = fmt.Fprintf(stdout, "%-18s %s\n", name, did)
		}
		return err
	})
	if err == nil && left > 0 {
		return &exitError{exitSomeLeft, fmt.Errorf("%d of the files differ from what is there, which was left; --force replaces it", left)}
	}
	return err
}

const differs = "is another there, left as it is"

func writeScript(name, path string, force bool) (did string, err error) {
	content, err := fs.ReadFile(vmscript.Files(), name)
	if err != nil {
		return "", err
	}
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, content):
		return "is there already", nil
	case err == nil && !force:
		return differs, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // the PBX's web server reads it
		return "", err
	}
	return "written", atomicfile.WriteFile(path, content, 0o644)
}
