#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME (default 3s) each, one a core at a time. The tests of
# a package are built once for all its targets.
set -euo pipefail
cd "$(dirname "$0")/.."
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
cache=$(go env GOCACHE)/fuzz
export built cache

# What the go command gives a fuzz binary: its package's folder, and where new inputs are kept.
binary() { printf '%s/%s' "$built" "${1//\//-}"; }

# build FOLDER: the tests of a package, with the counters that guide the fuzzing.
build() { go test -c -fuzz . -o "$(binary "$1")" "./$1"; }

# A new input is not minimized: what runs in goroutines covers a little else each time,
# and of convert's target nearly all the time went there.

# one FILE:TARGET: runs a target; its output is printed only where it fails.
one() {
  local folder=${1%/*} target=${1#*:} out
  out=$(cd "$folder" && "$(binary "$folder")" -test.run '^$' -test.fuzz "^${target}\$" -test.fuzztime "${FUZZTIME:-3s}" -test.parallel 1 \
    -test.fuzzminimizetime 1x -test.fuzzcachedir "$cache/callreel/$folder" -test.timeout 5m 2>&1) && grep -q '^fuzz: elapsed: ' <<<"$out" && return
  # The testing package says so of itself where the time was up while it was at work; a
  # finding leaves its input behind.
  grep -q '^ *context deadline exceeded$' <<<"$out" && ! grep -q 'Failing input written' <<<"$out" && return
  printf '%s\nfuzz target %s of %s failed\n' "$out" "$target" "$folder"
  return 255 # xargs stops
}
export -f binary build one

targets=$(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //')
sed 's|/[^/]*:.*||' <<<"$targets" | sort -u | xargs -P "$(nproc)" -I{} bash -c 'build {} || exit 255'
xargs -P "$(nproc)" -I{} bash -c 'one {}' <<<"$targets"
echo "$(wc -l <<<"$targets") fuzz targets, no finding"
