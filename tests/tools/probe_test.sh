#! /usr/bin/env atf-sh
# SPDX-License-Identifier: MIT
# keel probe: what it says of a machine, to people and to programs.

. "$KEEL_SRCDIR/tests/tools/serve-lib.sh"

# fail TEXT: a result is one line.
fail()
{
	atf_fail "$(echo "$*" | tr '\n' ' ')"
}

# probe ARG...: ./out, ./err and code; the machine decides on 0 or 3.
probe()
{
	code=0
	# shellcheck disable=SC2086
	$as_user timeout "$(longer 20)" "$KEEL" probe "$@" >out 2>err || code=$?
	case $code in
	0 | 3) ;;
	*) fail "keel probe $*: exit code $code: $(cat err)" ;;
	esac
	test ! -s err || fail "keel probe $* said $(cat err)"
}

# json FILTER: a value of ./out.
json()
{
	jq -r "$1" out || fail "$1: $(cat out)"
}

# is VALUE FILTER
is()
{
	test "$(json "$2")" = "$1" || fail "$2 is '$(json "$2")', not '$1'"
}

# misfits FILE: lines that say what does not fit the schema.
misfits()
{
	jq -r --slurpfile schema "$KEEL_SRCDIR/tests/tools/probe.schema.json" \
		-f "$KEEL_SRCDIR/tests/tools/schema.jq" "$1" 2>&1
}

# The document ./out is as the schema says.
fits()
{
	test -z "$(misfits out)" || fail "$(misfits out)"
}

# Who built keel may have had no libnl.
need_netlink()
{
	probe --json
	case $(json .nics.why) in
	*"without libnl"*) atf_skip "$(json .nics.why)" ;;
	esac
}

case_new probe__json_fits_its_schema \
	"The keys that programs rely on are there, and no others" jq
probe__json_fits_its_schema_body()
{
	probe --json
	fits
	is "$(uname -r)" .kernel.release
	is "$(test $code -eq 0 && echo true || echo false)" .offload
	is "$(json .offload)" .features.ulp.works
	is true '[.features[] | .works == (.why == null)] | all'
	is true '[.ciphers[] | .works == (.why == null)] | all'
	is true '[.system[] | (.verdict == "no") == (.why != null)] | all'
	is 28 '.ciphers | length'
	is null .connection
}

# not_fitting PATTERN FILTER: a document changed so is found out.
not_fitting()
{
	jq "$2" out >changed || fail "jq $2"
	misfits changed | grep -qE "$1" ||
		fail "$2: '$1' is not in '$(misfits changed)'"
}

case_new probe__schema_is_held "The checker of the schema finds what is wrong" jq
probe__schema_is_held_body()
{
	probe --json
	not_fitting '^: has no offload' 'del(.offload)'
	not_fitting '^: extra is not' '.extra = 1'
	not_fitting '^.offload: is integer, not boolean' '.offload = 1'
	not_fitting '^.features: has no rekey' 'del(.features.rekey)'
	not_fitting '^.features.ulp.why: is integer' '.features.ulp.why = 1'
	not_fitting 'ciphers.3.: has no name' '.ciphers[3] |= del(.name)'
	not_fitting 'direction: up is not one' '.ciphers[0].direction = "up"'
}

case_new probe__lines_and_json_agree \
	"What people read is what programs read" jq
probe__lines_and_json_agree_body()
{
	probe --json
	mv out json
	probe
	mv out lines
	mv json out
	! grep -n ' $' lines || fail "spaces end a line"
	for fact in $(json '.system | keys[]'); do
		is "$(sed -n "s/^\([a-z]*\) *$fact .*/\1/p" lines)" \
			".system[\"$fact\"].verdict"
	done
	# Without the kernel's TLS the others would all say that it is wanting.
	features=ulp
	test $code -ne 0 || features=$(json '.features | keys[]')
	for feature in $features; do
		is "$(grep -q "^yes *$feature " lines && echo true || echo false)" \
			".features[\"$feature\"].works"
		grep -qE "^(yes|no) *$feature +[^ ]" lines ||
			fail "$feature: $(cat lines)"
	done
}

