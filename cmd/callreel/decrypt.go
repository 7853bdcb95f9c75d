package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"callreel/crypto"
	"callreel/internal/atomicfile"
	"callreel/internal/service"
)

const decryptUsage = `Usage: callreel decrypt [--config FILE | --keys FILE] [-o OUT] IN

Writes a sealed sidecar or audio file in clear, to OUT or to standard output. A
file that was changed in any way is refused with exit code 1.`

func runDecrypt(_ context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("decrypt", decryptUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup that names the key ring, a TOML `file`")
	path := fl.String("keys", "", "the key ring `file` itself, instead of the one the setup names")
	out := fl.String("o", "", "`file` to write; without it the clear content goes to standard output")
	if err := fl.Parse(args); err != nil {
		return asUsage(err)
	}
	if fl.NArg() != 1 {
		return usagef("decrypt needs one file; got %d", fl.NArg())
	}
	file, err := ringPath(*path, *config)
	if err != nil {
		return err
	}
	ring, err := service.ReadRing(file)
	if err != nil {
		return &exitError{exitNothing, err}
	}
	in, err := os.Open(fl.Arg(0))
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := crypto.NewReader(in, ring)
	if err != nil {
		return fmt.Errorf("%s: %w", fl.Arg(0), err)
	}
	if *out == "" {
		_, err = io.Copy(stdout, r)
		return err
	}
	return atomicfile.Write(*out, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}
