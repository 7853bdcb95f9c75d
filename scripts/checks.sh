# For the scripts that check: "want COMMAND" and "want_not COMMAND" count, or end the
# script; "skip WHY" counts what was not possible here; "tell NAME" is the last line,
# which scripts/test.sh reads.
# shellcheck shell=bash
checks=0 skips=0

fail() { echo "FAIL: $*" >&2; exit 1; }
want() { "$@" || fail "$*"; checks=$((checks + 1)); }
want_not() { ! "$@" || fail "not: $*"; checks=$((checks + 1)); }
skip() { echo "SKIP: $*"; skips=$((skips + 1)); }
tell() { echo "$1: $checks checks passed, $skips skipped"; }

# add LOG: the checks that another script counted in its last line are ours too.
add() {
  local passed skipped
  read -r passed skipped < <(tail -n 1 "$1" | sed -nE 's/.*: ([0-9]+) checks passed, ([0-9]+) skipped$/\1 \2/p') || fail "$(basename "$1") does not end with what was checked"
  checks=$((checks + passed)) skips=$((skips + skipped))
}
