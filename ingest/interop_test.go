package ingest_test

import (
	"crypto/md5"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"callreel/ingest"
	"callreel/internal/clock"
	"callreel/internal/recording"
)

// real is a server as Debian ships it, started on loopback for a test.
// TEMP in a file or argument is the test's folder, ADDR and PORT its address.
type real struct {
	name    string
	program string   // looked up; the test is skipped without it
	needs   []string // files the program needs
	files   map[string]string
	args    []string
	url     string
	kind    string // of the inbox; empty = WebDAV
}

const (
	davUser, davPassword = "callreel", "s3cret word"
	apacheModules        = "/usr/lib/apache2/modules/"
)

// realServers are those with WebDAV, and those that only list folders. An Apache
// lists and deletes only as a WebDAV server; its listing page is asked for all the
// same.
func realServers() []real {
	htdigest := fmt.Sprintf("%s:drop:%x\n", davUser, md5.Sum([]byte(davUser+":drop:"+davPassword)))
	plain := davUser + ":" + davPassword + "\n"
	htpasswd := davUser + ":{PLAIN}" + davPassword + "\n"
	apache := func(auth string) string {
		conf := "ServerName localhost\nServerRoot TEMP\nPidFile TEMP/pid\nErrorLog TEMP/error.log\nListen ADDR\nDavLockDB TEMP/lock\n"
		for _, m := range []string{"mpm_event", "authn_core", "authz_core", "authn_file", "authz_user", "auth_basic", "auth_digest", "dav", "dav_fs", "mime", "autoindex"} {
			conf += "LoadModule " + m + "_module " + apacheModules + "mod_" + m + ".so\n"
		}
		return conf + "TypesConfig /dev/null\nDocumentRoot TEMP/root\n<Directory TEMP/root>\nDAV On\n" + auth + "Require valid-user\n</Directory>\n"
	}
	nginx := func(module, methods string) string {
		return module + `user root;
daemon off;
master_process off;
pid TEMP/pid;
error_log TEMP/error.log;
events {}
http {
  access_log off;
  client_body_temp_path TEMP/body;
  server {
    listen ADDR;
    root TEMP/root;
    ` + methods + `
    auth_basic drop;
    auth_basic_user_file TEMP/users;
  }
}
`
	}
	lighttpd := func(auth, file, more string) string {
		return `server.port = PORT
server.bind = "127.0.0.1"
server.document-root = "TEMP/root"
server.modules = ("mod_auth", "mod_authn_file", "mod_webdav", "mod_dirlisting")
auth.backend = "` + file + `"
auth.backend.` + file + `.userfile = "TEMP/users"
auth.require = ("" => ("method" => "` + auth + `", "realm" => "drop", "require" => "valid-user"))
webdav.activate = "enable"
` + more
	}
	return []real{
		{
			name: "Apache mod_dav, Digest", program: "apache2", needs: []string{apacheModules + "mod_dav_fs.so", apacheModules + "mod_auth_digest.so"},
			files: map[string]string{
				"conf": apache("AuthType Digest\nAuthName drop\nAuthUserFile TEMP/users\n"), "users": htdigest,
			},
			args: []string{"-X", "-f", "TEMP/conf"}, url: "http://ADDR/drop%20box/",
		},
		{
			name: "lighttpd mod_webdav, Basic", program: "lighttpd", needs: []string{"/usr/lib/lighttpd/mod_webdav.so"},
			files: map[string]string{"conf": lighttpd("basic", "plain", ""), "users": plain},
			args:  []string{"-D", "-f", "TEMP/conf"}, url: "http://ADDR/drop%20box/",
		},
		{
			name: "lighttpd mod_webdav, Digest", program: "lighttpd", needs: []string{"/usr/lib/lighttpd/mod_webdav.so"},
			files: map[string]string{"conf": lighttpd("digest", "htdigest", ""), "users": htdigest},
			args:  []string{"-D", "-f", "TEMP/conf"}, url: "http://ADDR/drop%20box/",
		},
		{
			name: "nginx dav-ext, Basic", program: "nginx", needs: []string{"/usr/lib/nginx/modules/ngx_http_dav_ext_module.so"},
			files: map[string]string{"conf": nginx("load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;\n",
				"dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS;"), "users": htpasswd},
			args: []string{"-c", "TEMP/conf", "-e", "TEMP/error.log"}, url: "http://ADDR/drop%20box/",
		},
		{
			name: "rclone serve webdav, Basic", program: "rclone",
			args: []string{"serve", "webdav", "TEMP/root", "--addr", "ADDR", "--user", davUser, "--pass", davPassword, "--dir-cache-time", "0s"},
			url:  "http://ADDR/drop%20box/",
		},
		{
			name: "Apache autoindex, Digest", program: "apache2", needs: []string{apacheModules + "mod_dav_fs.so", apacheModules + "mod_autoindex.so"},
			files: map[string]string{
				"conf": apache("Options +Indexes\nIndexOptions FancyIndexing HTMLTable IconsAreLinks NameWidth=20\nAuthType Digest\nAuthName drop\nAuthUserFile TEMP/users\n"), "users": htdigest,
			},
			args: []string{"-X", "-f", "TEMP/conf"}, url: "http://ADDR/drop%20box", kind: ingest.KindHTTP,
		},
		{
			name: "nginx autoindex, Basic", program: "nginx",
			files: map[string]string{"conf": nginx("", "autoindex on; dav_methods DELETE;"), "users": htpasswd},
			args:  []string{"-c", "TEMP/conf", "-e", "TEMP/error.log"}, url: "http://ADDR/drop%20box", kind: ingest.KindHTTP,
		},
		{
			name: "lighttpd dirlisting, Digest", program: "lighttpd", needs: []string{"/usr/lib/lighttpd/mod_webdav.so", "/usr/lib/lighttpd/mod_dirlisting.so"},
			files: map[string]string{"conf": lighttpd("digest", "htdigest", "dir-listing.activate = \"enable\"\nmimetype.assign = (\"\" => \"application/octet-stream\")\n"), "users": htdigest},
			args:  []string{"-D", "-f", "TEMP/conf"}, url: "http://ADDR/drop%20box/", kind: ingest.KindHTTP,
		},
	}
}

