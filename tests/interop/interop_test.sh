#! /usr/bin/env atf-sh
# SPDX-License-Identifier: MIT
# keel with OpenSSL's, GnuTLS's and curl's programs, in both roles: each
# version, cipher and choice of what the kernel protects.

. "$KEEL_SRCDIR/tests/tools/serve-lib.sh"

interop=$KEEL_BUILDDIR/tests/interop
# Around a record's length, and many of them; then one row with much more.
sizes=1,16384,16385,1000000
large=10000000
ciphers=AES-128-GCM,AES-256-GCM,CHACHA20-POLY1305,AES-128-CCM
versions=1.2,1.3
# A slow machine, such as a guest, has less to carry, and KEEL_TEST_BIG=1 is
# for all that there is, with 100 MB.
is_slow=no
if test "${KEEL_TEST_BIG:-0}" != 0; then
	large=100000000
elif test "${KEEL_SLOWER:-1}" != 1; then
	is_slow=yes
	sizes=1,16384,16385,100000
	large=3000000
fi

# The peers take all; what keel takes decides.
openssl_suites=TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384
openssl_suites=$openssl_suites:TLS_CHACHA20_POLY1305_SHA256
openssl_suites=$openssl_suites:TLS_AES_128_CCM_SHA256
gnutls_priority=NORMAL:+AES-128-CCM

# fail TEXT: a result is one line.
fail()
{
	atf_fail "$(echo "$*" | tr '\n' ' ')"
}

# need_kernel FEATURE...: end the case as skipped on a kernel without one.
need_kernel()
{
	"$KEEL" probe >probe.out 2>&1
	for feature; do
		grep -q "^yes *$feature " probe.out ||
			atf_skip "$(sed -n "s/^no *$feature */$feature: /p" \
				probe.out)"
	done
}

# What asks nothing of the kernel is for faster machines to show.
lighten_user()
{
	test $is_slow = no && return
	versions=1.3
	ciphers=AES-128-GCM
	large=
}

# echo_start ARG...: keel's server; its rows are in ./echo.out.
echo_start()
{
	: >echo.out
	"$interop/echo" listen --cert localhost.pem --key localhost.key "$@" \
		>echo.out 2>echo.err &
	pid=$!
	echo "$pid" >>"$pids"
	until_true 20 grep -q '^ready$' echo.out ||
		fail "keel's server did not start: $(cat echo.err echo.out)"
	grep '^port' echo.out >ports
}

# echo_stop: each row had its connection, and all were good.
echo_stop()
{
	kill -TERM "$pid"
	wait "$pid"
	status=$?
	test $status -eq 0 -a ! -s echo.err ||
		fail "status $status: $(grep '^bad' echo.out) $(cat echo.err)"
	test "$(grep -c '^ok' echo.out)" -eq "$(wc -l <ports)" ||
		fail "connections are missing: $(cat echo.out)"
}

# each_row SIZES COMMAND...: a client for each row, which gets its port as the
# last argument; what it sends comes back.
each_row()
{
	lengths=$1
	shift
	while read -r _ port row; do
		"$interop/through" ${line:+-l "$line"} "$(longer 60)" "$lengths" "$@" \
			"$port" >through.out 2>&1 ||
			fail "$row: $(cat through.out client.err)"
	done <ports
}

openssl_client()
{
	printf '%s\n' '#! /bin/sh' "exec openssl s_client -quiet -nocommands \\
		-verify_return_error -CAfile localhost.pem -cipher ALL \\
		-ciphersuites $openssl_suites \\
		-connect \"127.0.0.1:\$1\" 2>client.err" >client
	chmod +x client
	# It ends when the server does.
	echo_start --engines "$1" --versions $versions \
		--ciphers $ciphers --sizes $sizes
	each_row $sizes ./client
	echo_stop
	test -n "$large" || return 0
	echo_start --engines "$2" --sizes $large --versions 1.3 \
		--ciphers AES-128-GCM
	each_row $large ./client
	echo_stop
}

