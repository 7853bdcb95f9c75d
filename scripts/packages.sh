#!/usr/bin/env bash
# Builds the packages of callreel into dist: .deb and .rpm for amd64 and arm64, and a zip
# file for Windows. The same commit and version give the same bytes.
#   PACKAGES="deb-amd64"   builds only these
set -euo pipefail
cd "$(dirname "$0")/.."

NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0

# A tag v1.2.3 is the version 1.2.3; else one that is older than any, with the commit's day.
MTIME_SECONDS=$(git log -1 --format=%ct)
if [ -z "${VERSION:-}" ]; then
  if VERSION=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
    VERSION=${VERSION#v}
  else
    VERSION="0.0.0~git$(date -u -d "@$MTIME_SECONDS" +%Y%m%d).$(git rev-parse --short=12 HEAD)"
  fi
fi
MTIME=$(date -u -d "@$MTIME_SECONDS" +%Y-%m-%dT%H:%M:%SZ)
export VERSION MTIME SOURCE_DATE_EPOCH=$MTIME_SECONDS
wanted=${PACKAGES:-deb-amd64 rpm-amd64 deb-arm64 rpm-arm64 zip-amd64}

# build OS ARCH FILE
build() {
  CGO_ENABLED=0 GOOS=$1 GOARCH=$2 go build -pgo bench/callreel.pgo -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$VERSION" -o "$3" ./cmd/callreel
}

common() {
  rm -rf dist/doc && mkdir -p dist/doc
  cp README.md LICENSE doc/*.md doc/picture.png dist/doc/
  go run ./packaging/unit >'dist/callreel@.service'
  gzip -9nc packaging/linux/callreel.1 >dist/callreel.1.gz
}

# linux KIND ARCH
linux() {
  [ -e "dist/linux-$2/callreel" ] || build linux "$2" "dist/linux-$2/callreel"
  sed -e "s|\${ARCH}|$2|g; s|\${VERSION}|$VERSION|g; s|\${MTIME}|$MTIME|g" packaging/nfpm.yaml >"dist/nfpm-$2.yaml"
  go run "$NFPM" package --config "dist/nfpm-$2.yaml" --packager "$1" --target dist/
}

windows() {
  local to=dist/callreel-$VERSION-windows-$1
  rm -rf "$to" && mkdir -p "$to/doc"
  build windows "$1" "$to/callreel.exe"
  cp packaging/windows/* "$to/"
  cp LICENSE "$to/LICENSE.txt"
  cp doc/notices.md "$to/NOTICES.txt"
  cp README.md doc/*.md "$to/doc/"
  go run ./packaging/zip "$to.zip" "$to" "$MTIME_SECONDS"
  rm -rf "$to"
}

rm -rf dist/linux-* dist/*.deb dist/*.rpm dist/*.zip
common
for package in $wanted; do
  case $package in
    deb-* | rpm-*) linux "${package%-*}" "${package#*-}" ;;
    zip-*) windows "${package#*-}" ;;
    *) echo "package $package is not known" >&2; exit 2 ;;
  esac
done
rm -rf dist/linux-* dist/nfpm-*.yaml dist/doc dist/callreel.1.gz 'dist/callreel@.service'
(cd dist && sha256sum -- *.deb *.rpm *.zip 2>/dev/null | tee SHA256SUMS) || true
