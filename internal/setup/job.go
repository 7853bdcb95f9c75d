package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"callreel/internal/secret"
)

var (
	// ErrChecks says that checks found faults. Unless it was asked for all the same,
	// nothing was written.
	ErrChecks = errors.New("checks found faults")
	// ErrNoSetup says that there is no setup to be tried.
	ErrNoSetup = errors.New("there is no setup")
	// ErrAnswers says that answers are missing or wrong.
	ErrAnswers = errors.New("the setup cannot be written so")
)

// Answer is one that was given on the command line.
type Answer struct {
	Stage    Stage
	Question Question
	Text     string
}

// Job is one run of the set-up.
type Job struct {
	Session *Session
	Wizard  *Wizard // nil: nobody is asked
	Out     io.Writer
	Checks  func(data []byte) ([]Check, error)
	// Scripts puts the scripts for voicemail objects into each inbox, and gives a line
	// for each file.
	Scripts func(ctx context.Context, data []byte) ([]string, error)

	Answers     []Answer
	Sets        []string // "section.key=value"
	Password    string   // of the setup, as it is now
	NewPassword string
	Free        bool // take the password away, knowing it
	Forget      bool // take it away without knowing it
	Anyway      bool // write although checks found faults
	CheckOnly   bool // try the links, write nothing
	PutScripts  bool

	faults, checked int
}

