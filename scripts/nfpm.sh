#!/usr/bin/env bash
# Prints where nfpm is, which makes .deb and .rpm; it is built once a version.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v2.43.0
at=$PWD/bin/nfpm-$version
[ -x "$at/nfpm" ] || GOBIN=$at go install "github.com/goreleaser/nfpm/v2/cmd/nfpm@$version"
echo "$at/nfpm"
