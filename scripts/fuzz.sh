#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME (default 3s) each.
set -euo pipefail
cd "$(dirname "$0")/.."
count=0
while IFS=: read -r file target; do
  [ -n "$target" ] || continue
  out=$(go test -run '^$' -fuzz "^${target}\$" -fuzztime "${FUZZTIME:-3s}" "./$(dirname "$file")" 2>&1) || {
    echo "$out"
    echo "fuzz target $target of $(dirname "$file") failed"
    exit 1
  }
  count=$((count + 1))
done < <(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //')
echo "$count fuzz targets, no finding"
