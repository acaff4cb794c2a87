# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Starting, asking and ending `keel serve` in a test case.

# Every process of a case is in this file, to be ended by its number.
pids=keel.pids
cases=

# case_new NAME DESCRIPTION [PROGRAMS]: declare a case; its body follows.
case_new()
{
	# This comes first: it defines the functions, empty.
	atf_test_case "$1" cleanup
	eval "$1_head()
	{
		atf_set descr \"$2\"
		atf_set require.progs \"${3:-curl}\"
		atf_set timeout $(longer 240)
	}
	$1_cleanup()
	{
		end_all
	}"
	cases="$cases $1"
}

atf_init_test_cases()
{
	for name in $cases; do
		atf_add_test_case "$name"
	done
}

end_all()
{
	test -f "$pids" || return 0
	while read -r one; do
		kill -KILL "$one" 2>/dev/null
	done <"$pids"
	return 0
}

# longer SECONDS: what takes so long on most machines may take so long on this.
longer()
{
	echo $(($1 * ${KEEL_SLOWER:-1}))
}

# until_true SECONDS COMMAND...: poll; false if it never came true.
until_true()
{
	tries=$(($(longer "$1") * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		test $tries -gt 0 || return 1
		sleep 0.05
	done
}

not()
{
	! "$@"
}

is_alive()
{
	kill -0 "$1" 2>/dev/null
}

is_started_or_gone()
{
	grep -q '^keel: serving' "$2" || ! is_alive "$1"
}

# serve_start ARG...: serve ./www on a free port; sets pid, url and port.
serve_start()
{
	# What the server before has said must not be taken for this one's.
	: >serve.out
	"$KEEL" serve www --listen 127.0.0.1:0 \
		--handshake-timeout "$(longer 10)" "$@" \
		>serve.out 2>serve.err &
	pid=$!
	echo "$pid" >>"$pids"
	until_true 20 is_started_or_gone "$pid" serve.out
	grep -q '^keel: serving' serve.out ||
		atf_fail "keel serve $* did not start: $(cat serve.err)"
	url=$(sed -n 's,.* at \(https://.*\)/ with .*,\1,p' serve.out)
	port=${url##*:}
}

# The server ends in order, and has said nothing in the meantime.
serve_stop()
{
	kill -TERM "$pid"
	wait "$pid" || atf_fail "keel serve ended with $?: $(cat serve.err)"
	test ! -s serve.err || atf_fail "keel serve said: $(cat serve.err)"
}

# ask ARG...: curl as all cases use it; the body goes to ./body.
ask()
{
	curl --silent --show-error --insecure --globoff --path-as-is \
		--max-time "$(longer 20)" --output body "$@"
}

# expect STATUS PATH [CURL ARG]...
expect()
{
	want=$1
	path=$2
	shift 2
	rm -f body
	got=$(ask --write-out '%{http_code}' "$@" "$url$path")
	test "$got" = "$want" ||
		atf_fail "$path $*: status is $got, not $want"
}

# expect_body FILE PATH [CURL ARG]...: status 200 and the bytes of a file.
expect_body()
{
	like=$1
	shift
	expect 200 "$@"
	# curl makes no file of no bytes.
	test -e body || : >body
	cmp "$like" body || atf_fail "$path differs from $like"
}

# field NAME: value of a field in the heads that curl wrote to ./heads.
field()
{
	tr -d '\r' <heads | sed -n "s/^$1: //Ip"
}

# expect_field NAME VALUE, of the last request made with -D heads.
expect_field()
{
	test "$(field "$1")" = "$2" ||
		atf_fail "$1 is '$(field "$1")', not '$2'"
}

# talk OPTION...: standard input to the server over TLS, its answer to stdout.
# The input ends when the server has closed, not before.
talk()
{
	timeout "$(longer 20)" openssl s_client -quiet \
		-connect "127.0.0.1:$port" "$@" 2>s_client.err
}

# make_cert NAME: NAME.pem and NAME.key, self-signed for localhost.
make_cert()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$1.key" -out "$1.pem" -subj "/CN=$1" -days 30 \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
		2>openssl.err || atf_fail "openssl req: $(cat openssl.err)"
}

# make_file PATH BYTES: a file of bytes that do not repeat.
make_file()
{
	head -c "$2" /dev/urandom >"$1"
}

# A command in front of keel.
as_user=

# refused CODE PATTERN ARG...: one line on stderr, nothing on stdout.
refused()
{
	code=$1
	pattern=$2
	shift 2
	# shellcheck disable=SC2086
	$as_user timeout "$(longer 20)" "$KEEL" "$@" >out 2>err
	got=$?
	test "$got" -eq "$code" ||
		atf_fail "keel $*: exit code $got, not $code: $(cat err)"
	test "$(wc -l <err)" -eq 1 ||
		atf_fail "keel $*: not one line: $(cat err)"
	grep -qE "^keel: .*$pattern" err ||
		atf_fail "keel $*: '$(cat err)' has no '$pattern'"
	test ! -s out || atf_fail "keel $*: printed $(cat out)"
}

# printed PATTERN ARG...: on stdout, and all is well.
printed()
{
	pattern=$1
	shift
	timeout "$(longer 20)" "$KEEL" "$@" >out 2>err ||
		atf_fail "keel $*: exit code $?: $(cat err)"
	grep -qE -e "$pattern" out ||
		atf_fail "keel $*: no '$pattern' in $(cat out)"
	test ! -s err || atf_fail "keel $*: said $(cat err)"
}
