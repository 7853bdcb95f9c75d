package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"callreel/archive"
	"callreel/ingest"
	"callreel/internal/alarm"
	"callreel/internal/clock"
	"callreel/internal/link"
	"callreel/internal/pbx"
	"callreel/internal/recording"
	"callreel/internal/secret"
	"callreel/internal/setup"
	"callreel/internal/tomlfile"
	"callreel/internal/vmscript"
)

// Links are the checks of all that a setup connects to, in the order in which they are
// best run. Each makes its own connection and leaves nothing behind. They are to be run
// one after the other: the last one tells what the others saw.
func (c Config) Links(clk clock.Clock) []setup.Check {
	c = c.WithDefaults()
	l := linkChecks{cfg: c, clock: clk, clocks: &setup.Clocks{}, agents: map[string]int{}}
	var all []setup.Check
	for i, p := range c.PBX {
		all = append(all, l.pbx(i, p))
		if p.Standby != "" {
			p.Name += standbyEnd
			all = append(all, setup.Spare(l.pbx(i, p.StandbyConfig())))
		}
	}
	for i := range c.PBX {
		if c.Licence.Count == licencePBX {
			all = append(all, l.licences(i))
		}
	}
	for i := range c.Asterisk {
		if c.Asterisk[i].File != "" {
			all = append(all, l.asterisk(i))
		}
	}
	for i, r := range c.Reporting {
		all = append(all, l.reporting(i, r))
		if r.Standby != "" {
			r.Name += standbyEnd
			all = append(all, setup.Spare(l.reporting(i, r.StandbyConfig())))
		}
	}
	all = append(all, l.receiver())
	for i, in := range c.Inbox {
		all = append(all, l.inbox(i, in))
		if second, err := in.StandbyConfig(); err == nil {
			second.Name += standbyEnd
			all = append(all, setup.Spare(l.inbox(i, second)))
		}
	}
	if c.Alarm.Mail.Server != "" {
		all = append(all, l.mail())
	}
	if c.AppServer.Set() {
		all = append(all, l.appServer())
	}
	for i := range c.Webhook {
		all = append(all, l.webhook(i))
	}
	if c.Rules.File != "" {
		all = append(all, setup.Plain{
			What: "rules", Section: "rules", Index: -1, Where: c.Rules.File, Good: "they can be used", Hint: "\"callreel rules check\" says more; without its rules the recorder does not start.",
			Try: func(context.Context) error { return c.CheckRules() },
		}.Check())
	}
	return append(append(all, l.disks()...), l.clocks.Check())
}

// standbyEnd follows the name of a link whose standby address is tried.
const standbyEnd = " standby"

// linkChecks hands the real links to the checks.
type linkChecks struct {
	cfg    Config
	clock  clock.Clock
	clocks *setup.Clocks
	agents map[string]int // by PBX, as its check has seen them
}

func (l linkChecks) pbx(i int, c pbx.Config) setup.Check {
	return setup.PBX{
		Name: c.Name, URL: c.URL, User: c.User, Group: c.Group, Index: i, Clocks: l.clocks,
		Try: func(ctx context.Context) (setup.PBXSeen, error) {
			seen, err := pbx.Try(ctx, c, l.clock)
			if err == nil {
				l.agents[c.Name] = seen.Agents + seen.Away
			}
			return setup.PBXSeen{
				Firmware: seen.Firmware, Objects: seen.Objects, Agents: seen.Agents, Away: seen.Away, Groups: seen.Groups,
				Clock: setup.ServerClock(seen.Server),
			}, err
		},
	}.Check()
}

func (l linkChecks) licences(i int) setup.Check {
	c := l.cfg.PBX[i]
	return setup.Licences{
		PBX: c.Name, Licence: l.cfg.Licence.Name, Index: i,
		Try: func(ctx context.Context) (int, error) {
			return pbx.Licences(ctx, c, l.cfg.Licence.Path, l.cfg.Licence.Name)
		},
		Agents: func() (int, bool) { n, known := l.agents[c.Name]; return n, known },
	}.Check()
}

