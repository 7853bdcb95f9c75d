package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"callreel/internal/atomicfile"
)

const unitFolder = "/etc/systemd/system"

// systemd is the Manager of Linux.
type systemd struct {
	ctx  context.Context //nolint:containedctx // a value of one command, which ends with it
	root string
}

// Here is the manager of this machine. With a root it is that of the system whose files
// lie there, an image that does not run: then only Install and Uninstall can be done.
func Here(ctx context.Context, root string) (Manager, error) {
	if _, err := exec.LookPath("systemctl"); err != nil {
		return nil, ErrNoManager
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil && root == "" {
		return nil, ErrNoManager
	}
	return systemd{ctx, root}, nil
}

func (s systemd) file(service string) string {
	return filepath.Join(s.root, unitFolder, service+".service")
}

func (s systemd) Install(u Unit) ([]string, error) {
	file := s.file(u.Service)
	if err := ours(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	owner, err := s.owner(u.User)
	if err != nil {
		return nil, err
	}
	done, err := s.folders(u.Write, owner)
	if err != nil {
		return done, err
	}
	if s.root == "" {
		done = append(done, owner.closed(append(slices.Clone(u.Read), u.Config))...)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return done, asRoot(err)
	}
	if err := atomicfile.WriteFile(file, []byte(u.Text()), 0o644); err != nil {
		return done, asRoot(err)
	}
	done = append(done, "wrote "+file)
	if s.root == "" {
		if _, err := s.systemctl("daemon-reload"); err != nil {
			return done, err
		}
	}
	_, err = s.systemctl("enable", u.Service)
	return done, err
}

func (s systemd) Uninstall(service string) error {
	file := s.file(service)
	if err := ours(file); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return ErrNotInstalled
		}
		return err
	}
	if s.root == "" {
		if _, err := s.systemctl("stop", service); err != nil {
			return err
		}
	}
	if _, err := s.systemctl("disable", service); err != nil {
		return err
	}
	if err := os.Remove(file); err != nil {
		return asRoot(err)
	}
	if s.root != "" {
		return nil
	}
	_, err := s.systemctl("daemon-reload")
	return err
}

func (s systemd) Start(service string) error { return s.act("start", service) }
func (s systemd) Stop(service string) error  { return s.act("stop", service) }

func (s systemd) act(verb, service string) error {
	if _, err := s.known(service); err != nil {
		return err
	}
	_, err := s.systemctl(verb, service)
	return err
}

func (s systemd) State(service string) (State, error) {
	show, err := s.known(service)
	if err != nil {
		return State{}, err
	}
	st := State{Running: show["ActiveState"] == "active", Text: show["ActiveState"] + " (" + show["SubState"] + ")"}
	if show["ActiveState"] != "inactive" {
		st.Text += " since " + show["StateChangeTimestamp"]
	}
	if show["StatusText"] != "" {
		st.Text += "; " + show["StatusText"]
	}
	if n := show["NRestarts"]; n != "" && n != "0" {
		st.Text += "; started anew " + n + " times after a fault"
	}
	if show["UnitFileState"] != "enabled" {
		st.Text += "; does not start with the machine"
	}
	return st, nil
}

// known are the properties of a service, or ErrNotInstalled.
func (s systemd) known(service string) (map[string]string, error) {
	out, err := s.systemctl("show", "-p", "LoadState,ActiveState,SubState,StateChangeTimestamp,StatusText,NRestarts,UnitFileState", service)
	if err != nil {
		return nil, err
	}
	show := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		show[key] = value
	}
	if show["LoadState"] != "loaded" {
		return nil, ErrNotInstalled
	}
	return show, nil
}

// systemctl runs it and returns what it printed; its own words are the error.
func (s systemd) systemctl(args ...string) (string, error) {
	if s.root != "" {
		args = append([]string{"--root=" + s.root}, args...)
	}
	cmd := exec.CommandContext(s.ctx, "systemctl", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// ours reports an error if the file is not a unit that callreel wrote.
func ours(file string) error {
	b, err := os.ReadFile(file)
	if err == nil && !strings.HasPrefix(string(b), unitMark) {
		err = fmt.Errorf("%s was not written by callreel; it is left as it is", file)
	}
	return err
}

// owner is a user of the system, and the groups he is in.
type owner struct {
	name   string
	uid    int
	gids   []int
	exists bool
}

// owner looks a user up. In an image he may come later.
func (s systemd) owner(name string) (owner, error) {
	if s.root != "" || name == "" {
		return owner{name: name}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return owner{}, fmt.Errorf("user %q is not known here; make it with \"useradd --system --home-dir /var/lib/callreel --shell /usr/sbin/nologin %s\", or name another one with --user", name, name)
	}
	o := owner{name: name, exists: true}
	groups, err := u.GroupIds()
	if err != nil {
		groups = nil // the first one is known all the same
	}
	o.uid, err = strconv.Atoi(u.Uid)
	for _, g := range append([]string{u.Gid}, groups...) {
		if id, err := strconv.Atoi(g); err == nil {
			o.gids = append(o.gids, id)
		}
	}
	return o, err
}

// folders makes those that are missing, for their owner alone.
func (s systemd) folders(list []string, o owner) (done []string, err error) {
	for _, f := range list {
		f = filepath.Join(s.root, f)
		if _, err := os.Stat(f); err == nil {
			done = append(done, o.closed([]string{f})...)
			continue
		}
		if err := os.MkdirAll(f, 0o750); err != nil {
			return done, asRoot(err)
		}
		if o.exists {
			if err := os.Chown(f, o.uid, o.gids[0]); err != nil {
				return done, asRoot(err)
			}
		}
		done = append(done, "made "+f)
	}
	return done, nil
}

// closed tells of files that the owner may not read, and of folders that he may not write.
func (o owner) closed(files []string) (list []string) {
	if !o.exists || o.uid == 0 {
		return nil
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			continue // the recorder says it, if it needs it
		}
		want := fs.FileMode(0o4)
		if info.IsDir() {
			want = 0o7
		}
		if !o.may(info, want) {
			list = append(list, fmt.Sprintf("WARNING: user %s may not use %s; \"chown %s %s\" mends that", o.name, f, o.name, f))
		}
	}
	return list
}

func (o owner) may(info fs.FileInfo, want fs.FileMode) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case int(st.Uid) == o.uid:
		mode >>= 6
	case slices.Contains(o.gids, int(st.Gid)):
		mode >>= 3
	}
	return mode&want == want
}

// asRoot says what most often mends an error of the file system here.
func asRoot(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; this needs the rights of an administrator: run it with sudo", err)
	}
	return err
}
