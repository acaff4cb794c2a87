# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What tools/quickstart, tests/check and tests/guest share: packages, bootstrap,
# build. They source it, with $src naming the source tree.

# shellcheck disable=SC2034 # used by those who source this
build_packages=(build-essential autoconf automake libtool pkg-config
	libssl-dev liburing-dev libhttp-parser-dev libjson-c-dev
	libnl-3-dev libnl-genl-3-dev libnl-route-3-dev libgnutls28-dev)

# Steps are said on the standard error: the standard output is the result's.
step()
{
	printf '== %s\n' "$*" >&2
}

# quietly LOG COMMAND...: show what it printed only if it fails.
quietly()
{
	local log=$1 status
	shift

	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1
	status=$?
	if test $status -ne 0; then
		tail -n 60 "$log" >&2
		printf '%s: status %d; all of its output is in %s\n' \
			"${*##*/}" $status "$log" >&2
	fi
	return $status
}

is_installed()
{
	test "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = \
		installed
}

as_root()
{
	if test "$(id -u)" -eq 0; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "This needs root or sudo: $*" >&2
		return 1
	fi
}

apt_install()
{
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)

	# An update may fail for a source that is not needed; the install says.
	as_root "${apt[@]}" update || true
	as_root "${apt[@]}" install --no-install-recommends "$@"
}

# install_packages LOG PACKAGE...: install those of them that are missing.
install_packages()
{
	local log=$1 package missing=()
	shift

	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null
	then
		step "Not Debian: taking for installed what it calls $*"
		return 0
	fi
	for package; do
		is_installed "$package" || missing+=("$package")
	done
	test ${#missing[@]} -gt 0 || return 0
	step "Installing ${missing[*]}"
	quietly "$log" apt_install "${missing[@]}"
}

# Where this machine gets its own Debian from.
debian_mirror()
{
	local mirror

	# shellcheck disable=SC2016 # the dollars are apt's
	mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(COMPONENT)' \
		'Created-By: Packages' | sed -n 's/ Debian main$//p' |
		grep -v -e security -e backports | head -n 1)
	test -n "$mirror" || {
		echo "apt's configuration names no Debian mirror" >&2
		return 1
	}
	echo "$mirror"
}

# Make configure if it is missing or older than what it is made of.
bootstrap()
{
	local newer=

	# shellcheck disable=SC2154 # the one who sources this sets src
	if test -x "$src/configure"; then
		newer=$(find "$src"/configure.ac "$src"/m4/keel-*.m4 \
			-newer "$src/configure")
		test -n "$newer" || return 0
	fi
	step "Bootstrapping"
	quietly "$1" "$src/autogen.sh"
}

# configure_tree BUILD OPTION...: once, and again when the options change.
configure_tree()
{
	local build=$1
	shift

	if test -x "$build/config.status" &&
		test "$build/config.status" -nt "$src/configure" &&
		test "$(cat "$build/configure.options" 2>/dev/null)" = "$*"; then
		return 0
	fi
	step "Configuring in ${build##*/}${*:+ with $*}"
	mkdir -p "$build"
	(cd "$build" && quietly "$build/log.configure" "$src/configure" "$@") ||
		return
	printf '%s\n' "$*" >"$build/configure.options"
}
