#! /bin/sh
# SPDX-License-Identifier: MIT
# Private memory of the server per idle connection, keel and nginx.
#
# COUNT connections are opened and held, once after the handshake alone, once
# after a GET of 1 KiB on each. WAIT seconds pass before the memory is read; READY
# are allowed for opening them all.
# Only memory of the process is counted, not the kernel's, for both.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${COUNT:-5000}
WAIT=${WAIT:-5}
READY=${READY:-120}
GOAL=${GOAL:-2048}

private_bytes() {
	awk '/^Private_(Clean|Dirty):/ { s += $2 } END { print s * 1024 }' \
		"/proc/$1/smaps_rollup"
}

# Anonymous memory has no pages of libraries in it: a check on the other.
anon_bytes() {
	awk '/^Anonymous:/ { print $2 * 1024 }' "/proc/$1/smaps_rollup"
}

# Wait for a line "ready" of the client.
wait_ready() {
	for _ in $(seq "$READY"); do
		grep -q ^ready "$1" && return 0
		kill -0 "$2" 2>/dev/null || return 1
		sleep 1
	done
	return 1
}

# hold NAME COUNT [OPTION...]: open connections and keep them until the named
# pipe's writing end, which the caller opens, is closed. Sets held_pid.
hold() {
	name_=$1
	count_=$2
	shift 2
	rm -f "$BENCH_DIR/$name_.in"
	mkfifo "$BENCH_DIR/$name_.in"
	$CLIENT_PIN "$CLIENT" -n "$count_" -t $((READY + 160)) "$@" 127.0.0.1 "$port" \
		<"$BENCH_DIR/$name_.in" >"$BENCH_DIR/$name_.out" 8>&- 9>&- &
	held_pid=$!
	BENCH_PIDS="$BENCH_PIDS $held_pid"
}

# A fresh server for each sample: what an earlier one freed would be counted.
#
# One connection of a client of the same kind is there before and after. A page
# of a library is private as long as one process alone has it: without this
# client those of libcrypto would be the server's before and shared after, which
# took 4.4 MB off a server that has no second process.
sample() {
	server=$1
	shift
	"bench_start_$server"
	bench_server "$server"
	hold anchor 1 "$@"
	anchor_pid=$held_pid
	exec 8>"$BENCH_DIR/anchor.in"
	wait_ready "$BENCH_DIR/anchor.out" "$anchor_pid" || return 1
	# What the start needed and is given back later must not count either.
	sleep "$WAIT"
	before=$(private_bytes "$pid")
	anon=$(anon_bytes "$pid")
	hold client "$COUNT" "$@"
	client_pid=$held_pid
	exec 9>"$BENCH_DIR/client.in"
	wait_ready "$BENCH_DIR/client.out" "$client_pid" || return 1
	sleep "$WAIT"
	after=$(private_bytes "$pid")
	anon=$(($(anon_bytes "$pid") - anon))
	exec 9>&- 8>&-
	wait "$client_pid" "$anchor_pid" || return 1
	alive=$(sed -n 's/^alive //p' "$BENCH_DIR/client.out")
	[ "$alive" = "$COUNT" ] || bench_die "$server closed idle connections:" \
		"$alive of $COUNT are left"
	"bench_stop_$server"
	echo "$server $*: before $before, after $after bytes;" \
		"anonymous alone: $((anon / COUNT)) a connection" >&2
	awk -v d=$((after - before)) -v n="$COUNT" \
		'BEGIN { printf "%.0f\n", d / n }'
}

measure() {
	label=$1
	what=$2
	goal=$3
	shift 3
	for name in $SERVERS; do
		: >"$BENCH_DIR/$label.$name"
	done
	for _ in $(seq "$ROUNDS"); do
		for name in $SERVERS; do
			sample "$name" "$@" >"$BENCH_DIR/sample" || exit 1
			cat "$BENCH_DIR/sample" >>"$BENCH_DIR/$label.$name"
		done
	done
	bench_result "$label" "$what" "$goal"
}

ROUNDS=${IDLE_ROUNDS:-2}
bench_init
CLIENT=$(bench_program idle_conns) || exit 1
bench_setup "idle: private bytes per connection, $COUNT held, read after $WAIT s"
measure idle "idle after the handshake, B per connection" "value $GOAL"
measure idle-get "idle after a GET, B per connection" "value $GOAL" -g /1k