func (l linkChecks) asterisk(i int) setup.Check {
	c := l.cfg.Asterisk[i]
	return setup.Plain{
		What: "asterisk " + c.Name, Section: "asterisk", Index: i, Where: c.File, Good: "it can be read",
		Hint: "In Asterisk's cdr.conf switch [csv] on; the user that callreel runs as must be able to read the file.",
		Try: func(context.Context) error {
			f, err := os.Open(c.File)
			if err != nil {
				return err
			}
			defer f.Close()
			if _, err := f.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		},
	}.Check()
}

// partnerTimeout bounds the look at a partner.
const partnerTimeout = 10 * time.Second

// mail logs in; whether a letter arrives is not tried.
func (l linkChecks) mail() setup.Check {
	c := l.cfg.Alarm.Mail
	return setup.Plain{
		What: "mail", Section: "alarm.mail", Index: -1, Where: c.Server, Good: "its server takes the login",
		Hint: "Look at server, port and security (starttls at 587, tls at 465), and at user and password.",
		Try: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 2*partnerTimeout)
			defer cancel()
			m, err := alarm.NewMailer(c, time.UTC)
			if err != nil {
				return err
			}
			return m.Try(ctx)
		},
	}.Check()
}

// appServer connects and sends a keep-alive.
func (l linkChecks) appServer() setup.Check {
	c := l.cfg.AppServer
	return setup.Plain{
		What: "appserver", Section: "appserver", Index: -1, Where: c.Address, Good: "it takes a connection",
		Hint: "Look at address and port, and whether the application runs.",
		Try: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, partnerTimeout)
			defer cancel()
			return link.Check(ctx, c)
		},
	}.Check()
}

// webhook asks with HEAD, which no receiver takes for an event. Whatever it answers, it
// is there, and its certificate is good.
func (l linkChecks) webhook(i int) setup.Check {
	c := l.cfg.Webhook[i]
	return setup.Plain{
		What: "webhook " + c.Name, Section: "webhook", Index: i, Where: c.URL, Good: "its server answers; what it says to an event shows with the first one",
		Try: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, partnerTimeout)
			defer cancel()
			return link.TryWebhook(ctx, c)
		},
	}.Check()
}

func (l linkChecks) reporting(i int, c pbx.ReportingConfig) setup.Check {
	return setup.Reporting{
		Name: c.Name, URL: c.URL, Index: i, Clocks: l.clocks,
		Try: func(ctx context.Context) (setup.ServerClock, error) {
			r, err := pbx.NewReporting(c, l.clock)
			if err != nil {
				return setup.ServerClock{}, err
			}
			defer r.Close()
			at, err := r.Try(ctx)
			return setup.ServerClock(at), err
		},
	}.Check()
}

