package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"callreel/internal/catalog"
	"callreel/internal/clock"
	"callreel/internal/player"
)

// tokenPrefix begins every token, so that one which lies where it should not is known for
// what it is.
const tokenPrefix = "callreel_"

// The limits of tokens.
const (
	mostTokenName = 64
	mostTokens    = 1000
	mostSecret    = 200 // bytes of what may be a token
)

// newSecret makes a token of 256 random bits.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails: without randomness the program ends
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// Nothing slower than one SHA-256 is needed: 256 random bits cannot be tried out.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// TokenStore keeps the API's tokens, whether the recorder runs or not.
type TokenStore struct{ catalog *catalog.Catalog }

// OpenTokens opens the catalog of a setup; there must be one.
func OpenTokens(ctx context.Context, cfg Config) (*TokenStore, error) {
	c, err := catalog.OpenBeside(ctx, cfg.Catalog)
	if err != nil {
		return nil, err
	}
	if _, err := c.Tokens(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the catalog %s holds no tokens yet: start the recorder of this version once; %w", cfg.Catalog, err), c.Close())
	}
	return &TokenStore{c}, nil
}

// Close closes the catalog.
func (t *TokenStore) Close() error { return t.catalog.Close() }

// Add makes a token and returns it; it is stored nowhere. A zero expires is never. What
// cannot be a token is a player.QuestionError.
func (t *TokenStore) Add(ctx context.Context, name string, scope player.Scope, now, expires time.Time) (string, error) {
	if err := checkTokenName(name); err != nil {
		return "", err
	}
	if !slices.Contains(player.Scopes(), scope) {
		return "", question("scope %q is not allowed; allowed: read, mark, admin", scope)
	}
	list, err := t.catalog.Tokens(ctx)
	if err != nil {
		return "", err
	}
	if len(list) >= mostTokens {
		return "", question("there are %d tokens already, and more are not kept", len(list))
	}
	secret := newSecret()
	err = t.catalog.AddToken(ctx, catalog.Token{Name: name, Hash: hashOf(secret), Scope: string(scope), Created: now, Expires: expires})
	if errors.Is(err, catalog.ErrNameTaken) {
		return "", question("there is, or was, a token %q already; take another name", name)
	}
	return secret, err
}

func question(format string, args ...any) error {
	return &player.QuestionError{Why: fmt.Sprintf(format, args...)}
}

func checkTokenName(name string) error {
	if name == "" || len(name) > mostTokenName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '/' }) {
		return question("%.100q is no name of a token; it has 1 to %d printed characters and no /", name, mostTokenName)
	}
	return nil
}

// List returns all tokens by name.
func (t *TokenStore) List(ctx context.Context) ([]player.Token, error) {
	return tokensIn(ctx, t.catalog)
}

// Revoke ends a token at once; recording.ErrNotFound says that no valid one has this name.
func (t *TokenStore) Revoke(ctx context.Context, name string, now time.Time) error {
	return t.catalog.RevokeToken(ctx, name, now)
}

func tokensIn(ctx context.Context, c *catalog.Catalog) ([]player.Token, error) {
	list, err := c.Tokens(ctx)
	out := make([]player.Token, 0, len(list))
	for _, t := range list {
		out = append(out, asToken(t))
	}
	return out, err
}

func asToken(t catalog.Token) player.Token {
	return player.Token{Name: t.Name, Scope: player.Scope(t.Scope), Created: t.Created, Expires: t.Expires, Revoked: t.Revoked}
}

// Authorize finds the token of a secret. A good one is never refused for what others send
// from the same address.
func (p playerSources) Authorize(ctx context.Context, remote, secret string) (player.Token, error) {
	list, err := p.catalog.Tokens(ctx)
	if err != nil {
		return player.Token{}, err
	}
	if t, ok := match(list, secret); ok && t.Revoked.IsZero() && (t.Expires.IsZero() || p.clock.Now().Before(t.Expires)) {
		return asToken(t), nil
	}
	if p.wrong.over(p.clock, remote) {
		return player.Token{}, player.ErrTooMany
	}
	return player.Token{}, player.ErrNoToken
}

// match looks at every token, whichever it is, so that the time tells nothing.
func match(list []catalog.Token, secret string) (found catalog.Token, ok bool) {
	if len(secret) > mostSecret {
		return found, false
	}
	sum := hashOf(secret)
	for _, t := range list {
		if subtle.ConstantTimeCompare(t.Hash, sum) == 1 {
			found, ok = t, true
		}
	}
	return found, ok
}

// Tokens lists all tokens.
func (p playerSources) Tokens(ctx context.Context) ([]player.Token, error) {
	return tokensIn(ctx, p.catalog)
}

// Revoke ends a token.
func (p playerSources) Revoke(ctx context.Context, name string) error {
	return p.catalog.RevokeToken(ctx, name, p.clock.Now())
}

// The limits of wrong tokens.
const (
	wrongTokensAMinute = 10
	mostAddresses      = 10_000
)

// wrongTokens counts those of each address. It is safe for concurrent use; the zero value
// has none.
type wrongTokens struct {
	mu   sync.Mutex
	from map[netip.Prefix]*wrongFrom
}

type wrongFrom struct {
	since time.Time
	n     int
}

// over counts one and reports whether there were too many in this minute. Where more
// addresses send wrong tokens than can be counted, all that are new are too many.
func (w *wrongTokens) over(clk clock.Clock, remote string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, key := clk.Now(), networkOf(remote)
	f := w.from[key]
	if f == nil || now.Sub(f.since) >= time.Minute {
		if f == nil && len(w.from) >= mostAddresses && !w.forget(now) {
			return true
		}
		if w.from == nil {
			w.from = map[netip.Prefix]*wrongFrom{}
		}
		f = &wrongFrom{since: now}
		w.from[key] = f
	}
	f.n++
	return f.n > wrongTokensAMinute
}

// forget drops the addresses whose minute is over, and reports whether there is room.
func (w *wrongTokens) forget(now time.Time) bool {
	for key, f := range w.from {
		if now.Sub(f.since) >= time.Minute {
			delete(w.from, key)
		}
	}
	return len(w.from) < mostAddresses
}

// networkOf is the address that asks; of IPv6 the network of one subscriber.
func networkOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	a, bits := at.Addr().Unmap(), 64
	if a.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(a.WithZone(""), bits).Masked()
}
