#!/usr/bin/env bash
# Measures the MP3 of one long call: callreel from the capture against LAME from
# callreel's 16-bit WAV of the same call, at the same bit rate. Everything lies in
# memory (a tmpfs), the programs take turns. Prints lines of the table in
# doc/performance.md.
#
#   bench/mp3.sh
#
# Needs bash, GNU time, lame.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-7}
dir=$(mktemp -d "${BENCH_DIR:-/dev/shm}/callreel-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT

CGO_ENABLED=0 go build -pgo bench/callreel.pgo -trimpath -ldflags '-s -w' -o "$dir/callreel" ./cmd/callreel
go build -o "$dir/gen" ./bench/gen
"$dir/gen" -minutes 60 "$dir/hour.pcap"
"$dir/gen" -minutes 240 -seed 3 "$dir/four.pcap"
"$dir/callreel" convert --pcm -o "$dir/hour.wav" "$dir/hour.pcap"
"$dir/callreel" convert --pcm --channels mono -o "$dir/mono.wav" "$dir/hour.pcap"

# once COMMAND…: "wall cpu", in seconds.
once() {
  local TIMEFORMAT='%R %U %S' t
  t=$({ time "$@" >/dev/null 2>&1; } 2>&1)
  awk '{printf "%.3f %.3f\n", $1, $2 + $3}' <<<"$t"
}

# best NAME FILE: the best of the rounds and its CPU time.
best() { sort -n "$2" | awk -v name="$1" 'NR == 1 {printf "%-44s %8.3f s wall %8.3f s CPU\n", name, $1, $2}'; }

convert() { "$dir/callreel" convert "$@" -o "$dir/out.mp3" "$dir/hour.pcap"; rm "$dir/out.mp3"; }
onecore() { GOMAXPROCS=1 taskset -c 1 "$dir/callreel" convert "$@" -o "$dir/out.mp3" "$dir/hour.pcap"; rm "$dir/out.mp3"; }
peer() { lame --quiet --cbr --resample 8 "$@" "$dir/out.mp3"; rm "$dir/out.mp3"; }

for ((i = 0; i < rounds; i++)); do
  once convert >>"$dir/t.two"
  once onecore >>"$dir/t.one"
  once peer -b 32 "$dir/hour.wav" >>"$dir/t.lame"
  once peer -b 32 -q7 "$dir/hour.wav" >>"$dir/t.q7"
  once onecore --channels mono >>"$dir/t.mono"
  once peer -b 16 -m m "$dir/mono.wav" >>"$dir/t.lamemono"
  once peer -b 16 -m m -q7 "$dir/mono.wav" >>"$dir/t.q7mono"
done
best 'callreel, stereo 32 kbit/s' "$dir/t.two"
best 'callreel, stereo 32 kbit/s, one core' "$dir/t.one"
best 'lame -q7, stereo' "$dir/t.q7"
best 'lame, stereo' "$dir/t.lame"
best 'callreel, mono 16 kbit/s, one core' "$dir/t.mono"
best 'lame -q7, mono' "$dir/t.q7mono"
best 'lame, mono' "$dir/t.lamemono"

for name in hour four; do
  /usr/bin/time -f "callreel, $name: %M kB resident at most" "$dir/callreel" convert -o "$dir/out.mp3" "$dir/$name.pcap"
  rm "$dir/out.mp3"
done
