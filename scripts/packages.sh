#!/usr/bin/env bash
# Builds the packages of callreel into dist: .deb and .rpm for amd64 and arm64, and a zip
# file for Windows. The same commit and version give the same bytes.
#   PACKAGES="deb-amd64"   builds only these
#   DIST=/tmp/x            there, and not into dist
#   PGO=off                without the profile, as scripts/test.sh builds
#   COMPRESSION=gzip       of .deb and .rpm: 11 s less each than xz, for tests
set -euo pipefail
cd "$(dirname "$0")/.."

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
dist=${DIST:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nfpm=$(bash scripts/nfpm.sh)

# build OS ARCH FILE
build() {
  CGO_ENABLED=0 GOOS=$1 GOARCH=$2 go build -pgo "${PGO:-bench/callreel.pgo}" -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$VERSION" -o "$3" ./cmd/callreel
}

common() {
  mkdir "$work/doc"
  cp README.md LICENSE doc/*.md doc/picture.png "$work/doc/"
  go run ./packaging/unit >"$work/callreel@.service"
  gzip -9nc packaging/linux/callreel.1 >"$work/callreel.1.gz"
}

# linux KIND ARCH
linux() {
  [ -e "$work/linux-$2/callreel" ] || build linux "$2" "$work/linux-$2/callreel"
  sed -e "s|\${ARCH}|$2|g; s|\${VERSION}|$VERSION|g; s|\${MTIME}|$MTIME|g; s|\${WORK}|$work|g; s|\${COMPRESSION}|${COMPRESSION:-xz}|g" \
    packaging/nfpm.yaml >"$work/nfpm.yaml"
  "$nfpm" package --config "$work/nfpm.yaml" --packager "$1" --target "$dist/"
}

windows() {
  local to=$work/callreel-$VERSION-windows-$1
  mkdir -p "$to/doc"
  build windows "$1" "$to/callreel.exe"
  cp packaging/windows/* "$to/"
  cp LICENSE "$to/LICENSE.txt"
  cp doc/notices.md "$to/NOTICES.txt"
  cp README.md doc/*.md "$to/doc/"
  go run ./packaging/zip "$dist/${to##*/}.zip" "$to" "$MTIME_SECONDS"
}

mkdir -p "$dist"
rm -f "$dist"/*.deb "$dist"/*.rpm "$dist"/*.zip
common
for package in $wanted; do
  case $package in
    deb-* | rpm-*) linux "${package%-*}" "${package#*-}" ;;
    zip-*) windows "${package#*-}" ;;
    *) echo "package $package is not known" >&2; exit 2 ;;
  esac
done
cd "$dist"
find . -maxdepth 1 \( -name '*.deb' -o -name '*.rpm' -o -name '*.zip' \) -printf '%P\n' | sort | xargs sha256sum -- | tee SHA256SUMS
