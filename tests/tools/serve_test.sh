#! /usr/bin/env atf-sh
# SPDX-License-Identifier: MIT
# keel serve as an HTTP server, asked by curl and by hand.

. "$KEEL_SRCDIR/tests/tools/serve-lib.sh"

case_new serve__gets_files "GET and HEAD of files small, large and empty"
serve__gets_files_body()
{
	mkdir -p www/dir
	: >www/empty
	make_file www/small 1000
	make_file www/dir/large.pdf 3000000
	echo hello >"www/a b%?<é>.txt"
	serve_start
	expect_body www/empty /empty
	expect_body www/small /small -D heads
	expect_field content-length 1000
	expect_field content-type application/octet-stream
	expect_field accept-ranges bytes
	expect_body www/dir/large.pdf /dir/large.pdf -D heads
	expect_field content-type application/pdf
	expect_field server keel
	expect_body "www/a b%?<é>.txt" "/a%20b%25%3F%3c%C3%A9%3E.txt?query" \
		-D heads
	expect_field content-type 'text/plain; charset=utf-8'
	expect 200 /small --head -D heads
	expect_field content-length 1000
	# Date is now, in the one form RFC 9110 allows.
	test $(($(date +%s) - $(date -d "$(field date)" +%s))) -le 2 ||
		atf_fail "Date is $(field date)"
	serve_stop
}

case_new serve__answers_conditions "ETag, Last-Modified and what is asked by them"
serve__answers_conditions_body()
{
	mkdir www
	make_file www/file 1000
	touch -d '2020-01-02 03:04:05 UTC' www/file
	serve_start
	expect 200 /file -D heads
	expect_field last-modified 'Thu, 02 Jan 2020 03:04:05 GMT'
	etag=$(field etag)
	expect 304 /file -D heads -H "If-None-Match: $etag"
	test ! -e body || atf_fail "304 has a body"
	expect_field etag "$etag"
	expect 304 /file -H 'If-Modified-Since: Thu, 02 Jan 2020 03:04:05 GMT'
	expect 200 /file -H 'If-Modified-Since: Thu, 02 Jan 2020 03:04:04 GMT'
	expect 412 /file -H 'If-Match: "other"'
	expect 412 /file \
		-H 'If-Unmodified-Since: Thu, 02 Jan 2020 03:04:04 GMT'
	# A file of the same length and time that took its place is another.
	make_file www/new 1000
	touch -d '2020-01-02 03:04:05 UTC' www/new
	mv www/new www/file
	expect_body www/file /file -H "If-None-Match: $etag"
	serve_stop
}

case_new serve__sends_ranges "Single ranges; several are answered with all"
serve__sends_ranges_body()
{
	mkdir www
	make_file www/small 1000
	make_file www/large 1000000
	serve_start
	for file in small large; do
		size=$(stat -c %s "www/$file")
		expect 206 /$file -r 10-19 -D heads
		expect_field content-range "bytes 10-19/$size"
		expect_field content-length 10
		dd if="www/$file" bs=1 skip=10 count=10 2>/dev/null | cmp - body ||
			atf_fail "$file: other bytes"
		expect 206 /$file -r 100- -D heads
		expect_field content-range "bytes 100-$((size - 1))/$size"
		tail -c +101 "www/$file" | cmp - body ||
			atf_fail "$file: other bytes"
		expect 206 /$file -r -7
		tail -c 7 "www/$file" | cmp - body ||
			atf_fail "$file: other bytes"
		expect 416 /$file -r "$size-" -D heads
		expect_field content-range "bytes */$size"
		expect_body www/$file /$file -r 0-1,3-4
		expect_body www/$file /$file -r 0-1 -H 'If-Range: "other"'
	done
	serve_stop
}