// TestRealServers does what the recorder does against servers that others wrote.
func TestRealServers(t *testing.T) {
	for _, r := range realServers() {
		t.Run(r.name, func(t *testing.T) {
			in, drop := r.start(t)
			useInbox(t, in, drop)
		})
	}
}

func useInbox(t *testing.T, in ingest.Inbox, drop string) {
	t.Helper()
	ctx := t.Context()
	content := strings.Repeat("0123456789abcdef", 20_000)
	for _, name := range []string{capName, oddName, "readme.txt"} {
		if err := os.WriteFile(filepath.Join(drop, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list, stats, err := in.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Name != oddName || list[1].Name != capName || stats.Ignored != 1 {
		t.Fatalf("listed %+v, %+v", list, stats)
	}
	for _, e := range list {
		if e.Stamp.Size != int64(len(content)) || e.Stamp.ModTime.IsZero() {
			t.Errorf("%s: stamp %+v", e.Name, e.Stamp)
		}
		fetchAndDelete(t, in, e, content)
		if _, err := os.Stat(filepath.Join(drop, e.Name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", e.Name, err)
		}
	}
	if list, _, err = in.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("after the deletion %+v, %v", list, err)
	}
}

func fetchAndDelete(t *testing.T, in ingest.Inbox, e ingest.Entry, content string) {
	t.Helper()
	ctx := t.Context()
	const from = 100_001
	body, err := in.Open(ctx, e.Name, from, e.Stamp)
	if err != nil {
		t.Fatalf("%s from byte %d: %v", e.Name, from, err)
	}
	got, err := io.ReadAll(body)
	_ = body.Close()
	if err != nil || string(got) != content[from:] {
		t.Errorf("%s from byte %d: %d bytes, %v; want the rest of %d", e.Name, from, len(got), err, len(content)-from)
	}
	sp := newSpool(t)
	c, err := ingest.Fetcher{Inbox: in, Spool: sp, Clock: clock.System(), Log: quiet()}.Fetch(ctx, "1.pcap",
		recording.Capture{Source: recording.Source{Inbox: in.Name(), Name: e.Name}, Stamp: e.Stamp})
	if err != nil || c.SpoolSize != int64(len(content)) {
		t.Fatalf("fetch %s: %d bytes, %v", e.Name, c.SpoolSize, err)
	}
	if err := in.Delete(ctx, e.Name, e.Stamp); err != nil {
		t.Errorf("delete %s: %v", e.Name, err)
	}
}

// start runs the server and returns its drop directory as an inbox and as a
// folder.
func (r real) start(t *testing.T) (ingest.Inbox, string) {
	t.Helper()
	program, err := exec.LookPath(r.program)
	if err != nil {
		t.Skipf("%s is not installed", r.program)
	}
	for _, file := range r.needs {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("%s is not installed", file)
		}
	}
	temp := t.TempDir()
	for _, dir := range []string{temp, filepath.Dir(temp)} { // servers that drop their rights still read it
		_ = os.Chmod(dir, 0o755)
	}
	drop := filepath.Join(temp, "root", "drop box")
	if err := os.MkdirAll(drop, 0o777); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(drop, 0o777)
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	fill := strings.NewReplacer("TEMP", temp, "ADDR", addr, "PORT", port).Replace
	for name, text := range r.files {
		if err := os.WriteFile(filepath.Join(temp, name), []byte(fill(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := make([]string, 0, len(r.args))
	for _, a := range r.args {
		args = append(args, fill(a))
	}
	cmd := exec.Command(program, args...)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		stop := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		stop.Stop()
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(temp, "error.log"))
			t.Logf("%s says:\n%s%s", r.program, log.String(), text)
		}
	})
	waitFor(t, addr)
	in, err := ingest.New(ingest.Config{
		Name: "real", Kind: r.kind, URL: fill(r.url), User: davUser, Password: davPassword, IdleTimeout: ingest.Duration(5 * time.Second),
	}, clock.System(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	return in, drop
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func waitFor(t *testing.T, addr string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not start: %v", err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
