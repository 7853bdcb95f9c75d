package convert

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"callreel/internal/media/srtp"
	"callreel/internal/recording"
)

// Channels says which sides go into the file, and how.
type Channels string

// The choices. The zero value means Stereo.
const (
	Stereo   Channels = "stereo"   // external or caller left, internal right
	Mono     Channels = "mono"     // both sides mixed
	Internal Channels = "internal" // the internal side alone
	External Channels = "external" // the external side alone
)

func allChannels() []Channels { return []Channels{Stereo, Mono, Internal, External} }

// Wideband says what becomes of a call of which a side is wider than 8 kHz.
type Wideband string

// The choices. The zero value means WidePCM.
const (
	WidePCM  Wideband = "pcm16" // 16-bit samples at 16 kHz, both sides
	WideG711 Wideband = "g711"  // G.711 at 8 kHz, what is above 3.4 kHz is lost
)

func allWidebands() []Wideband { return []Wideband{WidePCM, WideG711} }

// Conceal says what is to be heard where packets were lost.
type Conceal string

// The choices. The zero value means Likely.
const (
	Likely Conceal = "likely"  // what was most likely said, marked as concealed
	Silent Conceal = "silence" // nothing: evidence
)

func allConceals() []Conceal { return []Conceal{Likely, Silent} }

// Options says how to convert. The zero value is good: stereo, G.711, recorded
// on a phone.
type Options struct {
	Format     Format
	Bitrate    int // of an MP3 at 8 kHz in kbit/s; 0 is 16 a channel
	Channels   Channels
	PCM        bool // 16-bit linear samples instead of G.711
	Wideband   Wideband
	Conceal    Conceal
	RecordedOn recording.RecordedOn // which side of the device is the internal one
	// Swap turns the sides round, except where a number in Numbers decided.
	Swap bool
	// Call is which call of a capture that holds several is wanted, from 1 on; 0 is
	// the first. Together puts all on one timeline: the capture is known to be of
	// one call.
	Call     int
	Together bool
	Numbers  []string // numbers known to be internal, for instance the agents'
	NoPeaks  bool     // nobody wants Audio.Peaks
	Version  string   // of the program, for Audio.Converter
	// Keys are of SRTP, for captures of which the signalling does not say them.
	Keys []srtp.Key
	// Outside decodes what is not built in; nil where nothing does.
	Outside Outside

	decode decodeOutside // Outside's, for one conversion
}

// Validate reports a choice that does not exist.
func (o Options) Validate() error {
	if o.Channels != "" && !slices.Contains(allChannels(), o.Channels) {
		return fmt.Errorf("channels %q: must be one of stereo, mono, internal, external", o.Channels)
	}
	if o.Wideband != "" && !slices.Contains(allWidebands(), o.Wideband) {
		return fmt.Errorf("wideband %q: must be one of pcm16, g711", o.Wideband)
	}
	if o.Conceal != "" && !slices.Contains(allConceals(), o.Conceal) {
		return fmt.Errorf("conceal %q: must be one of likely, silence", o.Conceal)
	}
	if o.Call < 0 {
		return fmt.Errorf("call %d: calls are counted from 1", o.Call)
	}
	if err := cmp.Or(validFormat(o.Format, o.PCM), validBitrate(o.Format, o.Bitrate, o.Channels)); err != nil {
		return err
	}
	switch o.RecordedOn {
	case "", recording.OnPhone, recording.OnGateway:
		return nil
	}
	return fmt.Errorf("recorded_on %q: must be phone or gateway", o.RecordedOn)
}

// Config is the section [audio] of the setup.
type Config struct {
	Format   Format   `toml:"format"`   // wav, mp3, pcap
	Bitrate  int      `toml:"bitrate"`  // of an MP3 at 8 kHz in kbit/s; 0 is 16 a channel
	Channels Channels `toml:"channels"` // stereo, mono, internal, external
	PCM      bool     `toml:"pcm"`      // 16-bit samples: twice the space, for players without G.711
	Wideband Wideband `toml:"wideband"` // pcm16 (16 kHz, four times the space), g711
	Conceal  Conceal  `toml:"conceal"`  // lost packets: likely, silence
}

// DefaultConfig is what holds where the setup says nothing.
func DefaultConfig() Config {
	return Config{Format: WAV, Channels: Stereo, Wideband: WidePCM, Conceal: Likely}
}

// Validate reports the first value that is not allowed, by its key.
func (c Config) Validate() error {
	if c.Format == "" {
		return errors.New("audio.format is empty: must be one of wav, mp3, pcap")
	}
	if c.Format == PCAP {
		return c.asItCame()
	}
	if err := validFormat(c.Format, c.PCM); err != nil {
		return fmt.Errorf("audio.%w, pcap", err)
	}
	if !slices.Contains(allChannels(), c.Channels) {
		return fmt.Errorf("audio.channels %q: must be one of stereo, mono, internal, external", c.Channels)
	}
	if !slices.Contains(allWidebands(), c.Wideband) {
		return fmt.Errorf("audio.wideband %q: must be one of pcm16, g711", c.Wideband)
	}
	if !slices.Contains(allConceals(), c.Conceal) {
		return fmt.Errorf("audio.conceal %q: must be one of likely, silence", c.Conceal)
	}
	if err := validBitrate(c.Format, c.Bitrate, c.Channels); err != nil {
		return fmt.Errorf("audio.%w", err)
	}
	return nil
}

// asItCame refuses what changes the audio where the capture itself is filed.
func (c Config) asItCame() error {
	switch {
	case c.Bitrate != 0:
		return fmt.Errorf("audio.bitrate %d: is for mp3, a pcap is filed as it came", c.Bitrate)
	case c.PCM:
		return errors.New("audio.pcm: is for wav, a pcap is filed as it came")
	case c.Channels != Stereo && c.Channels != "":
		return fmt.Errorf("audio.channels %q: is for wav and mp3, a pcap is filed as it came", c.Channels)
	}
	return nil
}
