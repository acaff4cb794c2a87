#! /usr/bin/env atf-sh
# SPDX-License-Identifier: MIT
# keel serve: a new process takes over, and nobody notices.

. "$KEEL_SRCDIR/tests/tools/serve-lib.sh"

# KEEL_TEST_BIG=1: as many and as much as a busy server has.
big=${KEEL_TEST_BIG:-0}
peer=$KEEL_BUILDDIR/tests/tools/upgrade_peer

start_first()
{
	serve_start --upgrade-socket up.sock --workers 2 "$@"
	first=$pid
}

# start_next ARG...: another one takes over; it is the server from then on.
start_next()
{
	old=$pid
	mv serve.err serve.err.old
	mv serve.out serve.out.old
	serve_start --upgrade-socket up.sock "$@"
	until_true 30 grep -q '^keel: took' serve.out ||
		atf_fail "it took nothing: $(cat serve.out serve.err)"
	until_true 10 not is_alive "$old" ||
		atf_fail "the old server lives on: $(cat serve.out.old)"
	test ! -s serve.err.old || atf_fail "$(cat serve.err.old)"
}

# A client that says something now and more later: say NR TEXT; its answers are
# in answer.NR.
open_client()
{
	mkfifo "to.$1"
	(talk "$2" <"to.$1" >"answer.$1") &
	eval "client_$1=$!"
	eval "exec $1>to.$1"
}

say()
{
	eval "printf '$2' >&$1"
}

# until its answer has been read to the end
close_client()
{
	eval "exec $1>&-"
	eval "wait \$client_$1"
}

has()
{
	test "$(grep -c "$2" "answer.$1")" -ge "$3"
}

get='GET / HTTP/1.1\r\nHost: a\r\n'

downloads()
{
	nr=0
	while test $nr -lt "$1"; do
		version=1.$((2 + nr % 2))
		(curl --silent --show-error --insecure --limit-rate "$2" \
			--tls-max $version --output "got.$nr" "$url/file" \
			2>"curl.$nr" || echo "curl ended with $?" >>"curl.$nr") &
		eval "download_$nr=$!"
		nr=$((nr + 1))
	done
}

check_downloads()
{
	nr=0
	while test $nr -lt "$1"; do
		eval "wait \$download_$nr"
		test ! -s "curl.$nr" || atf_fail "$nr: $(cat "curl.$nr")"
		cmp www/file "got.$nr" || atf_fail "download $nr differs"
		rm "got.$nr"
		nr=$((nr + 1))
	done
}

case_new upgrade__under_load \
	"Three upgrades while files are fetched: every byte, and no error" \
	"curl openssl"
upgrade__under_load_body()
{
	mkdir www
	echo page >www/index.html
	conns=$((12 / ${KEEL_SLOWER:-1} + 4))
	size=$((12000000 / ${KEEL_SLOWER:-1}))
	test "$big" = 0 || {
		conns=64
		size=100000000
	}
	make_file www/file $size
	start_first --access-log log
	downloads $conns $((size / 3))
	until_true 10 test -s "got.$((conns - 1))"
	for workers in 1 3 2; do
		start_next --access-log log --workers $workers
		took=$(sed -n 's/^keel: took \([0-9]*\) .*/\1/p' serve.out)
		echo "$workers workers took $took"
		expect_body www/index.html /
	done
	check_downloads $conns
	serve_stop
	# Each in the log once, whole, by whichever process ended it.
	test "$(grep -c "\"GET /file HTTP/1.1\" 200 $size\$" log)" = $conns ||
		atf_fail "$(cat log)"
	test ! -e up.sock || atf_fail "the socket is left"
}

case_new upgrade__requests \
	"Clients between requests, in one, and with others behind it go on" \
	"curl openssl"
