#!/usr/bin/env bash
# The part of systemd-test that runs under the systemd of a copy of this system, as a unit
# of it: two recorders, of the package and of "callreel service install", one of them with
# a simulated PBX and its calls.
set -euo pipefail
. /mnt/checks.sh
finish() { # whatever happened, what is known is told outside
  local code=$?
  [ $code = 0 ] || { systemctl status --no-pager -n 40 callreel@main callreel-second; journalctl -q --sync; journalctl -n 60 -o cat --no-pager; tail -n 5 /tmp/sim.log; } || true
  echo $code >/mnt/code
}
trap finish EXIT

show() { systemctl show --value -p "$2" "$1"; }
now() { date +%s%3N; }

# within SECONDS WHAT...: tries a command until it is true. "took" is how long it took, in ms.
within() {
  local began end
  began=$(now) end=$((began + $1 * 1000))
  shift
  until "$@"; do
    [ "$(now)" -lt "$end" ] || fail "in time: $*"
    sleep 0.1
  done
  took=$(($(now) - began)) checks=$((checks + 1))
}
# again UNIT PID: it records, and is not the process PID.
again() { [ "$(show "$1" ActiveState)" = active ] && [ "$(show "$1" MainPID)" != "$2" ]; }

# setup NAME PLAYER RECEIVER ARCHIVE: ports of the first two.
setup() {
  cat >"/etc/callreel/$1.toml" <<TOML
agents = "all"
catalog = "/var/lib/callreel/$1/callreel.db"
[archive]
path = "$4"
[keys]
file = "/var/lib/callreel/$1/callreel.keys"
[player]
listen = "127.0.0.1:$2"
[receiver]
listen = "127.0.0.1:$3"
TOML
}

echo "== a package's unit, and one of its own beside it"
dpkg -i /mnt/callreel.deb
setup main 8081 8901 /var/lib/callreel/main/archive
cat >>/etc/callreel/main.toml <<'TOML'
[[pbx]]
url = "http://127.0.0.1:8101/PBX0/user.soap"
user = "callreel"
password = "secret"
group = "rec"
[[inbox]]
name = "phones"
url = "http://127.0.0.1:8102/drop/"
user = "callreel"
password_env = "DROP_PASSWORD"
poll = "500ms"
settle = "5s"
settle_unseen = "5s"
[cdr]
first_wait = "0s"
second_wait = "0s"
settle = "0s"
TOML
(umask 077; echo DROP_PASSWORD=secret >/etc/callreel/main.env) # systemd reads it, not the recorder
setup second 8082 8902 /srv/second
printf '[[inbox]]\nname = "drop"\npath = "/srv/drop"\n' >>/etc/callreel/second.toml
callreel sim --load 15 --talk 8s --inbox /tmp/drop --listen 127.0.0.1:8101 --inbox-listen 127.0.0.1:8102 \
  --cdr http://127.0.0.1:8901/cdr >/dev/null 2>/tmp/sim.log &
sim=$!
systemctl start callreel@main # comes back when it has said READY=1
want [ "$(show callreel@main ActiveState)" = active ]
want [ "$(show callreel@main Type)" = notify ]
want grep -q 'filed since the start' <<<"$(show callreel@main StatusText)"
want [ "$(stat -c %U "/proc/$(show callreel@main MainPID)")" = callreel ]
callreel service install --config /etc/callreel/second.toml --name second
callreel service start --name second
want callreel service status --name second
want [ "$(show callreel-second ActiveState)" = active ]
want [ "$(show callreel-second UnitFileState)" = enabled ]
want [ "$(show callreel@main ActiveState)" = active ]
want [ "$(stat -c %U /srv/second)" = callreel ]

echo "== killed"
pid=$(show callreel@main MainPID) second=$(show callreel-second MainPID)
kill -KILL "$pid"
within 15 again callreel@main "$pid"
echo "anew after $took ms"
want [ "$(show callreel@main NRestarts)" = 1 ]
want [ "$(show callreel-second MainPID)" = "$second" ]

echo "== no sign of life"
mkdir -p /run/systemd/system/callreel-second.service.d
printf '[Service]\nWatchdogSec=3\n' >/run/systemd/system/callreel-second.service.d/test.conf
systemctl daemon-reload
systemctl restart callreel-second # it reads how long it may be silent
second=$(show callreel-second MainPID)
sleep 5
want [ "$(show callreel-second MainPID)" = "$second" ] # who gives signs is left alone
kill -STOP "$second"
within 30 again callreel-second "$second"
echo "anew after $took ms"
want [ "$(show callreel-second NRestarts)" = 1 ]
journalctl -q --sync
want grep -q 'Watchdog timeout' <<<"$(journalctl -u callreel-second -o cat)"
want grep -q '^goroutine 1 ' <<<"$(journalctl -u callreel-second -o cat)" # what hung

echo "== stopped in the middle of calls"
filed() { journalctl -q --sync; journalctl -u callreel@main -o cat | grep 'msg="recording filed"' | grep -o ' uid=[^ ]*' | sed 's/ uid=//' | sort; }
some_filed() { [ "$(filed | wc -l)" -ge 5 ]; }
within 40 some_filed
began=$(now)
systemctl stop callreel@main
took=$(($(now) - began))
want [ $took -lt 10000 ]
echo "stopped after $took ms, with $(find /tmp/drop -name '*.pcap' | wc -l) captures in the inbox"
want [ "$(show callreel@main Result)" = success ]
want [ "$(find /tmp/drop -name '*.pcap' | wc -l)" -gt 0 ] # calls went on
systemctl start callreel@main
ended() { grep 'msg="call ended".*err=<nil>' /tmp/sim.log | grep -o ' conf=[^ ]*' | sed 's/ conf=//' | sort; }
sleep 3
ended >/tmp/ended # before the stop, during it, and after it
all_filed() { [ -z "$(comm -23 /tmp/ended <(filed | uniq))" ]; }
want [ "$(wc -l </tmp/ended)" -ge 15 ]
within 60 all_filed
echo "$(wc -l </tmp/ended) calls, all filed"
kill -INT $sim
want [ -z "$(filed | uniq -d)" ]
want_not grep -q 'not set up any more' <<<"$(journalctl -u callreel@main -o cat)" # the PBX has no name in the setup

echo "== removed"
callreel service uninstall --name second
want [ ! -e /etc/systemd/system/callreel-second.service ]
dpkg -r callreel
want [ "$(show callreel@main ActiveState)" = inactive ]
tell systemd
