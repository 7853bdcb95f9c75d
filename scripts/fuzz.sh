#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME (default 3s) each, one a core at a time.
set -euo pipefail
cd "$(dirname "$0")/.."

# A new input is not minimized: what runs in goroutines covers a little else each time,
# and of convert's target nearly all the time went there.

# one FILE:TARGET: runs a target; its output is printed only where it fails.
one() {
  local file=${1%%:*} target=${1#*:} out
  out=$(go test -run '^$' -fuzz "^${target}\$" -fuzztime "${FUZZTIME:-3s}" -parallel 1 -fuzzminimizetime 1x "./$(dirname "$file")" 2>&1) && return
  # The go command says so of itself where the time was up while it was at work; a
  # finding leaves its input behind.
  grep -q '^ *context deadline exceeded$' <<<"$out" && ! grep -q 'Failing input written' <<<"$out" && return
  printf '%s\nfuzz target %s of %s failed\n' "$out" "$target" "$(dirname "$file")"
  return 255 # xargs stops
}
export -f one

targets=$(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //')
xargs -P "$(nproc)" -I{} bash -c 'one {}' <<<"$targets"
echo "$(wc -l <<<"$targets") fuzz targets, no finding"
