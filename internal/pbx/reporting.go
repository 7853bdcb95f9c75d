package pbx

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"callreel/internal/clock"
	"callreel/internal/recording"
)

// maxReport bounds the answer of a Reporting server.
const maxReport = 16 << 20

// ErrNoAnswer says that no Reporting server gave a usable answer. It is not
// "there is no record": nothing follows from it.
var ErrNoAnswer = errors.New("reporting gives no answer")

// ReportingConfig is one [[reporting]] of the setup: a server that is asked
// which call detail records belong to a conference. How real servers want to be
// asked is not documented, so the whole URL is a template.
type ReportingConfig struct {
	Name string `toml:"name"`
	// URL is a template: {conf} is the conference id, {from} and {to} the time
	// of the call with an hour before and after, {number} the agent's number.
	URL      string `toml:"url"`
	Standby  string `toml:"standby"` // host, or host:port, that takes the place of the URL's when that does not answer
	User     string `toml:"user"`
	Password string `toml:"password"`
	// Where the password is, if it is not in the setup itself.
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
	// TimeFormat of {from} and {to}: "unix" for seconds since 1970, else a Go
	// layout, in UTC.
	TimeFormat string   `toml:"time_format"`
	Timeout    Duration `toml:"timeout"`
	// FollowPBX returns to the main server when the PBX's main address answers
	// again.
	FollowPBX bool   `toml:"follow_pbx"`
	CAFile    string `toml:"ca_file"`
	Insecure  bool   `toml:"insecure"`
}

// WithDefaults fills in what is empty.
func (c ReportingConfig) WithDefaults() ReportingConfig {
	if c.Name == "" {
		c.Name = "reporting"
	}
	if c.TimeFormat == "" {
		c.TimeFormat = "unix"
	}
	if c.Timeout == 0 {
		c.Timeout = Duration(15 * time.Second)
	}
	return c
}

// Validate checks the values; errors name the key and what is allowed.
func (c ReportingConfig) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return errors.New(`reporting: url is missing; write for instance url = "http://192.0.2.3/ap/report?conf={conf}"`)
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return fmt.Errorf("reporting: url %q must start with http:// or https:// and name the server", c.URL)
	case u.User != nil:
		return errors.New("reporting: url must not hold a user or password; they have keys of their own")
	case !strings.Contains(c.URL, "{conf}") && !strings.Contains(c.URL, "{number}") && !strings.Contains(c.URL, "{from}"):
		return fmt.Errorf("reporting: url %q asks for nothing; it must hold {conf}, or {number} or {from} and {to}", c.URL)
	case strings.ContainsAny(c.Standby, "/?#@ "):
		return fmt.Errorf("reporting: standby %q must be a host, or host:port, alone", c.Standby)
	case c.Timeout < 0:
		return errors.New("reporting: timeout must not be negative")
	case c.Insecure && c.CAFile != "":
		return errors.New("reporting: insecure and ca_file exclude each other")
	}
	return nil
}

// StandbyConfig is the config of the standby server alone; without one it is c.
func (c ReportingConfig) StandbyConfig() ReportingConfig {
	if u, err := url.Parse(c.URL); err == nil && c.Standby != "" {
		c.URL = strings.Replace(c.URL, u.Host, c.Standby, 1) // a template, not to be escaped
	}
	c.Standby, c.FollowPBX = "", false
	return c
}

// Question is what a Reporting server is asked.
type Question struct {
	Conf     recording.ConfID
	From, To time.Time
	Number   string
}

// Reporting asks one Reporting server and its standby. It is safe for
// concurrent use.
type Reporting struct {
	cfg   ReportingConfig
	http  *http.Client
	clock clock.Clock

	mu        sync.Mutex
	onStandby bool
}

// NewReporting checks the configuration and makes a client; nothing is sent.
func NewReporting(cfg ReportingConfig, clk clock.Clock) (*Reporting, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	web, err := newHTTPClient(Config{User: cfg.User, Password: cfg.Password, CAFile: cfg.CAFile, Insecure: cfg.Insecure})
	if err != nil {
		return nil, err
	}
	return &Reporting{cfg: cfg, http: web, clock: clk}, nil
}

// Name is the server's name in the setup.
func (r *Reporting) Name() string { return r.cfg.Name }

