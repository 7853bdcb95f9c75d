package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"callreel/internal/clock"
	"callreel/internal/player"
	"callreel/internal/recording"
	"callreel/internal/service"
)

const tokenUsage = `Usage: callreel token [--config FILE] add NAME [--scope SCOPE] [--days N]
       callreel token [--config FILE] list
       callreel token [--config FILE] revoke NAME

Tokens open the API that [api] of the setup serves; doc/api.md describes it. A token is
shown once, when it is made: only its SHA-256 is kept. NAME stands in the log with
everything that is asked with it. The recorder may run meanwhile, and knows at once.

  read    find, hear and read recordings, the ledger and the status
  mark    also mark calls and pilot players
  admin   also see how links stand, and see and revoke tokens

Exit code 3: no valid token has this name, or there is no catalog yet.`

func runToken(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fl := newFlags("token", tokenUsage, stderr)
	config := fl.String("config", "callreel.toml", "the setup, a TOML `file`")
	scope := fl.String("scope", string(player.ScopeRead), "of add: read, mark or admin")
	days := fl.Int("days", 0, "of add: the token ends after so many days; 0 = never")
	words, err := mixed(fl.Parse, fl.Args, args)
	if err != nil {
		return asUsage(err)
	}
	action, err := tokenAction(words, *days)
	if err != nil {
		return err
	}
	cfg, err := service.ReadConfig(*config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	store, err := service.OpenTokens(ctx, cfg)
	if err != nil {
		return &exitError{exitNothing, err}
	}
	defer store.Close()
	now := clock.System().Now()
	switch action {
	case "add":
		return addToken(ctx, store, words[1], player.Scope(*scope), *days, stdout)
	case "list":
		return listTokens(ctx, store, now, stdout)
	}
	err = store.Revoke(ctx, words[1], now)
	if errors.Is(err, recording.ErrNotFound) {
		return &exitError{exitNothing, fmt.Errorf("no valid token is called %q; \"callreel token list\" names them", words[1])}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "the token %s is revoked\n", words[1])
	return err
}

// mixed parses flags wherever they stand, and returns the words between them.
func mixed(parse func([]string) error, rest func() []string, args []string) (words []string, err error) {
	for {
		if err := parse(args); err != nil || len(rest()) == 0 {
			return words, err
		}
		words, args = append(words, rest()[0]), rest()[1:]
	}
}

// tokenAction checks what is to be done, and with how many words.
func tokenAction(words []string, days int) (string, error) {
	if len(words) == 0 {
		return "", usagef("token needs an action: add, list or revoke")
	}
	needs, known := map[string]int{"add": 2, "list": 1, "revoke": 2}[words[0]]
	switch {
	case !known:
		return "", usagef("token has no action %q; there are add, list and revoke", words[0])
	case len(words) != needs && needs == 2:
		return "", usagef("token %s needs one name", words[0])
	case len(words) != needs:
		return "", usagef("token %s takes no names", words[0])
	case days < 0 || days > 36500:
		return "", usagef("--days %d is not allowed; allowed: 0 to 36500", days)
	}
	return words[0], nil
}

func addToken(ctx context.Context, store *service.TokenStore, name string, scope player.Scope, days int, stdout io.Writer) error {
	now := clock.System().Now()
	var expires time.Time
	if days > 0 {
		expires = now.AddDate(0, 0, days)
	}
	secret, err := store.Add(ctx, name, scope, now, expires)
	if _, refused := errors.AsType[*player.QuestionError](err); refused {
		return &exitError{exitUsage, err}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s\nThis is the token %s. It is not shown again.\n", secret, name)
	return err
}

func listTokens(ctx context.Context, store *service.TokenStore, now time.Time, stdout io.Writer) error {
	list, err := store.List(ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(stdout, "there are no tokens")
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, t := range list {
		fmt.Fprintf(w, "%s\t%s\tsince %s\t%s\n", t.Name, t.Scope, t.Created.Format(time.DateOnly), validity(t, now))
	}
	return w.Flush()
}

func validity(t player.Token, now time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked " + t.Revoked.Format(time.DateOnly)
	case t.Expires.IsZero():
		return "valid"
	case now.Before(t.Expires):
		return "valid until " + t.Expires.Format(time.DateOnly)
	default:
		return "ended " + t.Expires.Format(time.DateOnly)
	}
}
