package setup_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"callreel/internal/clock"
	"callreel/internal/setup"
)

// script is an operator who answers what is asked; it fails the test when something
// else is asked.
type script struct {
	t     *testing.T
	lines [][2]string // what the question holds, and the answer
	asked []string
}

func (s *script) Line(prompt string) (string, error) {
	s.asked = append(s.asked, prompt)
	if len(s.lines) == 0 {
		return "", io.EOF
	}
	next := s.lines[0]
	if !strings.Contains(prompt, next[0]) {
		s.t.Errorf("asked %q, want %q", prompt, next[0])
		return "", io.EOF
	}
	s.lines = s.lines[1:]
	return next[1], nil
}

func (s *script) Hidden(prompt string) (string, error) { return s.Line("(hidden) " + prompt) }

// wizard runs one over a script, with checks of the test's.
func wizard(t *testing.T, file string, lines [][2]string, checks func(d *setup.Draft) []setup.Check) (*setup.Session, string, error) {
	t.Helper()
	var out strings.Builder
	who := &script{t: t, lines: lines}
	job := setup.Job{
		Out: &out, Session: &setup.Session{File: file, User: "admin", Clock: clock.System(), Validate: func(data []byte) error {
			if !strings.Contains(string(data), "path = ") {
				return errors.New("archive.path is empty")
			}
			return nil
		}},
		Checks: func(data []byte) ([]setup.Check, error) {
			d, err := setup.ReadDraft(file, data)
			return checks(d), err
		},
	}
	job.Wizard = &setup.Wizard{
		Terminal: who, Out: &out, Checks: job.Checks,
		Guard: func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} },
	}
	err := job.Run(t.Context())
	if len(who.lines) > 0 {
		t.Errorf("never asked: %v", who.lines)
	}
	return job.Session, out.String(), err
}

// loginCheck finds a fault as long as the password is not the right one.
func loginCheck(d *setup.Draft) []setup.Check {
	return []setup.Check{{Name: "pbx", Section: "pbx", Index: 0, Run: func(context.Context) setup.Finding {
		if d.Text("pbx", 0, "password") == "right" {
			return setup.Finding{What: "pbx", Why: "the login is good"}
		}
		return setup.Finding{Level: setup.Fault, What: "pbx", Why: "user or password is not accepted", Do: "Enter both anew."}
	}}}
}

