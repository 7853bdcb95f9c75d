#!/usr/bin/env bash
# Measures callreel's conversion against its peers on the same input: warm cache,
# in turn, everything in memory (a tmpfs), so that nobody waits for a disk or for
# a sync. Prints lines of the table in doc/performance.md.
#
#   bench/convert.sh             all but the slow peer
#   PEER_FILES=200 bench/convert.sh   with tshark and sox over that many files
#
# Needs bash, GNU time, cp; for the peer tshark, xxd and sox.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-7}
dir=$(mktemp -d "${BENCH_DIR:-/dev/shm}/callreel-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT

CGO_ENABLED=0 go build -pgo bench/callreel.pgo -trimpath -ldflags '-s -w' -o "$dir/callreel" ./cmd/callreel
go build -o "$dir/gen" ./bench/gen
"$dir/gen" -minutes 60 "$dir/hour.pcap"
"$dir/gen" -minutes 60 -loss 0.011 -reorder 0.02 -seed 2 "$dir/lossy.pcap"
"$dir/gen" -minutes 240 -seed 3 "$dir/four.pcap"
mkdir "$dir/calls"
"$dir/gen" -minutes 3 -count 200 "$dir/calls"

# once COMMAND…: "wall cpu", in seconds.
once() {
  local TIMEFORMAT='%R %U %S' t
  t=$({ time "$@" >/dev/null 2>&1; } 2>&1)
  awk '{printf "%.3f %.3f\n", $1, $2 + $3}' <<<"$t"
}

# best NAME FILE: the best of the rounds and its CPU time.
best() { sort -n "$2" | awk -v name="$1" 'NR == 1 {printf "%-44s %8.3f s wall %8.3f s CPU\n", name, $1, $2}'; }

copy() { cp "$dir/$1.pcap" "$dir/copy"; rm "$dir/copy"; }
convert() { "$dir/callreel" convert -o "$dir/out.wav" "$dir/$1.pcap"; rm "$dir/out.wav"; }
onecore() { GOMAXPROCS=1 taskset -c 1 "$dir/callreel" convert -o "$dir/out.wav" "$dir/$1.pcap"; rm "$dir/out.wav"; }

for ((i = 0; i < rounds; i++)); do
  once copy hour >>"$dir/t.cp"
  once convert hour >>"$dir/t.hour"
  once onecore hour >>"$dir/t.one"
  once convert lossy >>"$dir/t.lossy"
done
best 'cp, 60 minutes' "$dir/t.cp"
best 'callreel, 60 minutes' "$dir/t.hour"
best 'callreel, 60 minutes, one core' "$dir/t.one"
best 'callreel, 60 minutes, loss and reordering' "$dir/t.lossy"

for name in hour four; do
  /usr/bin/time -f "callreel, $name: %M kB resident at most" "$dir/callreel" convert -o "$dir/out.wav" "$dir/$name.pcap"
  rm "$dir/out.wav"
done

backlog() { rm -rf "$dir/wav"; "$dir/callreel" convert -o "$dir/wav" "$dir/calls"; }
for ((i = 0; i < rounds; i++)); do once backlog >>"$dir/t.backlog"; done
best 'callreel, 200 files of 3 minutes' "$dir/t.backlog"

# peer: tshark takes the payloads out, xxd makes bytes of them, sox a stereo file.
peer() {
  local f=$1 port
  for port in 16386 16388; do
    tshark -n -r "$f" -d udp.port==16386,rtp -d udp.port==16388,rtp -Y "rtp && udp.srcport==$port" \
      -T fields -e rtp.payload 2>/dev/null | tr -d ':\n' | xxd -r -p >"$dir/$port.al"
  done
  sox -M -t al -r 8000 -c 1 "$dir/16386.al" -t al -r 8000 -c 1 "$dir/16388.al" -e a-law "$dir/peer.wav"
}
peers() { for f in $(find "$dir/calls" -name '*.pcap' | sort | head -n "$1"); do peer "$f"; done; }
if [[ -n ${PEER_FILES:-} ]]; then
  once peers "$PEER_FILES" >"$dir/t.peer"
  best "tshark and sox, $PEER_FILES files of 3 minutes (once)" "$dir/t.peer"
fi
