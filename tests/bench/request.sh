#! /bin/sh
# SPDX-License-Identifier: MIT
# Server CPU microseconds per keep-alive request of 1 KiB, keel and nginx.
#
# SECONDS_EACH per sample, CONNS connections, SUITE of TLS 1.3, FILE_SIZE.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

SECONDS_EACH=${SECONDS_EACH:-5}
CONNS=${CONNS:-64}
SUITE=${SUITE:-TLS_AES_256_GCM_SHA384}
FILE_SIZE=${FILE_SIZE:-1024}

# wrk has no option for suites; OpenSSL takes them from its configuration.
suite_conf() {
	cat <<-END
	openssl_conf = top
	[top]
	ssl_conf = ssl
	[ssl]
	system_default = defaults
	[defaults]
	MinProtocol = TLSv1.3
	Ciphersuites = $SUITE
	END
}

sample() {
	before=$(bench_cpu "$pid")
	# shellcheck disable=SC2086
	OPENSSL_CONF=$BENCH_DIR/suite.cnf timeout $((SECONDS_EACH + 20)) \
		$CLIENT_PIN wrk -c "$CONNS" -t1 -d "${SECONDS_EACH}s" \
		"https://127.0.0.1:$port/file" >"$BENCH_DIR/wrk.out" || return 1
	spent=$(($(bench_cpu "$pid") - before))
	if grep -E 'Non-2xx|Socket errors' "$BENCH_DIR/wrk.out" >&2; then
		return 1
	fi
	nr=$(awk '/requests in/ { print $1 }' "$BENCH_DIR/wrk.out")
	sed -n "s/^Requests.sec: */# $1 requests\/s: /p" \
		"$BENCH_DIR/wrk.out" >&2
	bench_div "$spent" "${nr}000"
}

bench_init
suite_conf >"$BENCH_DIR/suite.cnf"
bench_file file "$FILE_SIZE"
bench_setup "request: server CPU us per $FILE_SIZE B GET, $SUITE"
echo "# load:   wrk -c$CONNS -t1 -d${SECONDS_EACH}s, keep-alive"
bench_start
bench_rounds request sample
# keel keeps small files it has just read, nginx as it comes opens each anew;
# NGINX_CONF="open_file_cache max=1000;" is the nearest that nginx has.
bench_result request "request $FILE_SIZE B${NGINX_CONF:+, $NGINX_CONF} CPU us" \
	"ratio 0.8"
