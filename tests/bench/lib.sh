# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What the benchmarks share: servers, CPU time, medians, the result table.
#
# A benchmark is a script that sources this file, starts nginx and keel side
# by side, measures them in turn and calls bench_result. Everything happens on
# loopback in a new directory, is bounded in time and is ended by pid.

KEEL=${KEEL:-keel}
NGINX=${NGINX:-/usr/sbin/nginx}
ROUNDS=${ROUNDS:-5}
SERVERS=${SERVERS:-nginx keel}
BENCH_SRC=${BENCH_SRC:-$(cd "$(dirname "$0")" && pwd)}
BENCH_BIN=${BENCH_BIN:-./tests/bench}
BENCH_PIDS=
BENCH_DIR=
pid=
port=

bench_die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

bench_cleanup() {
	for pid in $BENCH_PIDS; do
		kill "$pid" 2>/dev/null
	done
	for pid in $BENCH_PIDS; do
		wait "$pid" 2>/dev/null
	done
	[ -z "$BENCH_DIR" ] || rm -rf "$BENCH_DIR"
}

# One server on one processor, the clients on another: the same for both.
bench_init() {
	set -u
	BENCH_DIR=$(mktemp -d) || exit 1
	trap bench_cleanup EXIT
	trap 'exit 1' INT TERM HUP
	# dash and bash have -n, which POSIX leaves out.
	# shellcheck disable=SC3045
	ulimit -n "$(ulimit -Hn)"
	SERVER_PIN=${SERVER_PIN:-}
	CLIENT_PIN=${CLIENT_PIN:-}
	if [ "$(nproc)" -ge 2 ] && command -v taskset >/dev/null; then
		SERVER_PIN="taskset -c 0"
		CLIENT_PIN="taskset -c 1"
	fi
	for name in $SERVERS; do
		[ "$name" != keel ] || command -v "$KEEL" >/dev/null ||
			bench_die "$KEEL: no keel; set KEEL to its path"
		[ "$name" != nginx ] || [ -x "$NGINX" ] ||
			bench_die "$NGINX: no nginx; install the package nginx"
	done
	CPU_NS=$(bench_program cpu_ns) || exit 1
	mkdir "$BENCH_DIR/www"
	bench_file 1k 1024
	bench_cert
}

# The path of a client program: as built by make, or compiled now.
bench_program() {
	if [ -x "$BENCH_BIN/$1" ]; then
		(cd "$BENCH_BIN" && echo "$(pwd)/$1")
		return
	fi
	${CC:-cc} -std=gnu17 -O2 -I"$BENCH_SRC/../.." \
		-o "$BENCH_DIR/$1" "$BENCH_SRC/$1.c" \
		"$BENCH_SRC/client.c" -lssl -lcrypto -pthread ||
		bench_die "$1: cannot be compiled"
	echo "$BENCH_DIR/$1"
}

# A file of random bytes in the tree that is served.
bench_file() {
	head -c "$2" /dev/urandom >"$BENCH_DIR/www/$1"
}

bench_cert() {
	CERT=$BENCH_DIR/cert.pem
	KEY=$BENCH_DIR/key.pem
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$KEY" -out "$CERT" -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
		2>"$BENCH_DIR/openssl.log" ||
		bench_die "openssl: $(cat "$BENCH_DIR/openssl.log")"
}

bench_setup() {
	echo "# $1"
	echo "# date:   $(date -u +%Y-%m-%dT%H:%MZ), load $(cut -d' ' -f1-3 /proc/loadavg)"
	echo "# host:   $(uname -sr), $(nproc) CPU," \
		"$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
	for name in $SERVERS; do
		"bench_setup_$name"
	done
	echo "# server: ${SERVER_PIN:-not pinned}; client: ${CLIENT_PIN:-not pinned}"
	echo "# cert:   ECDSA P-256, the same for both; rounds: $ROUNDS, in turn"
}

bench_setup_nginx() {
	echo "# nginx:  $($NGINX -v 2>&1 | sed 's/.*: //')," \
		"$($NGINX -V 2>&1 | sed -n 's/^built with //p')," \
		"1 worker, sendfile, tickets on${NGINX_CONF:+, $NGINX_CONF}"
}