case_new serve__refuses_with_a_status "Statuses of the table, one connection each"
serve__refuses_with_a_status_body()
{
	mkdir -p www/dir/sub www/noindex
	echo file >www/file
	echo secret >secret
	ln -s ../secret www/out
	ln -s /etc/passwd www/absolute
	ln -s file www/link
	ln -s . www/dir/dot
	mkfifo www/fifo
	serve_start
	while read -r status path args; do
		# shellcheck disable=SC2086
		expect "$status" "$path" $args
	done <<-EOF
		404 /nothing
		404 /file/
		404 /file/x
		404 /fifo
		200 /link
		403 /out
		403 /absolute
		403 /noindex/
		404 /nothing/
		301 /dir/dot
		400 /../secret
		400 /dir/../../secret
		400 /dir/../file
		400 /%2e%2e/secret
		400 /..%00
		400 /file%00.txt
		404 /..%2fsecret
		404 /dir%2f..%2f..%2fsecret
		400 /%zz
		405 / -X POST
		405 / -X PUT -d x
		405 / -X OPTIONS
		405 / -X DELETE
		501 / -X WONDER
		400 / -H Host:
		417 /file -H Expect:wonders
	EOF
	expect 405 / -X POST -d x -D heads
	expect_field allow 'GET, HEAD'
	expect_field connection close
	# A path that cannot be, unlike one that is not there, ends it too.
	expect 400 /%zz -D heads
	expect_field connection close
	expect 404 /nothing -D heads
	expect_field connection ''
	expect 404 "/$(printf '%0300d' 0)"
	expect 414 "/$(printf '%08200d' 0)"
	expect 431 /file -H "X: $(printf '%016500d' 0)"
	serve_stop
}

case_new serve__resolves_directories "index.html, a redirect to the slash, --list"
serve__resolves_directories_body()
{
	mkdir -p www/dir www/plain www/.hidden
	echo index >www/dir/index.html
	echo x >'www/plain/<script>&"'
	echo x >www/plain/.hidden
	serve_start
	expect_body www/dir/index.html /dir/ -D heads
	expect_field content-type 'text/html; charset=utf-8'
	expect 301 /dir -D heads
	expect_field location /dir/
	expect 301 '/dir?a=b' -D heads
	expect_field location '/dir/?a=b'
	# Not another host.
	expect 301 //dir -D heads
	expect_field location /dir/
	expect 403 /plain/
	expect 403 /
	serve_stop
	serve_start --list
	expect_body www/dir/index.html /dir/
	expect 200 /plain/ -D heads
	expect_field content-type 'text/html; charset=utf-8'
	grep -q 'href="./%3Cscript%3E%26%22"' body || atf_fail "$(cat body)"
	grep -q '&lt;script&gt;&amp;&quot;</a>' body || atf_fail "$(cat body)"
	if grep -q hidden body; then
		atf_fail "dotfiles are listed"
	fi
	expect 200 / --head -D heads
	length=$(field content-length)
	expect 200 /
	test "$(stat -c %s body)" -eq "$length" || atf_fail "HEAD lies"
	expect 404 /nothing/
	serve_stop
}

nr_answers()
{
	grep -ac '^HTTP/1.1 200' answer
}

has_answers()
{
	test "$(nr_answers)" -gt 0
}

case_new serve__lists_for_one_after_the_other \
	"Whoever asks for many listings at once takes turns with all others" \
	"openssl curl"
serve__lists_for_one_after_the_other_body()
{
	mkdir -p www/a www/b
	echo file >www/file
	seq -f 'www/a/%g' 2000 | xargs touch
	seq -f 'www/b/%g' 2000 | xargs touch
	serve_start --list --workers 1
	pairs=$((200 / ${KEEL_SLOWER:-1}))
	for _ in $(seq $pairs); do
		printf '%s /%s/ HTTP/1.1\r\nHost: a\r\n\r\n' HEAD a HEAD b
	done >request
	printf 'GET /a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' \
		>>request
	talk -ign_eof <request >answer &
	talker=$!
	until_true 20 has_answers || atf_fail "no answer"
	expect_body www/file /file
	test "$(nr_answers)" -le $((2 * pairs)) || atf_fail "another client waited"
	wait $talker || atf_fail "s_client: $(cat s_client.err)"
	test "$(nr_answers)" -eq $((2 * pairs + 1)) || atf_fail "$(nr_answers) answers"
	test "$(grep -c '<tr>' answer)" -eq 2001 || atf_fail "not all is listed"
	grep -q '</html>' answer || atf_fail "the page is cut"
	serve_stop
}

