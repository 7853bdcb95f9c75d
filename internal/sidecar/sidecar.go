// Package sidecar is the one owner of the XML that lies beside each recording: it
// turns a recording.Recording into that text and back. What Decode gives is what
// Encode was given in Capture, Call, Verdict, Audio, Name, Aliases, Seal and ID, with all
// times in UTC, so that a catalog can be rebuilt from sidecars. The summary and
// the flow of the call are there for the human reader; Decode passes them over.
// The package does no I/O and holds no key: sealing is the caller's affair.
// doc/format.md describes the format.
package sidecar

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"time"

	"callreel/internal/recording"
)

// Version is the version of the format that Encode writes and Decode reads.
const Version = "1"

const rootName = "callreel-sidecar"

// ErrFormat says that the bytes are no sidecar; the text says where and why.
var ErrFormat = errors.New("not a sidecar")

// Meta is what a sidecar says beside the recording.
type Meta struct {
	Version  string         // of the program that wrote it
	Location *time.Location // for the local times; nil = UTC
}

// body is the part of a recording that a sidecar keeps. State, Place, Backup and
// Retry are the catalog's: they say where the recording stands, not what it is.
type body struct {
	ID      recording.ID      `json:"id"`
	Name    string            `json:"name"`
	Aliases []string          `json:"aliases,omitempty"`
	Capture recording.Capture `json:"capture"`
	Verdict recording.Verdict `json:"verdict"`
	Seal    recording.Seal    `json:"seal"`
	Call    recording.Call    `json:"call"`
	Audio   recording.Audio   `json:"audio"`
}

// Encode writes the sidecar of rec. The same recording gives the same bytes.
func Encode(rec recording.Recording, m Meta) ([]byte, error) {
	if m.Location == nil {
		m.Location = time.UTC
	}
	content := &node{name: "recording"}
	b := body{rec.ID, rec.Name, rec.Aliases, rec.Capture, rec.Verdict, rec.Seal, rec.Call, rec.Audio}
	if err := encodeStruct(content, reflect.ValueOf(b)); err != nil {
		return nil, fmt.Errorf("encode sidecar of %d: %w", rec.ID, err)
	}
	root := &node{name: rootName}
	root.set("version", Version)
	root.set("written_by", m.Version)
	root.set("timezone", m.Location.String())
	root.children = []*node{summary(rec, m.Location), flow(rec, m.Location), content}
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	root.write(&out, 0)
	return out.Bytes(), nil
}

// Decode reads a sidecar. A time zone that this machine does not know becomes
// UTC. Elements and attributes it does not know are passed over.
func Decode(data []byte) (recording.Recording, Meta, error) {
	root, err := parse(data)
	if err != nil {
		return recording.Recording{}, Meta{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if v := root.attr("version"); root.name != rootName || v != Version {
		return recording.Recording{}, Meta{}, fmt.Errorf("%w: root is <%.40s version=%.10q>, want <%s version=%q>",
			ErrFormat, root.name, v, rootName, Version)
	}
	content := root.child("recording")
	if content == nil {
		return recording.Recording{}, Meta{}, fmt.Errorf("%w: no <recording>", ErrFormat)
	}
	var b body
	if err := decodeStruct(content, reflect.ValueOf(&b).Elem()); err != nil {
		return recording.Recording{}, Meta{}, fmt.Errorf("%w: recording: %w", ErrFormat, err)
	}
	rec := recording.Recording{
		ID: b.ID, Name: b.Name, Aliases: b.Aliases, Capture: b.Capture, Verdict: b.Verdict, Seal: b.Seal, Call: b.Call, Audio: b.Audio,
	}
	return rec, Meta{Version: root.attr("written_by"), Location: location(root.attr("timezone"))}, nil
}

func location(name string) *time.Location {
	if loc, err := time.LoadLocation(name); err == nil {
		return loc
	}
	return time.UTC
}
