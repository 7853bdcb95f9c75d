// Package doctor finds patterns in what a recorder has done that no single call shows: a
// telephone of which only one side is heard, a clock that is off, an inbox that fills.
// It is handed what is known, piece by piece, and keeps only sums; it looks nothing up
// and changes nothing.
package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"callreel/internal/recording"
)

// Finding is one thing that is not as it should be, in words.
type Finding struct {
	Kind  string `json:"kind"`  // the same for the same kind of thing
	Where string `json:"where"` // inbox, device, agent or part of the setup
	What  string `json:"what"`
	Why   string `json:"why"` // what it mostly comes from
	Do    string `json:"do"`
}

// The kinds of findings.
const (
	OneWay    = "one-way"
	Swapped   = "swapped"
	Clock     = "clock"
	Filling   = "inbox-filling"
	Unread    = "inbox-unread"
	Codec     = "codec"
	DiskFull  = "disk"
	NoCDR     = "no-cdr"
	NoCapture = "no-capture"
	Behind    = "backup-behind"
	Undeleted = "source-undeleted"
	NobodyIs  = "nobody-told"
	PutAside  = "put-aside"
	Row       = "catalog-row"
)

// Config is what the setup says and the findings depend on.
type Config struct {
	Now    time.Time
	Days   int  // how far back is looked
	Backup bool // there is one
	Told   bool // the master alarm tells somebody
}

// Examination gathers. It is used by one goroutine.
type Examination struct {
	cfg     Config
	devices map[device]*deviceSums
	codecs  map[string]int
	aside   int
	behind  pile
	left    map[string]*pile // sources that are not deleted, by inbox
	bytes   int64            // filed
	calls   int              // recordings that were seen
	lags    []time.Duration  // from the end of a call, by its CDR, to the CDR's coming
	last    time.Time        // CDR
	agents  map[string]*agentSums
	lastHad time.Time // agent's call that the ledger knows
	list    []Finding
}

// New begins an examination.
func New(cfg Config) *Examination {
	return &Examination{
		cfg: cfg, devices: map[device]*deviceSums{}, codecs: map[string]int{}, left: map[string]*pile{}, agents: map[string]*agentSums{},
	}
}

// device is what writes captures.
type device struct{ inbox, mac string }

func (d device) String() string {
	if d.mac == "" {
		return "inbox " + d.inbox
	}
	return "device " + d.mac + " in inbox " + d.inbox
}

type deviceSums struct {
	filed   int
	oneWay  map[recording.Side]int // by the side that was not heard
	on      recording.RecordedOn
	owners  map[string]bool
	own     int             // captures whose registration is their owner's own
	offsets []time.Duration // of its clock, as each capture shows it
}

type pile struct {
	n      int
	oldest time.Time
}

func (p *pile) add(at time.Time) {
	p.n++
	if p.oldest.IsZero() || at.Before(p.oldest) {
		p.oldest = at
	}
}

type agentSums struct{ calls, missing int }

// The bounds from which on something is a finding.
const (
	oneWayFrom   = 10 * time.Second // shorter calls prove nothing
	oneWayLeast  = 2
	manyOwners   = 3
	clockLeast   = 3
	clockAhead   = 2 * time.Second
	clockBehind  = time.Minute
	fillingFiles = 200
	fillingAge   = 24 * time.Hour
	patience     = time.Hour // with what is retried by itself
	daysLeft     = 30
	missingLeast = 1
)

// Recording takes one in.
func (x *Examination) Recording(rec recording.Recording) {
	x.calls++
	switch rec.State {
	case recording.Filed, recording.BackedUp, recording.Done:
		x.filed(rec)
	case recording.Unusable, recording.Quarantined:
		x.putAside(rec)
	case recording.Seen, recording.Spooled, recording.Correlated, recording.Decided, recording.Discarded:
	}
	if fetched := rec.Capture.FetchedAt; !rec.Capture.SourceGone && !fetched.IsZero() && x.cfg.Now.Sub(fetched) > patience {
		inbox := rec.Capture.Source.Inbox
		if x.left[inbox] == nil {
			x.left[inbox] = &pile{}
		}
		x.left[inbox].add(fetched)
	}
}

func (x *Examination) putAside(rec recording.Recording) {
	switch status := rec.Audio.Status; {
	case rec.Retry.Accepted: // somebody has looked at it
	case status == recording.AudioUnsupported, status == recording.AudioEncrypted:
		x.codecs[cmp.Or(rec.Audio.Reason, rec.Retry.Reason)]++
	default:
		x.aside++
	}
}

