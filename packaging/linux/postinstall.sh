#!/bin/sh
# After the files are there. dpkg calls it with "configure" and the version of before, rpm
# with how many versions are there now. DPKG_ROOT is the folder of another system.
set -e
root="${DPKG_ROOT:-}"

if ! grep -q '^callreel:' "$root/etc/passwd"; then
  useradd ${root:+--prefix "$root"} --system --user-group --home-dir /var/lib/callreel --no-create-home \
    --shell /usr/sbin/nologin --comment 'call recorder' callreel
fi
uid=$(grep '^callreel:' "$root/etc/passwd" | cut -d: -f3)
gid=$(grep '^callreel:' "$root/etc/passwd" | cut -d: -f4)
mkdir -p "$root/var/lib/callreel"
for folder in "$root/etc/callreel" "$root/var/lib/callreel"; do
  chown "$uid:$gid" "$folder"
  chmod 0750 "$folder"
done

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  # After an upgrade what runs goes on with the new program; a stop loses no call.
  systemctl try-restart 'callreel*.service' || true # a pattern, which may match none
fi
