#!/bin/sh
# Before the files go: dpkg says "remove", rpm 0; an upgrade is neither.
set -e
case "${1:-}" in
  remove | 0) ;;
  *) exit 0 ;;
esac
[ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ] || exit 0
systemctl stop 'callreel*.service' || true # a pattern, which may match none
for unit in $(systemctl list-unit-files --no-legend 'callreel.service' 'callreel-*.service' 'callreel@?*.service' | cut -d' ' -f1); do
  systemctl disable "$unit" || true
done