func (x *Examination) filed(rec recording.Recording) {
	x.bytes += rec.Seal.Size
	if x.cfg.Backup && rec.State == recording.Filed && x.cfg.Now.Sub(rec.Capture.StillAt) > patience {
		x.behind.add(rec.Capture.StillAt)
	}
	key := device{rec.Capture.Source.Inbox, strings.ToLower(rec.Capture.MAC)}
	d := x.devices[key]
	if d == nil {
		d = &deviceSums{oneWay: map[recording.Side]int{}, owners: map[string]bool{}}
		x.devices[key] = d
	}
	d.filed++
	d.on = rec.Capture.RecordedOn
	if name := cmp.Or(rec.Verdict.Owner.CN, rec.Verdict.Owner.E164); name != "" {
		d.owners[name] = true
	}
	if reg := rec.Capture.RegName; reg != "" && strings.EqualFold(reg, rec.Verdict.Owner.H323) {
		d.own++
	}
	if side, ok := unheard(rec); ok {
		d.oneWay[side]++
	}
	if offset, ok := clockOf(rec); ok {
		d.offsets = append(d.offsets, offset)
	}
}

// unheard is the side of which nothing came in a call that was long enough to say so.
func unheard(rec recording.Recording) (recording.Side, bool) {
	truth := rec.Audio.Truth
	long := rec.Audio.DurationS >= oneWayFrom.Seconds()
	if !long || len(truth) != 2 || rec.Verdict.Manual {
		return "", false
	}
	for i, one := range truth {
		if one.Packets == 0 && truth[1-i].Packets > 0 {
			return one.Side, true
		}
	}
	return "", false
}

// clockOf is how far the clock that stamped a capture is ahead of the recorder's: its
// last packet cannot be later than the moment at which the file was last seen to grow.
func clockOf(rec recording.Recording) (time.Duration, bool) {
	if rec.Audio.Start.IsZero() || rec.Audio.DurationS <= 0 || rec.Capture.StillAt.IsZero() {
		return 0, false
	}
	end := rec.Audio.Start.Add(time.Duration(rec.Audio.DurationS * float64(time.Second)))
	return end.Sub(rec.Capture.StillAt), true
}

// CDR takes a record in: when its last event was by the PBX's clock, and when it came.
func (x *Examination) CDR(ended, received time.Time) {
	if received.After(x.last) {
		x.last = received
	}
	if !ended.IsZero() {
		x.lags = append(x.lags, received.Sub(ended))
	}
}

// Call takes a line of the ledger in.
func (x *Examination) Call(e recording.Entry) {
	if e.Began.After(x.lastHad) {
		x.lastHad = e.Began
	}
	name := cmp.Or(e.Agent.CN, e.Agent.E164)
	if name == "" {
		return
	}
	a := x.agents[name]
	if a == nil {
		a = &agentSums{}
		x.agents[name] = a
	}
	a.calls++
	if e.Missing() && !e.Accepted {
		a.missing++
	}
}

// Inbox is an inbox as it was just listed.
type Inbox struct {
	Name   string
	Err    error // why it could not be listed
	Files  int   // captures in it
	Bytes  int64
	Oldest time.Time     // of a capture; zero where the server does not tell
	Off    time.Duration // how far the server's clock is ahead; zero where it does not tell
}

// Inbox takes one in.
func (x *Examination) Inbox(in Inbox) {
	where := "inbox " + in.Name
	switch age := x.cfg.Now.Sub(in.Oldest); {
	case in.Err != nil:
		x.add(Finding{Unread, where, "It cannot be listed: " + in.Err.Error(),
			"The server is away, or user, password or certificate are not the right ones.", "Put right what the error says; \"callreel run\" goes on by itself then."})
	case in.Files >= fillingFiles || in.Files > 0 && !in.Oldest.IsZero() && age > fillingAge:
		what := fmt.Sprintf("%s in it (%d MB)", many(in.Files, "capture lies", "captures lie"), in.Bytes>>20)
		if !in.Oldest.IsZero() {
			what += fmt.Sprintf(", the oldest for %s", span(age))
		}
		x.add(Finding{Filling, where, what + ".",
			"The recorder does not run, cannot delete there, or does not take them for complete because the PBX shows their calls as alive.",
			"Look at \"callreel status\" and at the error log. A CF card that is full records nothing any more."})
	}
	x.Clock(where, in.Off)
}