case_new serve__keeps_connections "Many requests, one connection; 1.0 and close end it"
serve__keeps_connections_body()
{
	mkdir www
	make_file www/file 1000
	make_file www/large 300000
	serve_start
	got=$(ask -w '%{num_connects} ' "$url/file" "$url/nothing" "$url/large" \
		"$url/file" "$url/" "$url/file" -o body -o body -o body \
		-o body -o body)
	test "$got" = '1 0 0 0 0 0 ' || atf_fail "connections: $got"
	got=$(ask --http1.0 -w '%{num_connects} ' "$url/file" "$url/file" \
		-o body)
	test "$got" = '1 1 ' || atf_fail "connections of 1.0: $got"
	expect 200 /file --http1.0 -H 'Connection: keep-alive' -D heads
	expect_field connection keep-alive
	expect 200 /file -H 'Connection: close' -D heads
	expect_field connection close
	serve_stop
}

case_new serve__answers_pipelines \
	"Requests sent at once are answered in order, files large and small" \
	openssl
serve__answers_pipelines_body()
{
	mkdir www
	make_file www/small 1000
	make_file www/large 400000
	serve_start
	: >want
	{
		for name in small large small small large large small; do
			printf 'GET /%s HTTP/1.1\r\nHost: a\r\n\r\n' $name
			cat "www/$name" >>want
		done
		printf 'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n'
		printf 'GET /small HTTP/1.0\r\n\r\n'
	} >requests
	printf '404 Not Found\n' >>want
	cat www/small >>want
	# -ign_eof, which -quiet means: all is sent, then answers are awaited.
	talk <requests >answers
	# What is between heads and their empty lines is the bodies.
	LC_ALL=C awk 'BEGIN { RS = "HTTP/1\\.1 [0-9][^\r]*\r\n"; ORS = "" }
		NR > 1 { sub(/^([^\r\n]+\r\n)*\r\n/, ""); print }' answers >got
	test "$(grep -ac '^HTTP/1.1 200 OK' answers)" -ge 1 ||
		atf_fail "no answers: $(cat s_client.err)"
	cmp want got || atf_fail "bodies differ"
	# Many small ones, in one record and more.
	{
		i=0
		while test $i -lt 1000; do
			printf 'HEAD /small HTTP/1.1\r\nHost: a\r\n\r\n'
			i=$((i + 1))
		done
		printf 'HEAD /small HTTP/1.0\r\n\r\n'
	} >requests
	got=$(talk <requests | grep -c '^HTTP/1.1 200 OK')
	test "$got" -eq 1001 || atf_fail "$got answers to 1001 requests"
	serve_stop
}

# malformed STATUS TEXT: the text, as printf(1) knows it, gets this status.
malformed()
{
	# shellcheck disable=SC2059
	printf "$2" >request
	got=$(talk <request | sed -n '1s,^HTTP/1.1 \([0-9]*\) .*,\1,p')
	test "$got" = "$1" || atf_fail "'$2' got status '$got', not $1"
}

case_new serve__survives_malformed_http "Rubbish gets a status and an end" \
	"openssl curl"
serve__survives_malformed_http_body()
{
	mkdir www
	echo file >www/file
	serve_start
	malformed 400 'rubbish\r\n\r\n'
	malformed 400 '\000\001\002\003\r\n\r\n'
	malformed 400 'GET / HTTP/1.1\r\n\r\n'
	malformed 400 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'
	malformed 400 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
	malformed 400 'GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n'
	malformed 400 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'
	malformed 400 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'
	malformed 400 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n'
	malformed 400 \
		'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'
	malformed 405 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'
	malformed 413 \
		'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n'
	malformed 501 'WONDER / HTTP/1.1\r\nHost: a\r\n\r\n'
	malformed 505 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'
	malformed 505 'GET /\r\n\r\n'
	malformed 200 '\r\n\r\nGET /file HTTP/1.0\r\n\r\n'
	malformed 200 'GET https://a/file HTTP/1.0\r\n\r\n'
	malformed 200 'GET /file HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc'
	head -c 100000 /dev/urandom >request
	talk <request >answer
	head -c 100000 /dev/zero | tr '\0' '\n' >request
	talk -no_ign_eof <request >answer
	expect_body www/file /file
	serve_stop
}