upgrade__requests_body()
{
	mkdir www
	echo page >www/index.html
	for version in -tls1_2 -tls1_3; do
		rm -f to.* answer.*
		start_first
		open_client 3 $version
		open_client 4 $version
		open_client 5 $version
		open_client 6 $version
		say 3 "$get\r\n"
		say 4 "$get"
		say 5 "$get"'Content-Length: 8\r\n\r\n1234'
		say 6 "$get"'Content-Length: 30000\r\n\r\n'
		head -c 20000 /dev/zero >&6
		until_true 10 has 3 '^page' 1 || atf_fail "no page"
		start_next
		say 3 "$get"'Connection: close\r\n\r\n'
		say 4 'Connection: close\r\n\r\n'
		say 5 '5678'"$get"'Connection: close\r\n\r\n'
		head -c 10000 /dev/zero >&6
		say 6 "$get"'Connection: close\r\n\r\n'
		for nr in 3 4 5 6; do
			close_client $nr
		done
		has 3 '^page' 2 || atf_fail "$(cat answer.3)"
		has 4 '^page' 1 || atf_fail "$(cat answer.4)"
		has 5 '^page' 2 || atf_fail "$(cat answer.5)"
		has 6 '^page' 2 || atf_fail "$(cat answer.6)"
		serve_stop
	done
}

case_new upgrade__pipelined "Requests that wait behind a response go along" \
	"curl openssl"
upgrade__pipelined_body()
{
	mkdir www
	make_file www/file 8000000
	echo page >www/index.html
	start_first
	mkfifo to gate
	(talk <to | (read -r _ <gate && cat) >answer) &
	client=$!
	exec 3>to
	say 3 'GET /file HTTP/1.1\r\nHost: a\r\n\r\n'"$get\r\n$get"
	sleep 1
	start_next
	say 3 'Connection: close\r\n\r\n'
	exec 3>&-
	echo >gate
	wait $client
	# Heads and pages behind the file.
	test "$(grep -ac '^page' answer)" = 2 || atf_fail "other pages"
	test "$(wc -c <answer)" -gt 8000000 || atf_fail "$(wc -c <answer) bytes"
	serve_stop
}

case_new upgrade__by_signal "SIGUSR2 starts the program once more" "curl"
upgrade__by_signal_body()
{
	mkdir www
	echo page >www/index.html
	start_first
	kill -USR2 "$pid"
	until_true 30 not is_alive "$pid" ||
		atf_fail "it lives on: $(cat serve.out serve.err)"
	grep -q '^keel: took' serve.out || atf_fail "$(cat serve.out)"
	# It has a number that nobody was told.
	for dir in /proc/[0-9]*; do
		test "$(readlink "$dir/cwd")" != "$PWD" ||
			! grep -q upgrade-socket "$dir/cmdline" ||
			echo "${dir#/proc/}" >>"$pids"
	done
	pid=$(tail -n 1 "$pids")
	expect_body www/index.html /
	kill -TERM "$pid"
	until_true 10 not is_alive "$pid" || atf_fail "$pid does not end"
	serve_start
	kill -USR2 "$pid"
	until_true 5 grep -q 'nothing happens without --upgrade-socket' \
		serve.err || atf_fail "$(cat serve.err)"
	expect_body www/index.html /
}

case_new upgrade__goes_wrong \
	"A new server that fails, lies or dies: the old one goes on" \
	"curl openssl"
upgrade__goes_wrong_body()
{
	mkdir www
	echo page >www/index.html
	make_file www/file 3000000
	start_first
	downloads 4 $((3000000 / $(longer 3)))
	until_true 10 test -s got.3
	for nr in 3 4 5; do
		open_client $nr -tls1_3
		say $nr "$get\r\n"
		until_true 10 has $nr '^page' 1 || atf_fail "no page"
	done

	"$KEEL" serve www --upgrade-socket up.sock --cert none.pem 2>err &&
		atf_fail "it started"
	until_true 5 grep -q 'new server did not start' serve.err ||
		atf_fail "$(cat serve.err)"
	for conduct in leaves talks-rubbish "dies 0" "dies 3" "invents" \
		"accepts 1"; do
		: >serve.err
		# shellcheck disable=SC2086 # words
		"$peer" up.sock $conduct || atf_fail "$conduct"
		until_true 10 grep -q 'this one goes on' serve.err ||
			atf_fail "$conduct: $(cat serve.err)"
		echo "$conduct: $(cat serve.err)"
		until_true 10 test -S up.sock || atf_fail "no socket"
		expect_body www/index.html /
		! grep -q lost serve.err || atf_fail "$conduct: $(cat serve.err)"
	done
	for nr in 3 4 5; do
		say $nr "$get"'Connection: close\r\n\r\n'
		close_client $nr
		has $nr '^page' 2 || atf_fail "client $nr: $(tail -n 1 answer.$nr)"
	done
	check_downloads 4
	: >serve.err
	start_next
	expect_body www/index.html /
	serve_stop
}

