# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Which of the tests run in a guest, and how.
# shellcheck disable=SC2154 # build, icount, src and work are set by run

# What is left out, by how its name begins, and why. The checks of tests/checks
# are left out too: they read the tree, which is the same everywhere, and want a
# compiler.
guest_left_out='
tests/fuzz/               | asks nothing of the kernel, needs the whole corpus
tests/base/               | asks nothing of the kernel
tests/registry/           | asks nothing of the kernel
tests/backends/           | asks nothing of the kernel
tests/core/record         | asks nothing of the kernel
tests/core/traffic_test   | asks nothing of the kernel
tests/core/config_test    | asks nothing of the kernel
tests/core/conn_          | has a kernel of its own
tests/tools/accesslog_test | asks nothing of the kernel
tests/tools/http_test     | asks nothing of the kernel
tests/tools/probe_print_test | asks nothing of the kernel
'

# How many times longer than on this machine a case may take.
guest_slower=10

is_left_out()
{
	local pattern

	while IFS='| ' read -r pattern _; do
		case $pattern in
		'') ;;
		*) test "${1#"$pattern"}" = "$1" || return 0 ;;
		esac
	done <<<"$guest_left_out"
	return 1
}

# Build what the tests need and set guest_tests: the programs and scripts.
list_tests()
{
	local one

	test -f "$build/Makefile" || {
		echo "$build is not a build folder: configure there, or set KEEL_BUILDDIR" >&2
		return 1
	}
	quietly "$build/log.guest-build" make -s -C "$build" all &&
		quietly "$build/log.guest-build" make -s -C "$build" \
			check-programs || return
	guest_tests=
	for one in $(make -s -C "$build" --no-print-directory list-tests); do
		is_left_out "$one" || guest_tests+=" $one"
	done
	test -n "$guest_tests"
}

# suite_command SERIES: the lines of shell that run the suite in a guest.
suite_command()
{
	printf 'export %s=%q\n' KEEL_LANE "guest-$1" KEEL_TESTS "$guest_tests" \
		KEEL_CHECKS "" KEEL_SRCDIR "$src" KEEL_BUILDDIR "$build" \
		KEEL_SLOWER "$guest_slower" KYUA /usr/bin/kyua \
		ATF_SH /usr/bin/atf-sh KEEL_JOBS "${icount:+1}" \
		CASES "${CASES-}"
	# shellcheck disable=SC2016 # the guest's
	printf '%s\n' 'export KEEL_JOBS=${KEEL_JOBS:-2}' \
		'exec bash "$KEEL_SRCDIR/tests/run"'
}

# The lines of shell for a command of the user's.
user_command()
{
	printf 'export KEEL_SRCDIR=%q KEEL_BUILDDIR=%q KEEL=%q\n' \
		"$src" "$build" "$build/keel"
	printf 'cd %q\n' "$build"
	printf 'exec'
	printf ' %q' "$@"
	echo
}

# make_command FILE SERIES [COMMAND...]: an archive with /etc/command.
make_command()
{
	local file=$1 series=$2
	shift 2

	mkdir -p "$work/command/etc"
	if test $# -gt 0; then
		user_command "$@"
	else
		suite_command "$series"
	fi >"$work/command/etc/command"
	archive "$work/command" >"$file"
	rm -rf "$work/command"
}
