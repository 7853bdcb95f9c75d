package setup

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"callreel/internal/secret"
)

// Question is one thing that the operator is asked. Its answer is a key of the setup.
type Question struct {
	Flag         string // of the same on the command line
	Section, Key string
	Ask          string // in the operator's words
	Help         string // what "?" says before the text of doc/config.md
	Suggest      func(d *Draft, i int) string
	Choices      []string
	Needed       bool
	Only         func(d *Draft, i int) bool // nil: always
	Get          func(d *Draft, i int) string
	Put          func(d *Draft, i int, answer string) error
}

// Stage is some questions about one link, which is tried when they are answered.
type Stage struct {
	Title     string
	Section   string // whose checks are run
	List      bool   // there may be several
	Begin     string // "Is there …?"; empty: there is one in any case
	Help      string // what "?" says to that
	Usual     bool   // and what is taken for the answer of who says nothing
	Another   string // "Is there another …?"
	Only      func(d *Draft) bool
	Questions []Question
}

// Stages are all questions in their order.
func Stages() []Stage {
	return []Stage{pbxStage(), asteriskStage(), agentStage(), licenceStage(), reportingStage(), receiverStage(), inboxStage(), archiveStage(), audioStage(), mailStage(), appServerStage()}
}

func suggest(s string) func(*Draft, int) string { return func(*Draft, int) string { return s } }

func pbxStage() Stage {
	return Stage{
		Title: "The PBX tells who speaks to whom, and who is to be recorded.", Section: "pbx", List: true,
		Begin: "Is there an innovaphone PBX?", Usual: true,
		Help: "Without one the agents are named here in the setup, and a call's owner is found by the records and by the SIP in the captures.", Another: "Is there another PBX?",
		Questions: []Question{
			{Flag: "pbx-name", Section: "pbx", Key: "name", Ask: "A name for it, for logs and lamps", Suggest: numbered("pbx", "main")},
			{
				Flag: "pbx-url", Section: "pbx", Key: "url", Ask: "Address of the PBX", Needed: true, Put: putPBX,
				Help: "The IP address or name of the PBX is enough: http and /PBX0/user.soap are added. Begin with https:// if it is to be encrypted.",
			},
			{
				Flag: "pbx-user", Section: "pbx", Key: "user", Ask: "Long name of the user that callreel logs in as", Needed: true,
				Help: "Make a user at the PBX for callreel alone, with a password, and make it an active member of the recording group: active, else it does not see the others.",
			},
			{Flag: "pbx-password", Section: "pbx", Key: "password", Ask: "Its password", Help: "That of the user object, not of the PBX's administrator. It is sealed in the setup."},
			{
				Flag: "pbx-group", Section: "pbx", Key: "group", Ask: "Name of the recording group",
				Help: "Whoever is a member of this group at the PBX is recorded. Without a group everybody is whom the user sees.",
			},
			{Flag: "pbx-standby", Section: "pbx", Key: "standby", Ask: "Host of the standby PBX, if there is one"},
		},
	}
}

// putPBX takes a bare host for the address of its SOAP interface.
func putPBX(d *Draft, i int, answer string) error {
	if !strings.Contains(answer, "://") {
		answer = "http://" + answer
	}
	u, err := url.Parse(answer)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("that is no address; write for instance 192.0.2.1, or https://pbx.example")
	}
	if u.User != nil {
		return errors.New("write the address without user and password; they are asked for by themselves")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/PBX0/user.soap"
	}
	d.Set("pbx", i, "url", u.String())
	return nil
}

func asteriskStage() Stage {
	return Stage{
		Title: "Asterisk writes its call detail records into a file.", Section: "asterisk", List: true,
		Begin: "Is there an Asterisk PBX?", Help: "The file is followed, also over its rotation; see doc/config.md for taking the rows by HTTP.", Another: "Is there another Asterisk?",
		Questions: []Question{
			{Flag: "asterisk-name", Section: "asterisk", Key: "name", Ask: "A name for it, for logs and lamps", Suggest: numbered("asterisk", "asterisk")},
			{Flag: "asterisk-file", Section: "asterisk", Key: "file", Ask: "Its file of call detail records", Suggest: suggest("/var/log/asterisk/cdr-csv/Master.csv")},
			{
				Flag: "asterisk-trunks", Section: "asterisk", Key: "trunks", Ask: "The channels that lead outside, separated by commas",
				Help: "For instance PJSIP/provider, IAX2/*. Name them all: without it a call over one is taken as internal.",
				Get:  getList("asterisk", "trunks"), Put: putList("asterisk", "trunks"),
			},
		},
	}
}