// Clock takes in how far a server's clock is ahead of this machine's.
func (x *Examination) Clock(where string, off time.Duration) {
	if off > clockAhead || off < -clockAhead {
		x.add(Finding{Clock, where, "Its clock is " + AheadOrBehind(off) + " this machine's.",
			"One of the two does not get its time from a time server.", "Let PBX, Reporting, inbox and this machine ask the same NTP server."})
	}
}

// Disk takes in how much room is left, in bytes.
func (x *Examination) Disk(what string, free, total int64) {
	perDay := x.bytes / int64(max(x.cfg.Days, 1))
	switch {
	case total <= 0:
	case free < total/20:
		x.add(Finding{DiskFull, what, fmt.Sprintf("Only %d MB of %d are free.", free>>20, total>>20),
			"It has filled up.", "Move old months away or give it more room: a full disk files nothing. What is recorded meanwhile waits in spool and inbox."})
	case perDay > 0 && free/perDay < daysLeft:
		x.add(Finding{DiskFull, what, fmt.Sprintf("It is full in %d days, as the last %d days went on.", free/perDay, x.cfg.Days),
			fmt.Sprintf("%d MB a day are filed, %d MB are free.", perDay>>20, free>>20), "Move old months away, give it more room, or file MP3."})
	}
}

func (x *Examination) add(f Finding) { x.list = append(x.list, f) }

// Row takes in that rows of the catalog cannot be read.
func (x *Examination) Row(err error) {
	x.add(Finding{Row, "catalog", "What it holds of some calls cannot be read: " + err.Error() + ".",
		"The disk is failing, or another program has written into the catalog's file.", "Look after the disk; take the catalog back from its copy, or let somebody look at the row. The other calls go on."})
}

// Findings are all that was found, by kind in a fixed order.
func (x *Examination) Findings() []Finding {
	for _, key := range slices.SortedFunc(maps.Keys(x.devices), func(a, b device) int { return strings.Compare(a.String(), b.String()) }) {
		x.device(key, x.devices[key])
	}
	for _, why := range slices.Sorted(maps.Keys(x.codecs)) {
		x.add(Finding{Codec, "captures", fmt.Sprintf("%d cannot be heard: %s.", x.codecs[why], why),
			"The telephones agreed on a codec that is not built in, or on encryption.",
			"Take the codec out of the list of the telephones or the trunk; G.723.1, AMR and iLBC need an ffmpeg here. \"callreel aside again\" tries the kept captures anew."})
	}
	x.piles()
	x.records()
	x.withoutAudio()
	if !x.cfg.Told {
		x.add(Finding{NobodyIs, "[alarm]", "The master alarm tells nobody.", "The setup has no mail, syslog or webhook.", "Write [alarm.mail] into the setup; \"callreel alarm test\" tries it."})
	}
	return x.list
}

func (x *Examination) device(key device, d *deviceSums) {
	for _, side := range slices.Sorted(maps.Keys(d.oneWay)) {
		if n := d.oneWay[side]; n >= oneWayLeast && n*10 >= d.filed {
			x.add(Finding{OneWay, key.String(), fmt.Sprintf("Of %d recordings %d have nothing on the %s side.", d.filed, n, cmp.Or(side, recording.SideUnknown)),
				"The telephone records its own voice only, or the other side's packets do not reach the device that records.",
				"Switch \"Two Way Media\" on in the user's recording settings at the PBX; else look for a firewall between telephone and gateway."})
		}
	}
	switch {
	case key.mac == "":
	case d.on == recording.OnPhone && len(d.owners) >= manyOwners && d.own == 0:
		x.add(Finding{Swapped, key.String(), fmt.Sprintf("It is set up as a telephone, but has recorded %d agents: it is probably a gateway, and left and right are swapped.", len(d.owners)),
			"recorded_on is \"phone\" for this inbox.", fmt.Sprintf("Write gateway_macs = [%q] into its [[inbox]], or recorded_on = \"gateway\" if only gateways drop there.", key.mac)})
	case d.on == recording.OnGateway && d.own >= oneWayLeast && d.own == d.filed && len(d.owners) == 1:
		x.add(Finding{Swapped, key.String(), "It is set up as a gateway, but all it has recorded is one agent's, under his own registration: it is probably his telephone, and left and right are swapped.",
			"recorded_on is \"gateway\" for this inbox, or gateway_macs names it.", "Write recorded_on = \"phone\" into its [[inbox]], or take it out of gateway_macs."})
	}
	if off := middle(d.offsets); len(d.offsets) >= clockLeast && (off > clockAhead || off < -clockBehind) {
		x.add(Finding{Clock, key.String(), fmt.Sprintf("By %d captures its clock is %s this machine's.", len(d.offsets), AheadOrBehind(off)),
			"The device does not get its time from a time server; or captures are carried here some time after their calls.", "Set an NTP server at the device. Times in names and lists are the device's."})
	}
}

