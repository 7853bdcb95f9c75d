package recording

import "time"

// Twin is another capture of the same conference: one call that was recorded twice, by
// a phone and by the gateway for instance.
type Twin struct {
	ID         ID         `json:"id"`
	UID        string     `json:"uid"`
	MAC        string     `json:"mac,omitempty"`
	RegName    string     `json:"reg_name,omitempty"`
	RecordedOn RecordedOn `json:"recorded_on,omitempty"`
	State      State      `json:"state"` // when it was looked at
	Rule       string     `json:"rule,omitempty"`
	Owner      Agent      `json:"owner,omitzero"`
	Name       string     `json:"name,omitempty"` // under which it is filed
	Start      time.Time  `json:"start,omitzero"` // of its audio
	Seconds    float64    `json:"seconds,omitempty"`
	// Safe says that it is filed and its file was there when it was looked at.
	Safe bool `json:"safe,omitempty"`
}

// TwinOf is what another recording of the same conference is told of this one.
func TwinOf(r Recording) Twin {
	return Twin{
		ID: r.ID, UID: r.Capture.UID, MAC: r.Capture.MAC, RegName: r.Capture.RegName, RecordedOn: r.Capture.RecordedOn,
		State: r.State, Rule: r.Verdict.Rule, Owner: r.Verdict.Owner, Name: r.Name, Start: r.Audio.Start, Seconds: r.Audio.DurationS,
	}
}