case_new serve__reads_bodies "Bodies are read and dropped, and 100 is sent"
serve__reads_bodies_body()
{
	mkdir www
	echo file >www/file
	make_file data 300000
	serve_start
	# The connection is still good after each.
	got=$(ask -w '%{http_code} %{num_connects} ' -X GET \
		--data-binary @data "$url/file" "$url/file" -o body)
	test "$got" = '200 1 200 0 ' || atf_fail "lengths: $got"
	# Chunks are not read: the response ends the connection.
	got=$(ask -w '%{http_code} %{num_connects} ' -X GET \
		-H 'Transfer-Encoding: chunked' --data-binary @data \
		"$url/file" "$url/file" -o body)
	test "$got" = '200 1 200 1 ' || atf_fail "chunks: $got"
	expect 200 /file -X GET --data-binary @data -v \
		-H 'Expect: 100-continue' --stderr trace
	grep -q '^< HTTP/1.1 100 Continue' trace || atf_fail "no 100"
	make_file data 1200000
	expect 413 /file -X GET --data-binary @data
	serve_stop
}

case_new serve__takes_requests_byte_by_byte \
	"A request in many records is one request" "openssl curl"
serve__takes_requests_byte_by_byte_body()
{
	mkdir www
	echo file >www/file
	serve_start
	# One record a byte, as nobody but a test would send them.
	printf 'GET /file HTTP/1.1\r\nHost: a\r\n\r\nGET /file HTTP/1.0\r\n\r\n' \
		>request
	talk -split_send_frag 1 -max_send_frag 512 <request >answer
	test "$(grep -ac '^file$' answer)" -eq 2 || atf_fail "$(cat answer)"
	mkfifo in
	talk <in >answer &
	talker=$!
	exec 3>in
	for piece in 'GET /fi' 'le HTTP/1.0\r' '\nA: b\r\n\r' '\n'; do
		# shellcheck disable=SC2059
		printf "$piece" >&3
		sleep 0.1
	done
	wait $talker
	exec 3>&-
	grep -aq '^file$' answer || atf_fail "$(cat answer)"
	serve_stop
}

case_new serve__follows_changes \
	"A file that is replaced over and over is always whole"
serve__follows_changes_body()
{
	mkdir www
	make_file a 70000
	make_file b 1000
	make_file c 1
	cp a www/file
	serve_start
	(
		while test ! -f stop; do
			for name in b c a; do
				cp $name new && mv new www/file
				sleep 0.01
			done
		done
	) &
	changer=$!
	echo $changer >>"$pids"
	curl --silent --show-error --insecure --max-time 60 --output 'got#1' \
		--rate 20/s --fail "$url/file?[1-40]" || atf_fail "curl ended with $?"
	for got in got*; do
		cmp -s a "$got" || cmp -s b "$got" || cmp -s c "$got" ||
			atf_fail "a file of $(stat -c %s "$got") bytes that never was"
	done
	: >stop
	wait $changer
	serve_stop
}

# is_older FILE SECONDS: than so many seconds, by any of its times.
is_older()
{
	test $(($(date +%s) - $(stat -c %Z "$1"))) -gt "$2"
}

case_new serve__sees_changes_at_once \
	"A file served from memory is never one that was replaced before"
serve__sees_changes_at_once_body()
{
	mkdir www
	make_file www/file 1000
	make_file other 1000
	make_file longer 2000
	serve_start
	# Younger files are not kept in memory.
	until_true 10 is_older www/file 3 || atf_fail "time stands still"
	expect_body www/file /file
	expect_body www/file /file
	expect_body www/file /file -D heads
	expect 304 /file -H "If-None-Match: $(field etag)"
	expect 206 /file -r 10-19
	tail -c +11 www/file | head -c 10 | cmp - body || atf_fail "other bytes"
	expect 200 /file --head -D heads
	expect_field content-length 1000
	cp other www/file
	expect_body other /file
	mv longer www/file
	expect_body www/file /file
	rm www/file
	expect 404 /file
	serve_stop
}

case_new serve__cuts_short_what_became_short \
	"A file that shrinks under way ends its connection: no wrong length"
