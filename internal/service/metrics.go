package service

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"callreel/internal/recording"
)

// metrics writes figures in the text format of Prometheus, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
type metrics struct{ b strings.Builder }

// family begins figures of one name.
func (m *metrics) family(name, kind, help string) {
	fmt.Fprintf(&m.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// value writes one figure; labels are names and values in turn.
func (m *metrics) value(name string, v float64, labels ...string) {
	m.b.WriteString(name)
	between := "{"
	for i := 0; i+1 < len(labels); i += 2 {
		fmt.Fprintf(&m.b, `%s%s="%s"`, between, labels[i], labelText.Replace(labels[i+1]))
		between = ","
	}
	if len(labels) > 1 {
		m.b.WriteString("}")
	}
	fmt.Fprintf(&m.b, " %s\n", figure(v))
}

var labelText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func figure(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// one is a family of one figure.
func (m *metrics) one(name, kind, help string, v float64) {
	m.family(name, kind, help)
	m.value(name, v)
}

func (m *metrics) histogram(name, help string, bounds []float64, h histogram) {
	m.family(name, "histogram", help)
	total := 0
	for i, bound := range append(slices.Clone(bounds), math.Inf(1)) {
		total += h.counts[i]
		m.value(name+"_bucket", float64(total), "le", figure(bound))
	}
	m.value(name+"_sum", h.sum)
	m.value(name+"_count", float64(h.n))
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// writeMetrics writes all figures. No label holds what tells of people or files. While
// the catalog cannot be asked its figures are missing.
func (s *Service) writeMetrics(ctx context.Context, w io.Writer) error {
	var m metrics
	m.family("callreel_info", "gauge", "Which callreel this is.")
	m.value("callreel_info", 1, "version", s.version, "mode", s.rules.Mode())
	m.one("callreel_start_time_seconds", "gauge", "When the recorder started, in seconds since 1970.", float64(s.started.UnixMilli())/1000)
	m.one("callreel_checks_total", "counter", "How often inboxes were looked at.", float64(s.checks.Load()))
	st := Status{Now: s.clock.Now().UTC()}
	err := s.count(ctx, &st)
	m.one("callreel_catalog_up", "gauge", "1 while the catalog can be asked.", flag(err == nil))
	if err == nil {
		st.metrics(&m)
	}
	for _, c := range []struct {
		name, help string
		state      recording.State
	}{
		{"callreel_filed_total", "Recordings filed since the start.", recording.Filed},
		{"callreel_discarded_total", "Captures not kept since the start.", recording.Discarded},
		{"callreel_quarantined_total", "Captures put into quarantine since the start.", recording.Quarantined},
		{"callreel_unusable_total", "Captures set aside as unusable since the start.", recording.Unusable},
	} {
		m.one(c.name, "counter", c.help, float64(s.tallies.count(c.state)))
	}
	m.histogram("callreel_filing_lag_seconds", "From the end of a call to its recording's filing.", lagBounds(), s.tallies.lags())
	s.healthMetrics(&m)
	_, err = io.WriteString(w, m.b.String())
	return err
}

// metrics are the figures that the catalog counts.
func (st Status) metrics(m *metrics) {
	m.one("callreel_channels_recording", "gauge", "Captures that are being written.", float64(st.Channels))
	m.one("callreel_queue", "gauge", "Steps that are due.", float64(st.Queue))
	m.one("callreel_countdowns", "gauge", "Recordings that wait for a time to come.", float64(st.Waiting))
	m.family("callreel_recordings", "gauge", "Recordings in the catalog by state.")
	for _, state := range recording.States() {
		m.value("callreel_recordings", float64(st.Counts[state]), "state", string(state))
	}
}

func (s *Service) healthMetrics(m *metrics) {
	lamps := s.lamps.All()
	m.family("callreel_lamp_red", "gauge", "1 where a lamp is red.")
	for _, l := range lamps {
		m.value("callreel_lamp_red", flag(l.Light == Red), "lamp", string(l.Lamp))
	}
	m.family("callreel_lamp_configured", "gauge", "0 where nothing of the kind is set up.")
	for _, l := range lamps {
		m.value("callreel_lamp_configured", flag(l.Light != Grey), "lamp", string(l.Lamp))
	}
	m.family("callreel_lamp_errors_total", "counter", "Errors of a lamp since the start.")
	for _, l := range lamps {
		m.value("callreel_lamp_errors_total", float64(l.Count), "lamp", string(l.Lamp))
	}
	a := s.Alarm()
	m.family("callreel_master_alarm", "gauge", "1 for the state the master alarm is in.")
	for _, state := range []string{AlarmStarting, AlarmArmed, AlarmLatched, AlarmOff} {
		m.value("callreel_master_alarm", flag(a.State == state), "state", state)
	}
	ways := slices.Sorted(maps.Keys(a.Ways))
	if len(ways) > 0 {
		m.family("callreel_alarm_messages_waiting", "gauge", "Messages of the master alarm that could not be delivered yet.")
		for _, way := range ways {
			m.value("callreel_alarm_messages_waiting", float64(len(a.Ways[way].Messages)), "way", way)
		}
	}
	if links := s.links.list(); len(links) > 0 {
		m.family("callreel_pbx_up", "gauge", "1 while the link to a PBX is up.")
		for _, l := range links {
			m.value("callreel_pbx_up", flag(l.Up), "pbx", l.Name)
		}
	}
	s.roomMetrics(m)
}

func (s *Service) roomMetrics(m *metrics) {
	disk, backup := s.rooms()
	if disk == nil && backup == nil {
		return
	}
	m.family("callreel_disk_free_bytes", "gauge", "Room that is left on a disk.")
	if disk != nil {
		m.value("callreel_disk_free_bytes", float64(disk.Free), "disk", "archive")
	}
	if backup != nil {
		m.value("callreel_disk_free_bytes", float64(backup.Free), "disk", "backup")
	}
}