case_new upgrade__no_room \
	"A new server without descriptors leaves connections where they are" \
	"curl openssl"
upgrade__no_room_body()
{
	mkdir www
	echo page >www/index.html
	start_first
	for nr in 3 4 5 6 7 8; do
		open_client $nr -tls1_3
		say $nr "$get\r\n"
		until_true 10 has $nr '^page' 1 || atf_fail "no page"
	done
	old=$pid
	cp serve.err serve.err.old
	mv serve.out serve.out.old
	# So many are open when it runs; some more for its own sake.
	(ulimit -n 25 && exec "$KEEL" serve www --upgrade-socket up.sock \
		--workers 1 >next.out 2>next.err) &
	pid=$!
	echo "$pid" >>"$pids"
	until_true 20 grep -q 'was not taken' serve.err ||
		atf_fail "$(cat serve.err next.out next.err)"
	# Each is with one of them, and neither spoils the other's. The new one
	# may have no descriptor left for the file, and says so.
	for nr in 3 4 5 6 7 8; do
		say $nr "$get"'Connection: close\r\n\r\n'
		close_client $nr
		has $nr '^HTTP/1.1' 2 ||
			atf_fail "client $nr: $(tail -n 1 answer.$nr)"
	done
	until_true 20 not is_alive "$old" || atf_fail "it does not end"
}

case_new upgrade__stopped \
	"A new server that is stopped has nothing, or all of a connection" \
	"curl openssl"
upgrade__stopped_body()
{
	mkdir www
	echo page >www/index.html
	start_first
	old=$pid
	for nr in 3 4 5 6; do
		open_client $nr -tls1_3
		say $nr "$get\r\n"
		until_true 10 has $nr '^page' 1 || atf_fail "no page"
	done
	cp serve.err serve.err.old
	"$KEEL" serve www --upgrade-socket up.sock >next.out 2>next.err &
	pid=$!
	echo "$pid" >>"$pids"
	until_true 10 grep -q '^keel: serving' next.out ||
		atf_fail "$(cat next.err)"
	kill -STOP "$pid"
	sleep 1
	kill -TERM "$old"
	sleep 1
	kill -CONT "$pid"
	until_true 20 grep -q '^keel: took' next.out || atf_fail "$(cat next.out)"
	until_true 40 not is_alive "$old" || atf_fail "it does not end"
	for nr in 3 4 5 6; do
		say $nr "$get"'Connection: close\r\n\r\n'
		close_client $nr
		has $nr '^page' 2 || atf_fail "client $nr: $(tail -n 1 answer.$nr)"
	done
	kill -TERM "$pid"
	until_true 10 not is_alive "$pid" || atf_fail "it lives on"
}

case_new upgrade__declined \
	"What the new server does not take ends in the old one, in order" \
	"curl openssl"
upgrade__declined_body()
{
	mkdir www
	echo page >www/index.html
	make_file www/file 3000000
	start_first
	downloads 3 $((3000000 / $(longer 3)))
	until_true 10 test -s got.2
	"$peer" up.sock declines 3 ||
		atf_fail "declines: $(wc -c got.*) $(tail -n 3 serve.err)"
	check_downloads 3
	until_true 20 not is_alive "$pid" || atf_fail "it does not end"
	test "$(grep -c 'was not taken' serve.err)" = 3 ||
		atf_fail "$(cat serve.err)"
}

case_new upgrade__bad_path "A path that cannot be is named" "curl"
upgrade__bad_path_body()
{
	mkdir www
	atf_check -s exit:1 -e match:"--upgrade-socket no/up.sock.*No such" \
		"$KEEL" serve www --listen 127.0.0.1:0 \
		--upgrade-socket no/up.sock
	echo text >file
	atf_check -s exit:1 -e match:"--upgrade-socket file.*" \
		"$KEEL" serve www --listen 127.0.0.1:0 --upgrade-socket file
	test "$(cat file)" = text || atf_fail "the file is gone"
	atf_check -s exit:2 -e match:"passes 253 listening sockets" \
		"$KEEL" serve www --listen 127.0.0.1:0 --workers 300 \
		--upgrade-socket up.sock
}
