#! /usr/bin/env atf-sh
# SPDX-License-Identifier: MIT
# keel serve as a TLS server: clients, certificates, signals, load.

. "$KEEL_SRCDIR/tests/tools/serve-lib.sh"

# KEEL_TEST_BIG=1 makes the tree as large as 100 MB a file.
big=${KEEL_TEST_BIG:-0}

case_new serve__prints_a_line_that_works \
	"Without --cert the printed curl line, run as it is, fetches the page" \
	"curl openssl"
serve__prints_a_line_that_works_body()
{
	mkdir www
	echo page >www/index.html
	serve_start
	line=$(sed -n 's/^keel: try: //p' serve.out)
	eval "$line" >got 2>err || atf_fail "'$line': $(cat err)"
	cmp www/index.html got || atf_fail "other page"
	# The pin means something: another key is refused.
	wrong=$(echo "$line" | sed "s,sha256//.,sha256///,")
	test "$line" != "$wrong" ||
		wrong=$(echo "$line" | sed "s,sha256//.,sha256//A,")
	eval "$wrong" >got 2>err && atf_fail "any key would do"
	finger=$(openssl s_client -connect "127.0.0.1:$port" </dev/null 2>err |
		openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//' |
		tr A-F a-f)
	grep -q "SHA-256 $finger" serve.out || atf_fail "not $finger"
	serve_stop
}

case_new serve__listens_on_ipv6 "[ADDR]:PORT, with the real port in the line"
serve__listens_on_ipv6_body()
{
	grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 \
		2>/dev/null || atf_skip "this machine has no ::1"
	mkdir www
	echo page >www/index.html
	serve_start --listen '[::1]:0' --access-log log
	test "${url%:*}" = 'https://[::1]' || atf_fail "url is $url"
	expect_body www/index.html /
	eval "$(sed -n 's/^keel: try: //p' serve.out)" >got 2>err ||
		atf_fail "$(cat serve.out err)"
	serve_stop
	grep -q '^::1 ' log || atf_fail "$(cat log)"
}

case_new serve__speaks_both_versions \
	"TLS 1.2 and 1.3, every suite, with OpenSSL and GnuTLS" \
	"curl openssl gnutls-cli"
serve__speaks_both_versions_body()
{
	mkdir www
	echo page >www/index.html
	make_cert cert
	serve_start --cert cert.pem --key cert.key
	printf 'GET / HTTP/1.0\r\n\r\n' >request
	while read -r version option suite; do
		talk "-$version" "$option" "$suite" <request >answer
		grep -q '^page' answer ||
			atf_fail "$version $suite: $(cat s_client.err)"
	done <<-EOF
		tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256
		tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384
		tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256
		tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256
		tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
		tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384
		tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305
		tls1_2 -cipher ECDHE-ECDSA-AES128-CCM
		tls1_2 -cipher ECDHE-ECDSA-AES256-CCM
	EOF
	for version in 1.2 1.3; do
		timeout 20 gnutls-cli --insecure --port "$port" \
			--priority "NORMAL:-VERS-ALL:+VERS-TLS$version" \
			127.0.0.1 <request >answer 2>&1
		grep -q '^page' answer || atf_fail "GnuTLS $version: $(cat answer)"
	done
	# Verified, with the certificate as its own authority.
	expect_body www/index.html / --cacert cert.pem \
		--resolve "localhost:$port:127.0.0.1" --no-insecure
	serve_stop
}

case_new serve__keeps_to_a_version "--tls lets nothing else in" "curl openssl"
serve__keeps_to_a_version_body()
{
	mkdir www
	echo page >www/index.html
	serve_start --tls 1.2
	expect_body www/index.html / --tls-max 1.2
	ask --tlsv1.3 "$url/" 2>err && atf_fail "1.3 was spoken"
	serve_stop
	serve_start --tls 1.3
	expect_body www/index.html / --tlsv1.3
	ask --tls-max 1.2 "$url/" 2>err && atf_fail "1.2 was spoken"
	serve_stop
}

case_new serve__resumes_sessions "A ticket is used; --tickets 0 sends none" \
	"curl openssl"
