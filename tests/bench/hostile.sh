#! /bin/sh
# SPDX-License-Identifier: MIT
# A good client beside COUNT connections that never finish a handshake.
#
# The good client must see no error; the server's peak memory is reported.
# KINDS chooses among silent, half, dribble, rubbish, stall.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${COUNT:-10000}
DURATION=${DURATION:-45}
KINDS=${KINDS:-silent,half,dribble,rubbish,stall}
SERVERS=${SERVERS_HOSTILE:-keel}
# shellcheck disable=SC2034
ROUNDS=1

peak_bytes() {
	awk '/^VmHWM:/ { print $2 * 1024 }' "/proc/$1/status"
}

# Fetch until the file "stop" is there; print fetches, errors and the slowest.
good_client() {
	nr=0
	errors=0
	while [ ! -e "$BENCH_DIR/stop" ]; do
		for file in 1k 1m; do
			nr=$((nr + 1))
			curl -sSk --max-time 10 -o "$BENCH_DIR/got" \
				-w '%{time_total}\n' \
				"https://127.0.0.1:$1/$file" \
				>>"$BENCH_DIR/times" 2>>"$BENCH_DIR/errors" &&
				cmp -s "$BENCH_DIR/got" "$BENCH_DIR/www/$file" ||
				errors=$((errors + 1))
		done
	done
	echo "$nr $errors $(sort -n "$BENCH_DIR/times" | tail -1)"
}

attack() {
	"bench_start_$1"
	bench_server "$1"
	: >"$BENCH_DIR/times"
	: >"$BENCH_DIR/errors"
	rm -f "$BENCH_DIR/stop"
	before=$(peak_bytes "$pid")
	cpu=$(bench_cpu "$pid")
	# shellcheck disable=SC2086
	timeout $((DURATION + 30)) $CLIENT_PIN "$CLIENT" -n "$COUNT" -o \
		-k "$KINDS" -t "$DURATION" 127.0.0.1 "$port" \
		>"$BENCH_DIR/hostile.out" &
	hostile_pid=$!
	BENCH_PIDS="$BENCH_PIDS $hostile_pid"
	good_client "$port" >"$BENCH_DIR/good.out" &
	good_pid=$!
	wait "$hostile_pid"
	hostile_status=$?
	: >"$BENCH_DIR/stop"
	wait "$good_pid"
	sed 's/^/# /' "$BENCH_DIR/hostile.out"
	sort "$BENCH_DIR/errors" | uniq -c | sed 's/^/# good client: /'
	kill -0 "$pid" 2>/dev/null || bench_die "$1 has died"
	cpu=$(($(bench_cpu "$pid") - cpu))
	peak=$(peak_bytes "$pid")
	read -r fetches errors slowest <"$BENCH_DIR/good.out"
	echo "$1: good fetches $fetches, errors $errors, slowest $slowest s;" \
		"hostile status $hostile_status; CPU $(bench_div "$cpu" 1000000000) s"
	echo "$1: peak memory $before before, $peak after:" \
		"$(((peak - before) / COUNT)) bytes per hostile connection"
	bench_attack_verdict "$1" "$errors"
	"bench_stop_$1"
}

bench_attack_verdict() {
	if [ "$1" = keel ]; then
		bench_verdict "errors of a good client beside $COUNT hostile" \
			- "$2" - "value 0"
	fi
}

bench_init
CLIENT=$(bench_program hostile) || exit 1
bench_file 1m 1000000
bench_setup "hostile: $COUNT connections of $KINDS for $DURATION s"
for name in $SERVERS; do
	attack "$name"
done
