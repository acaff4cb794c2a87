#! /bin/sh
# SPDX-License-Identifier: MIT
# Server CPU seconds per GB (10^9 bytes) of a 100 MB file, keel and nginx.
#
# bulk.sh [SUITE...], OpenSSL's names; of TLS 1.3 or 1.2.
# FETCHES files go over one connection; CLIENTS lists how many at a time.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

FETCHES=${FETCHES:-5}
CLIENTS=${CLIENTS:-1 4}
SIZE=100000000

curl_suite() {
	case $1 in
	TLS_*) echo "--tlsv1.3 --tls13-ciphers $1" ;;
	*) echo "--tls-max 1.2 --ciphers $1" ;;
	esac
}

# fetch PORT: one client's connection; prints the bytes it got.
fetch() {
	# shellcheck disable=SC2046,SC2086
	$CLIENT_PIN curl -sk --max-time 120 $(curl_suite "$suite") \
		-w '%{size_download}\n' $(
		for _ in $(seq "$FETCHES"); do
			echo "-o /dev/null https://127.0.0.1:$1/100m"
		done
	)
}

sample() {
	before=$(bench_cpu "$pid")
	waits=
	for i in $(seq "$clients"); do
		fetch "$port" >"$BENCH_DIR/bytes.$i" &
		waits="$waits $!"
	done
	for waited in $waits; do
		wait "$waited" || return 1
	done
	spent=$(($(bench_cpu "$pid") - before))
	bytes=$(cat "$BENCH_DIR"/bytes.* | awk '{ s += $1 } END { print s }')
	rm -f "$BENCH_DIR"/bytes.*
	[ "$bytes" -eq $((SIZE * FETCHES * clients)) ] || return 1
	bench_div "$spent" "$bytes"
}

bench_init
[ $# -gt 0 ] || set -- TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384
bench_file 100m $SIZE
bench_setup "bulk: server CPU s/GB, 100 MB file, $FETCHES times a connection, curl"
bench_start
for suite; do
	for clients in $CLIENTS; do
		bench_rounds "bulk-$suite-$clients" sample
		bench_result "bulk-$suite-$clients" \
			"bulk $suite, $clients clients, CPU s/GB" "ratio 0.8"
	done
done
