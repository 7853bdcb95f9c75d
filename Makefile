# The two commands are "make demo" and "make test".

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
LDFLAGS  = -s -w -X main.version=$(VERSION)
FUZZTIME ?= 3s

.PHONY: demo build packages packages-test systemd-test wine test soak soak-day lint fuzz bench generate notices

demo: build
	./bin/callreel demo

build:
	CGO_ENABLED=0 $(GO) build -pgo bench/callreel.pgo -trimpath -ldflags '$(LDFLAGS)' -o bin/callreel ./cmd/callreel

# wine runs the Windows program, where wine and mingw are; a part of test, as the two below.
wine:
	bash scripts/wine.sh

# packages-test installs, upgrades and removes them in a folder and in a copy of this
# system; half a minute, when the builds are in the cache.
packages-test:
	bash scripts/packages-test.sh

# systemd-test runs the service under a real systemd in a copy of this system; a minute.
systemd-test:
	bash scripts/systemd-test.sh

# packages builds .deb, .rpm and the zip file for Windows into dist.
packages:
	bash scripts/packages.sh

test:
	bash scripts/test.sh

# soak runs the long forms of the fault tests: 60 kills, and SOAK calls of all kinds
# under faults of every kind; and the hostile captures at full size.
# doc/reliability.md has the figures.
SOAK ?= 20000
soak:
	CALLREEL_SOAK=$(SOAK) $(GO) test -count=1 -timeout 180m -run 'Kill|Soak' -v ./cmd/callreel ./internal/service | grep -v level=
	CALLREEL_SOAK=1 $(GO) test -count=1 -run 'TenGigabytes|Flood|OutOfItsMind' -v ./convert

# soak-day plays 24 hours in 40 minutes to a recorder in a process of its own: 200 calls
# an hour, for two hours 2,000, with faults in every other hour. SOAK_CSV gets a sample of
# memory, handles and lag for each quarter of an hour.
SOAK_CSV ?= $(CURDIR)/bin/soak-day.csv
soak-day:
	mkdir -p $(dir $(SOAK_CSV))
	CALLREEL_SOAK_DAY=1 CALLREEL_SOAK_CSV=$(SOAK_CSV) $(GO) test -count=1 -timeout 90m -run SoakDay -v ./internal/service | grep -v level=

# lint needs some minutes the first time, to build its tool.
lint:
	$(GO) tool -modfile=tools.mod golangci-lint run ./...

fuzz:
	FUZZTIME=$(FUZZTIME) bash scripts/fuzz.sh

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

generate:
	$(GO) generate ./...

# notices writes the licences of all modules into doc/notices.md.
notices:
	bash scripts/notices.sh
