package cdr

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"callreel/internal/recording"
)

// asteriskColumns are those of cdr_csv with all that can be switched on.
func asteriskColumns() []string {
	return []string{
		"accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata",
		"start", "answer", "end", "duration", "billsec", "disposition", "amaflags",
		"uniqueid", "userfield", "peeraccount", "linkedid", "sequence",
	}
}

// columnsOf are those of a line with so many values. uniqueid and userfield are each
// switched on by themselves, the last three together: of 20 values userfield is not
// there, of 19 neither is.
func columnsOf(values int) []string {
	all := asteriskColumns()
	id := slices.Index(all, "uniqueid")
	switch values {
	case len(all) - 1:
		return slices.Delete(all, id+1, id+2)
	case len(all) - 2:
		return slices.Delete(all, id, id+2)
	}
	return all
}

// maxRow bounds one row, in bytes.
const maxRow = 64 << 10

// row is one of Asterisk's records. Times are UTC; answer is zero where nobody
// answered.
type row struct {
	src, dst, name           string
	channel, dstchannel      string
	lastapp, lastdata        string
	start, answer, end       time.Time
	disposition              string
	unique, linked, sequence string
}

// fields gives the values of a CSV line their names.
func (a Asterisk) fields(line string) (map[string]string, error) {
	if len(line) > maxRow {
		return nil, fmt.Errorf("%d bytes, most is %d", len(line), maxRow)
	}
	in := csv.NewReader(strings.NewReader(line))
	in.FieldsPerRecord = -1
	values, err := in.Read()
	if err != nil {
		var at *csv.ParseError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("byte %d: %w", at.Column, at.Err)
		}
		return nil, err
	}
	columns := a.Columns
	if columns == nil {
		columns = columnsOf(len(values))
	}
	if len(values) > len(columns) {
		return nil, fmt.Errorf("%d values, and there are %d columns", len(values), len(columns))
	}
	named := make(map[string]string, len(values))
	for i, v := range values {
		named[columns[i]] = v
	}
	return named, nil
}

// row reads the fields that are used.
func (a Asterisk) row(f map[string]string) (row, error) {
	r := row{
		src: f["src"], dst: f["dst"], channel: f["channel"], dstchannel: f["dstchannel"], lastapp: f["lastapp"], lastdata: f["lastdata"],
		disposition: strings.ToUpper(f["disposition"]), unique: f["uniqueid"], linked: f["linkedid"], sequence: f["sequence"],
	}
	if r.unique == "" {
		return r, errors.New("uniqueid is missing: write loguniqueid = yes into cdr.conf, or name the columns in the setup")
	}
	var number string
	r.name, number = callerID(f["clid"])
	if r.src == "" {
		r.src = number
	}
	if withheld(r.src) {
		r.src = ""
	}
	if !dialable(r.dst) {
		r.dst = "" // the dialplan's own: "s", "h", "i"
	}
	return r, a.times(&r, f)
}

// times reads those of a row.
func (a Asterisk) times(r *row, f map[string]string) (err error) {
	made := recording.UniqueTime(r.unique)
	if r.start, err = a.time("start", f["start"], made); err != nil {
		return err
	}
	if r.start.IsZero() {
		return errors.New("start is missing")
	}
	var wrong time.Duration // by how much the zone in the setup is
	if r.start.Before(made.Add(-slack)) {
		wrong = made.Sub(r.start)
		r.start = made
	}
	for key, t := range map[string]*time.Time{"answer": &r.answer, "end": &r.end} {
		if *t, err = a.time(key, f[key], r.start.Add(-wrong)); err != nil {
			return err
		}
		if !t.IsZero() {
			*t = t.Add(wrong)
		}
	}
	return nil
}

// callerID takes `"Test User" <100>` apart.
func callerID(clid string) (name, number string) {
	name, rest, ok := strings.Cut(clid, "<")
	number = strings.TrimSuffix(strings.TrimSpace(rest), ">")
	if name = strings.Trim(strings.TrimSpace(name), `"`); !ok && dialable(name) {
		return "", name
	}
	return name, number
}

// withheld reports whether a caller's number is one of the words that stand for none.
func withheld(src string) bool {
	return slices.Contains([]string{"anonymous", "restricted", "private", "unknown", "unavailable", "withheld"}, strings.ToLower(src))
}

// dialable reports whether s is a number that somebody can dial.
func dialable(s string) bool { return s != "" && strings.Trim(s, "0123456789+*#") == "" }

// stampLayout is how Asterisk writes a time, without its zone.
const stampLayout = "2006-01-02 15:04:05"

// slack is by how much a time may be before another that it follows: they are whole
// seconds.
const slack = 2 * time.Second

// time reads a time as Asterisk writes it, or seconds since 1970. An empty one is
// zero. In autumn an hour comes twice: the first is meant, but for what then were
// before from.
func (a Asterisk) time(key, s string, from time.Time) (time.Time, error) {
	if s == "" || strings.HasPrefix(s, "0000-00-00") {
		return time.Time{}, nil
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v >= 0 && v < math.MaxInt32*2 {
		return time.Unix(int64(v), 0).UTC(), nil
	}
	t, err := time.ParseInLocation(stampLayout, s, a.zone())
	if err != nil {
		return time.Time{}, fmt.Errorf("%s %q is no time of the form %q", key, clip(s), stampLayout)
	}
	first := t.Add(-time.Hour)
	if first.Format(stampLayout) == s && !first.Before(from.Add(-slack)) {
		return first.UTC(), nil
	}
	if again := t.Add(time.Hour); again.Format(stampLayout) == s && t.Before(from.Add(-slack)) {
		return again.UTC(), nil
	}
	return t.UTC(), nil
}

func (a Asterisk) zone() *time.Location {
	if a.Zone == nil {
		return time.UTC
	}
	return a.Zone
}

// lasted is the seconds from the row's start to a time.
func (r row) lasted(t time.Time) int64 { return max(0, int64(t.Sub(r.start)/time.Second)) }

// cause is the Q.931 cause of the end.
func (r row) cause() int {
	switch r.disposition {
	case "ANSWERED":
		return 16
	case "BUSY":
		return 17
	case "NO ANSWER":
		return 19
	case "CONGESTION":
		return 34
	default:
		return 41
	}
}

// group is the kind of object by which many telephones rang: "waiting" for a queue,
// "broadcast" where the dialplan called several at once, empty for neither.
func (r row) group() string {
	switch {
	case r.dst == "":
		return ""
	case strings.EqualFold(r.lastapp, "Queue"):
		return "waiting"
	case strings.EqualFold(r.lastapp, "Dial") && strings.Contains(r.destinations(), "&"):
		return "broadcast"
	default:
		return ""
	}
}

func (r row) destinations() string {
	where, _, _ := strings.Cut(r.lastdata, ",")
	return where
}

// reached is the number that was called over a trunk, "PJSIP/0012345@provider" or
// "DAHDI/g1/0012345"; without one the number dialled.
func (r row) reached() string {
	if !strings.EqualFold(r.lastapp, "Dial") || r.group() != "" {
		return r.dst
	}
	parts := strings.Split(r.destinations(), "/")
	for _, part := range parts[1:] {
		if number, _, _ := strings.Cut(part, "@"); dialable(number) {
			return number
		}
	}
	return r.dst
}
