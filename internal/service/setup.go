package service

import "slices"

// SetupConfig is what "callreel setup" keeps of itself.
type SetupConfig struct {
	PasswordHash string `toml:"password_hash"` // Argon2id; who changes the setup must know the password
	Forgotten    string `toml:"forgotten"`     // when and by whom the password was taken away without it
}

// WithDefaults fills in what the sections of lists leave out, so that the whole is what
// holds.
func (c Config) WithDefaults() Config {
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