case_new probe__one_interface "--interface shows that one, and no other" jq
probe__one_interface_body()
{
	need_netlink
	probe --json --interface lo
	is lo '.nics.interfaces | map(.name) | join(" ")'
	is null .nics.why
	fits
	probe --interface lo
	grep -qE '^no +lo +tx [a-z]+, rx [a-z]+, record [a-z]+' out ||
		fail "$(cat out)"
	probe --json
	is "$(awk -F: 'NR > 2 { n++ } END { print n }' /proc/net/dev)" \
		'.nics.interfaces | length'
}

case_new probe__refuses_wrong_usage "One line; exit code 2, or 1 for a thing \
that is not there" jq
probe__refuses_wrong_usage_body()
{
	refused 2 "unknown option '--fly'" probe --fly
	refused 2 "'--interface' needs a value" probe --interface
	refused 2 "'--json=x' takes no value" probe --json=x
	refused 2 "unknown argument 'lo'" probe --json lo
	refused 2 '--ca is for --connect' probe --ca x
	refused 2 '--insecure is for --connect' probe --insecure
	refused 2 'leave it or --ca out' \
		probe --connect localhost:1 --ca x --insecure
	for target in '' localhost :443 localhost: localhost:https ::1:443 \
		localhost:0 localhost:65536; do
		refused 2 '--connect.*must be HOST:PORT' \
			probe --connect "$target"
	done
	need_netlink
	refused 1 '--interface nonesuch0: there is no interface' \
		probe --interface nonesuch0
	refused 1 '--interface : .*1 to 15 bytes' probe --json --interface ''
}

case_new probe__sees_limits_and_privileges \
	"Limits and capabilities are those of this process" "jq setpriv"
probe__sees_limits_and_privileges_body()
{
	(
		ulimit -Sn 64
		probe --json
	)
	is 64 '.system["open-files"].value'
	probe --json
	has_it=$(json '.system["net-admin"].value')
	as_user='setpriv --bounding-set -net_admin --inh-caps -net_admin'
	test "$(id -u)" -eq 0 || as_user=
	probe --json
	is no '.system["net-admin"].value'
	is no '.system["net-admin"].verdict'
	fits
	test "$(id -u)" -ne 0 || test "$has_it" = yes ||
		fail "root has no CAP_NET_ADMIN: $has_it"
}

# server_start ARG...: openssl s_server on a free port of 127.0.0.1; sets port.
server_start()
{
	# Without input it would end.
	test -p idle || mkfifo idle
	: >server.out
	openssl s_server -accept 127.0.0.1:0 "$@" 0<>idle \
		>server.out 2>server.err &
	pid=$!
	echo "$pid" >>"$pids"
	until_true 20 grep -q '^ACCEPT .*:[0-9]' server.out ||
		fail "openssl s_server $*: $(cat server.err)"
	port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' server.out | head -n 1)
}

server_stop()
{
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || :
}

# engine DIRECTION WISH: who has it, as the kernel's features let one expect.
engine()
{
	can=$(json "$2")
	want=user
	test "$can" != true || want=kernel
	is "$want" ".connection.$1.engine"
	is "$(test $want = user && echo false || echo true)" \
		".connection.$1.why == null"
}

case_new probe__explains_a_connection \
	"Version, suite, who protects each direction, and why" "jq openssl"
