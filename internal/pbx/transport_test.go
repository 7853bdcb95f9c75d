package pbx_test

import (
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"callreel/internal/pbx"
)

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(trusted, block, 0o600); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name, ca, want string
		insecure       bool
	}{
		{"unknown certificate", "", "x509", false},
		{"own authority", trusted, "HTTP 404", false},
		{"not checked", "", "HTTP 404", true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			cfg := pbx.DefaultConfig()
			cfg.URL, cfg.User, cfg.CAFile, cfg.Insecure = server.URL, "x", row.ca, row.insecure
			b, _ := run(t, cfg)
			b.until(t, "an answer", func() bool { return len(b.downs) > 0 })
			if !strings.Contains(b.downs[0].Error(), row.want) {
				t.Errorf("error %v, want %q", b.downs[0], row.want)
			}
		})
	}
}

func TestConfigFromTOML(t *testing.T) {
	cfg := pbx.DefaultConfig()
	err := toml.Unmarshal([]byte("name = \"main\"\npoll_timeout = \"2m\"\ncall_timeout = \"3s\"\ngroup = \"rec\""), &cfg)
	if err != nil || cfg.Name != "main" || time.Duration(cfg.PollTimeout) != 2*time.Minute || cfg.Group != "rec" {
		t.Errorf("%+v, %v", cfg, err)
	}
	for _, bad := range []string{`poll_timeout = "soon"`, `poll_timeout = "-1s"`} {
		if err := toml.Unmarshal([]byte(bad), &cfg); err == nil || !strings.Contains(err.Error(), "is no duration") {
			t.Errorf("%s: error %v", bad, err)
		}
	}
}