bench_setup_keel() {
	echo "# keel:   $("$KEEL" --version 2>&1 | head -1)," \
		"$(openssl version | cut -d' ' -f1-2), 1 worker," \
		"offload off${KEEL_OPTS:+, $KEEL_OPTS}"
}

# A port that was free a moment ago; whoever starts on it may still fail.
bench_port() {
	echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
}

bench_answers() {
	curl -sk -o "$BENCH_DIR/answer" --max-time 2 \
		"https://127.0.0.1:$1/1k" 2>/dev/null &&
		cmp -s "$BENCH_DIR/answer" "$BENCH_DIR/www/1k"
}

# Wait until the server with pid $1 answers on port $2.
bench_wait() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		kill -0 "$1" 2>/dev/null || return 1
		[ -n "$2" ] && bench_answers "$2" && return 0
		sleep 0.1
	done
	return 1
}

bench_nginx_conf() {
	cat <<-END
	daemon off;
	pid $BENCH_DIR/nginx.pid;
	error_log $BENCH_DIR/nginx.log;
	worker_processes 1;
	worker_rlimit_nofile 20000;
	$([ "$(id -u)" -ne 0 ] || echo "user root;")
	events {
		worker_connections 19000;
	}
	http {
		access_log off;
		sendfile on;
		tcp_nopush on;
		tcp_nodelay on;
		keepalive_timeout 300s;
		keepalive_requests 100000000;
		client_header_timeout 300s;
		client_body_temp_path $BENCH_DIR/tmp;
		proxy_temp_path $BENCH_DIR/tmp;
		fastcgi_temp_path $BENCH_DIR/tmp;
		uwsgi_temp_path $BENCH_DIR/tmp;
		scgi_temp_path $BENCH_DIR/tmp;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_certificate $CERT;
		ssl_certificate_key $KEY;
		${NGINX_CONF:-}
		server {
			listen 127.0.0.1:$1 ssl backlog=4096;
			root $BENCH_DIR/www;
		}
	}
	END
}

# Sets nginx_pid to the worker's pid and nginx_port.
bench_start_nginx() {
	for _ in 1 2 3 4 5; do
		nginx_port=$(bench_port)
		bench_nginx_conf "$nginx_port" >"$BENCH_DIR/nginx.conf"
		$SERVER_PIN "$NGINX" -p "$BENCH_DIR" -c "$BENCH_DIR/nginx.conf" \
			2>"$BENCH_DIR/nginx.err" &
		nginx_master=$!
		BENCH_PIDS="$BENCH_PIDS $nginx_master"
		if bench_wait "$nginx_master" "$nginx_port"; then
			nginx_pid=$(cut -d' ' -f1 \
				"/proc/$nginx_master/task/$nginx_master/children")
			return
		fi
		kill "$nginx_master" 2>/dev/null
	done
	bench_die "nginx does not start: $(cat "$BENCH_DIR/nginx.err")"
}

# Sets keel_pid and keel_port. Arguments are more options.
bench_start_keel() {
	# KEEL_OPTS is a list of options.
	# shellcheck disable=SC2086
	$SERVER_PIN "$KEEL" serve "$BENCH_DIR/www" --listen 127.0.0.1:0 \
		--cert "$CERT" --key "$KEY" --workers 1 --offload off \
		--idle-timeout 300 --max-conns 19000 "$@" ${KEEL_OPTS:-} \
		>"$BENCH_DIR/keel.out" 2>&1 &
	keel_pid=$!
	BENCH_PIDS="$BENCH_PIDS $keel_pid"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		keel_port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' \
			"$BENCH_DIR/keel.out" | head -1)
		[ -n "$keel_port" ] || kill -0 "$keel_pid" 2>/dev/null || break
		[ -z "$keel_port" ] || break
		sleep 0.2
	done
	bench_wait "$keel_pid" "$keel_port" ||
		bench_die "keel does not serve: $(cat "$BENCH_DIR/keel.out")"
}

bench_start() {
	for name in $SERVERS; do
		"bench_start_$name"
	done
}

