package doctor

// Assumption is something that callreel takes for true of a PBX although no public
// document says so. Each is one setting, or one place in the program.
type Assumption struct {
	About   string `json:"about"`
	Assumed string `json:"assumed"`
	Change  string `json:"change"` // the setting that changes it, or "none"
	Check   string `json:"check"`  // how to see whether it holds here
}

// Assumptions lists them, by what they are about.
func Assumptions() []Assumption {
	return []Assumption{
		{"capture names", "<conference id>-<mac>-<serial>(-<registration>), with or without .pcap; from V10 the conference id alone", "correlate of [[inbox]] for others", "the name of a file in the inbox while a call is recorded"},
		{"conference ids", "an id of 31 digits has lost a leading zero", "none", "\"callreel explain\" of a call whose file name has 31"},
		{"capture content", "voice from UDP port 16386 is the device's local side, from 16388 the remote side; a trunk's local side is the outside leg", "recorded_on, gateway_macs and swap of [[inbox]]", "listen: the external party is on the left"},
		{"capture content", "the SIP in a capture is of its own call; codec changes are told in it or by the packets", "none", "recordings that are set aside as unsupported"},
		{"capture content", "digits are RFC 4733 events", "none", "dial some in a recorded call: the sidecar lists them"},
		{"files that are written", "nothing shows that a file is open; it is whole when the PBX shows no leg of its call and its size stands still", "settle of [[inbox]]", "a call with a long hold is one recording"},
		{"SOAP polls", "a Poll waits until something happens, and at most poll_timeout", "poll_timeout of [[pbx]]", "the log does not show a session lost every few minutes"},
		{"SOAP events", "users come before calls in an answer, and the order in it is the order of the events", "none", "lamp PBX green, and \"callreel status\" shows calls in recording"},
		{"SOAP events", "each call ends with the message del", "none", "\"callreel status\" shows no call in recording that is over"},
		{"SOAP version", "every PBX from V10 on speaks version v10", "wire of [[pbx]]", "lamp PBX green"},
		{"licences", "the licence is called \"Recording\" in the PBX's list, and the list is at the path that is set up", "name and path of [licence]", "lamp SOFTWARE names the licences there are"},
		{"CDR times", "utc is the time of the first event, and of the others only the differences count", "none", "ring time and length in the list of recordings"},
		{"CDRs", "their link to a capture is the conference id, and nothing else", "correlate of [[inbox]]", "captures in quarantine although CDRs come"},
		{"CDRs of queues and groups", "ringing in a waiting queue or a broadcast group is no call of an agent who does not answer", "ownership of [rules]", "\"callreel explain\" of a call that a group took"},
		{"Reporting", "a URL with the conference id, or time and number, answers XML with <cdr> elements", "url and time_format of [[reporting]]", "lamp REPORTING green, and \"callreel explain\" names CDRs as asked for"},
		{"marks", "files TCR-<n>_<n>.txt and TCA-<n>_<n>.txt in the folders TCR and TMP", "inbox_folders and archive_folders of [marks]", "mark a call: the list shows its star"},
		{"voicemail scripts", "the element exec calls a URL", "mark_path of [receiver]", "call the script and look at the event log"},
		{"TAN", "a number of prefix and six digits in a CDR of the agent", "prefix of [tan]", "the name of a file ends in _T and six digits"},
		{"recording by key", "such a call has a record of the trunk and of the announcement", "manual.trunk and manual.announcement of the rules' file", "the recording has one channel and the other call's number"},
		{"sidecars of the recorder before", "their content and key are not known; they show as unknown", "none", "none"},
	}
}
