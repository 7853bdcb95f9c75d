#!/bin/sh
# After the files have gone. Recordings, keys, setups and their user stay in any case, also
# when dpkg purges: nothing else could open the recordings.
set -e
root="${DPKG_ROOT:-}"
if [ "${1:-}" = purge ] && [ -e "$root/var/lib/callreel" ]; then
  rmdir "$root/var/lib/callreel" 2>/dev/null || echo "callreel: recordings, keys and catalogs are left in $root/var/lib/callreel" >&2
fi
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
