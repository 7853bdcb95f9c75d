package service

import (
	"context"
	"errors"
	"slices"

	"callreel/archive"
	"callreel/internal/setup"
)

// SetupConfig is what "callreel setup" keeps of itself.
type SetupConfig struct {
	PasswordHash string `toml:"password_hash"` // Argon2id; who changes the setup must know the password
	Forgotten    string `toml:"forgotten"`     // when and by whom the password was taken away without it
}

// WithDefaults fills in what the sections of lists leave out, so that the whole is what
// holds.
func (c Config) WithDefaults() Config {
	if c.Archive.BackupLayout == "" {
		c.Archive.BackupLayout = archive.Flat
	}
	c.PBX, c.Reporting = slices.Clone(c.PBX), slices.Clone(c.Reporting)
	c.Inbox, c.Asterisk = slices.Clone(c.Inbox), slices.Clone(c.Asterisk)
	for i := range c.PBX {
		c.PBX[i] = c.PBX[i].WithDefaults()
	}
	for i := range c.Reporting {
		c.Reporting[i] = c.Reporting[i].WithDefaults()
	}
	for i := range c.Inbox {
		c.Inbox[i] = c.Inbox[i].WithDefaults()
	}
	c.Webhook = slices.Clone(c.Webhook)
	for i := range c.Webhook {
		c.Webhook[i] = c.Webhook[i].WithDefaults()
	}
	for i := range c.Asterisk {
		c.Asterisk[i] = c.Asterisk[i].WithDefaults()
	}
	return c
}

// CheckRules reads the file of rules, if the setup names one, and says what is wrong
// with it.
func (c Config) CheckRules() error {
	_, err := c.Rules.load()
	return err
}

// openSetup watches over the setup password: that it was taken away without being known
// is said at each start, and its hash in the archive is put back where it is missing.
// Nothing of it keeps the recorder from recording.
func (s *Service) openSetup(context.Context) error {
	if s.cfg.Setup.Forgotten != "" {
		s.log.Warn("the setup password was taken away by somebody who did not give it; set a new one with \"callreel setup\"", "forgotten", s.cfg.Setup.Forgotten)
	}
	hash := s.cfg.Setup.PasswordHash
	if hash == "" {
		return nil
	}
	there, err := setup.HashOf(s.cfg.Archive.Path)
	if err == nil && there == hash {
		return nil
	}
	s.log.Warn("the setup password in the archive is not that of the setup; it is put back", "folder", "TMP", "error", err)
	if err := errors.Join(
		setup.Trace(s.cfg.Archive.Path, s.clock.Now(), "the recorder", "puts the setup password back, which was missing or another"),
		setup.SaveHash(s.cfg.Archive.Path, hash),
	); err != nil {
		s.log.Error("the setup password could not be put back into the archive", "error", err)
	}
	return nil
}
