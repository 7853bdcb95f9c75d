package service_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"callreel/internal/recording"
	"callreel/internal/service"
)

// TestAgentsChange: who becomes an agent, or is one no longer, counts for the next call.
func TestAgentsChange(t *testing.T) {
	t.Parallel()
	cfg := plain(t)
	cfg.Agent = []service.AgentConfig{{Number: "99"}}
	s := running(t, cfg)
	for n, row := range []struct {
		agents []recording.Agent
		want   recording.State
	}{
		{nil, recording.Discarded},
		{[]recording.Agent{{CN: "Rossi", E164: "24", PBX: "main"}}, recording.Done},
		{[]recording.Agent{{CN: "Verdi", E164: "25", PBX: "main"}}, recording.Discarded},
	} {
		s.Agents(t.Context(), "main", row.agents)
		post(t, s, cdrOf("24", numberedConf(n)))
		file := filepath.Join(cfg.Inbox[0].Path, string(numberedConf(n))+".pcap")
		if err := os.WriteFile(file, pcapOf(time.Now(), sipCall("0012345", "24")...), 0o600); err != nil {
			t.Fatal(err)
		}
		until(t, "it comes to its end", func() error {
			list := rows(t, cfg, numberedConf(n))
			if len(list) != 1 || !list[0].State.Ended() {
				return fmt.Errorf("%+v", list)
			}
			if list[0].State != row.want {
				t.Errorf("with the agents %v: %s, want %s", row.agents, list[0].State, row.want)
			}
			return nil
		})
	}
}
