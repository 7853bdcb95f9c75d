package recording

import "time"

// MarkKind is what a mark asks for.
type MarkKind string

// The two kinds.
const (
	MarkKeep MarkKind = "keep" // TCR: keep this call
	MarkSkip MarkKind = "skip" // TCA: do not keep it
)

// MarkByScript is From of what a script of the PBX said by HTTP. The conference that it
// names may be that of the call to the script itself.
const MarkByScript = "http"

// Mark is what an agent said of a call of his, by a file, by HTTP or by a command.
type Mark struct {
	ID     int64     `json:"id"`
	Kind   MarkKind  `json:"kind"`
	Number string    `json:"number"`          // of the agent, as it was written
	Conf   ConfID    `json:"conf,omitempty"`  // the call meant, where that was said
	At     time.Time `json:"at"`              // when it was made, by this machine's clock as far as that is known
	From   string    `json:"from,omitempty"`  // the way it came
	After  ConfID    `json:"after,omitempty"` // the ended call that it has gone to
}

// Draw is what the counters of random recording said of a call. The catalog counts
// on when it saves the verdict, and only if they say the same then.
type Draw struct {
	Agent  string `json:"agent"`            // whose counter it is
	System int64  `json:"system"`           // the system's counter before the call
	Own    int64  `json:"own"`              // the agent's before the call
	Counts bool   `json:"counts,omitempty"` // the system's counter goes on
	// CountsOwn says that the agent's goes on: the system's has let the call pass.
	CountsOwn bool `json:"counts_own,omitempty"`
}
