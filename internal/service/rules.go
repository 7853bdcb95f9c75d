package service

import (
	"context"
	"fmt"
	"os"

	"callreel/rules"
)

// RulesConfig says where the rules stand; without a file the built-in ones hold.
type RulesConfig struct {
	File string `toml:"file"`
}

// openRules reads the file of rules, if the setup names one.
func (s *Service) openRules(context.Context) (err error) {
	s.rules, err = ReadRules(s.cfg.Rules.File)
	return err
}

// ReadRules reads a file of rules; without its name the built-in ones hold.
func ReadRules(file string) (rules.Set, error) {
	if file == "" {
		return rules.First(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return rules.Set{}, fmt.Errorf("read the rules: %w", err)
	}
	return rules.Parse(file, data)
}
