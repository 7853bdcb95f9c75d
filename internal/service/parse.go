package service

import "callreel/internal/tomlfile"

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
