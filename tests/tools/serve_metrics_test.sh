#! /usr/bin/env atf-sh
# SPDX-License-Identifier: MIT
# keel serve --metrics: what is counted, in a form that others read.

. "$KEEL_SRCDIR/tests/tools/serve-lib.sh"

start()
{
	serve_start --metrics 127.0.0.1:0 --workers 2 "$@"
	until_true 5 grep -q '^keel: metrics at ' serve.out ||
		atf_fail "$(cat serve.out)"
	metrics=$(sed -n 's/^keel: metrics at //p' serve.out)
}

scrape()
{
	curl --silent --show-error --max-time "$(longer 20)" \
		--output metrics "$metrics" || atf_fail "no metrics"
}

wrong()
{
	cat metrics >&2
	atf_fail "$1"
}

# sum NAME [LABELS]: of all lines that begin so, whatever their other labels.
sum()
{
	awk -v name="keel_$1" -v labels="$2" '
		index($0, name "{") == 1 || index($0, name " ") == 1 {
			if (labels == "" || index($0, labels))
				sum += $NF
		}
		END { print sum + 0 }' metrics
}

expect_sum()
{
	scrape
	test "$(sum "$2" "${3-}")" = "$1" ||
		wrong "$2 ${3-} is $(sum "$2" "${3-}"), not $1"
}

is_sum()
{
	scrape
	test "$(sum "$2" "${3-}")" = "$1"
}

case_new metrics__form "Each line is of the text format, each name has a type" \
	"curl"
metrics__form_body()
{
	mkdir www
	echo page >www/index.html
	start
	expect_body www/index.html /
	scrape
	awk '
		/^# HELP keel_[a-z_]+ [A-Z].*\.$/ { next }
		/^# TYPE keel_[a-z_]+ (counter|gauge)$/ {
			if (types[$3]++) exit 1
			if (($4 == "counter") != ($3 ~ /_total$/)) exit 1
			next
		}
		/^keel_[a-z_]+{([a-z]+="[^"\\]*",?)+} [0-9.]+$/ {
			name = $1
			sub(/{.*/, "", name)
			if (!types[name] || seen[$1]++) exit 1
			next
		}
		{ exit 1 }' metrics || wrong "the metrics"
	test "$(curl -s -o text -w '%{http_code}' "${metrics%metrics}")" = 404 ||
		atf_fail "another path"
	test "$(curl -sI -o text -w '%{http_code}' "$metrics")" = 200 ||
		atf_fail "HEAD"
	printf 'rubbish\r\n\r\n' | timeout 10 \
		openssl s_client -quiet -connect "${metrics#http://}" \
		>text 2>err
	scrape
	serve_stop
}

case_new metrics__count "What happens is counted, where it belongs" \
	"curl openssl"
metrics__count_body()
{
	mkdir www
	make_file www/file 100000
	start
	expect_body www/file /file --tls-max 1.2
	expect_body www/file /file
	expect_body www/file /file
	# Not TLS, and a client that does not trust us.
	curl --silent --output text "http://127.0.0.1:$port/" && atf_fail "http"
	curl --silent --output text "$url/" && atf_fail "trusted"
	until_true 10 is_sum 0 connections || wrong "the metrics"
	expect_sum 5 accepted_total
	expect_sum 1 handshakes_total 'version="TLSv1.2"'
	expect_sum 1 handshake_failures_total 'origin="sent-alert"'
	expect_sum 1 alerts_total 'direction="sent"'
	# Its alert may be lost to the reset that follows.
	expect_sum 2 handshake_failures_total
	test "$(sum sent_bytes_total)" -gt 300000 || wrong "the metrics"
	test "$(sum received_bytes_total)" -gt 100 || wrong "the metrics"
	test "$(sum directions_total 'direction="tx"')" -ge 3 ||
		wrong "the metrics"
	expect_sum 0 loop_late
	# A session that is resumed is told apart.
	talk -tls1_3 -sess_out sess </dev/null >text
	printf 'GET / HTTP/1.0\r\n\r\n' | talk -tls1_3 -sess_out sess >text
	printf 'GET / HTTP/1.0\r\n\r\n' | talk -tls1_3 -sess_in sess >text
	expect_sum 1 handshakes_total 'resumed="true"'
	serve_stop
}

case_new metrics__bad_address "An address that cannot be is named" "curl"
metrics__bad_address_body()
{
	mkdir www
	atf_check -s exit:2 -e match:'--metrics 99: must be ADDR:PORT' \
		"$KEEL" serve www --listen 127.0.0.1:0 --metrics 99
	start
	atf_check -s exit:1 -e match:'in use' \
		"$KEEL" serve www --listen 127.0.0.1:0 \
		--metrics "$(echo "$metrics" | sed 's,http://,,; s,/.*,,')"
	serve_stop
}

case_new metrics__after_upgrade "The next server has the same address" "curl"
metrics__after_upgrade_body()
{
	mkdir www
	echo page >www/index.html
	start --upgrade-socket up.sock
	addr=$(echo "$metrics" | sed 's,http://,,; s,/.*,,')
	first=$pid
	mv serve.err serve.err.old
	serve_start --upgrade-socket up.sock --metrics "$addr"
	until_true 10 not is_alive "$first" || atf_fail "the old one lives on"
	expect_body www/index.html /
	expect_sum 1 accepted_total
	serve_stop
}
