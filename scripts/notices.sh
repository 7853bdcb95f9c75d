#!/usr/bin/env bash
# Writes doc/notices.md: the modules the program is built of and their licences.
set -euo pipefail
cd "$(dirname "$0")/.."
{
  echo "# Licences of what callreel is built of"
  echo
  echo "Made by \`make notices\`. Modules that only tests and tools use are not in the program and not here."
  for target in linux/amd64 windows/amd64; do
    GOOS=${target%/*} GOARCH=${target#*/} go list -deps -f '{{with .Module}}{{.Path}} {{.Version}} {{.Dir}}{{end}}' ./cmd/callreel
  done | grep -v '^callreel ' | sort -u | while read -r path version dir; do
    echo
    echo "## $path $version"
    echo
    for file in LICENSE LICENSE.md LICENSE.txt COPYING LICENSE-GO LICENSE-3RD-PARTY.md NOTICE PATENTS; do
      [ -f "$dir/$file" ] || continue
      echo '```'
      sed 's/[[:space:]]*$//' "$dir/$file"
      echo '```'
      echo
    done
  done
} > doc/notices.md
echo "doc/notices.md: $(grep -c '^## ' doc/notices.md) modules"