// NeedsConf reports whether its question names a conference id.
func (r *Reporting) NeedsConf() bool { return strings.Contains(r.cfg.URL, "{conf}") }

// OnStandby reports whether the standby server answered last.
func (r *Reporting) OnStandby() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.onStandby
}

// PBXBack tells that the PBX's main address answers again: with follow_pbx the
// main server is asked first from now on.
func (r *Reporting) PBXBack() {
	if r.cfg.FollowPBX {
		r.use(false)
	}
}

func (r *Reporting) use(standby bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onStandby = standby
}

// Close lets go of idle connections.
func (r *Reporting) Close() { r.http.CloseIdleConnections() }

// Ask returns the <cdr> elements of the answer, verbatim. No element is a good
// answer: there is no record. When neither the server that answered last nor
// the other one answers, the error is ErrNoAnswer with both reasons.
func (r *Reporting) Ask(ctx context.Context, q Question) ([]string, error) {
	standby := r.OnStandby()
	records, err := r.askOne(ctx, q, standby)
	if err == nil || r.cfg.Standby == "" || ctx.Err() != nil {
		return records, err
	}
	records, other := r.askOne(ctx, q, !standby)
	if other != nil {
		return nil, errors.Join(err, other)
	}
	r.use(!standby)
	return records, nil
}

func (r *Reporting) askOne(ctx context.Context, q Question, standby bool) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.cfg.Timeout))
	defer cancel()
	target, err := r.target(q, standby)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, bytes.NewReader(nil))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoAnswer, r.cfg.Name, err)
	}
	req.Header.Set("Accept", "text/xml, application/xml")
	res, err := r.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoAnswer, r.cfg.Name, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s at %s: %w", ErrNoAnswer, r.cfg.Name, req.URL.Host, statusError(res.StatusCode, "answers %s", res.Status))
	}
	raw, err := readBounded(res.Body, maxReport)
	if err == nil {
		raw, err = toUTF8(raw, res.Header.Get("Content-Type"))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s at %s: %w", ErrNoAnswer, r.cfg.Name, req.URL.Host, err)
	}
	records, err := cdrElements(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s at %s: %w", ErrNoAnswer, r.cfg.Name, req.URL.Host, err)
	}
	return records, nil
}

// target fills the template in, and puts the standby host in its place.
func (r *Reporting) target(q Question, standby bool) (string, error) {
	moment := func(t time.Time) string {
		if r.cfg.TimeFormat == "unix" {
			return strconv.FormatInt(t.Unix(), 10)
		}
		return url.QueryEscape(t.UTC().Format(r.cfg.TimeFormat))
	}
	text := strings.NewReplacer(
		"{conf}", url.QueryEscape(string(q.Conf)), "{number}", url.QueryEscape(q.Number),
		"{from}", moment(q.From), "{to}", moment(q.To),
	).Replace(r.cfg.URL)
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrNoAnswer, r.cfg.Name, err)
	}
	if standby {
		u.Host = r.cfg.Standby
	}
	return u.String(), nil
}

// cdrElements cuts the <cdr> elements out of a report, byte for byte. A report
// that is no whole XML document is an error: a login page, or a cut answer, says
// nothing about records.
func cdrElements(raw []byte) ([]string, error) {
	dec := xml.NewDecoder(bytes.NewReader(raw))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // raw is UTF-8 already
	var records []string
	root := ""
	for depth, begin := 0, int64(-1); ; {
		before := dec.InputOffset()
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && root != "" {
			return records, nil
		}
		if err != nil {
			return nil, fmt.Errorf("answer is no whole XML document: at byte %d: %w", dec.InputOffset(), err)
		}
		switch el := token.(type) {
		case xml.StartElement:
			if root == "" {
				root = el.Name.Local
			}
			if strings.EqualFold(root, "html") {
				return nil, errors.New("answer is a web page, not a report; is the URL right, and the password?")
			}
			if el.Name.Local == "cdr" && begin < 0 {
				begin, depth = before, 0
			}
			depth++
		case xml.EndElement:
			depth--
			if begin >= 0 && depth == 0 {
				records = append(records, string(raw[begin:dec.InputOffset()]))
				begin = -1
			}
		}
	}
}
