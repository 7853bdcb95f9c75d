#!/usr/bin/env bash
# Makes bench/callreel.pgo, by which "make build" has the compiler know what a
# conversion spends its time on (about 6 % faster), and a recorder at work. To be run
# again when convert, its codecs or the line have changed much.
#
#   bench/profile.sh
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d "${BENCH_DIR:-/dev/shm}/callreel-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT

go build -o "$dir/gen" ./bench/gen
"$dir/gen" -minutes 60 "$dir/hour.pcap"
"$dir/gen" -minutes 60 -loss 0.011 -reorder 0.02 -seed 2 "$dir/lossy.pcap"
for codec in pcma g722 g729; do
  "$dir/gen" -minutes 2 -codec "$codec" "$dir/short-$codec.pcap"
done
CALLREEL_BENCH=$dir go test -trimpath -run '^$' -bench Captures -benchtime 20s -o "$dir/convert.test" -cpuprofile "$dir/cpu.prof" ./convert
CALLREEL_SOAK=1000 TMPDIR=$dir go test -trimpath -run 'TestSoak$' -o "$dir/service.test" -cpuprofile "$dir/service.prof" ./internal/service
go tool pprof -proto -output "$dir/merged.pgo" "$dir/cpu.prof" "$dir/service.prof"
# The names of the tests' binaries are of nobody's interest.
gzip -dc "$dir/merged.pgo" | DIR=$dir perl -pe 's{(\Q$ENV{DIR}\E/(?:convert|service)\.test)}{"-" x length $1}ge' | gzip -n >bench/callreel.pgo
go build -pgo bench/callreel.pgo -o "$dir/callreel" ./cmd/callreel # else it is no profile
