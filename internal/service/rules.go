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
	s.rules, err = s.cfg.Rules.load()
	return err
}

func (c RulesConfig) load() (rules.Set, error) {
	if c.File == "" {
		return rules.First(), nil
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return rules.Set{}, fmt.Errorf("read the rules: %w", err)
	}
	return rules.Parse(c.File, data)
}