probe__explains_a_connection_body()
{
	make_cert localhost
	for version in 1.2 1.3; do
		server_start -cert localhost.pem -key localhost.key \
			"-tls$(echo $version | tr . _)" \
			-cipher ECDHE-ECDSA-AES128-GCM-SHA256 \
			-ciphersuites TLS_AES_128_GCM_SHA256
		probe --json --connect "localhost:$port" --ca localhost.pem
		fits
		is "TLSv$version" .connection.version
		is "127.0.0.1:$port" .connection.address
		is "localhost:$port" .connection.target
		is true .connection.verified
		is true '.connection.suite | endswith("AES_128_GCM_SHA256")'
		works=".name == \"AES-128-GCM\" and .version == \"TLSv$version\""
		works="[.ciphers[] | select($works) | .works] | all"
		engine tx "$works"
		# Who cannot follow a KeyUpdate leaves receiving where it is.
		test $version = 1.2 ||
			works="($works) and .features.rekey.works"
		engine rx "$works"
		test "$code" -eq 0 ||
			is user .connection.tx.engine
		server_stop
	done
}

case_new probe__says_what_the_kernel_says \
	"The route of a connection, and sock_diag's view of it" "jq openssl"
probe__says_what_the_kernel_says_body()
{
	need_netlink
	make_cert localhost
	server_start -cert localhost.pem -key localhost.key -tls1_3
	probe --json --connect "localhost:$port" --ca localhost.pem
	is lo .connection.route.interface
	is null .connection.route.why
	is false '.connection.route.features == null'
	test "$(json .connection.sock_diag.why)" = null ||
		atf_skip "$(json .connection.sock_diag.why)"
	if test "$(json .connection.tx.engine)" = kernel; then
		is tls .connection.sock_diag.ulp
		is software .connection.sock_diag.tx
		is TLSv1.3 .connection.sock_diag.version
	else
		is none .connection.sock_diag.tx
	fi
	probe --connect "127.0.0.1:$port" --ca localhost.pem
	grep -q '^note route *by lo, which says tx ' out || fail "$(cat out)"
	grep -qE '^(yes|no) *tx .* protects what is sent' out ||
		fail "$(cat out)"
	grep -qE '^note sock_diag *(tls, tx software|the kernel has no)' out ||
		fail "$(cat out)"
	! grep -n ' $' out || fail "spaces end a line"
	server_stop
}

case_new probe__verifies_unless_told \
	"A certificate is not taken for good without reason" "jq openssl"
probe__verifies_unless_told_body()
{
	make_cert localhost
	make_cert other
	server_start -cert localhost.pem -key localhost.key
	refused 1 'self-signed.*--ca FILE.*--insecure' \
		probe --connect "localhost:$port"
	refused 1 'certificate was refused' \
		probe --connect "localhost:$port" --ca other.pem
	refused 1 'nonesuch.pem' \
		probe --connect "localhost:$port" --ca nonesuch.pem
	probe --json --connect "localhost:$port" --insecure
	is false .connection.verified
	fits
	server_stop
}

case_new probe__cannot_connect \
	"Nobody there, or nobody who speaks TLS: one line, exit code 1" "jq openssl"
probe__cannot_connect_body()
{
	make_cert localhost
	server_start -cert localhost.pem -key localhost.key
	server_stop
	# The port was somebody's a moment ago, and is nobody's now.
	refused 1 "127.0.0.1:$port: Connection refused; nothing listens" \
		probe --connect "127.0.0.1:$port"
	refused 1 'no\.such\.host\.invalid:443: .*is the name right' \
		probe --connect no.such.host.invalid:443
	# No route to an address of everybody's, wherever this runs.
	refused 1 'Network is unreachable; .* has no route' \
		probe --connect 255.255.255.255:443
	# Who shares no suite with us says so.
	server_start -cert localhost.pem -key localhost.key -tls1_2 \
		-cipher AES128-SHA:ECDHE-ECDSA-AES128-SHA
	refused 1 'handshake_failure' \
		probe --connect "127.0.0.1:$port" --insecure
	server_stop
}

case_new probe__does_not_wait_for_ever \
	"A server that accepts and says nothing: ten seconds, then one line" \
	"jq openssl"
probe__does_not_wait_for_ever_body()
{
	make_cert localhost
	server_start -cert localhost.pem -key localhost.key
	kill -STOP "$pid"
	refused 1 'no handshake in 10 seconds; is it a TLS server' \
		probe --connect "127.0.0.1:$port" --insecure
	server_stop
}
