#!/usr/bin/env bash
# Measures calls in G.722 and G.729: callreel in turn with the usual pipeline for
# G.722 (tshark, xxd, ffmpeg), and by itself on one core and on two for G.729. All
# files lie in memory (a tmpfs). Prints lines of the table in doc/performance.md.
#
#   bench/codecs.sh
#
# Needs bash, GNU time, tshark, xxd, ffmpeg and two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-7}
dir=$(mktemp -d "${BENCH_DIR:-/dev/shm}/callreel-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT

CGO_ENABLED=0 go build -pgo bench/callreel.pgo -trimpath -ldflags '-s -w' -o "$dir/callreel" ./cmd/callreel
go build -o "$dir/gen" ./bench/gen
"$dir/gen" -codec g722 -minutes 60 "$dir/g722.pcap"
"$dir/gen" -codec g729 -minutes 60 "$dir/g729.pcap"
mkdir "$dir/calls"
"$dir/gen" -codec g729 -minutes 3 -count 200 "$dir/calls"

# once COMMAND…: "wall cpu", in seconds.
once() {
  local TIMEFORMAT='%R %U %S' t
  t=$({ time "$@" >/dev/null 2>&1; } 2>&1)
  awk '{printf "%.3f %.3f\n", $1, $2 + $3}' <<<"$t"
}

# best NAME FILE: the best of the rounds and its CPU time.
best() { sort -n "$2" | awk -v name="$1" 'NR == 1 {printf "%-52s %8.3f s wall %8.3f s CPU\n", name, $1, $2}'; }

convert() { "$dir/callreel" convert -o "$dir/out.wav" "$dir/$1.pcap"; rm "$dir/out.wav"; }
onecore() { GOMAXPROCS=1 taskset -c 1 "$dir/callreel" convert -o "$dir/out.wav" "$dir/$1.pcap"; rm "$dir/out.wav"; }
backlog() { rm -rf "$dir/wav"; "$@" "$dir/callreel" convert -o "$dir/wav" "$dir/calls"; }

# peer: tshark takes the payloads out, xxd makes bytes of them, ffmpeg a stereo file.
peer() {
  local port
  for port in 16386 16388; do
    tshark -n -r "$dir/g722.pcap" -d udp.port==16386,rtp -d udp.port==16388,rtp -Y "rtp && udp.srcport==$port" \
      -T fields -e rtp.payload 2>/dev/null | tr -d ':\n' | xxd -r -p >"$dir/$port.g722"
  done
  ffmpeg -v error -y -f g722 -i "$dir/16386.g722" -f g722 -i "$dir/16388.g722" -filter_complex amerge=inputs=2 "$dir/peer.wav"
}

for ((i = 0; i < rounds; i++)); do
  once convert g722 >>"$dir/t.g722"
  once onecore g722 >>"$dir/t.g722one"
  once onecore g729 >>"$dir/t.g729one"
  once convert g729 >>"$dir/t.g729"
  ((i > 1)) || once peer >>"$dir/t.peer"
done
best 'callreel, 60 minutes of G.722' "$dir/t.g722"
best 'callreel, 60 minutes of G.722, one core' "$dir/t.g722one"
best 'tshark, xxd and ffmpeg, 60 minutes of G.722 (twice)' "$dir/t.peer"
best 'callreel, 60 minutes of G.729' "$dir/t.g729"
best 'callreel, 60 minutes of G.729, one core' "$dir/t.g729one"

for ((i = 0; i < 3; i++)); do
  once backlog env >>"$dir/t.two"
  once backlog env GOMAXPROCS=1 taskset -c 1 >>"$dir/t.one"
done
best 'callreel, 200 files of 3 minutes of G.729' "$dir/t.two"
best 'the same on one core' "$dir/t.one"
