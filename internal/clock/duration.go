package clock

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that a setup file holds as text: "15s", "1m30s".
type Duration time.Duration

// UnmarshalText reads Go's notation; negative durations are refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%.40q is no duration; write for instance \"15s\" or \"1m30s\"", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes Go's notation.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}