func TestWizard(t *testing.T) {
	file := filepath.Join(t.TempDir(), "callreel.toml")
	pbx := func(password string, kept bool) [][2]string {
		shown := ""
		if kept {
			shown = " ["
		}
		return [][2]string{
			{"A name for it", ""}, {"Address of the PBX" + shown, "192.0.2.1"}, {"Long name", "callreel"}, {"(hidden) Its password", password}, {"recording group", "rec"}, {"standby PBX", ""},
		}
	}
	lines := [][2]string{{"innovaphone PBX? [Y/n]", "?"}, {"innovaphone PBX? [Y/n]", "perhaps"}, {"innovaphone PBX? [Y/n]", ""}}
	lines = append(lines, pbx("wr0ng", false)...)
	lines = append(lines, [2]string{"Change the answers (c), try again (t)", "t"}, [2]string{"Change the answers", "c"})
	lines = append(lines, pbx("right", true)...)
	lines = append(lines, [][2]string{
		{"another PBX? [y/N]", ""},
		{"Asterisk PBX? [y/N]", "n"},
		{`"unlimited", a number`, "many"},
		{`"unlimited", a number`, "12"},
		{"Reporting server? [y/N]", ""},
		{"Address and port to take them at [0.0.0.0:8901]", ""},
		{"User that the PBX", "pbx"},
		{"(hidden) Its password", ""},
		{"(hidden) Its password", "cdr"},
		{"never to be changed [phones]", ""},
		{"Where the captures are", "?"},
		{"Where the captures are", "https://192.0.2.2/rec/"},
		{"User, if it asks", "u"},
		{"(hidden) Its password", "p"},
		{"phone or gateway [phone]", ""},
		{"another inbox? [y/N]", ""},
		{"Folder of the recordings", "calls"},
		{"Folder of the copies", ""},
		{"wav or mp3 [wav]", "ogg"},
		{"wav or mp3 [wav]", "mp3"},
		{"yes or no [no]", "yes"},
		{"Time zone", ""}, {"Mail server, if anybody is written to", ""}, {"Its address, host:port, if there is one", ""},
		{"(hidden) \nA setup password", "long enough"},
		{"Once more", "long enuogh"},
		{"(hidden) \nA setup password", "short"},
		{"Once more", "short"},
		{"(hidden) \nA setup password", "long enough"},
		{"Once more", "long enough"},
		{"scripts", ""},
	}...)
	s, said, err := wizard(t, file, lines, loginCheck)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{
		"FAULT pbx: user or password is not accepted. Enter both anew.", "ok    pbx: the login is good", "Without one the agents are named here", "Answer y or n.",
		"answer one of: wav, mp3, pcap", `answer "unlimited", "pbx" or a number`, "The same that is set up as the recording's URL at the phones.", "inbox.url: of the WebDAV or HTTP folder", "the two are not the same", "needs 8 letters at least",
		"What is left to do:", "https://192.0.2.2/rec/", `with the user "pbx"`, "callreel run --config " + file,
	} {
		if !strings.Contains(strings.Join(strings.Fields(said), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("it does not say %q", want)
		}
	}
	for _, secret := range []string{"wr0ng", "right", "long enough"} {
		if strings.Contains(strings.ReplaceAll(said, "right address", ""), secret) {
			t.Errorf("it says the password %q", secret)
		}
	}
	d := s.Draft()
	for _, row := range [][2]any{
		{d.Get("pbx", 0, "url"), "http://192.0.2.1/PBX0/user.soap"},
		{d.Get("pbx", 0, "name"), "main"},
		{d.Get("licence", -1, "count"), int64(12)},
		{d.Get("receiver", -1, "listen"), "0.0.0.0:8901"},
		{d.Get("inbox", 0, "url"), "https://192.0.2.2/rec/"},
		{d.Get("keys", -1, "encrypt_audio"), true},
		{d.Get("audio", -1, "format"), "mp3"},
	} {
		if row[0] != row[1] {
			t.Errorf("%v, want %v", row[0], row[1])
		}
	}

	// Opened again it asks for the password and suggests what stands there.
	again := [][2]string{
		{"The setup is protected", "not this"},
		{"The setup is protected", "long enough"},
		{"A name for it, for logs and lamps [main]", ""},
		{"Address of the PBX [http://192.0.2.1/PBX0/user.soap]", ""},
		{"Long name of the user that callreel logs in as [callreel]", ""},
		{"Its password [stays as it is]", ""},
		{"recording group [rec]", "-"},
		{"standby PBX", ""},
		{"another PBX", ""},
		{"Asterisk", ""},
		{"[12]", "unlimited"},
		{"Reporting", ""},
		{"take them at [0.0.0.0:8901]", ""},
		{"User that the PBX has to give, if any [pbx]", ""},
		{"Its password [stays", ""},
		{"never to be changed [phones]", ""},
		{"Where the captures are: a WebDAV address (http...), or a folder [https://192.0.2.2/rec/]", "/mnt/card"},
		{"phone or gateway [phone]", "gateway"},
		{"another inbox", ""},
		{"Folder of the recordings [calls]", ""},
		{"Folder of the copies", ""},
		{"[mp3]", ""},
		{"[yes]", ""},
		{"Time zone", ""}, {"Mail server, if anybody is written to", ""}, {"Its address, host:port, if there is one", ""},
		{"New setup password (Enter leaves it", ""},
		{"scripts", ""},
	}
	s, said, err = wizard(t, file, again, func(*setup.Draft) []setup.Check { return nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	d = s.Draft()
	if d.Get("inbox", 0, "url") != nil || d.Text("inbox", 0, "path") != "/mnt/card" || d.Get("pbx", 0, "group") != nil || d.Get("licence", -1, "count") != nil || !strings.Contains(said, file+".bak") {
		t.Errorf("%v %v %v\n%s", d.Get("inbox", 0, "url"), d.Get("pbx", 0, "group"), d.Get("licence", -1, "count"), said)
	}
}

// TestWizardBrokenOff leaves no file behind, wherever the answers end.
func TestWizardBrokenOff(t *testing.T) {
	dir := t.TempDir()
	_, _, err := wizard(t, filepath.Join(dir, "callreel.toml"), [][2]string{{"innovaphone", "y"}, {"A name", ""}}, loginCheck)
	if !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end of the input", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
