package service

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"callreel/internal/tomlfile"
)

// ParseConfig reads and checks a setup that stands in data; file is for its
// messages. It touches no disk.
func ParseConfig(file string, data []byte) (Config, error) {
	cfg := DefaultConfig()
	if err := tomlfile.Decode(file, data, &cfg); err != nil {
		return Config{}, err
	}
	if err := tomlfile.Report(file, data, cfg.problems()); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// LoadConverterConfig reads a setup as far as a converter needs it: what else a recorder
// must have may be missing.
func LoadConverterConfig(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the setup: %w", err)
	}
	cfg := DefaultConfig()
	if err := tomlfile.Decode(path, data, &cfg); err != nil {
		return Config{}, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the setup: %w", err)
	}
	cfg.resolve(filepath.Dir(abs))
	wanted := slices.DeleteFunc(cfg.problems(), func(p tomlfile.Problem) bool {
		return !slices.Contains([]string{"archive", "audio", "converter"}, p.Section)
	})
	return cfg, tomlfile.Report(path, data, wanted)
}