serve__resumes_sessions_body()
{
	mkdir www
	echo page >www/index.html
	printf 'GET / HTTP/1.0\r\n\r\n' >request
	serve_start --tickets 2
	for version in 1_2 1_3; do
		talk "-tls$version" -sess_out session <request >answer
		test -s session || atf_fail "no session in $version"
		timeout 20 openssl s_client -ign_eof "-tls$version" \
			-connect "127.0.0.1:$port" -sess_in session \
			<request >answer 2>&1
		grep -q '^Reused' answer || atf_fail "$version: not resumed"
		grep -q '^page' answer || atf_fail "$version: $(cat answer)"
		rm session
	done
	serve_stop
	serve_start --tickets 0
	talk -tls1_3 -sess_out session <request >answer
	test ! -s session || atf_fail "a ticket came"
	serve_stop
}

case_new serve__survives_rubbish \
	"Bytes that are no TLS, and connections that end early, harm nobody"
serve__survives_rubbish_body()
{
	mkdir www
	echo page >www/index.html
	serve_start --handshake-timeout 1
	i=0
	while test $i -lt 8; do
		head -c 5000 /dev/urandom |
			timeout 5 curl -s --max-time 3 -T - \
				"telnet://127.0.0.1:$port" >answer 2>&1
		i=$((i + 1))
	done
	# Plain HTTP; the head of a record and no more; half a ClientHello.
	curl -s --max-time 5 "http://127.0.0.1:$port/" >answer 2>&1
	printf '\026\003\001\002\000\001' >hello
	timeout 10 curl -s --max-time 5 -T hello "telnet://127.0.0.1:$port" \
		>answer 2>&1
	expect_body www/index.html /
	serve_stop
}

case_new serve__reloads_certificates \
	"SIGHUP: new connections see the new one, old ones live on" \
	"curl openssl"
serve__reloads_certificates_body()
{
	mkdir www
	echo page >www/index.html
	make_cert old
	make_cert new
	cp old.pem cert.pem
	cp old.key cert.key
	serve_start --cert cert.pem --key cert.key
	mkfifo in
	talk <in >answer &
	talker=$!
	echo $talker >>"$pids"
	exec 3>in
	printf 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' >&3
	until_true 5 grep -q '^page' answer || atf_fail "no answer"
	expect_body www/index.html / --no-insecure --cacert old.pem

	cp new.pem cert.pem
	cp new.key cert.key
	kill -HUP "$pid"
	until_true 5 grep -q 'certificate read anew' serve.out ||
		atf_fail "$(cat serve.err)"
	until_true 5 ask --no-insecure --cacert new.pem "$url/" ||
		atf_fail "the new certificate is not used"

	# Files that do not go together change nothing but are told.
	cp old.key cert.key
	kill -HUP "$pid"
	until_true 5 grep -q 'old certificate stays' serve.err ||
		atf_fail "nothing was said"
	grep -q 'cert.key' serve.err || atf_fail "$(cat serve.err)"
	: >serve.err
	expect_body www/index.html / --no-insecure --cacert new.pem

	printf 'GET / HTTP/1.0\r\n\r\n' >&3
	wait $talker
	exec 3>&-
	test "$(grep -c '^page' answer)" -eq 2 ||
		atf_fail "the old connection did not live on"
	serve_stop
}

case_new serve__drains "SIGTERM: a download ends well, idle connections close" \
	"curl openssl"
serve__drains_body()
{
	mkdir www
	make_file www/large 3000000
	echo page >www/index.html
	serve_start
	mkfifo in
	talk <in >answer &
	talker=$!
	echo $talker >>"$pids"
	exec 3>in
	printf 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' >&3
	until_true 5 grep -q '^page' answer || atf_fail "no answer"
	curl -sk --limit-rate 1500k -o slow "$url/large" &
	slow=$!
	echo $slow >>"$pids"
	until_true 5 test -s slow || atf_fail "no download"
	kill -TERM "$pid"
	until_true 5 not is_alive $talker || atf_fail "idle connections stay"
	exec 3>&-
	is_alive "$pid" || atf_fail "the download was not waited for"
	ask --max-time 2 "$url/" 2>err && atf_fail "it still accepts"
	wait $slow || atf_fail "the download failed"
	cmp www/large slow || atf_fail "other bytes"
	wait "$pid" || atf_fail "exit code $?"
}

case_new serve__ends_at_once_when_asked_twice \
	"A second SIGINT does not wait for downloads"
