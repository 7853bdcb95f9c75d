#!/usr/bin/env bash
# Runs callreel under a real systemd: that of this machine, started anew in a copy of it
# (scripts/sandbox.sh). What it wants is in scripts/systemd-inside.sh. Where no such copy
# can be made, that is told and counted.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/checks.sh
systemd=/lib/systemd/systemd
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
if [ "$(id -u)" != 0 ] || [ ! -x $systemd ] || ! command -v dpkg >/dev/null; then
  skip "systemd: this is not root, or systemd or dpkg is not here"
  tell systemd
  exit 0
fi
if [ -n "${PACKAGE:-}" ]; then
  cp "$PACKAGE" "$box/callreel.deb"
else
  DIST=$box PACKAGES=deb-amd64 PGO=off COMPRESSION=gzip bash scripts/packages.sh >/dev/null
  mv "$box"/*.deb "$box/callreel.deb"
fi
cp scripts/systemd-inside.sh scripts/checks.sh "$box/"
# Little of what a machine starts is wanted here, and nothing that is to reach the kernel.
cat >"$box/boot.sh" <<'IN'
: >/etc/machine-id
cd /etc/systemd/system
for unit in timers.target systemd-udevd.service systemd-udev-trigger.service systemd-logind.service dbus.service dbus.socket \
  systemd-sysctl.service systemd-modules-load.service sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
  systemd-journald-audit.socket systemd-update-utmp.service systemd-resolved.service systemd-timesyncd.service systemd-networkd.service; do
  ln -sf /dev/null $unit
done
cat >test.service <<UNIT
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/bash /mnt/systemd-inside.sh
StandardOutput=file:/mnt/log
StandardError=inherit
UNIT
exec /lib/systemd/systemd --unit=test.service --show-status=no
IN
code=0
timeout -k 5 240 bash scripts/sandbox.sh "$box" bash /mnt/boot.sh >"$box/boot.log" 2>&1 || code=$?
if [ $code = 125 ]; then
  skip "systemd: $(tail -n 1 "$box/boot.log")"
elif [ ! -e "$box/log" ]; then
  tail -n 20 "$box/boot.log"
  skip "systemd does not start in a copy of this system (exit code $code)"
else
  cat "$box/log"
  [ "$(cat "$box/code" 2>/dev/null)" = 0 ] || fail "callreel under systemd (exit code of the copy $code)"
  add "$box/log"
fi
tell systemd
