# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Debian's kernels for the guests: found, fetched, unpacked into the cache.
#
# They come through a configuration of apt of their own: nothing is installed
# on this machine, and its own package lists stay as they are.

# series | suite of Debian whose cloud kernel is of that series
guest_kernels='
6.1  | bookworm
6.12 | trixie
7.3  | trixie-backports
'

guest_cache=${XDG_CACHE_HOME:-$HOME/.cache}/keel/guest
guest_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

guest_series()
{
	sed -n 's/^\([0-9.]*\) *|.*/\1/p' <<<"$guest_kernels"
}

kernel_suite()
{
	sed -n "s/^${1//./\\.} *| *//p" <<<"$guest_kernels"
}

# Set apt_options: what makes apt know of one suite, and of nothing else.
use_suite()
{
	local suite=$1 dir=$guest_cache/apt/$1 mirror

	test -r "$guest_keyring" || {
		echo "$guest_keyring is missing: install debian-archive-keyring"
		return 1
	}
	mirror=$(debian_mirror 2>&1) || { echo "$mirror"; return 1; }
	mkdir -p "$dir/lists/partial" || return
	echo "deb [signed-by=$guest_keyring] $mirror $suite main" \
		>"$dir/sources.list"
	apt_options=(-q -o "Dir::State::lists=$dir/lists"
		-o "Dir::Etc::sourcelist=$dir/sources.list"
		-o Dir::Etc::sourceparts=/dev/null
		-o Dir::Etc::preferences=/dev/null
		-o Dir::Etc::preferencesparts=/dev/null
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o APT::Architecture=amd64 -o "APT::Sandbox::User=$(id -un)"
		-o Acquire::Languages=none -o APT::Update::Error-Mode=any
		-o Acquire::http::Timeout=30 -o Acquire::Retries=2)
}

# A list is good for a day.
update_suite()
{
	local dir=$guest_cache/apt/$1

	test -z "$(find "$dir/updated" -mtime -1 2>/dev/null)" || return 0
	timeout 300 apt-get "${apt_options[@]}" update >"$dir/log" 2>&1 || {
		echo "apt-get update failed for $1, see $dir/log: is there a network?"
		return 1
	}
	touch "$dir/updated"
}

# One field of the package's newest version.
package_field()
{
	apt-cache "${apt_options[@]}" show --no-all-versions "$1" 2>/dev/null |
		sed -n "s/^$2: //p" | head -n 1
}

# A package, and those it needs that hold a kernel or its modules.
kernel_packages()
{
	local name

	echo "$1"
	for name in $(package_field "$1" Depends | tr -d ' ' | tr ',|' '\n' |
		sed 's/(.*//' | grep -E '^linux-(image|binary|modules)-[0-9]' |
		sort -u); do
		kernel_packages "$name"
	done
}

# fetch_kernel SERIES VERSION: into the cache, whole or not at all. Older
# versions of the series go.
fetch_kernel()
{
	local dir=$guest_cache/$1 new=$guest_cache/$1.new packages deb

	mapfile -t packages < <(kernel_packages linux-image-cloud-amd64 |
		grep -v -x linux-image-cloud-amd64 | sort -u)
	test ${#packages[@]} -gt 0 || {
		echo "linux-image-cloud-amd64 needs no kernel package: have their names changed?"
		return 1
	}
	rm -rf "$new"
	mkdir -p "$new/debs"
	step "Fetching ${packages[*]}"
	(cd "$new/debs" && timeout 600 apt-get "${apt_options[@]}" download \
		"${packages[@]}" >"$new/log" 2>&1) || {
		echo "cannot download ${packages[*]}, see $new/log"
		return 1
	}
	for deb in "$new"/debs/*.deb; do
		dpkg-deb -x "$deb" "$new/$2" || return
	done
	rm -rf "$new/debs" "$new/log" "$dir"
	mv "$new" "$dir"
}

cached_kernel()
{
	find "$guest_cache/$1" -mindepth 1 -maxdepth 1 -type d 2>/dev/null
}

# newest_kernel SERIES: see that the cache has the newest; or say why not.
newest_kernel()
{
	local series=$1 suite version

	suite=$(kernel_suite "$series")
	use_suite "$suite" && update_suite "$suite" || return
	version=$(package_field "$(kernel_packages linux-image-cloud-amd64 |
		tail -n 1)" Version)
	case $version in
	'')
		echo "suite $suite has no linux-image-cloud-amd64"
		return 1 ;;
	"$series".*) ;;
	*)
		echo "suite $suite has kernel $version, not $series: change the table in tests/guest/kernels.sh"
		return 1 ;;
	esac
	test -d "$guest_cache/$series/$version" ||
		fetch_kernel "$series" "$version"
}

# get_kernel SERIES: set kernel to the folder with its boot/ and lib/modules/.
# An older one in the cache will do where there is no network.
get_kernel()
{
	local why

	mkdir -p "$guest_cache"
	why=$({ flock 9 && newest_kernel "$1"; } 9>"$guest_cache/lock")
	kernel=$(cached_kernel "$1")
	if test -z "$kernel"; then
		echo "no kernel $1: $why" >&2
		return 1
	fi
	test -z "$why" || step "$why; using ${kernel##*/}"
}