gnutls_client()
{
	# It takes its input by pieces, and seconds for a megabyte in a guest.
	test $is_slow = no || { sizes=1,16384,16385,20000; large=; }
	# The server ends when it does.
	echo_start --engines "$1" --versions $versions --ciphers $ciphers
	each_row $sizes gnutls-cli --logfile client.err \
		--x509cafile localhost.pem --priority $gnutls_priority \
		--verify-hostname localhost 127.0.0.1 --port
	echo_stop
	test -n "$large" || return 0
	echo_start --engines "$2" --versions 1.3 --ciphers AES-128-GCM
	each_row $large gnutls-cli --logfile client.err \
		--x509cafile localhost.pem --priority $gnutls_priority \
		--verify-hostname localhost 127.0.0.1 --port
	echo_stop
}

# find_port PID: the port that a process listens at, in ./port. Programs that
# choose one do not all tell.
find_port()
{
	for fd in /proc/"$1"/fd/*; do
		inode=$(readlink "$fd" | sed -n 's/^socket:\[\(.*\)\]$/\1/p')
		hex=$(awk -v inode="${inode:-none}" \
			'$4 == "0A" && $10 == inode { sub(/.*:/, "", $2)
				print $2 }' /proc/net/tcp)
		test -z "$hex" || { printf '%d\n' "0x$hex" >port; return; }
	done
	return 1
}

# connect_with ARG...: keel's client.
connect_with()
{
	timeout "$(longer 120)" "$interop/echo" connect --port "$(cat port)" \
		--cert localhost.pem "$@" >echo.out 2>echo.err ||
		fail "$(grep '^bad' echo.out) $(cat echo.err server.err)"
}

# with_server ENGINES ENGINES: keel's client and the server of process $pid.
with_server()
{
	until_true 20 find_port "$pid" ||
		fail "the server does not listen: $(cat server.err)"
	connect_with --engines "$1" --versions $versions \
		--ciphers $ciphers --sizes $sizes
	test -z "$large" ||
		connect_with --engines "$2" --sizes $large --versions 1.3 \
			--ciphers AES-128-GCM
}

openssl_server()
{
	# Its output is its input: it sends back what comes.
	mkfifo loop
	openssl s_server -quiet -accept 127.0.0.1:0 -cert localhost.pem \
		-key localhost.key -cipher ALL -ciphersuites "$openssl_suites" \
		0<>loop 1>&0 2>server.err &
	pid=$!
	echo "$pid" >>"$pids"
	with_server "$1" "$2"
}

gnutls_server()
{
	gnutls-serv --echo --quiet --port 0 --x509certfile localhost.pem \
		--x509keyfile localhost.key --priority $gnutls_priority \
		>server.err 2>&1 &
	pid=$!
	echo "$pid" >>"$pids"
	with_server "$1" "$2"
}

# case_pair NAME DESCRIPTION PROGRAMS: NAME ENGINES ENGINES-OF-LARGE once in user
# space and once in the kernel.
case_pair()
{
	case_new "$1__user" "$2, without the kernel" "$3"
	case_new "$1__kernel" "$2, either direction in the kernel and both" "$3"
	eval "$1__user_body()
	{
		make_cert localhost
		lighten_user
		$1 none none
	}
	$1__kernel_body()
	{
		need_kernel ulp
		make_cert localhost
		$1 tx,rx,both both
	}"
}

case_pair openssl_client "openssl s_client gets back what it sends" openssl
case_pair openssl_server "openssl s_server sends back what it gets" openssl
case_pair gnutls_client "gnutls-cli gets back what it sends" \
	"gnutls-cli openssl"
case_pair gnutls_server "gnutls-serv sends back what it gets" \
	"gnutls-serv openssl"

new_keys()
{
	sizes=1,16385,16384,1
	for ask in rekey1 rekey; do
		line="^$ask^"
		echo_start --versions 1.3 --engines "$1" --ciphers $ciphers
		each_row $sizes gnutls-cli --inline-commands \
			--logfile client.err --x509cafile localhost.pem \
			--priority $gnutls_priority \
			--verify-hostname localhost 127.0.0.1 --port
		echo_stop
		# Each message came under new ones.
		test "$(grep -c '^ok.* 4 new keys$' echo.out)" -eq \
			"$(wc -l <ports)" || fail "$ask: $(cat echo.out)"
	done
}

case_new gnutls_client__new_keys_user \
	"gnutls-cli changes its keys, and asks for keel's, between messages" \
	"gnutls-cli openssl"
gnutls_client__new_keys_user_body()
{
	make_cert localhost
	lighten_user
	new_keys none
}

case_new gnutls_client__new_keys_kernel \
	"gnutls-cli changes its keys, and asks for those that the kernel has" \
	"gnutls-cli openssl"
gnutls_client__new_keys_kernel_body()
{
	need_kernel ulp rekey
	make_cert localhost
	new_keys both
}

# One curl for all: each part of its configuration has a connection of its own.
curl_config()
{
	while read -r name options; do
		mkdir -p "got/$name"
		test ! -s config || echo next
		# shellcheck disable=SC2086 # words
		printf '%s\n' $options | sed 's/=/ = /'
		echo 'cacert = localhost.pem'
		for size in $list; do
			echo "url = $url/$size"
			echo "output = got/$name/$size"
		done
		echo started >>config
	done <<-END
		1.2-AES-128-GCM tls-max=1.2 ciphers=ECDHE-ECDSA-AES128-GCM-SHA256
		1.2-AES-256-GCM tls-max=1.2 ciphers=ECDHE-ECDSA-AES256-GCM-SHA384
		1.2-CHACHA20 tls-max=1.2 ciphers=ECDHE-ECDSA-CHACHA20-POLY1305
		1.2-AES-128-CCM tls-max=1.2 ciphers=ECDHE-ECDSA-AES128-CCM
		1.3-AES-128-GCM tlsv1.3 tls13-ciphers=TLS_AES_128_GCM_SHA256
		1.3-AES-256-GCM tlsv1.3 tls13-ciphers=TLS_AES_256_GCM_SHA384
		1.3-CHACHA20 tlsv1.3 tls13-ciphers=TLS_CHACHA20_POLY1305_SHA256
		1.3-AES-128-CCM tlsv1.3 tls13-ciphers=TLS_AES_128_CCM_SHA256
	END
}

# curl_with POLICY...: a server for each.
curl_with()
{
	make_cert localhost
	list=$(echo $sizes | tr , ' ')
	mkdir www
	for size in $list $large; do
		make_file "www/$size" "$size"
	done
	# shellcheck disable=SC2086 # words
	(cd www && sha256sum $list) >sums
	for policy; do
		serve_start --cert localhost.pem --key localhost.key \
			--offload "$policy"
		url=https://localhost:$port
		rm -rf got config
		curl_config >curl.config
		timeout "$(longer 60)" curl --silent --show-error --fail \
			--config curl.config 2>err || fail "$policy: $(cat err)"
		for dir in got/*; do
			(cd "$dir" && sha256sum --check --quiet ../../sums) \
				>err 2>&1 || fail "$policy, $dir: $(cat err)"
		done
		test "$(find got -type f | wc -l)" -eq 32 ||
			fail "$policy: $(find got)"
		serve_stop
	done
	test -n "$large" || return 0
	serve_start --cert localhost.pem --key localhost.key \
		--offload "$policy"
	expect_body www/$large /$large
	serve_stop
}

case_new curl__user "curl fetches from keel serve, without the kernel" \
	"curl openssl"
curl__user_body()
{
	test $is_slow = no || large=
	curl_with off
}

case_new curl__kernel \
	"curl fetches from keel serve, either direction in the kernel and both" \
	"curl openssl"
curl__kernel_body()
{
	need_kernel ulp
	curl_with tx=require,rx=off tx=off,rx=require require
}