bench_stop_keel() {
	kill "$keel_pid" 2>/dev/null
	wait "$keel_pid" 2>/dev/null
}

bench_stop_nginx() {
	kill "$nginx_master" 2>/dev/null
	wait "$nginx_master" 2>/dev/null
}

# The pid and the port of the server named $1, into pid and port.
# shellcheck disable=SC2034
bench_server() {
	case $1 in
	nginx) pid=$nginx_pid port=$nginx_port ;;
	keel) pid=$keel_pid port=$keel_port ;;
	esac
}

# Run a function for each server, round after round, in alternating order.
# It is called with the server's name and prints one number, which goes into
# the file $BENCH_DIR/$label.$server.
bench_rounds() {
	label=$1
	shift
	reversed=
	for name in $SERVERS; do
		reversed="$name $reversed"
		: >"$BENCH_DIR/$label.$name"
	done
	round=0
	while [ "$round" -lt "$ROUNDS" ]; do
		order=$SERVERS
		[ $((round % 2)) -eq 0 ] || order=$reversed
		for name in $order; do
			bench_server "$name"
			"$@" "$name" >>"$BENCH_DIR/$label.$name" ||
				bench_die "$label: $name: measurement failed"
		done
		round=$((round + 1))
	done
}

bench_median() {
	sort -n "$1" | awk '{ v[NR] = $1 }
		END {
			if (!NR)
				exit 1
			m = int((NR + 1) / 2)
			printf "%.4g\n", NR % 2 ? v[m] : (v[m] + v[m + 1]) / 2
		}'
}

# bench_result LABEL "WHAT, UNIT" [GOAL]: medians of what bench_rounds noted,
# all samples, and the median of the ratios of each round. Not the ratio of the
# medians: when the load of the machine changes in the middle of a run, the two
# medians may stem from different halves of it, and then mean nothing together.
bench_result() {
	nginx=-
	keel=-
	ratio=-
	for name in $SERVERS; do
		value=$(bench_median "$BENCH_DIR/$1.$name") || value=-
		echo "$1 $name: median $value" \
			"($(tr '\n' ' ' <"$BENCH_DIR/$1.$name" | sed 's/ $//'))"
		[ "$name" != nginx ] || nginx=$value
		[ "$name" != keel ] || keel=$value
	done
	if [ "$nginx" != - ] && [ "$keel" != - ]; then
		paste "$BENCH_DIR/$1.nginx" "$BENCH_DIR/$1.keel" |
			awk '$1 > 0 { printf "%.3f\n", $2 / $1 }' \
			>"$BENCH_DIR/$1.ratio"
		ratio=$(bench_median "$BENCH_DIR/$1.ratio")
		echo "$1 ratio by round:" \
			"$(tr '\n' ' ' <"$BENCH_DIR/$1.ratio" | sed 's/ $//')"
	fi
	bench_verdict "$2" "$nginx" "$keel" "$ratio" "${3:-}"
}

# bench_verdict "WHAT, UNIT" NGINX KEEL RATIO [GOAL]: a goal is "ratio X" (keel
# to nginx, at most) or "value X" (keel's own, at most; less than nothing is a
# measurement gone wrong).
bench_verdict() {
	line=$(echo "$2 $3 $4 ${5:-}" | awk '{
		verdict = "-"
		if ($4 == "ratio" && $3 != "-")
			verdict = $3 <= $5 ? "met" : "MISSED"
		if ($4 == "value" && $2 != "-")
			verdict = $2 < 0 ? "INVALID" : $2 <= $5 ? "met" : "MISSED"
		printf "%s|%s|%s|%s|%s\n", $1, $2, $3,
			$5 == "" ? "-" : $4 " <= " $5, verdict
	}')
	echo "=> $1: $(echo "$line" | awk -F'|' \
		'{ print "nginx " $1 ", keel " $2 ", ratio " $3 \
			", goal " $4 ": " $5 }')"
	[ -z "${BENCH_TABLE:-}" ] || echo "$1|$line" >>"$BENCH_TABLE"
}

# Nanoseconds of CPU time used by process $1 so far.
bench_cpu() {
	"$CPU_NS" "$1"
}

bench_div() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4g\n", a / b }'
}
