#!/usr/bin/env bash
# Installs, upgrades, removes and purges the .deb in a folder that is another system to
# dpkg, looks into the .rpm and the zip, and builds twice to see that the bytes are the
# same. Needs root (dpkg gives files away). What is not here is skipped and counted.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "packages-test: needs root; skipped"; exit 0; }

skipped=0 checks=0
ok() { checks=$((checks + 1)); }
fail() { echo "FAIL: $*" >&2; exit 1; }
want() { "$@" || fail "$*"; ok; }
want_not() { ! "$@" || fail "not: $*"; ok; }

image=$(mktemp -d)
trap 'rm -rf "$image"' EXIT

VERSION=0.9.0 PACKAGES="deb-amd64" bash scripts/packages.sh >/dev/null
old=$image-old.deb
trap 'rm -rf "$image" "$image"-*' EXIT
cp dist/*.deb "$old"
VERSION=1.0.0 PACKAGES="deb-amd64 rpm-amd64 zip-amd64" bash scripts/packages.sh >/dev/null
new=$(echo dist/*.deb)

# A system with no more than dpkg and useradd need.
mkdir -p "$image"/{etc,var/lib/dpkg/{info,updates,triggers}}
touch "$image/var/lib/dpkg/"{status,available} "$image/etc/"{passwd,group,shadow,gshadow,login.defs}
dpkg_in() { dpkg --root="$image" --force-script-chrootless --force-not-root --force-depends "$@" >"$image-log" 2>&1 || { cat "$image-log"; fail "dpkg $*"; }; }

echo "== install"
dpkg_in -i "$old"
want [ "$("$image/usr/bin/callreel" version)" = "callreel 0.9.0" ]
want grep -q '^callreel:.*:/var/lib/callreel:/usr/sbin/nologin$' "$image/etc/passwd"
uid=$(grep ^callreel: "$image/etc/passwd" | cut -d: -f3)
for folder in etc/callreel var/lib/callreel; do
  want [ "$(stat -c '%u %a' "$image/$folder")" = "$uid 750" ]
done
for file in lib/systemd/system/callreel@.service usr/share/man/man1/callreel.1.gz usr/share/doc/callreel/operations.md usr/share/doc/callreel/LICENSE usr/share/doc/callreel/notices.md; do
  want [ -s "$image/$file" ]
done
# The example and the template fit together, and the setup is one that can be used.
want grep -q '^ExecStart=/usr/bin/callreel run --config /etc/callreel/%i.toml$' "$image/lib/systemd/system/callreel@.service"
cat "$image/etc/callreel/example.toml" - >"$image/etc/callreel/main.toml" <<'END'
[[agent]]
number = "20"
[[inbox]]
name = "drop"
path = "/var/lib/callreel/main/drop"
END
want "$image/usr/bin/callreel" config --config "$image/etc/callreel/main.toml" check

echo "== upgrade"
echo '# ours' >>"$image/etc/callreel/example.toml"
mkdir -p "$image/var/lib/callreel/main"
echo key >"$image/var/lib/callreel/main/callreel.keys"
dpkg_in --force-confold -i "$new"
want [ "$("$image/usr/bin/callreel" version)" = "callreel 1.0.0" ]
want grep -q '^# ours$' "$image/etc/callreel/example.toml"
want [ "$(grep -c ^callreel: "$image/etc/passwd")" = 1 ]

echo "== remove and purge"
dpkg_in -r callreel
want_not [ -e "$image/usr/bin/callreel" ]
want_not [ -e "$image/lib/systemd/system/callreel@.service" ]
want [ -e "$image/etc/callreel/example.toml" ]
dpkg_in --purge callreel
want_not [ -e "$image/etc/callreel/example.toml" ]
want [ -e "$image/etc/callreel/main.toml" ]
want [ "$(cat "$image/var/lib/callreel/main/callreel.keys")" = key ]
want grep -q 'are left in' "$image-log"

echo "== rpm"
if command -v rpm >/dev/null; then
  rpm -qpl dist/*.rpm >"$image-list" 2>/dev/null
  for file in /usr/bin/callreel /usr/lib/systemd/system/callreel@.service /etc/callreel/example.toml /usr/share/doc/callreel/operations.md; do
    want grep -qx "$file" "$image-list"
  done
  want [ "$(rpm -qpc dist/*.rpm 2>/dev/null)" = /etc/callreel/example.toml ]
  rpm -qp --scripts dist/*.rpm >"$image-list" 2>/dev/null
  want grep -q useradd "$image-list"
else
  echo "rpm is not here: skipped"; skipped=$((skipped + 1))
fi

echo "== zip"
if command -v unzip >/dev/null; then
  unzip -q dist/*.zip -d "$image/zip"
  for file in callreel.exe install.cmd uninstall.cmd README.txt LICENSE.txt NOTICES.txt doc/operations.md; do
    want [ -s "$(echo "$image"/zip/callreel-1.0.0-windows-amd64)/$file" ]
  done
  # cmd.exe wants CR LF.
  want_not grep -qv $'\r$' "$image"/zip/*/install.cmd
else
  echo "unzip is not here: skipped"; skipped=$((skipped + 1))
fi

echo "== the same bytes again"
cp dist/SHA256SUMS "$image-sums"
VERSION=1.0.0 PACKAGES="deb-amd64 rpm-amd64 zip-amd64" bash scripts/packages.sh >/dev/null
want cmp dist/SHA256SUMS "$image-sums"

echo "packages: $checks checks passed, $skipped skipped"
