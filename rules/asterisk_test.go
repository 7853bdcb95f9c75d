package rules_test

import (
	"fmt"
	"testing"
	"time"

	"callreel/cdr"
	"callreel/internal/recording"
	"callreel/rules"
)

// TestAsterisk asks whose the calls are that an Asterisk PBX tells of. 24 and 25 are
// agents, 31 is none, "provider" is the trunk; the rows are those of cdr_csv with
// everything switched on.
func TestAsterisk(t *testing.T) {
	const stamps = `"2026-11-21 12:00:00","2026-11-21 12:00:04","2026-11-21 12:02:40",160,156,"ANSWERED","DOCUMENTATION"`
	const unanswered = `"2026-11-21 12:00:00","","2026-11-21 12:00:20",20,0,"NO ANSWER","DOCUMENTATION"`
	const busy = `"2026-11-21 12:00:00","","2026-11-21 12:00:00",0,0,"BUSY","DOCUMENTATION"`
	const second = `"2026-11-21 12:01:00","2026-11-21 12:01:00","2026-11-21 12:02:40",100,100,"ANSWERED","DOCUMENTATION"`
	const ids = `"1795262400.10","","","1795262400.10",%d`
	row := func(src, dst, channel, dstchannel, app, data, times string, n int) string {
		return fmt.Sprintf(`"","%s","%s","office","""Name"" <%s>","%s","%s","%s","%s",%s,`+ids, src, dst, src, channel, dstchannel, app, data, times, n)
	}
	for _, tt := range []struct {
		what string
		rows []string
		want string
	}{
		{"from outside to an agent", []string{
			row("0012345", "24", "PJSIP/provider-00000001", "PJSIP/24-00000002", "Dial", "PJSIP/24,20", stamps, 1),
		}, "keep 24 i 0012345 ring 4 by agent-took-part"},
		{"from outside to a user", []string{
			row("0012345", "31", "PJSIP/provider-00000001", "PJSIP/31-00000002", "Dial", "PJSIP/31,20", stamps, 1),
		}, "discard by no-agent"},
		{"an agent calls outside, with a prefix", []string{
			row("24", "90012345", "PJSIP/24-00000001", "PJSIP/provider-00000002", "Dial", "PJSIP/0012345@provider,60", stamps, 1),
		}, "keep 24 o 0012345 ring 4 by agent-took-part"},
		{"an agent whose caller id is the company's number", []string{
			row("04711000", "0012345", "PJSIP/24-00000001", "PJSIP/provider-00000002", "Dial", "PJSIP/0012345@provider,60", stamps, 1),
		}, "keep 24 o 0012345 ring 4 by agent-took-part"},
		{"a user calls outside", []string{
			row("31", "0012345", "PJSIP/31-00000001", "PJSIP/provider-00000002", "Dial", "PJSIP/0012345@provider,60", stamps, 1),
		}, "discard by no-agent"},
		{"agent to agent: the called one", []string{
			row("24", "25", "PJSIP/24-00000001", "PJSIP/25-00000002", "Dial", "PJSIP/25,20", stamps, 1),
		}, "keep 25 i 24 ring 4 by agent-took-part"},
		{"an agent does not answer, then a user does", []string{
			row("0012345", "24", "PJSIP/provider-00000001", "PJSIP/24-00000002", "Dial", "PJSIP/24,20", unanswered, 1),
			row("0012345", "24", "PJSIP/provider-00000001", "PJSIP/31-00000003", "Dial", "PJSIP/31,20", second, 2),
		}, "keep 24 i 0012345 ring 60 by agent-took-part"},
		{"an agent is busy, then a user answers", []string{
			row("0012345", "24", "PJSIP/provider-00000001", "PJSIP/24-00000002", "Dial", "PJSIP/24,20", busy, 1),
			row("0012345", "24", "PJSIP/provider-00000001", "PJSIP/31-00000003", "Dial", "PJSIP/31,20", second, 2),
		}, "discard by no-agent"},
		{"a group: the agent who answers", []string{
			row("0012345", "600", "PJSIP/provider-00000001", "PJSIP/24-00000002", "Dial", "PJSIP/24&PJSIP/25,20", unanswered, 1),
			row("0012345", "600", "PJSIP/provider-00000001", "PJSIP/25-00000003", "Dial", "PJSIP/24&PJSIP/25,20", stamps, 2),
		}, "keep 25 i 0012345 ring 4 by agent-took-part"},
		{"a group: a user answers", []string{
			row("0012345", "600", "PJSIP/provider-00000001", "PJSIP/24-00000002", "Dial", "PJSIP/24&PJSIP/31,20", unanswered, 1),
			row("0012345", "600", "PJSIP/provider-00000001", "PJSIP/31-00000003", "Dial", "PJSIP/24&PJSIP/31,20", stamps, 2),
		}, "discard by no-agent"},
		{"a queue, whose members are reached by Local channels", []string{
			row("0012345", "700", "PJSIP/provider-00000001", "Local/25@agents-00000001;1", "Queue", "700,t", stamps, 1),
			row("0012345", "25", "Local/25@agents-00000001;2", "PJSIP/25-00000004", "Dial", "PJSIP/25,20", stamps, 2),
		}, "keep 25 i 0012345 ring 4 by agent-took-part"},
		{"passed on without a word: who had it first", []string{
			row("0012345", "24", "PJSIP/provider-00000001", "PJSIP/24-00000002", "Dial", "PJSIP/24,20", stamps, 1),
			row("0012345", "25", "PJSIP/provider-00000001", "PJSIP/25-00000005", "Dial", "PJSIP/25,20", second, 2),
		}, "keep 24 i 0012345 ring 4 by agent-took-part"},
		{"a caller who withholds his number", []string{
			row("anonymous", "24", "PJSIP/provider-00000001", "PJSIP/24-00000002", "Dial", "PJSIP/24,20", stamps, 1),
		}, "keep 24 i unknown ring 4 by agent-took-part"},
		{"the telephone of another agent, whose name it has, took what was dialled to the first", []string{
			row("0012345", "24", "PJSIP/provider-00000001", "PJSIP/verdi-00000002", "Dial", "PJSIP/verdi,20", stamps, 1),
		}, "keep 25 i 0012345 ring 4 by agent-took-part"},
		{"a user inside calls a queue, and an agent answers", []string{
			row("31", "700", "PJSIP/31-00000001", "PJSIP/25-00000003", "Queue", "700,t", stamps, 1),
		}, "keep 25 i 31 ring 4 by agent-took-part"},
		{"only a menu answers", []string{
			row("0012345", "s", "PJSIP/provider-00000001", "", "Playback", "welcome", stamps, 1),
		}, "discard by no-agent"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			dialect := cdr.Asterisk{Trunks: []string{"PJSIP/provider"}}
			rec := recording.Recording{Capture: recording.Capture{Conf: recording.ConfIDOfUnique("1795262400.10")}}
			for _, line := range tt.rows {
				parsed, err := dialect.Parse(line)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range parsed {
					rec.Call.CDRs = append(rec.Call.CDRs, p.CDR)
				}
			}
			v := rules.First().Decide(rec, rules.Facts{
				Now: time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC), Agents: []recording.Agent{{E164: "24"}, {E164: "25", CN: "verdi"}},
			})
			if got := outcome(v); got != tt.want {
				t.Errorf("got %s (%s)\nwant %s", got, v.Reason, tt.want)
			}
		})
	}
}
