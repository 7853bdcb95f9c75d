#!/usr/bin/env bash
# Runs the Windows program under wine, where wine64 and mingw are installed (Debian:
# wine64, gcc-mingw-w64-x86-64): a capture becomes the same bytes as on Linux, and a service
# can be installed. Wine 8 starts none, has no recovery, and forgets one that was just made
# now and then, so what comes after is for a real Windows.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/checks.sh
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
cc=x86_64-w64-mingw32-gcc
if [ ! -x "$wine" ] || ! command -v $cc >/dev/null; then
  skip "wine64 or mingw is not here"
  tell wine
  exit 0
fi
at=$(mktemp -d)
export WINEPREFIX=$at/prefix WINEDEBUG=-all DISPLAY=
server=$(command -v wineserver64 || echo /usr/lib/wine/wineserver64)
trap '"$server" -k || true; rm -rf "$at"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$at/callreel" ./cmd/callreel
CGO_ENABLED=0 GOOS=windows go build -trimpath -o "$at/callreel.exe" ./cmd/callreel

# Go wants a function of Windows 10 that wine 8 has under another name.
cat >"$at/prng.c" <<'END'
#include <windows.h>
BOOLEAN WINAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, (ULONG)n); }
END
$cc -shared -O2 -o "$at/bcryptprimitives.dll" "$at/prng.c" -ladvapi32
mkdir "$WINEPREFIX"
"$server" -p # else each program has a new one
timeout 120 "$wine" wineboot -i >/dev/null 2>&1
cp "$at/bcryptprimitives.dll" "$WINEPREFIX/drive_c/windows/system32/"

run() { timeout 120 "$wine" "$at/callreel.exe" "$@"; }
# says PART CODE ARGS...
says() {
  local part=$1 code=$2 out got=0
  shift 2
  out=$(run "$@" 2>&1) || got=$?
  [ "$got" = "$code" ] || fail "$*: exit code $got, want $code: $out"
  case $out in *"$part"*) checks=$((checks + 1)) ;; *) fail "$*: does not say \"$part\": $out" ;; esac
}

says 'callreel development' 0 version
cd "$at"
gunzip -c "$OLDPWD/convert/testdata/call1_alaw.pcap.gz" >call.pcap
for format in wav mp3; do
  ./callreel convert -o "linux.$format" call.pcap
  run convert -o "windows.$format" call.pcap
  want cmp "linux.$format" "windows.$format"
done
cat >setup.toml <<'END'
agents = "all"
[archive]
path = "archive"
[[inbox]]
name = "drop"
path = "drop"
END
says 'not installed' 3 service status
says 'callreel-two is installed' 0 service install --name two --config setup.toml
says 'cannot name a service' 2 service install --name 'a b' --config setup.toml
tell wine
