#!/usr/bin/env bash
# The part of packages-test that runs in a copy of this system, where the packages lie in
# /mnt: installs, upgrades and removes them for good, with all their scripts.
set -euo pipefail
. /mnt/checks.sh

# cycle KIND INSTALL UPGRADE REMOVE: each a command line.
cycle() {
  echo "== $1"
  eval "$2"
  want [ "$(callreel version)" = "callreel 0.9.0" ]
  want [ "$(stat -c '%U %a' /var/lib/callreel)" = "callreel 750" ]
  mkdir -p /var/lib/callreel/main
  echo key >/var/lib/callreel/main/callreel.keys
  echo '# ours' >>/etc/callreel/example.toml
  eval "$3"
  want [ "$(callreel version)" = "callreel 1.0.0" ]
  want grep -q '^# ours$' /etc/callreel/example.toml
  want grep -q '^callreel:.*:/usr/sbin/nologin$' /etc/passwd
  eval "$4"
  want_not [ -e /usr/bin/callreel ]
  want_not [ -e "$5/callreel@.service" ]
  want [ "$(cat /var/lib/callreel/main/callreel.keys)" = key ]
}

# Neither knows what is installed by the other; both packages need no other one.
cycle deb 'dpkg -i /mnt/*_0.9.0_amd64.deb' 'dpkg --force-confold -i /mnt/*_1.0.0_amd64.deb' 'dpkg --purge callreel' /lib/systemd/system
rm -rf /var/lib/callreel /etc/callreel
userdel callreel
if command -v rpm >/dev/null; then
  cycle rpm 'rpm -i --nodeps /mnt/*-0.9.0-1.x86_64.rpm' 'rpm -U --nodeps /mnt/*-1.0.0-1.x86_64.rpm' 'rpm -e callreel' /usr/lib/systemd/system
fi
tell inside
