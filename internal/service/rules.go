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
func (s *Service) openRules(context.Context) error {
	file := s.cfg.Rules.File
	if file == "" {
		s.rules = rules.First()
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the rules: %w", err)
	}
	s.rules, err = rules.Parse(file, data)
	return err
}
