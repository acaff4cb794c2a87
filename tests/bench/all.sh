#! /bin/sh
# SPDX-License-Identifier: MIT
# Run every benchmark and print one table. Takes about ten minutes.

dir=$(cd "$(dirname "$0")" && pwd)
BENCH_TABLE=$(mktemp) || exit 1
export BENCH_TABLE
trap 'rm -f "$BENCH_TABLE"' EXIT
trap 'exit 1' INT TERM HUP
status=0

run() {
	"$dir/$1.sh" || { echo "$1.sh failed" >&2; status=1; }
	echo
}

for name in bulk request handshake idle hostile; do
	run "$name"
done
# Again, against an nginx that keeps its files open.
NGINX_CONF="open_file_cache max=1000;" run request
awk -F'|' 'BEGIN {
		printf "%-52s %10s %10s %6s %14s %s\n", "what", "nginx", "keel",
			"ratio", "goal", ""
	}
	{ printf "%-52s %10s %10s %6s %14s %s\n", $1, $2, $3, $4, $5, $6 }' \
	"$BENCH_TABLE"
! grep -Eq '(MISSED|INVALID)$' "$BENCH_TABLE" || status=1
exit "$status"
