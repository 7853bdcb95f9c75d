#!/usr/bin/env bash
# Runs every check of callreel: format, vet, staticcheck, race tests, a short
# fuzz, the builds for all targets, the browser tests, the packages installed and
# removed, the program under systemd and, for Windows, under wine. Installs on a Debian
# machine what the tests need. The last line counts what ran.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOFLAGS="${GOFLAGS:-} -mod=readonly"

say() { printf '\n== %s\n' "$*"; }

# Debian packages: the program that is looked for, and its package.
needed() {
  cat <<'END'
gcc gcc
systemd-analyze systemd
/usr/include/stdio.h libc6-dev
ffmpeg ffmpeg
sox sox
lame lame
mpg123 mpg123
tshark tshark
chromium chromium
apache2 apache2-bin
lighttpd lighttpd
/usr/lib/lighttpd/mod_webdav.so lighttpd-mod-webdav
nginx nginx-light
/usr/lib/nginx/modules/ngx_http_dav_ext_module.so libnginx-mod-http-dav-ext
rclone rclone
rpm rpm
unzip unzip
unshare util-linux
/usr/lib/wine/wine64 wine64
x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
END
}

install_needed() {
  local missing=() what package
  while read -r what package; do
    case $what in
      /*) [ -e "$what" ] || missing+=("$package") ;;
      *) command -v "$what" >/dev/null || missing+=("$package") ;;
    esac
  done < <(needed)
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed, and this is no root shell of a Debian machine: ${missing[*]}. The tests that need them are skipped."
    return
  fi
  say "install ${missing[*]}"
  # The servers are for the tests to start, not for the machine.
  local guard=/usr/sbin/policy-rc.d made=
  [ -e "$guard" ] || { printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod +x "$guard" && made=1; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  [ -z "$made" ] || rm -f "$guard"
}

# Captures made by others lie beside the repository where they are at all.
find_captures() {
  if [ -z "${CALLREEL_CORPUS:-}" ] && [ -d ../shared/captures ]; then
    CALLREEL_CORPUS="$(cd ../shared/captures && pwd -P)"
    export CALLREEL_CORPUS
  fi
}

check_format() {
  say "format"
  local bad
  bad=$(git ls-files '*.go' | grep -v '/wsdl[0-9]*/' | xargs gofmt -l)
  [ -z "$bad" ] || { echo "gofmt would change:"; echo "$bad"; exit 1; }
}

build_targets() {
  local target
  for target in linux/amd64 linux/arm64 windows/amd64; do
    say "build $target"
    CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go build -trimpath -o /dev/null ./cmd/callreel
  done
}

check_code() {
  say "vet"
  go vet ./...
  say "staticcheck"
  go tool -modfile=tools.mod staticcheck ./...
  build_targets
}

# SQLite is C that was translated into Go. It keeps its data in memory that it maps itself,
# which the race detector does not look at; it only made each query several times as slow. Its
# driver, its libc and all that is ours are watched.
foreign='-gcflags=modernc.org/sqlite/lib=-race=false'

# Codecs that only compute and start no goroutine: the race detector makes their tests six
# to ten times as slow and has nothing to find in them.
alone=(./internal/media/{g722,g729,mp3,opus,resample})
# Of these the race detector sees but a part (convert/race_on_test.go).
parted='Places|Clicks|EveryCapture'

# Two packages wait most of their time. What computes beside them would disturb those of
# their tests that are tight on time, so that they come first, side by side.
waiting=(./internal/service ./cmd/callreel)

# in_memory makes a folder in memory for the tests' files where there is much room: most of
# them make a catalog, which waits for the disk at every step. Without room, none.
in_memory() {
  local room free made
  room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1) || return 0
  free=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)
  [ "$room" -gt 8000000 ] && [ "$free" -gt 10000000 ] || return 0
  made=$(mktemp -d /dev/shm/callreel-test.XXXXXX) && chmod 755 "$made" || return 0 # as /tmp: one test reads as nobody
  printf '#!/bin/sh\n' >"$made/try" && chmod +x "$made/try" && "$made/try" 2>/dev/null || { rm -rf "$made"; return 0; }
  echo "$made"
}

