#! /usr/bin/env atf-sh
# SPDX-License-Identifier: MIT
# The command line: help, lists, and one line for whatever is wrong.

. "$KEEL_SRCDIR/tests/tools/serve-lib.sh"

case_new keel__explains_itself "Help and version are printed, exit code 0" sh
keel__explains_itself_body()
{
	printed '^keel [0-9]+\.[0-9]+' --version
	printed '^  serve  ' --help
	printed '^  backends  ' help
	printed '^usage: keel serve' help serve
	printed '^usage: keel serve' serve --help
	printed '^usage: keel backends' help backends
	printed '^usage: keel probe' help probe
	printed '^usage: keel probe' probe --help
	printed '^usage: keel backends' backends --help
}

case_new keel__probes_the_kernel \
	"What the kernel can do, exit code 0; or why it cannot, exit code 3" sh
keel__probes_the_kernel_body()
{
	code=0
	timeout "$(longer 20)" "$KEEL" probe >out 2>err || code=$?
	test ! -s err || atf_fail "keel probe said $(cat err)"
	if grep -q ' $' out; then
		atf_fail "spaces end a line: $(cat out)"
	fi
	# What needs the kernel's TLS is told of only where there is some.
	case $code in
	0)
		grep -q '^yes *ulp ' out || atf_fail "$(cat out)"
		grep -qE '^(yes|no) *ring ' out || atf_fail "$(cat out)"
		grep -q '^yes *AES-128-GCM *TLSv1.2 tx rx, TLSv1.3 tx rx$' out ||
			atf_fail "$(cat out)" ;;
	3)
		grep -q '^no *ulp *[a-z]' out || atf_fail "$(cat out)"
		! grep -qE ' (ring|rekey|AES-128-GCM) ' out ||
			atf_fail "$(cat out)" ;;
	*)
		atf_fail "exit code $code" ;;
	esac
	refused 2 "unknown argument 'x'" probe x
}

# Other cases have sockets of the kernel's TLS, and load it again.
probe_unloaded()
{
	rmmod tls && printed '^yes *ulp ' probe && grep -q '^no *unpriv' out
}

case_new keel__probes_for_the_unprivileged \
	"Who loads the kernel's TLS is told that others cannot" sh
keel__probes_for_the_unprivileged_body()
{
	# What is loaded on somebody's own machine stays as it is.
	case $KEEL_LANE in
	guest-*) ;;
	*) atf_skip "only a guest's modules are taken out" ;;
	esac
	# A guest's kernel looks for no modules, see tests/guest/init.
	echo /sbin/modprobe >/proc/sys/kernel/modprobe
	until_true 10 probe_unloaded || atf_fail "$(cat out)"
	grep -q '^no *unprivileged .*modules-load' out || atf_fail "$(cat out)"
	echo >/proc/sys/kernel/modprobe
	printed '^yes *unprivileged ' probe
}

case_new keel__refuses_wrong_usage "Each gets one line and exit code 2" sh
keel__refuses_wrong_usage_body()
{
	refused 2 'no command'
	refused 2 "unknown command 'fly'" fly
	refused 2 "unknown command 'fly'" help fly
	refused 2 "unknown command '--fly'" --fly
	refused 2 "unknown option '--fly'" backends --fly
	refused 2 "unknown argument 'x'" backends x
	refused 2 'no directory' serve
	refused 2 "one directory.*'b'" serve a b
	refused 2 "unknown option '--fly'" serve --fly .
	refused 2 "unknown option '-x'" serve -x .
	refused 2 "'--listen' needs a value" serve . --listen
	refused 2 "'--list=x' takes no value" serve . --list=x
	refused 2 '--key k.*--cert' serve . --key k
	refused 2 '--cert.*given' serve . --cert ''
	for value in '' 127.0.0.1 :80 127.0.0.1:65536 127.0.0.1:http ::1:80 \
		'[]:80'; do
		refused 2 '--listen' serve . --listen "$value"
	done
	for value in 0 -1 1x '' 99999999999999999999; do
		refused 2 '--workers.*number from 1' serve . --workers "$value"
	done
	for option in max-conns idle-timeout handshake-timeout; do
		refused 2 "--$option.*number from 1" serve . "--$option" 0
	done
	refused 2 '--tickets.*number from 0 to 8' serve . --tickets 9
	refused 2 '--offload.*auto, require or off' serve . --offload yes
	refused 2 '--tls.*1.2 or 1.3' serve . --tls 1.1
}

case_new keel__names_what_it_cannot_use \
	"Directories, addresses, logs, backends: one line, exit code 1" openssl
keel__names_what_it_cannot_use_body()
{
	mkdir www
	: >plain
	refused 1 'missing: No such file.*give a directory' serve missing
	refused 1 'plain: Not a directory.*give a directory' serve plain
	refused 1 'no\.such\.host\.invalid' \
		serve www --listen no.such.host.invalid:1
	refused 1 'cannot listen on 192.0.2.1:1234.*no such address' \
		serve www --listen 192.0.2.1:1234
	refused 1 "nonesuch" serve www --listen 127.0.0.1:0 --backend nonesuch
	refused 1 'access log no/log: No such file' \
		serve www --listen 127.0.0.1:0 --access-log no/log
}