// Run does it. Errors wrap ErrPassword, ErrAnswers or ErrChecks where that is the
// reason.
func (j *Job) Run(ctx context.Context) error {
	if err := j.Session.Open(); err != nil {
		return err
	}
	if j.CheckOnly {
		if j.Session.New() {
			return fmt.Errorf("%w: %s", ErrNoSetup, j.Session.File)
		}
		return j.try(ctx, j.Session.old)
	}
	for _, lost := range j.Session.Lost() {
		if err := j.say("note  %s\n", lost); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{j.unlock, j.answers, j.ask, j.unlock, j.protect, j.whole, j.tryDraft, j.save} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if j.faults > 0 {
		return fmt.Errorf("%w: %d of %d; the setup is written all the same", ErrChecks, j.faults, j.checked)
	}
	return nil
}

func (j *Job) say(format string, a ...any) error {
	_, err := fmt.Fprintf(j.Out, format, a...)
	return err
}

// unlock gets past the setup password.
func (j *Job) unlock(context.Context) error {
	locks, err := j.Session.Locks()
	if err != nil || len(locks) == 0 {
		return err
	}
	if j.Forget {
		if err := j.Session.Forget(); err != nil {
			return err
		}
		return j.say("The setup password is taken away. That is noted in the archive and in the setup; the recorder says so at each start until there is a new one.\n")
	}
	password, tries := j.Password, 1
	if password == "" && j.Wizard == nil {
		return fmt.Errorf("%w; give it with --setup-password-env or --setup-password-file", ErrPassword)
	}
	for ; ; tries++ {
		if password == "" {
			if password, err = j.Wizard.Terminal.Hidden("The setup is protected. Setup password: "); err != nil {
				return err
			}
		}
		err := j.Session.Unlock(password)
		if err == nil || !errors.Is(err, ErrPassword) || j.Wizard == nil || tries == 3 {
			return err
		}
		if err := j.say("That is not the password. Who has forgotten it, finds a way with \"callreel setup -h\".\n"); err != nil {
			return err
		}
		password = ""
	}
}

// answers takes over what the command line says.
func (j *Job) answers(context.Context) error {
	d := j.Session.Draft()
	for _, a := range j.Answers {
		i := -1
		if a.Stage.List {
			if i = 0; d.Len(a.Stage.Section) == 0 {
				d.Add(a.Stage.Section)
			}
		}
		if err := a.Question.put(d, i, a.Text); err != nil {
			return fmt.Errorf("%w: --%s: %w", ErrAnswers, a.Question.Flag, err)
		}
	}
	for _, s := range j.Sets {
		if err := d.assign(s); err != nil {
			return fmt.Errorf("%w: --set %s: %w", ErrAnswers, s, err)
		}
	}
	if j.Wizard == nil {
		suggestAll(d, j.Session.New())
	}
	return nil
}

// suggestAll answers what nobody is asked with what a question suggests: in a new setup
// all, else what must have an answer, as the name of a new inbox.
func suggestAll(d *Draft, isNew bool) {
	for _, s := range Stages() {
		if s.Only != nil && !s.Only(d) {
			continue
		}
		entries := []int{-1}
		if s.List {
			entries = entries[:0]
			for i := range d.Len(s.Section) {
				entries = append(entries, i)
			}
		}
		for _, i := range entries {
			for _, q := range s.Questions {
				if q.Suggest != nil && (isNew || q.Needed) && q.get(d, i) == "" && (q.Only == nil || q.Only(d, i)) {
					_ = q.put(d, i, q.Suggest(d, i)) // a suggestion is good
				}
			}
		}
	}
}

var assignment = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:([a-z._]+)(?:\[([0-9]{1,3})\])?\.)?([a-z0-9_]+)=(.*)$`)
})

// assign sets what "section.key=value" says, or "section[1].key=value" for the second
// of a list. The value is TOML, or else a text.
func (d *Draft) assign(text string) error {
	m := assignment().FindStringSubmatch(text)
	if m == nil {
		return errors.New(`write for instance audio.format=mp3, or inbox[1].poll=2s`)
	}
	name := strings.TrimPrefix(m[1]+"."+m[3], ".")
	k, ok := knownKeys()[name]
	if !ok {
		return fmt.Errorf("there is no key %s; \"callreel config show\" lists all there are", name)
	}
	if secret.IsSecret(k.Key) && m[4] != "" {
		return fmt.Errorf("a password on the command line is seen by everybody on this machine; use the flag that ends with -env or -file, or set %s_file or %s_env", name, name)
	}
	i := -1
	if k.List {
		i, _ = strconv.Atoi(m[2]) // "" is the first
		if i > d.Len(k.Section) {
			return fmt.Errorf("there are %d of [[%s]]; the next one is %s[%d]", d.Len(k.Section), k.Section, k.Section, d.Len(k.Section))
		}
		if i == d.Len(k.Section) {
			d.Add(k.Section)
		}
	} else if m[2] != "" {
		return fmt.Errorf("[%s] is no list", k.Section)
	}
	if m[4] == "" {
		d.Set(k.Section, i, k.Key, nil)
		return nil
	}
	d.Set(k.Section, i, k.Key, asTOML(m[4]))
	return nil
}

func (j *Job) ask(ctx context.Context) error {
	if j.Wizard == nil {
		return nil
	}
	return j.Wizard.Ask(ctx, j.Session.Draft())
}

// protect sets the setup password anew, if that is wanted.
func (j *Job) protect(context.Context) error {
	has := j.Session.Draft().Text("setup", -1, hashKey) != ""
	switch {
	case j.Free:
		return j.Session.SetPassword("")
	case j.NewPassword != "":
		return j.Session.SetPassword(j.NewPassword)
	case j.Wizard == nil:
		return nil
	}
	ask := "\nA setup password keeps others from changing the setup.\nSetup password, at least 8 letters (Enter for none): "
	if has {
		ask = "\nNew setup password (Enter leaves it as it is, - takes it away): "
	}
	for {
		first, err := j.Wizard.Terminal.Hidden(ask)
		if err != nil || first == "" {
			return err
		}
		if first == "-" {
			return j.Session.SetPassword("")
		}
		second, err := j.Wizard.Terminal.Hidden("Once more: ")
		if err != nil {
			return err
		}
		wrong := errors.New("the two are not the same")
		if first == second {
			wrong = j.Session.SetPassword(first)
		}
		if wrong == nil {
			return nil
		}
		if err := j.say("%v\n", wrong); err != nil {
			return err
		}
	}
}

// whole looks that the setup can be used.
func (j *Job) whole(ctx context.Context) error {
	for {
		wrong := j.Session.Check()
		if wrong == nil {
			return nil
		}
		if j.Wizard == nil {
			return fmt.Errorf("%w: %w", ErrAnswers, wrong)
		}
		if err := j.say("\nThe setup cannot be used so:\n%v\n", wrong); err != nil {
			return err
		}
		again, err := j.Wizard.yes("Go through the questions again?", true, "With n the program ends, and nothing is written.")
		if err != nil {
			return err
		}
		if !again {
			return fmt.Errorf("%w: %w", ErrAnswers, wrong)
		}
		if err := j.Wizard.Ask(ctx, j.Session.Draft()); err != nil {
			return err
		}
	}
}

func (j *Job) tryDraft(ctx context.Context) error {
	data, err := j.Session.Draft().Encode(nil)
	if err != nil {
		return err
	}
	return j.try(ctx, data)
}

// try runs all checks together, with the clocks.
func (j *Job) try(ctx context.Context, data []byte) error {
	checks, err := j.Checks(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnswers, err)
	}
	if j.Wizard != nil {
		if err := j.say("\nAll links together:\n"); err != nil {
			return err
		}
		var done context.CancelFunc
		ctx, done = j.Wizard.Guard(ctx)
		defer done()
	}
	found, err := RunAll(ctx, checks, j.Out)
	j.faults, j.checked = Faults(found), len(found)
	if err != nil || j.faults == 0 || j.Anyway {
		return err
	}
	failed := fmt.Errorf("%w: %d of %d; each is named above", ErrChecks, j.faults, j.checked)
	if j.Wizard == nil || j.CheckOnly {
		return failed
	}
	write, err := j.Wizard.yes("Write the setup all the same?", false, "The recorder starts with such a setup, and its lamps show what does not work. With n nothing is written.")
	if err == nil && !write {
		err = failed
	}
	return err
}

func (j *Job) save(ctx context.Context) error {
	d := j.Session.Draft()
	for _, key := range d.Unknown() {
		if err := j.say("note  %s is no key that callreel knows; it stays in the file as a comment\n", key); err != nil {
			return err
		}
	}
	if err := j.Session.Save(ctx); err != nil {
		return err
	}
	if err := j.say("\n%s", j.Session.Told()); err != nil {
		return err
	}
	put := j.scripts(ctx) // the setup is written, whatever comes of them
	return errors.Join(put, j.say("\n%s", Instructions(d, j.Session.File, func(host string) string { return OwnAddress(ctx, host) })))
}

const scriptsHelp = "TCR/TCRec.xml and TAN.xml are run by voicemail objects of the PBX, which you make for them. They are needed where agents mark their calls, or give them transaction numbers. A file that is there already stays as it is."

func (j *Job) scripts(ctx context.Context) error {
	if j.Wizard != nil && !j.PutScripts {
		var err error
		if j.PutScripts, err = j.Wizard.yes("\nPut the scripts by which agents mark calls and give TANs into the inbox?", false, scriptsHelp); err != nil {
			return err
		}
	}
	if !j.PutScripts {
		return nil
	}
	data, err := j.Session.Draft().Encode(nil)
	if err != nil {
		return err
	}
	lines, err := j.Scripts(ctx, data)
	for _, line := range lines {
		if err := j.say("  %s\n", line); err != nil {
			return err
		}
	}
	return err
}
