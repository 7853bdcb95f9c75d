// Package vmscript holds the scripts that the PBX's voicemail objects run for callreel,
// with what they say: TCR/TCRec.xml marks a conversation, TAN.xml gives it a number.
// The prompts are raw A-law at 8 kHz, made by a formant synthesizer; any of them can be
// replaced, or deleted to be silent.
//
// The language is only partly documented in public: the scripts keep to elements that
// are seen in published ones.
package vmscript

import (
	"embed"
	"io/fs"
)

//go:embed scripts
var scripts embed.FS

// Files returns the scripts and prompts under the names they have below the folder
// that the PBX reads them from.
func Files() fs.FS {
	files, err := fs.Sub(scripts, "scripts")
	if err != nil {
		return scripts // impossible: the folder is embedded above
	}
	return files
}
