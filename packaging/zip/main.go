// Command zip packs a folder so that the same files give the same bytes: sorted, and all
// of one time.
package main

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "zip:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// run takes the file to write, the folder, and the time in seconds since 1970.
func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("want OUT.zip FOLDER SECONDS, got %q", args)
	}
	seconds, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return fmt.Errorf("read the time: %w", err)
	}
	out, err := os.Create(args[0])
	if err != nil {
		return err
	}
	defer out.Close()
	if err := pack(out, args[1], time.Unix(seconds, 0).UTC()); err != nil {
		return fmt.Errorf("pack %s: %w", args[1], err)
	}
	return out.Close()
}

func pack(out io.Writer, folder string, at time.Time) error {
	z := zip.NewWriter(out)
	tree := os.DirFS(folder)
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return add(z, tree, name, path.Join(path.Base(folder), name), at)
	})
	if err != nil {
		return err
	}
	return z.Close()
}

func add(z *zip.Writer, tree fs.FS, name, as string, at time.Time) error {
	in, err := tree.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	w, err := z.CreateHeader(&zip.FileHeader{Name: as, Method: zip.Deflate, Modified: at})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return err
}
