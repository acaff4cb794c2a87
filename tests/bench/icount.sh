#! /bin/bash
# SPDX-License-Identifier: MIT
# Instructions of the server, its kernel's part too: per byte of a large file and
# per connection with a full handshake and 1 KiB. Exact, and the same each time.
#
#   tests/bench/icount.sh [KERNEL-SERIES]
#
# Runs itself in a guest whose clock counts instructions (tests/guest/run), with
# programs of KEEL_BUILDDIR. Servers: nginx with and without kernel TLS, keel with
# both directions, sending only, and none in the kernel. IMAGE=no takes nginx and
# OpenSSL of this machine in place of Debian 13's. BYTES and CONNS are the sizes
# of a sample.
set -u

BYTES=${BYTES:-10000000}
CONNS=${CONNS:-10}
SUITE=${SUITE:-TLS_AES_256_GCM_SHA384}

if test -z "${KEEL_ICOUNT_INSIDE-}"; then
	src=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
	image=(--image)
	if test "${IMAGE-}" = no; then
		export KEEL_GUEST_PROGRAMS="nginx ${KEEL_GUEST_PROGRAMS-}"
		image=()
	fi
	exec "$src/tests/guest/run" --kernel "${1:-6.12}" --icount \
		"${image[@]}" --timeout 1800 -- env KEEL_ICOUNT_INSIDE=yes BYTES="$BYTES" \
		CONNS="$CONNS" SUITE="$SUITE" bash -c "$(cat "$0")"
fi

dir=$(mktemp -d) && cd "$dir" && mkdir www tmp || exit 1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>log || exit 1
head -c "$BYTES" /dev/urandom >www/big
head -c 1024 /dev/urandom >www/1k

# start_nginx PORT DIRECTIVES
start_nginx()
{
	cat >"nginx.$1" <<-END
	daemon off; pid $dir/nginx.pid.$1; error_log $dir/nginx.log;
	worker_processes 1; user root;
	events { worker_connections 500; }
	http {
		access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
		client_body_temp_path $dir/tmp; proxy_temp_path $dir/tmp;
		fastcgi_temp_path $dir/tmp; uwsgi_temp_path $dir/tmp;
		scgi_temp_path $dir/tmp;
		ssl_protocols TLSv1.3; ssl_certificate $dir/cert.pem;
		ssl_certificate_key $dir/key.pem; $2
		server { listen 127.0.0.1:$1 ssl; root $dir/www; }
	}
	END
	nginx -p "$dir" -c "$dir/nginx.$1" 2>>log &
	wait_for $! "$1"
	pid=$(cut -d' ' -f1 "/proc/$!/task/$!/children")
}

# start_keel PORT POLICY
start_keel()
{
	"$KEEL" serve www --listen "127.0.0.1:$1" --cert cert.pem \
		--key key.pem --workers 1 --offload "$2" >>log 2>&1 &
	pid=$!
	wait_for $pid "$1"
}

get()
{
	curl -sk --tls13-ciphers "$SUITE" -o "$3" "https://127.0.0.1:$1/$2"
}

# wait_for PID PORT: what answers once has its caches warm.
wait_for()
{
	for _ in $(seq 120); do
		kill -0 "$1" || break
		get "$2" 1k out && cmp -s out www/1k && return
		sleep 1
	done
	cat log
	exit 1
}

# Nanoseconds a process has run: instructions here.
cost()
{
	local sum=0 task

	for task in /proc/"$1"/task/*; do
		sum=$((sum + $(cut -d' ' -f1 "$task/schedstat")))
	done
	echo $sum
}

# measure NAME PORT
measure()
{
	local a b c

	sleep 1
	a=$(cost "$pid")
	get "$2" big out
	cmp out www/big || exit 1
	sleep 1
	b=$(cost "$pid")
	for _ in $(seq "$CONNS"); do
		get "$2" 1k /dev/null || exit 1
	done
	sleep 1
	c=$(cost "$pid")
	awk -v name="$1" -v big=$((b - a)) -v conns=$((c - b)) \
		-v bytes="$BYTES" -v nr="$CONNS" 'BEGIN {
		printf "%-24s %6.2f a byte %10d a connection\n", name,
			(big - conns / nr) / bytes, conns / nr }'
}

uname -r
nginx -v 2>&1
start_nginx 8001 "ssl_conf_command Options KTLS;"
measure "nginx, kernel TLS" 8001
start_nginx 8002 ""
measure "nginx, user space" 8002
start_keel 8003 require
measure "keel, kernel both ways" 8003
start_keel 8004 tx=require,rx=off
measure "keel, kernel sends" 8004
start_keel 8005 off
measure "keel, user space" 8005