// piles are what is retried by itself and has been for too long.
func (x *Examination) piles() {
	if x.behind.n > 0 {
		x.add(Finding{Behind, "backup", fmt.Sprintf("%s not in the backup, the oldest for %s.", many(x.behind.n, "recording is", "recordings are"), span(x.cfg.Now.Sub(x.behind.oldest))),
			"The backup's folder is away, full or may not be written.", "Put it right; the copies are made by themselves then."})
	}
	for _, inbox := range slices.Sorted(maps.Keys(x.left)) {
		p := x.left[inbox]
		x.add(Finding{Undeleted, "inbox " + inbox, fmt.Sprintf("%s safe here and not deleted there, the oldest for %s.", many(p.n, "capture is", "captures are"), span(x.cfg.Now.Sub(p.oldest))),
			"The user may read the folder, but not delete in it.", "Give the user of the inbox the right to delete."})
	}
	if x.aside > 0 {
		x.add(Finding{PutAside, "captures", many(x.aside, "is", "are") + " in quarantine or unusable.", "\"callreel aside list\" says why, one by one.", "Try them again with \"callreel aside again\", or leave them with \"callreel aside accept\"."})
	}
}

// records is what is to be said of CDRs.
func (x *Examination) records() {
	lastCall := x.lastHad
	switch {
	case x.last.IsZero() && (x.calls > 0 || !lastCall.IsZero()):
		x.add(Finding{NoCDR, "PBX", fmt.Sprintf("No call detail record has come in %d days, though there were calls.", x.cfg.Days),
			"CDR0 and CDR1 of the PBX do not send here, or nothing lets them through.",
			"At the PBX enter at CDR0 or CDR1 the address of [receiver], type HTTP; open the port in this machine's firewall."})
	case !x.last.IsZero() && lastCall.Sub(x.last) > patience:
		x.add(Finding{NoCDR, "PBX", fmt.Sprintf("The last call detail record came %s before the last call of an agent.", span(lastCall.Sub(x.last))),
			"CDR0 or CDR1 of the PBX was changed, or is full of records that it cannot send.", "Look at CDR0 and CDR1 of the PBX, and at the address and the firewall of this machine."})
	}
	if len(x.lags) < clockLeast {
		return
	}
	least := slices.Min(x.lags)
	if least < -clockAhead {
		x.add(Finding{Clock, "PBX", "Call detail records come before the calls they tell of have ended: the PBX's clock is at least " + AheadOrBehind(-least) + " this machine's.",
			"One of the two does not get its time from a time server, or has another time zone.", "Let both ask the same NTP server; CDRs are in UTC."})
	} else if least > clockBehind {
		x.add(Finding{Clock, "PBX", "No call detail record came sooner than " + span(least) + " after its call: the PBX's clock is behind this machine's, or it sends late.",
			"One of the two does not get its time from a time server; or records wait at the PBX.", "Let both ask the same NTP server; look at the state of CDR0 and CDR1."})
	}
}

func (x *Examination) withoutAudio() {
	for _, name := range slices.Sorted(maps.Keys(x.agents)) {
		a := x.agents[name]
		if a.missing < missingLeast {
			continue
		}
		why := "The telephone was not reachable by the inbox for a moment, or somebody removed the file."
		if a.missing == a.calls {
			why = "His telephone is not set up to record, or drops its captures elsewhere."
		}
		x.add(Finding{NoCapture, "agent " + name, fmt.Sprintf("Of %d calls %d have no audio: no capture came.", a.calls, a.missing),
			why, "Look at the recording URL in the user's settings at the PBX; \"callreel ledger --only no-capture\" names the calls."})
	}
}

func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// middle is the median, zero of none.
func middle(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// AheadOrBehind says how far a clock is off: "5 minutes behind", "3 hours ahead of".
func AheadOrBehind(off time.Duration) string {
	if off < 0 {
		return span(-off) + " behind"
	}
	return span(off) + " ahead of"
}

// span is a time for people.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%.0f seconds", d.Seconds())
}
