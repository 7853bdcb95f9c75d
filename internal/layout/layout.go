// Package layout holds the table of callreel's packages: who may import whom.
// Its test reads every Go file of the tree and fails on an import the table
// does not allow. It parses the files itself, because a test that asks the go
// command is served stale from the test cache.
package layout

// rule is one row of the table: what a package may import of ours, and what of
// the standard library or of others it must not.
type rule struct {
	may     []string // our packages, "x/..." for all below x
	mustNot []string // import paths, "x/..." for all below x
	why     string
}

// table has one row per package. A new package gets its row in the same commit
// that brings it.
func table() map[string]rule {
	const media = "internal/media/..."
	return map[string]rule{
		"internal/recording":  {why: "the value that moves stands on nothing", mustNot: []string{"os", "net/...", "database/sql", "context"}},
		"internal/clock":      {why: "time stands on nothing"},
		"internal/atomicfile": {why: "a file is whole or absent, whoever writes it"},
		"internal/signature":  {why: "proves whose a posted body is; posts none", mustNot: []string{"os", "net/...", "log/slog"}},
		"internal/trust":      {why: "certificates of a setup stand on nothing", mustNot: []string{"net/...", "log/slog"}},
		"internal/alarm":      {may: []string{"internal/clock", "internal/signature", "internal/trust"}, why: "latches, folds and sends; knows no lamp", mustNot: []string{"log/slog", "database/sql"}},
		"internal/logfile":    {why: "files that are bounded; knows no log", mustNot: []string{"log/slog", "net/..."}},
		"internal/daemon":     {may: []string{"internal/atomicfile", "internal/clock"}, why: "stands under a service manager; knows no setup", mustNot: []string{"database/sql", "log/slog"}},
		"internal/control":    {may: []string{"internal/atomicfile"}, why: "carries questions to a running recorder; knows none of them", mustNot: []string{"database/sql"}},
		"internal/tomlfile":   {why: "reads what operators write; knows no key", mustNot: []string{"os", "net/..."}},
		"internal/secret":     {may: []string{"internal/atomicfile", "internal/tomlfile"}, why: "how a setup holds its passwords; knows no key's meaning", mustNot: []string{"net/...", "log/slog"}},
		"doc":                 {why: "the documents, for who shows them; knows nothing else"},
		"internal/media/...":  {may: []string{media}, why: "a format knows no recordings, files or settings", mustNot: []string{"log/slog", "os"}},
		"crypto":              {why: "keys and sealed streams know no recordings", mustNot: []string{"os", "net/...", "log/slog"}},

		"internal/pbx":      {may: []string{"internal/recording", "internal/clock", "internal/trust", "internal/pbx/..."}, why: "says what the PBX says, decides nothing", mustNot: []string{"database/sql"}},
		"internal/vmscript": {why: "what the PBX's voicemail objects run and say", mustNot: []string{"os", "net/..."}},
		"internal/asterisk": {may: []string{"internal/clock"}, why: "brings Asterisk's rows in, parses none", mustNot: []string{"database/sql"}},
		"internal/pbx/...":  {why: "generated message types"},
		"internal/sidecar":  {may: []string{"internal/recording"}, why: "the one owner of the format; holds no key", mustNot: []string{"os", "net/..."}},
		"internal/shred":    {may: []string{"crypto", "internal/atomicfile"}, why: "keys of single files, to be destroyed"},
		"internal/spool":    {may: []string{"internal/recording", "internal/atomicfile"}, why: "work copies; sealing is handed to it"},
		"ingest":            {may: []string{"internal/recording", "internal/clock", "internal/atomicfile", "internal/trust", media}, why: "brings captures in; asks no PBX", mustNot: []string{"database/sql"}},
		"cdr":               {may: []string{"internal/recording"}, why: "its bytes come in through Source", mustNot: []string{"os", "net/...", "database/sql"}},
		"rules":             {may: []string{"internal/recording", "internal/tomlfile"}, why: "pure", mustNot: []string{"os", "net/...", "context", "database/sql"}},
		"convert":           {may: []string{"internal/recording", media}, why: "capture in, audio out; opens no path", mustNot: []string{"os", "net/http", "database/sql"}},
		"naming":            {may: []string{"internal/recording"}, why: "pure", mustNot: []string{"os", "net/...", "context"}},
		"archive":           {may: []string{"internal/recording", "internal/atomicfile"}, why: "write once; holds no key", mustNot: []string{"database/sql"}},
		"internal/ffmpeg":   {may: []string{"internal/media/foreign"}, why: "runs the one program that may decode what is not built in", mustNot: []string{"net/...", "log/slog", "database/sql"}},
		"internal/ledger":   {may: []string{"internal/recording"}, why: "pure: says what became of a call", mustNot: []string{"os", "net/...", "context", "database/sql"}},
		"internal/catalog":  {may: []string{"internal/recording"}, why: "the only SQL; knows no step"},
		"internal/player":   {may: []string{"internal/recording"}, why: "shows what it is handed", mustNot: []string{"database/sql"}},
		"internal/link":     {may: []string{"internal/recording", "internal/clock", "internal/signature", "internal/trust"}, why: "tells others of calls; its queue is handed in", mustNot: []string{"os/exec", "database/sql"}},
		"internal/pbxsim":   {may: []string{"internal/recording", "internal/clock", media, "internal/pbxsim/..."}, why: "a PBX of its own, for demo and tests"},

		"internal/casefile": {may: []string{"internal/recording", "cdr", "ingest", "naming", "rules"}, why: "reads cases for the rules and runs them; opens no file", mustNot: []string{"os", "net/...", "context", "database/sql"}},
		"internal/explain":  {may: []string{"internal/recording", "internal/sidecar", "rules"}, why: "says why; looks nothing up itself", mustNot: []string{"os", "net/...", "context", "database/sql"}},

		"internal/setup":  {may: []string{"doc", "internal/atomicfile", "internal/clock", "internal/secret", "internal/tomlfile"}, why: "asks, writes and explains; the links are handed to it", mustNot: []string{"net/http", "database/sql", "log/slog"}},
		"internal/doctor": {may: []string{"internal/recording"}, why: "finds patterns in what it is handed; looks nothing up", mustNot: []string{"os", "net/...", "context", "database/sql"}},

		"internal/service":   {may: []string{"..."}, why: "the wiring", mustNot: []string{"database/sql", "html/template"}},
		"cmd/callreel":       {may: []string{"..."}, why: "flags, output, exit codes", mustNot: []string{"database/sql", "html/template"}},
		"internal/layout":    {why: "looks at all, stands on nothing"},
		"internal/corpus":    {why: "finds captures for tests"},
		"packaging/unit":     {may: []string{"internal/daemon"}, why: "writes the unit of the packages"},
		"packaging/zip":      {why: "packs what it is shown"},
		"bench/gen":          {may: []string{media}, why: "makes captures to measure with"},
		"internal/callcheck": {may: []string{"crypto", "internal/media/mp3", "internal/pbxsim", "internal/recording", "internal/sidecar"}, why: "checks archives for tests"},
	}
}

// testOnly lists what only tests may import, and cmd for the demo.
func testOnly() map[string][]string {
	return map[string][]string{
		"internal/pbxsim":    {"cmd/callreel", "internal/callcheck"},
		"internal/corpus":    {},
		"internal/callcheck": {},
	}
}