case_new keel__names_bad_certificates \
	"Missing, mismatched, expired or broken files: one line, code 1" openssl
keel__names_bad_certificates_body()
{
	mkdir www
	make_cert good
	make_cert other
	: >empty
	echo rubbish >rubbish
	openssl req -new -key good.key -subj /CN=old -out old.csr ||
		atf_fail "cannot make a request"
	# Valid for a day that has long passed.
	mkdir ca && : >ca/index.txt && echo 01 >ca/serial
	cat >ca/conf <<-EOF
		[ca]
		default_ca = it
		[it]
		database = ca/index.txt
		serial = ca/serial
		new_certs_dir = ca
		default_md = sha256
		policy = any
		[any]
		commonName = supplied
	EOF
	openssl ca -batch -config ca/conf -selfsign -keyfile good.key \
		-in old.csr -out old.pem -notext \
		-startdate 20200101000000Z -enddate 20200102000000Z \
		2>openssl.err || atf_fail "openssl ca: $(cat openssl.err)"

	set -- serve www --listen 127.0.0.1:0
	refused 1 'missing.pem' "$@" --cert missing.pem --key good.key
	refused 1 'missing.key' "$@" --cert good.pem --key missing.key
	refused 1 'www.*[Dd]irectory' "$@" --cert www --key good.key
	refused 1 'empty' "$@" --cert empty --key good.key
	refused 1 'rubbish' "$@" --cert rubbish --key good.key
	refused 1 'rubbish' "$@" --cert good.pem --key rubbish
	refused 1 'good.pem' "$@" --cert good.pem
	refused 1 'other.key' "$@" --cert good.pem --key other.key
	refused 1 'old.pem.*expired' "$@" --cert old.pem --key good.key
}

case_new keel__cannot_read_what_is_not_his \
	"Files and folders without permission: one line, exit code 1" \
	"openssl setpriv"
keel__cannot_read_what_is_not_his_body()
{
	# The superuser may all of this, unless he gives it up.
	test "$(id -u)" -ne 0 ||
		as_user='setpriv --bounding-set -dac_override,-dac_read_search,-net_bind_service'
	mkdir www closed
	make_cert good
	chmod 000 closed
	refused 1 'closed: Permission denied' serve closed \
		--listen 127.0.0.1:0
	refused 1 'cannot listen on 127.0.0.1:1: Permission denied.*higher' \
		serve www --listen 127.0.0.1:1
	chmod 000 good.key
	refused 1 'good.key.*Permission denied' serve www \
		--listen 127.0.0.1:0 --cert good.pem --key good.key
	chmod 700 closed
}

case_new keel__notices_a_taken_port \
	"A second server on the same port is told so, one worker or two" curl
keel__notices_a_taken_port_body()
{
	mkdir www
	for workers in 1 2; do
		serve_start --workers "$workers"
		for other in 1 2; do
			refused 1 "127.0.0.1:$port: Address already in use.*port" \
				serve www --listen "127.0.0.1:$port" \
				--workers "$other"
		done
		serve_stop
	done
}

case_new keel__requires_what_it_has_not \
	"--offload require serves, or is refused where the kernel has no TLS" curl
keel__requires_what_it_has_not_body()
{
	mkdir www
	echo hello >www/index.html
	if timeout "$(longer 20)" "$KEEL" probe >out; then
		serve_start --offload require
		expect 200 /
		serve_stop
		return
	fi
	refused 1 '[Oo]ffload|kernel' serve www --listen 127.0.0.1:0 \
		--offload require
}

case_new backends__lists_the_registry \
	"Names, versions, the default; what is not chosen has its reason" sh
backends__lists_the_registry_body()
{
	printed '^\* openssl +3\.[0-9.]+ +3\.[0-9.]+ +yes .*server client' \
		backends
	printed '^  null .*insecure' backends
	printed 'note: no security' backends
	test "$(grep -c '^\*' out)" -eq 1 || atf_fail "not one default"
}

case_new backends__shows_files_and_what_is_wrong_with_them \
	"A file in KEEL_BACKEND_PATH is listed with its path and the reason" sh
backends__shows_files_and_what_is_wrong_with_them_body()
{
	mkdir -m 755 modules
	echo "no library" >modules/keel-bad.so
	touch modules/other.so
	export KEEL_BACKEND_PATH="$PWD/modules:/nonexistent"
	printed '^  bad +- +- +no ' backends
	printed "file: $PWD/modules/keel-bad.so" backends
	printed 'note: not a shared library of this machine' backends
	printed '^ +built in' backends
	grep 'other.so' out && atf_fail "$(cat out)"
	true
}

case_new keel__reports_lost_output "A full disk under stdout is an error" sh
keel__reports_lost_output_body()
{
	test -w /dev/full || atf_skip "there is no /dev/full"
	"$KEEL" backends >/dev/full 2>err
	test $? -eq 1 || atf_fail "lost output is no failure"
	grep -q 'cannot write to standard output' err || atf_fail "$(cat err)"
}
