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
	s.rules, err = readRules(s.cfg.Rules.File)
	return err
}

// readRules reads a file of rules; without one the built-in ones hold.
func readRules(file string) (rules.Set, error) {
	if file == "" {
		return rules.First(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return rules.Set{}, fmt.Errorf("read the rules: %w", err)
	}
	return rules.Parse(file, data)
}
