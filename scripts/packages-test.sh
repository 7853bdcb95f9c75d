#!/usr/bin/env bash
# Installs, upgrades, removes and purges the .deb in a folder that is another system to
# dpkg; the .deb and the .rpm in a copy of this system with their scripts as they are
# (scripts/sandbox.sh); looks into those for arm64 and into the zip; and builds all twice
# to see that the bytes are the same. Needs root (dpkg gives files away). What is not
# possible here is named and counted.
#   KEEP=FOLDER   leaves the packages of version 1.0.0 there
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/checks.sh
if [ "$(id -u)" != 0 ] || ! command -v dpkg >/dev/null; then
  skip "packages: this is not root, or dpkg is not here"
  tell packages
  exit 0
fi

image=$(mktemp -d)
trap 'wait; rm -rf "$image" "$image"-*' EXIT

# build VERSION FOLDER [PACKAGES]: as they are released, but packed and optimized quickly.
build() { VERSION=$1 DIST=$2 PACKAGES=${3:-} PGO=off COMPRESSION=gzip bash scripts/packages.sh >"$2.log" 2>&1 || { cat "$2.log"; fail "build $1"; }; }
bash scripts/nfpm.sh >/dev/null
build 0.9.0 "$image-old" "deb-amd64 rpm-amd64" &
older=$!
build 1.0.0 "$image-again" &
again=$!
build 1.0.0 "$image-new"
wait $older
old=$image-old/callreel_0.9.0_amd64.deb
new=$image-new/callreel_1.0.0_amd64.deb

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

echo "== in a copy of this system"
mkdir "$image-box"
cp "$image-old"/*.{deb,rpm} "$image-new"/*.{deb,rpm} scripts/packages-inside.sh scripts/checks.sh "$image-box/"
code=0
bash scripts/sandbox.sh "$image-box" bash /mnt/packages-inside.sh >"$image-log" 2>&1 || code=$?
case $code in
  0) add "$image-log" ;;
  125) skip "$(tail -n 1 "$image-log")" ;;
  *) cat "$image-log"; fail "install and remove in a copy of this system" ;;
esac

echo "== arm64"
# machine of the ELF file on standard input: AArch64 is 183
elf_machine() { od -An -j18 -N2 -tu2 | tr -d ' \n'; }
arm=$image-new/callreel_1.0.0_arm64.deb
want [ "$(dpkg-deb -f "$arm" Architecture)" = arm64 ]
dpkg-deb --fsys-tarfile "$arm" | tar -xO ./usr/bin/callreel >"$image-arm"
want [ "$(elf_machine <"$image-arm")" = 183 ]
want_not grep -q 'ld-linux' "$image-arm" # it needs no library

echo "== rpm"
if command -v rpm >/dev/null; then
  rpm=$image-new/callreel-1.0.0-1.x86_64.rpm
  rpm -qpl "$rpm" >"$image-list" 2>/dev/null
  for file in /usr/bin/callreel /usr/lib/systemd/system/callreel@.service /etc/callreel/example.toml /usr/share/doc/callreel/operations.md; do
    want grep -qx "$file" "$image-list"
  done
  want [ "$(rpm -qpc "$rpm" 2>/dev/null)" = /etc/callreel/example.toml ]
  rpm -qp --scripts "$rpm" >"$image-list" 2>/dev/null
  want grep -q useradd "$image-list"
  rpm=$image-new/callreel-1.0.0-1.aarch64.rpm
  want [ "$(rpm -qp --qf '%{ARCH}' "$rpm" 2>/dev/null)" = aarch64 ]
  rpm -qp --qf '[%{FILEDIGESTS} %{FILENAMES}\n]' "$rpm" >"$image-list" 2>/dev/null
  want grep -qx "$(sha256sum <"$image-arm" | cut -d' ' -f1) /usr/bin/callreel" "$image-list"
else
  skip "rpm is not here"
fi

echo "== zip"
if command -v unzip >/dev/null; then
  unzip -q "$image-new"/*.zip -d "$image-zip"
  for file in callreel.exe install.cmd uninstall.cmd README.txt LICENSE.txt NOTICES.txt doc/operations.md; do
    want [ -s "$image-zip/callreel-1.0.0-windows-amd64/$file" ]
  done
  # cmd.exe wants CR LF.
  want_not grep -qv $'\r$' "$image-zip"/*/install.cmd
else
  skip "unzip is not here"
fi

echo "== the same bytes again"
wait $again
want cmp "$image-new/SHA256SUMS" "$image-again/SHA256SUMS"
want [ "$(wc -l <"$image-new/SHA256SUMS")" = 5 ]

[ -z "${KEEP:-}" ] || cp "$image-new"/* "$KEEP/"
tell packages