serve__cuts_short_what_became_short_body()
{
	mkdir www
	make_file www/large 50000000
	serve_start
	curl -sk --limit-rate 1M --max-time 20 -o slow "$url/large" &
	slow=$!
	echo $slow >>"$pids"
	until_true 5 test -s slow || atf_fail "no download"
	truncate -s 100 www/large
	wait $slow
	# 18: fewer bytes than promised; 56: the connection failed.
	case $? in
	18 | 56) ;;
	*) atf_fail "curl ended with $?" ;;
	esac
	expect_body www/large /large
	serve_stop
}

case_new serve__ends_idle_connections "--idle-timeout is kept" "curl openssl"
serve__ends_idle_connections_body()
{
	mkdir www
	echo file >www/file
	serve_start --idle-timeout 1
	mkfifo in
	talk <in >answer &
	talker=$!
	exec 3>in
	printf 'GET /file HTTP/1.1\r\nHost: a\r\n\r\n' >&3
	until_true 5 grep -aq '^file$' answer || atf_fail "no answer"
	until_true 8 not is_alive $talker || atf_fail "it is still there"
	exec 3>&-
	serve_stop
}

case_new serve__bounds_connections "--max-conns makes the next one wait" \
	"curl openssl"
serve__bounds_connections_body()
{
	mkdir www
	echo file >www/file
	serve_start --max-conns 1 --workers 2
	grep -q 'with 1 worker ' serve.out || atf_fail "$(cat serve.out)"
	mkfifo in
	talk -no_ign_eof <in >answer &
	exec 3>in
	printf 'GET /file HTTP/1.1\r\nHost: a\r\n\r\n' >&3
	until_true 5 grep -aq '^file$' answer || atf_fail "no answer"
	ask --max-time 1 "$url/file" 2>err && atf_fail "a second one got in"
	exec 3>&-
	expect_body www/file /file
	serve_stop
}

case_new serve__writes_an_access_log \
	"Lines are whole and true; SIGUSR1 opens the file anew" "curl openssl"
serve__writes_an_access_log_body()
{
	mkdir www
	make_file www/small 1000
	make_file www/large 3000000
	serve_start --access-log log
	expect 200 /small
	expect 200 /large
	expect 200 /small --head
	expect 206 /small -r 1-5
	expect 404 "/no%22thing"
	printf 'GET /"\033[2J HTTP/1.1\r\n\r\n' >request
	talk <request >answer
	until_true 5 grep -q '2J' log || atf_fail "nothing was flushed"
	mv log log.1
	kill -USR1 "$pid"
	until_true 5 test -e log || atf_fail "no new file"
	expect 200 /small
	serve_stop
	sed 's/\[[^]]*\]/[T]/' log.1 | sort >got
	sort >want <<-'EOF'
		127.0.0.1 - - [T] "GET /small HTTP/1.1" 200 1000
		127.0.0.1 - - [T] "GET /large HTTP/1.1" 200 3000000
		127.0.0.1 - - [T] "HEAD /small HTTP/1.1" 200 -
		127.0.0.1 - - [T] "GET /small HTTP/1.1" 206 5
		127.0.0.1 - - [T] "GET /no%22thing HTTP/1.1" 404 14
	EOF
	grep -v '2J' got | diff want - || atf_fail "other lines"
	grep -qF '"GET /\x22\x1b[2J' log.1 || atf_fail "$(cat log.1)"
	test "$(wc -l <log)" -eq 1 || atf_fail "new file: $(cat log)"
}

case_new serve__logs_what_was_sent \
	"Of a download that was cut the log has the bytes that went out"
serve__logs_what_was_sent_body()
{
	mkdir www
	make_file www/large 50000000
	serve_start --access-log log
	ask --limit-rate 1M --max-time 1 "$url/large"
	until_true 10 grep -q large log || atf_fail "no line"
	sent=$(sed -n 's/.* 200 \([0-9]*\)$/\1/p' log)
	test "$sent" -ge "$(stat -c %s body)" || atf_fail "too few: $sent"
	test "$sent" -lt 50000000 || atf_fail "not all was sent: $sent"
	serve_stop
}
