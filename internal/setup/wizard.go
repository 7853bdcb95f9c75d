package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"callreel/internal/secret"
)

// Terminal asks the operator. Both return io.EOF when there is nobody any more.
type Terminal interface {
	Line(prompt string) (string, error)
	Hidden(prompt string) (string, error) // without showing what is typed
}

// Wizard asks question after question and tries each link when it is known. It is plain
// lines, for any terminal and for who has them read out.
type Wizard struct {
	Terminal Terminal
	Out      io.Writer
	// Checks makes the checks of a setup that need not be whole.
	Checks func(data []byte) ([]Check, error)
	// Guard lets the operator break a check off; it returns the context for one.
	Guard func(context.Context) (context.Context, context.CancelFunc)
}

// errBack says that the operator wants to answer a stage again.
var errBack = errors.New("once more")

const wizardHelp = `Each question shows in [ ] what stands there now, or what is suggested: Enter takes it.
"?" explains a question, "-" empties an answer. Nothing is written before the end; Ctrl-C leaves all as it was.
`

// Ask goes through all stages.
func (w *Wizard) Ask(ctx context.Context, d *Draft) error {
	if err := w.say(wizardHelp); err != nil {
		return err
	}
	for _, s := range Stages() {
		if s.Only != nil && !s.Only(d) {
			continue
		}
		if err := w.say("\n" + s.Title + "\n"); err != nil {
			return err
		}
		if err := w.stage(ctx, d, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *Wizard) say(text string) error {
	_, err := io.WriteString(w.Out, text)
	return err
}

func (w *Wizard) stage(ctx context.Context, d *Draft, s Stage) error {
	if !s.List {
		return w.entry(ctx, d, s, -1)
	}
	for i := range d.Len(s.Section) {
		if err := w.entry(ctx, d, s, i); err != nil {
			return err
		}
	}
	for {
		ask, usual := s.Another, false
		if d.Len(s.Section) == 0 {
			ask, usual = s.Begin, s.Usual
		}
		more := ask == ""
		if !more {
			var err error
			if more, err = w.yes(ask, usual, s.Title+" "+s.Help); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		if err := w.entry(ctx, d, s, d.Add(s.Section)); err != nil {
			return err
		}
	}
}

// entry asks all questions of one link until the operator is content with what the
// checks say.
func (w *Wizard) entry(ctx context.Context, d *Draft, s Stage, i int) error {
	for {
		for _, q := range s.Questions {
			if q.Only != nil && !q.Only(d, i) {
				continue
			}
			if err := w.question(d, q, i); err != nil {
				return err
			}
		}
		if err := w.try(ctx, d, s, i); !errors.Is(err, errBack) {
			return err
		}
	}
}

func (w *Wizard) question(d *Draft, q Question, i int) error {
	for {
		answer, err := w.answer(d, q, i)
		if err != nil {
			return err
		}
		switch {
		case answer == "?":
			err = w.help(q)
		case answer == "-" && q.Needed:
			err = w.say("An answer is needed here.\n")
		case answer == "-":
			d.Set(q.Section, i, q.Key, nil)
			return nil
		case answer == "" && q.Needed && q.get(d, i) == "":
			err = w.say("An answer is needed here; \"?\" explains it.\n")
		case answer == "":
			return nil
		default:
			wrong := q.put(d, i, answer)
			if wrong == nil {
				return nil
			}
			err = w.say("  " + wrong.Error() + "\n")
		}
		if err != nil {
			return err
		}
	}
}

// answer reads one; Enter takes what is suggested.
func (w *Wizard) answer(d *Draft, q Question, i int) (string, error) {
	now := q.get(d, i)
	shown := now
	if now == "" && q.Suggest != nil {
		shown = q.Suggest(d, i)
	}
	if secret.IsSecret(q.Key) {
		if now != "" {
			return w.Terminal.Hidden(q.Ask + " [stays as it is]: ")
		}
		return w.Terminal.Hidden(q.Ask + ": ")
	}
	prompt := q.Ask
	if shown != "" {
		prompt += " [" + shown + "]"
	}
	answer, err := w.Terminal.Line(prompt + ": ")
	answer = strings.TrimSpace(answer)
	if answer == "" && now == "" {
		answer = shown
	}
	return answer, err
}

// help explains a question.
func (w *Wizard) help(q Question) error {
	text := []string{q.Help}
	for _, k := range Find(strings.TrimPrefix(q.Section+"."+q.Key, ".")) {
		text = append(text, strings.TrimSuffix(k.Name()+": "+plain(k.Meaning), ".")+".")
	}
	return w.say(indented(strings.Join(text, " ")))
}

func indented(text string) string {
	var b strings.Builder
	for _, line := range wrap(text, 78) {
		fmt.Fprintln(&b, "  "+line)
	}
	return b.String()
}

func (w *Wizard) yes(ask string, usual bool, help string) (bool, error) {
	choice := " [y/N]: "
	if usual {
		choice = " [Y/n]: "
	}
	for {
		answer, err := w.Terminal.Line(ask + choice)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "":
			return usual, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		case "?":
			err = w.say(indented(help))
		default:
			err = w.say("Answer y or n.\n")
		}
		if err != nil {
			return false, err
		}
	}
}

// try runs the checks of one link; with a fault the operator says how to go on.
func (w *Wizard) try(ctx context.Context, d *Draft, s Stage, i int) error {
	for {
		found, err := w.check(ctx, d, func(c Check) bool { return s.Section != "" && c.Section == s.Section && (c.Index == i || c.Index < 0) })
		if err != nil || Faults(found) == 0 {
			return err
		}
		answer, err := w.Terminal.Line("Change the answers (c), try again (t), or leave it so (l)? [c]: ")
		if err != nil {
			return err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "l":
			return nil
		case "t":
		default:
			return errBack
		}
	}
}

// check runs those of the draft's checks that are wanted.
func (w *Wizard) check(ctx context.Context, d *Draft, want func(Check) bool) ([]Finding, error) {
	data, err := d.Encode(nil)
	if err != nil {
		return nil, err
	}
	all, err := w.Checks(data)
	if err != nil {
		return []Finding{{Level: Fault, Why: err.Error()}}, w.say("  " + oneLine(err.Error()) + "\n")
	}
	var some []Check
	for _, c := range all {
		if want(c) {
			some = append(some, c)
		}
	}
	ctx, done := w.Guard(ctx)
	defer done()
	return RunAll(ctx, some, w.Out)
}
