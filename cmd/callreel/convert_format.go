package main

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"callreel/convert"
	"callreel/internal/media/mp3"
)

// chooseFormat takes the format from the flag or from the ending of the output,
// which must not speak against each other.
func (j *convertJob) chooseFormat() error {
	ending := convert.Format(strings.TrimPrefix(strings.ToLower(filepath.Ext(j.out)), "."))
	if ending != convert.WAV && ending != convert.MP3 {
		return nil // a folder, or a name that says nothing
	}
	if info, err := os.Stat(j.out); err == nil && info.IsDir() {
		return nil
	}
	if j.options.Format == "" {
		j.options.Format = ending
	}
	if j.options.Format != ending {
		return usagef("convert: --format %s does not go with the output %s", j.options.Format, filepath.Base(j.out))
	}
	return nil
}

// isWhole reports whether a file is a whole WAV or MP3, by its ending.
func isWhole(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if strings.HasSuffix(path, convert.MP3.Extension()) {
		_, err := mp3.Walk(f)
		return err == nil
	}
	return wholeWAV(f)
}

// wholeWAV reports whether a file is a WAV file of the length it says.
func wholeWAV(f *os.File) bool {
	var head [12]byte
	info, err := f.Stat()
	if _, short := io.ReadFull(f, head[:]); errors.Join(err, short) != nil {
		return false
	}
	return string(head[:4]) == "RIFF" && string(head[8:]) == "WAVE" &&
		info.Size() == int64(binary.LittleEndian.Uint32(head[4:]))+8
}
