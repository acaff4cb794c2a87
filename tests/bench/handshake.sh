#! /bin/sh
# SPDX-License-Identifier: MIT
# Server CPU microseconds per full TLS 1.3 handshake, keel and nginx.
#
# Counts everything from accept to close. COUNT handshakes a sample, THREADS
# clients at a time, TICKETS lists what keel is tried with ("-": its default;
# nginx sends OpenSSL's default of two), CLOSE=-r resets instead of closing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${COUNT:-3000}
THREADS=${THREADS:-4}
TICKETS=${TICKETS:-- 0 1 2}
SUITE=${SUITE:-TLS_AES_128_GCM_SHA256}
CLOSE=${CLOSE:-}

sample() {
	before=$(bench_cpu "$pid")
	# shellcheck disable=SC2086
	timeout 120 $CLIENT_PIN "$CLIENT" -n "$COUNT" -c "$THREADS" \
		-s "$SUITE" $CLOSE 127.0.0.1 "$port" \
		>"$BENCH_DIR/client.$1" || return 1
	spent=$(($(bench_cpu "$pid") - before))
	bench_div "$spent" "$((COUNT + 1))000"
}

# The server's calls of OpenSSL alone, in one process without a socket: what no
# server on this OpenSSL can beat. Built by "make bench".
ceiling() {
	if [ ! -x "$BENCH_BIN/handshake_ceiling" ]; then
		echo "# ceiling: not measured, \"make bench\" builds the program"
		return
	fi
	# shellcheck disable=SC2086
	$CLIENT_PIN "$BENCH_BIN/handshake_ceiling" >"$BENCH_DIR/ceiling" ||
		bench_die "handshake_ceiling failed"
	sed 's/^/# ceiling: /' "$BENCH_DIR/ceiling"
}

# The least for $1 tickets, nothing if it was not measured. Least against least:
# the two do not run in turn, so that their medians may be of different loads.
ceiling_of() {
	[ -e "$BENCH_DIR/ceiling" ] || return 0
	sed -n "s/^openssl, $1 tickets\{0,1\} .* least *\([0-9.]*\).*/\1/p" \
		"$BENCH_DIR/ceiling"
}

has_server() {
	case " $SERVERS " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

measure() {
	bench_rounds "$1" sample
	bench_result "$1" "handshake, $2, CPU us" "ratio 0.75"
	for name in $SERVERS; do
		echo "# $name: $(cat "$BENCH_DIR/client.$name")"
	done
}

# With "-" keel runs as it comes, else with so many tickets.
run_tickets() {
	what="defaults"
	set -- "$1"
	if [ "$1" != - ]; then
		what="keel --tickets $1"
		set -- "$1" --tickets "$1"
	fi
	label=handshake-${1#-}
	limit=$(ceiling_of "$1")
	shift
	! has_server keel || bench_start_keel "$@"
	measure "$label" "$what"
	has_server keel || return 0
	bench_stop_keel
	[ -n "$limit" ] || return 0
	least=$(sort -n "$BENCH_DIR/$label.keel" | head -1)
	bench_verdict "handshake, $what, least to the ceiling's least" \
		- "$(bench_div "$least" "$limit")" - "value 1.15"
}

bench_init
CLIENT=$(bench_program tls_handshakes) || exit 1
bench_setup "handshake: server CPU us, full TLS 1.3, X25519, $SUITE"
echo "# load:   $COUNT handshakes, $THREADS at a time, ${CLOSE:-closed in order}"
ceiling
! has_server nginx || bench_start_nginx
has_server keel || TICKETS=-
for tickets in $TICKETS; do
	run_tickets "$tickets"
done