// numbered suggests a name for the first of a list, and numbers the others.
func numbered(section, name string) func(*Draft, int) string {
	return func(d *Draft, i int) string {
		for n := i; ; n++ {
			want := name
			if n > 0 {
				want = section + strconv.Itoa(n+1)
			}
			taken := false
			for j := range d.Len(section) {
				taken = taken || j != i && d.Text(section, j, "name") == want
			}
			if !taken {
				return want
			}
		}
	}
}

func split(answer string) []string {
	return strings.FieldsFunc(answer, func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
}

func getList(section, key string) func(*Draft, int) string {
	return func(d *Draft, i int) string {
		list, _ := d.Get(section, i, key).([]any)
		var parts []string
		for _, e := range list {
			parts = append(parts, fmt.Sprint(e))
		}
		return strings.Join(parts, ", ")
	}
}

func putList(section, key string) func(*Draft, int, string) error {
	return func(d *Draft, i int, answer string) error {
		var list []any
		for _, part := range split(answer) {
			list = append(list, part)
		}
		if list == nil {
			d.Set(section, i, key, nil)
		} else {
			d.Set(section, i, key, list)
		}
		return nil
	}
}

// agentStage is for where no PBX names them.
func agentStage() Stage {
	return Stage{
		Title: "No PBX link says who is to be recorded.", Section: "agent",
		Only: func(d *Draft) bool { return d.Len("pbx") == 0 },
		Questions: []Question{{
			Flag: "agents", Section: "", Key: "agents", Ask: `Extensions that are recorded, separated by commas, or "all"`, Needed: true,
			Get: func(d *Draft, _ int) string {
				var numbers []string
				for i := range d.Len("agent") {
					numbers = append(numbers, d.Text("agent", i, "number"))
				}
				if len(numbers) > 0 {
					return strings.Join(numbers, ", ")
				}
				return d.Text("", -1, "agents")
			},
			Put: putAgents,
		}},
	}
}

func putAgents(d *Draft, _ int, answer string) error {
	if answer == "all" {
		d.Set("", -1, "agents", "all")
		return nil
	}
	want := split(answer)
	have := map[string]bool{}
	for i := d.Len("agent") - 1; i >= 0; i-- {
		number := d.Text("agent", i, "number")
		if have[number] = true; number != "" && !slices.Contains(want, number) {
			d.Remove("agent", i)
		}
	}
	for _, number := range want {
		if !have[number] { // who is there already keeps his name
			d.Set("agent", d.Add("agent"), "number", number)
		}
	}
	d.Set("", -1, "agents", nil)
	return nil
}

func licenceStage() Stage {
	return Stage{
		Title: "Licences: for how many agents there are any.", Section: "licence",
		Only: func(d *Draft) bool { return d.Len("pbx") > 0 },
		Questions: []Question{{
			Flag: "licence-count", Section: "licence", Key: "count", Ask: `How many: "unlimited", a number, or "pbx" to ask the PBX`, Suggest: suggest("unlimited"),
			Get: func(d *Draft, _ int) string {
				if v := d.Get("licence", -1, "count"); v != nil {
					return fmt.Sprint(v)
				}
				return ""
			},
			Put: func(d *Draft, _ int, answer string) error {
				n, err := strconv.ParseInt(answer, 10, 64)
				switch {
				case err == nil && n >= 0:
					d.Set("licence", -1, "count", n)
				case answer == "unlimited":
					d.Set("licence", -1, "count", nil)
				case answer == "pbx":
					d.Set("licence", -1, "count", answer)
				default:
					return errors.New(`answer "unlimited", "pbx" or a number`)
				}
				return nil
			},
		}, {
			Flag: "licence-name", Section: "licence", Key: "name", Ask: "What the licence is called in the PBX's list", Suggest: suggest("Recording"),
			Only: func(d *Draft, _ int) bool { return d.Text("licence", -1, "count") == "pbx" },
		}},
	}
}

func reportingStage() Stage {
	return Stage{
		Title: "Reporting is asked for records that did not come from the PBX itself.", Section: "reporting", List: true,
		Begin: "Is there a Reporting server?", Help: "It is not needed where the PBX sends its records to this machine, and makes up for records that were lost on their way.", Another: "Is there another Reporting server?",
		Questions: []Question{
			{Flag: "reporting-name", Section: "reporting", Key: "name", Ask: "A name for it, for logs and lamps", Suggest: numbered("reporting", "reporting")},
			{
				Flag: "reporting-url", Section: "reporting", Key: "url", Ask: "Address by which it shows the records of a call as XML", Needed: true,
				Help: "With {conf} in place of the conference id, for instance http://192.0.2.3/ap/report?conf={conf}. Try it in a browser before.",
			},
			{Flag: "reporting-user", Section: "reporting", Key: "user", Ask: "User, if it asks for one"},
			{Flag: "reporting-password", Section: "reporting", Key: "password", Ask: "Its password", Only: has("reporting", "user")},
			{Flag: "reporting-standby", Section: "reporting", Key: "standby", Ask: "Host of the standby Reporting, if there is one"},
		},
	}
}

func has(section, key string) func(*Draft, int) bool {
	return func(d *Draft, i int) bool { return d.Text(section, i, key) != "" }
}

func receiverStage() Stage {
	return Stage{
		Title: "The PBX sends a call detail record of each call to this machine.", Section: "receiver",
		Questions: []Question{
			{
				Flag: "receiver-listen", Section: "receiver", Key: "listen", Ask: "Address and port to take them at",
				Help: "0.0.0.0:8901 takes them from the whole network, 127.0.0.1:8901 from this machine alone. Open the port in the firewall.",
				Suggest: func(d *Draft, _ int) string {
					for i := range d.Len("pbx") {
						if u, err := url.Parse(d.Text("pbx", i, "url")); err == nil && !isLoopback(u.Hostname()) {
							return "0.0.0.0:8901"
						}
					}
					return "127.0.0.1:8901"
				},
				Put: func(d *Draft, i int, answer string) error {
					if _, _, err := net.SplitHostPort(answer); err != nil {
						return errors.New("write address and port, for instance 0.0.0.0:8901")
					}
					d.Set("receiver", i, "listen", answer)
					return nil
				},
			},
			{Flag: "receiver-user", Section: "receiver", Key: "user", Ask: "User that the PBX has to give, if any", Help: "User and password are then entered at the PBX too, beside the URL. Without them whoever reaches the port can send records."},
			{Flag: "receiver-password", Section: "receiver", Key: "password", Ask: "Its password", Only: has("receiver", "user"), Needed: true},
		},
	}
}

func inboxStage() Stage {
	return Stage{
		Title: "Phones and gateways put their captures into the inbox.", Section: "inbox", List: true, Another: "Is there another inbox?",
		Questions: []Question{
			{Flag: "inbox-name", Section: "inbox", Key: "name", Ask: "A name for it, never to be changed", Needed: true, Suggest: numbered("inbox", "phones")},
			{
				Flag: "inbox", Section: "inbox", Key: "url", Ask: "Where the captures are: a WebDAV address (http...), or a folder", Needed: true, Put: putInbox,
				Help: "The same that is set up as the recording's URL at the phones. A folder may lie on this machine or on a drive that is mounted here.",
				Get: func(d *Draft, i int) string {
					if p := d.Text("inbox", i, "path"); p != "" {
						return p
					}
					return d.Text("inbox", i, "url")
				},
			},
			{Flag: "inbox-user", Section: "inbox", Key: "user", Ask: "User, if it asks for one", Only: has("inbox", "url")},
			{Flag: "inbox-password", Section: "inbox", Key: "password", Ask: "Its password", Only: func(d *Draft, i int) bool { return has("inbox", "url")(d, i) && has("inbox", "user")(d, i) }},
			{
				Flag: "inbox-recorded-on", Section: "inbox", Key: "recorded_on", Ask: "What writes the captures: phone or gateway", Choices: []string{"phone", "gateway"}, Suggest: suggest("phone"),
				Help: "It decides which side of a recording is the agent's.",
			},
		},
	}
}

func putInbox(d *Draft, i int, answer string) error {
	if !strings.HasPrefix(answer, "http://") && !strings.HasPrefix(answer, "https://") {
		d.Set("inbox", i, "url", nil)
		d.Set("inbox", i, "path", answer)
		return nil
	}
	u, err := url.Parse(answer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return errors.New("that is no address of a folder; write for instance https://pbx.example/recordings/, without user and password")
	}
	d.Set("inbox", i, "path", nil)
	d.Set("inbox", i, "url", answer)
	return nil
}

func archiveStage() Stage {
	return Stage{
		Title: "Recordings are filed in the archive, a folder for each month.", Section: "archive",
		Questions: []Question{
			{Flag: "archive", Section: "archive", Key: "path", Ask: "Folder of the recordings", Needed: true, Help: "On a disk with room: an hour of talk takes about 58 MB as WAV and 14 MB as MP3."},
			{Flag: "backup", Section: "archive", Key: "backup", Ask: "Folder of the copies, best on another disk", Help: "Each recording is copied there at once. The folder must be there already: it may be a drive that is not mounted."},
		},
	}
}

func mailStage() Stage {
	written := has("alarm.mail", "server")
	return Stage{
		Title: "Somebody can be written to when something is wrong.", Section: "alarm.mail",
		Questions: []Question{
			{Flag: "mail-server", Section: "alarm.mail", Key: "server", Ask: "Mail server, if anybody is written to", Help: "Host, or host:port. Enter for none."},
			{Flag: "mail-from", Section: "alarm.mail", Key: "from", Ask: "Mail address that it comes from", Only: written, Needed: true},
			{Flag: "mail-to", Section: "alarm.mail", Key: "to", Ask: "Mail addresses that it goes to, separated by commas", Only: written, Needed: true, Get: getList("alarm.mail", "to"), Put: putList("alarm.mail", "to")},
			{Flag: "mail-security", Section: "alarm.mail", Key: "security", Ask: "starttls, tls or none", Only: written, Choices: []string{"starttls", "tls", "none"}, Suggest: suggest("starttls")},
			{Flag: "mail-user", Section: "alarm.mail", Key: "user", Ask: "User, if the server asks for one", Only: written},
			{Flag: "mail-password", Section: "alarm.mail", Key: "password", Ask: "Its password", Only: has("alarm.mail", "user"), Needed: true},
		},
	}
}

func appServerStage() Stage {
	return Stage{
		Title: "An AppServer is told of the agents' calls, and lets them be played.", Section: "appserver",
		Questions: []Question{{
			Flag: "appserver", Section: "appserver", Key: "address", Ask: "Its address, host:port, if there is one",
			Help: "Only for a booking or ticketing system that knows the protocol; Enter for none.",
		}},
	}
}

func audioStage() Stage {
	return Stage{
		Title: "Form of the recordings.",
		Questions: []Question{
			{Flag: "format", Section: "audio", Key: "format", Ask: "wav or mp3", Choices: []string{"wav", "mp3", "pcap"}, Suggest: suggest("wav")},
			{
				Flag: "encrypt-audio", Section: "keys", Key: "encrypt_audio", Ask: "Seal the audio too: yes or no", Choices: []string{"yes", "no"}, Suggest: suggest("no"),
				Help: "What is known of a call is always sealed. With yes the audio is too, and opens on the page or with \"callreel decrypt\" alone.",
				Get: func(d *Draft, _ int) string {
					switch d.Get("keys", -1, "encrypt_audio") {
					case true:
						return "yes"
					case false:
						return "no"
					}
					return ""
				},
				Put: func(d *Draft, _ int, answer string) error {
					d.Set("keys", -1, "encrypt_audio", answer == "yes")
					return nil
				},
			},
			{Flag: "timezone", Section: "", Key: "timezone", Ask: "Time zone of names and lists, for instance Europe/Rome; empty for the machine's"},
		},
	}
}

// get is the present answer, "" if there is none. That of a password is not shown.
func (q Question) get(d *Draft, i int) string {
	if q.Get != nil {
		return q.Get(d, i)
	}
	return d.Text(q.Section, i, q.Key)
}

// put takes an answer over.
func (q Question) put(d *Draft, i int, answer string) error {
	if len(q.Choices) > 0 && !slices.Contains(q.Choices, answer) {
		return fmt.Errorf("answer one of: %s", strings.Join(q.Choices, ", "))
	}
	if secret.IsSecret(q.Key) && secret.IsSealed(answer) {
		return fmt.Errorf("a password cannot begin with %q: that is how sealed ones do", secret.Mark)
	}
	if q.Put != nil {
		return q.Put(d, i, answer)
	}
	d.Set(q.Section, i, q.Key, answer)
	return nil
}
