# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A disk with the whole of Debian 13, for commands that want more of it than
# this machine has: its nginx, its OpenSSL. Kept in the cache.
# shellcheck disable=SC2154 # guest_cache is set by kernels.sh

image_suite=trixie

# What keel's programs and tests use, and the peers they are set against. The
# programs are those built here: their libraries have the same names there.
image_packages=(bash busybox-static kmod kyua atf-sh curl openssl gnutls-bin jq
	wrk nghttp2-client nginx-light libatf-c-1 libhttp-parser2.9 libjson-c5
	liburing2 libnl-3-200 libnl-genl-3-200 libnl-route-3-200 strace)
read -ra more_packages <<<"${KEEL_GUEST_PACKAGES-}"
image_packages+=("${more_packages[@]}")

# Another list of packages is another image.
image_file()
{
	local sum

	sum=$(echo "$image_suite ${image_packages[*]}" | sha256sum)
	echo "$guest_cache/image-${sum:0:16}"
}

# pack_image ROOT FILE: a file system with room to work in.
pack_image()
{
	local kib

	kib=$(as_root du -s --block-size=1K "$1" | cut -f1)
	as_root mke2fs -q -t ext4 -d "$1" -E root_owner=0:0 "$2" \
		"$((kib * 5 / 4 + 512 * 1024))K" || return
	as_root chown "$(id -u):$(id -g)" "$2"
}

make_image()
{
	local new=$1.new mirror

	mirror=$(debian_mirror) || return
	step "Making an image of Debian $image_suite"
	as_root rm -rf --one-file-system "$new"
	quietly "$guest_cache/image.log" as_root mmdebstrap --variant=apt \
		--include="$(IFS=,; echo "${image_packages[*]}")" \
		--dpkgopt=path-exclude=/usr/share/doc/* \
		--dpkgopt=path-exclude=/usr/share/locale/* \
		--aptopt='APT::Sandbox::User "root"' \
		"$image_suite" "$new" "$mirror" &&
		quietly "$guest_cache/image.log" pack_image "$new" "$new.ext4" ||
		return
	as_root rm -rf --one-file-system "$new"
	mv "$new.ext4" "$1.ext4"
}

# Set image: the file of the disk.
get_image()
{
	mkdir -p "$guest_cache"
	image=$(image_file).ext4
	{ flock 9 && { test -f "$image" || make_image "${image%.ext4}"; }; } \
		9>"$guest_cache/lock"
}