serve__ends_at_once_when_asked_twice_body()
{
	mkdir www
	make_file www/large 50000000
	serve_start
	curl -sk --limit-rate 100k -o slow "$url/large" &
	slow=$!
	echo $slow >>"$pids"
	until_true 5 test -s slow || atf_fail "no download"
	kill -INT "$pid"
	until_true 5 not ask --max-time 1 "$url/" || atf_fail "it accepts"
	is_alive "$pid" || atf_fail "it did not wait"
	kill -INT "$pid"
	until_true 5 not is_alive "$pid" || atf_fail "it waits still"
	wait "$pid" || atf_fail "exit code $?"
	kill $slow
	test "$(stat -c %s slow)" -lt 50000000 ||
		atf_fail "the download was waited for"
}

# make_many NUMBER BYTES DIRECTORY: so many files of that size.
make_many()
{
	make_file pool $(($1 * $2))
	split -b "$2" -a 3 pool "$3/$2."
}

# fetch_tree VERSION: every file over 64 connections, compared.
fetch_tree()
{
	rm -rf got
	mkdir got
	(cd www && find . -type f) |
		sed "s,^\./\(.*\),url = \"$url/\1\"\noutput = \"got/\1\"," >list
	timeout 300 curl --silent --show-error --insecure --create-dirs \
		--parallel --parallel-immediate --parallel-max 64 --fail \
		--tlsv1."$1" --tls-max 1."$1" --config list 2>err ||
		atf_fail "TLS 1.$1: $(head -n 3 err)"
	diff -r www got >err || atf_fail "TLS 1.$1: $(head -n 3 err)"
}

case_new serve__serves_a_tree_over_64_connections \
	"1,000 files of all sizes, TLS 1.2 and 1.3: every byte is right"
serve__serves_a_tree_over_64_connections_body()
{
	mkdir -p www/a www/b/c
	for i in 1 2 3 4 5; do
		: >www/empty$i
	done
	# Sizes around the bounds of records, and all over the range.
	for size in 1 100 1024 4096 16000 16383 16384 16385 32768 60001; do
		make_many 98 $size www/a
	done
	make_many 10 1000000 www/b/c
	make_many 5 3000000 www/b
	test "$(find www -type f | wc -l)" -eq 1000 || atf_fail "no tree"
	test "$big" = 0 || make_file www/big 100000000
	serve_start
	fetch_tree 3
	fetch_tree 2
	serve_stop
}

# Where all is slower, shaking hands with all of them takes longer too.
load_wrk()
{
	timeout "$(longer 20)" wrk -t1 -d"$(longer 1)" \
		--timeout "$(longer 5)" "$@"
}

case_new serve__stands_wrk_and_h2load \
	"Short runs of load generators end without an error" "wrk h2load"
serve__stands_wrk_and_h2load_body()
{
	mkdir www
	make_file www/small 1024
	make_file www/large 200000
	serve_start
	nr=$((3000 / ${KEEL_SLOWER:-1}))
	# All get their turns, so the fewer there are the sooner one is done.
	conns=64
	test "${KEEL_SLOWER:-1}" = 1 || conns=8
	for file in small large; do
		load_wrk -c$conns "$url/$file" >out 2>&1 ||
			atf_fail "wrk: $(cat out)"
		if grep -qE 'Socket errors|Non-2xx' out; then
			atf_fail "wrk: $(cat out)"
		fi
		grep -qE '[1-9][0-9]* requests in' out ||
			atf_fail "wrk: $(cat out)"
		timeout "$(longer 30)" h2load --h1 -n $nr -c 50 -t 1 \
			"$url/$file" >out 2>&1 || atf_fail "h2load: $(cat out)"
		grep -q "$nr succeeded, 0 failed, 0 errored, 0 timeout" out ||
			atf_fail "h2load: $(cat out)"
	done
	serve_stop
}

case_new serve__has_a_file_for_each_it_accepts \
	"With few descriptors connections wait; none is let in to get a 503" \
	"curl wrk"
serve__has_a_file_for_each_it_accepts_body()
{
	mkdir www
	make_file www/small 1024
	printf '#! /bin/sh\nulimit -n 60\nexec "%s" "$@"\n' "$KEEL" >limited
	chmod +x limited
	KEEL=./limited
	serve_start --workers 1
	load_wrk -c100 "$url/small" >out 2>&1 ||
		atf_fail "wrk: $(cat out)"
	if grep -q 'Non-2xx' out; then
		atf_fail "wrk: $(cat out)"
	fi
	grep -qE '[1-9][0-9]* requests in' out || atf_fail "wrk: $(cat out)"
	until_true 10 ask "$url/small" || atf_fail "it does not recover"
	serve_stop
}
