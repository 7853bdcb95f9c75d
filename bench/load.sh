#!/usr/bin/env bash
# Puts a steady load on callreel: a simulated PBX in a process of its own, on whose
# telephones LOAD calls of 20 s go on at the same time, one after the other, with the call
# events of all of them, captures that grow by HTTP PUT, and CDRs at once. The recorder
# has one core, the simulation the other. Prints the recorder's CPU time and memory over
# MEASURE seconds, and the time from the end of each call to its recording being filed.
#
#   bench/load.sh                  both settings, everything in memory (a tmpfs)
#   BENCH_DIR=/var/tmp bench/load.sh    archive, spool, catalog and drop directory on that disk
#   KIND=folder bench/load.sh      the drop directory read as a folder, not by WebDAV
#   SETTINGS=fast bench/load.sh    poll 0.5 s and no other delay, only
#   PROFILE=out bench/load.sh      with perf: a profile of the recorder in out.SETTING
#   LOAD=250 WARM=45 MEASURE=60 KEEP_LOGS=dir bench/load.sh   other sizes; the logs stay
#
# Needs bash, GNU awk or mawk, taskset and two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

load=${LOAD:-1000} warm=${WARM:-45} measure=${MEASURE:-60} kind=${KIND:-webdav}
dir=$(mktemp -d "${BENCH_DIR:-/dev/shm}/callreel-load.XXXXXX")
sim='' run=''
finish() {
  local pid
  for pid in $sim $run; do kill -INT "$pid" 2>/dev/null || true; done
  for pid in $sim $run; do wait "$pid" 2>/dev/null || true; done
  sim='' run=''
}
trap 'finish; rm -rf "$dir"' EXIT

CGO_ENABLED=0 go build -pgo bench/callreel.pgo -trimpath -o "$dir/callreel" ./cmd/callreel

# setup FILE SETTING: the recorder's setup.
setup() {
  local where="url = \"http://127.0.0.1:18972/drop/\"
user = \"callreel\"
password = \"secret\""
  [[ $kind == webdav ]] || where="path = \"$dir/inbox\""
  cat >"$1" <<END
[archive]
path = "$dir/archive"
[player]
listen = ""
[receiver]
listen = "127.0.0.1:18970"
[[pbx]]
url = "http://127.0.0.1:18971/PBX0/user.soap"
user = "callreel"
password = "secret"
group = "rec"
[[inbox]]
name = "phones"
$where
END
  [[ $2 == default ]] || cat >>"$1" <<END
poll = "500ms"
[cdr]
first_wait = "0s"
second_wait = "0s"
settle = "0s"
END
}

# until_there TEXT FILE: waits for a line of a log.
until_there() {
  local i
  for ((i = 0; i < 1200; i++)); do
    grep -q -- "$1" "$2" && return
    sleep 0.1
  done
  echo "no line with \"$1\" in $2" >&2
  tail -n 5 "$2" >&2
  return 1
}