# go_tests runs every test at least once.
go_tests() {
  local others status=0
  others=$(go list ./... | grep -vxFf <(go list "${waiting[@]}" "${alone[@]}")) || return
  go test -race "$foreign" -timeout 10m -parallel 8 -v "${waiting[@]}" || status=$?
  # shellcheck disable=SC2086 # one word a package
  go test -race "$foreign" -timeout 10m -parallel 8 -v $others || status=$?
  go test -timeout 10m -v "${alone[@]}" || status=$?
  go test -timeout 10m -v -run "$parted" ./convert || status=$?
  return $status
}

# of_failing LOG: the lines of the tests that failed, which stand among those of others that
# ran beside them.
of_failing() {
  awk '
    function top(name) { sub(/\/.*/, "", name); return name }
    FNR == NR { if ($1 == "---" && $2 == "FAIL:") failed[top($3)] = 1; next }
    $1 == "===" && NF >= 3 { test = top($3); next }
    $1 == "---" { if (top($3) in failed) print; test = top($3); next }
    /^(panic:|fatal error:|WARNING: DATA RACE)/ { rest = 60 }
    rest > 0 { rest--; print; next }
    test in failed && !/ level=/ { print }' "$1" "$1"
}

run_tests() {
  say "tests, with the race detector"
  local log status=0
  log=$(mktemp)
  memory=$(in_memory)
  GOTMPDIR='' TMPDIR=${memory:-${TMPDIR:-/tmp}} go_tests >"$log" 2>&1 || status=$?
  [ -z "$memory" ] || rm -rf "$memory"
  grep -E '^(ok|FAIL|---? FAIL|panic:|WARNING: DATA RACE)|^\s+--- FAIL' "$log" || true
  if [ $status -ne 0 ]; then
    say "what the failing tests said"
    of_failing "$log" | head -n 400
    say "the end of the log"
    grep -vE '^(=== |--- PASS|\s+--- PASS|--- SKIP|\s+--- SKIP|PASS$|ok )| level=' "$log" | tail -n 50
    rm -f "$log"
    exit "$status"
  fi
  passed=$(grep -cE '^\s*--- PASS' "$log" || true)
  skipped=$(grep -cE '^\s*--- SKIP' "$log" || true)
  no_corpus=$(grep -c 'corpus not here' "$log" || true)
  grep -E '^\s*--- SKIP' -A1 "$log" | grep -vE '^--$' | sed 's/^/  /' | head -n 40 || true
  rm -f "$log"
}

# part SCRIPT: its last line says how much it checked and skipped; both are counted.
part() {
  local log out status=0
  log=$(mktemp)
  bash "scripts/$1" >"$log" 2>&1 || status=$?
  cat "$log"
  out=$(tail -n 1 "$log")
  rm -f "$log"
  [ $status -eq 0 ] || exit $status
  [[ $out =~ ^[a-z]+:\ ([0-9]+)\ checks\ passed,\ ([0-9]+)\ skipped$ ]] || { echo "scripts/$1 does not say what it checked"; exit 1; }
  passed=$((passed + BASH_REMATCH[1])) skipped=$((skipped + BASH_REMATCH[2]))
}

install_needed
find_captures
check_format
beside=$(mktemp)
(renice -n 10 "$BASHPID" >/dev/null && check_code) >"$beside" 2>&1 &
code=$!
memory=
trap 'kill "$code" 2>/dev/null || true; rm -rf "$beside" "$memory"' EXIT
run_tests
status=0
wait "$code" || status=$?
cat "$beside"
[ $status -eq 0 ] || exit "$status"
say "fuzz, ${FUZZTIME:-3s} a target"
bash scripts/fuzz.sh
say "packages"
packages=$(mktemp -d)
trap 'rm -rf "$beside" "$packages"' EXIT
KEEP=$packages part packages-test.sh
say "under systemd"
PACKAGE=$(find "$packages" -name '*_amd64.deb') part systemd-test.sh
say "under wine"
part wine.sh
say "done"
echo "Tests skipped because captures are not here (set CALLREEL_CORPUS): $no_corpus"
echo "$passed passed, 0 failed, $skipped skipped"
