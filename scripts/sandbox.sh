#!/usr/bin/env bash
# sandbox.sh FOLDER COMMAND...   runs COMMAND as root in a copy of this machine that is
# thrown away: its files below an overlay, no network, processes and cgroups of its own,
# nothing of the kernel to be changed. FOLDER is /mnt there. The command is process 1.
# Exit code 125: such a copy cannot be made here; it says why.
set -euo pipefail

impossible() { echo "a copy of this system cannot be made here: $*"; exit 125; }

# inside FOLDER COMMAND...: in its namespaces.
inside() {
  local folder=$1 root=/tmp/root
  shift
  exec 3<"$folder" # /tmp is another one in a moment
  mount --make-rprivate / &&
    mount -t tmpfs -o mode=1777 tmpfs /tmp && mkdir /tmp/upper /tmp/work $root &&
    mount -t overlay -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work overlay $root || impossible "no overlay"
  cd $root
  mount -t proc proc proc && mount -o bind,ro proc/sys proc/sys && mount -t sysfs -o ro sysfs sys &&
    mount -t cgroup2 cgroup2 sys/fs/cgroup || impossible "no proc, sysfs or cgroup2"
  mount --bind /proc/self/fd/3 mnt
  exec 3<&-
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=1777 tmpfs tmp
  mount -t tmpfs -o mode=755 tmpfs dev
  local d
  for d in null zero full random urandom tty; do : >dev/$d && mount --bind /dev/$d dev/$d; done
  ln -s /proc/self/fd dev/fd
  mkdir dev/shm dev/pts run/old
  mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  pivot_root . run/old
  umount -l /run/old
  cd /
  # Whoever is root in here must not reach what is one for the whole machine.
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C container=callreel-test \
    setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time,-syslog,-audit_control,-audit_read,-mac_admin,-mac_override,-bpf,-perfmon -- "$@"
}

if [ "$1" = --inside ]; then
  shift
  inside "$@"
fi
[ "$(id -u)" = 0 ] || impossible "this is not root"
tree=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
[ -n "$tree" ] || impossible "cgroup2 is not mounted"
ours=$tree/callreel-test.$$
mkdir "$ours" 2>/dev/null || impossible "no cgroup can be made in $tree"
trap 'find "$ours" -depth -type d -exec rmdir {} +' EXIT
unshare --mount --pid --fork true 2>/dev/null || impossible "no namespaces"
folder=$(cd "$1" && pwd -P)
shift
# The shell goes into the cgroup first, so that it is the root of the namespace.
bash -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' - "$ours" \
  unshare --mount --pid --cgroup --net --uts --ipc --fork --kill-child bash "$0" --inside "$folder" "$@" </dev/null