ticks() { awk '{sub(/.*\) /, ""); print $12 + $13}' "/proc/$1/stat"; }
# waited PID: how long its threads have waited for a processor, in ns.
waited() { cat /proc/"$1"/task/*/schedstat 2>/dev/null | awk '{w += $2} END {printf "%.0f", w}'; }
memory() { awk -v key="$2:" '$1 == key {print $2}' "/proc/$1/status"; }
now() { date -u +%s.%3N; }

# lags FROM TO: "lag" of each call that ended in between, "-" of one that was not filed, from
# the two logs; a last column has by how much the simulation was late with the call's end.
lags() {
  awk -v from="$1" -v to="$2" '
    function value(key,  rest) { if (!match($0, " " key "=[^ ]*")) return ""; return substr($0, RSTART + length(key) + 2, RLENGTH - length(key) - 2) }
    function seconds(t,  p) { split(substr(t, 12), p, /[:Z+]/); return p[1] * 3600 + p[2] * 60 + p[3] }
    function after(a, b) { return a - b < -43200 ? a - b + 86400 : a - b }
    FNR == NR { if (/msg="recording filed"/) filed[value("uid")] = seconds(substr($1, 6)); next }
    /msg="call ended"/ {
      end = seconds(value("end"))
      if (after(end, from) < 0 || after(end, to) >= 0) next
      conf = value("conf")
      print (conf in filed ? sprintf("%.3f", after(filed[conf], end)) : "-"), after(seconds(substr($1, 6)), end)
    }' "$dir/run.log" "$dir/sim.log"
}

# quantiles NAME TARGET: of a column of numbers.
quantiles() {
  sort -n | awk -v name="$1" -v target="$2" '{v[NR] = $1} END {
    if (NR == 0) {print name ": none"; exit}
    printf "%-44s %7.2f s median %7.2f s p99 %7.2f s at most%s\n", name, v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)], v[NR], target }'
}

# seconds: of the day, UTC.
seconds() { awk -v t="$(now)" 'BEGIN {printf "%.3f", t - int(t / 86400) * 86400}'; }

measured() {
  local setting=$1 target=$2
  rm -rf "$dir/archive" "$dir/inbox" "$dir"/callreel.db* "$dir"/callreel.keys*
  mkdir "$dir/archive"
  setup "$dir/callreel.toml" "$setting"
  TZ=UTC GOGC=400 taskset -c 0 "$dir/callreel" sim --load "$load" --inbox "$dir/inbox" --listen 127.0.0.1:18971 --inbox-listen 127.0.0.1:18972 \
    --cdr http://127.0.0.1:18970/cdr >/dev/null 2>"$dir/sim.log" &
  sim=$!
  TZ=UTC taskset -c 1 "$dir/callreel" run --config "$dir/callreel.toml" >/dev/null 2>"$dir/run.log" &
  run=$!
  until_there 'PBX link is up' "$dir/run.log"
  sleep "$warm"
  local from to cpu busy profiler=''
  if [[ -n ${PROFILE:-} ]]; then
    perf record -q -g -F 499 -o "$PROFILE.$setting" -p "$run" -- sleep "$measure" &
    profiler=$!
  fi
  local starved starving
  from=$(seconds) cpu=$(ticks "$run") busy=$(ticks "$sim") starved=$(waited "$run") starving=$(waited "$sim")
  sleep "$measure"
  starved=$(($(waited "$run") - starved)) starving=$(($(waited "$sim") - starving))
  to=$(seconds) cpu=$(($(ticks "$run") - cpu)) busy=$(($(ticks "$sim") - busy))
  [[ -z $profiler ]] || wait "$profiler"
  local resident most
  resident=$(memory "$run" VmRSS) most=$(memory "$run" VmHWM)
  sleep 20 # for the last of them to be filed
  finish
  lags "$from" "$to" >"$dir/lags"
  echo "--- $load calls at once, $setting delays, $kind, ${BENCH_DIR:-/dev/shm}"
  awk -v hz="$(getconf CLK_TCK)" -v s="$measure" -v cpu="$cpu" -v busy="$busy" 'BEGIN {
    printf "recorder %5.1f %% of one core over %d s (target: 50 %%); simulation %.1f %%\n", 100 * cpu / hz / s, s, 100 * busy / hz / s }'
  awk -v s="$measure" -v a="$starved" -v b="$starving" 'BEGIN {
    printf "threads waited for their core: recorder %.0f %%, simulation %.0f %% of the time (what is near the above or more: others use the core too)\n", a / s / 1e7, b / s / 1e7 }'
  echo "recorder $((resident / 1024)) MB resident, at most $((most / 1024)) MB"
  awk -v s="$measure" '{n++; lost += $1 == "-"} END {printf "%d calls ended, %.1f a second; %d of them not filed after 20 s\n", n, n / s, lost}' "$dir/lags"
  awk '$1 != "-" {print $1}' "$dir/lags" | quantiles 'from the end of a call to its being filed' " (target: p99 $target s)"
  awk '{print $2}' "$dir/lags" | quantiles 'the simulation was late by' ''
  grep -c 'level=\(WARN\|ERROR\)' "$dir/run.log" | sed 's/$/ warnings and errors of the recorder/'
  [[ -z ${KEEP_LOGS:-} ]] || cp "$dir/run.log" "$dir/sim.log" "$KEEP_LOGS"
}

for setting in ${SETTINGS:-default fast}; do
  case $setting in
    default) measured default 15 ;;
    fast) measured fast 2 ;;
    *) echo "SETTINGS may be default and fast" >&2; exit 2 ;;
  esac
done