func (l linkChecks) receiver() setup.Check {
	c := l.cfg.Receiver
	var hosts []string
	for _, p := range l.cfg.PBX {
		if u, err := url.Parse(p.URL); err == nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	return setup.Receiver{
		Listen: c.Listen, PBXs: hosts, Open: c.User == "",
		Try: func(ctx context.Context) error {
			ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
			if err != nil {
				return err
			}
			return ln.Close()
		},
	}.Check()
}

func (l linkChecks) inbox(i int, c ingest.Config) setup.Check {
	where := c.URL
	if c.Kind == ingest.KindFolder {
		where = c.Path
	}
	return setup.Inbox{
		Name: c.Name, Where: where, Kind: c.Kind, Index: i, Clocks: l.clocks,
		Try: func(ctx context.Context) (setup.InboxSeen, error) {
			t, err := ingest.Try(ctx, c, l.clock, slog.New(slog.DiscardHandler))
			seen := setup.InboxSeen{
				Captures: t.Captures, Listed: t.Listed, Written: t.Written, ReadBack: t.ReadBack, Gone: t.Gone,
				Clock: setup.ServerClock{Ahead: t.Ahead, Told: t.Dated},
			}
			if t.Left {
				seen.Left = t.Probe
			}
			return seen, err
		},
	}.Check()
}

func (l linkChecks) disks() []setup.Check {
	room := func(what, path string, check func(*archive.Archive, context.Context) (archive.Space, error)) setup.Check {
		return setup.Disk{
			What: what, Path: path, PerHour: l.perHour(),
			Try: func(ctx context.Context) (free, total int64, err error) {
				defer unmake(missing(l.cfg.Archive.Path))
				a, err := archive.Open(l.cfg.Archive)
				if err != nil {
					return 0, 0, err
				}
				defer a.Close()
				s, err := check(a, ctx)
				return s.Free, s.Total, err
			},
		}.Check()
	}
	all := []setup.Check{room("archive", l.cfg.Archive.Path, (*archive.Archive).Check)}
	if l.cfg.Archive.Backup != "" {
		all = append(all, room("backup", l.cfg.Archive.Backup, (*archive.Archive).CheckBackup))
	}
	return all
}

// missing lists the folders of an archive that opening it would make, the lowest first.
// What is there is never among them: a recorder may be at work in it.
func missing(path string) []string {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	out := []string{filepath.Join(path, "REC"), filepath.Join(path, "TMP")}
	for ; path != filepath.Dir(path); path = filepath.Dir(path) {
		if _, err := os.Stat(path); err == nil {
			break
		}
		out = append(out, path)
	}
	return out
}

// unmake takes folders away again that are empty: a path that was misspelt leaves none.
func unmake(folders []string) {
	for _, f := range folders {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}

// perHour is roughly how many bytes an hour of talk takes in the archive.
func (l linkChecks) perHour() int64 {
	const second = 3600
	switch c := l.cfg.Audio; {
	case c.Format == "mp3" && c.Bitrate > 0:
		return int64(c.Bitrate) * 1000 / 8 * second
	case c.Format == "mp3":
		return 4000 * second
	case c.PCM:
		return 32_000 * second
	default:
		return 16_000 * second
	}
}

// LinksOf are the checks of a setup that need not be whole yet. It stands in data; file
// is where it lies, or will.
func LinksOf(file string, data []byte, clk clock.Clock) ([]setup.Check, error) {
	cfg, err := draftConfig(file, data)
	if err != nil {
		return nil, err
	}
	return cfg.Links(clk), nil
}

// draftConfig reads a setup without asking whether it can be used.
func draftConfig(file string, data []byte) (Config, error) {
	cfg := DefaultConfig()
	if err := tomlfile.Decode(file, data, &cfg); err != nil {
		return Config{}, err
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return Config{}, fmt.Errorf("read the setup: %w", err)
	}
	cfg.resolve(filepath.Dir(abs))
	from := secret.From{Dir: filepath.Dir(abs), KeyFile: secret.KeyFile(file)}
	return cfg, tomlfile.Report(file, data, secret.Resolve(&cfg, from))
}

// PutScripts puts the scripts for voicemail objects into each inbox of a setup, and
// gives a line for each file. One that is there already and is another is left.
func PutScripts(ctx context.Context, file string, data []byte) ([]string, error) {
	cfg, err := draftConfig(file, data)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, c := range cfg.Inbox {
		c.Standby, c.FollowPBX = "", false
		files, err := ingest.OpenFiles(c)
		if err != nil {
			return lines, err
		}
		err = fs.WalkDir(vmscript.Files(), ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			did, err := putScript(ctx, files, name)
			if err == nil {
				lines = append(lines, fmt.Sprintf("inbox %s: %-18s %s", c.Name, name, did))
			}
			return err
		})
		if err != nil {
			return lines, err
		}
	}
	return lines, nil
}

func putScript(ctx context.Context, files ingest.Files, name string) (did string, err error) {
	content, err := fs.ReadFile(vmscript.Files(), name)
	if err != nil {
		return "", err
	}
	old, err := files.Read(ctx, name)
	switch {
	case err == nil && bytes.Equal(old, content):
		return "is there already", nil
	case err == nil:
		return "is another there, left as it is", nil
	case !errors.Is(err, recording.ErrNotFound):
		return "", err
	}
	return "written", files.Write(ctx, name, content)
}
