# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What a guest has for its disk: this machine's programs, keel's, its kernel's
# modules. Several archives, since the kernel takes them one after the other.

# shellcheck disable=SC2154 # build, kernel, src and work are set by run

# Programs of this machine. What is missing here is missing there: cases that
# need it then skip, which the lists of tests/skips notice.
guest_programs=(bash dash busybox kmod kyua atf-sh openssl curl gnutls-cli wrk
	h2load install env stat timeout sed grep awk find xargs cat cp mv rm ln
	ls mkdir mktemp mkfifo chmod chown touch cmp diff head tail wc tr cut
	sort uniq seq dd od truncate sha256sum md5sum readlink realpath date
	sleep tee test printf echo id du dirname basename setpriv split
	gnutls-serv jq)
read -ra more_programs <<<"${KEEL_GUEST_PROGRAMS-}"
guest_programs+=("${more_programs[@]}")
guest_files=(/usr/libexec/atf-check /usr/share/atf /usr/share/kyua/store
	/usr/lib/x86_64-linux-gnu/ossl-modules /etc/ssl /etc/ld.so.conf
	/etc/ld.so.conf.d /etc/services /etc/protocols)

# Modules of the kernel, loaded at boot: kTLS and its ciphers, and diagnosis.
# A name with crypto- is an alias: modules change their names, aliases do not.
guest_modules=${KEEL_GUEST_MODULES-tls tcp_diag inet_diag
	crypto-aes crypto-gcm crypto-ccm crypto-ctr crypto-cbcmac crypto-ghash
	crypto-chacha20 crypto-poly1305 crypto-rfc7539 aesni_intel
	ghash_clmulni_intel}
# Those without which there is no way in or out.
guest_boot_modules='virtio_pci virtio_console virtio_blk ext4'

# The shared libraries a program needs, at the place they have here.
bring_libraries()
{
	local file

	while read -r file; do
		test -e "$root$file" || install -D "$file" "$root$file"
	done < <(LD_LIBRARY_PATH=$build/.libs ldd "$1" 2>/dev/null |
		grep -o '/[^ ]* (0x' | cut -d' ' -f1)
}

# bring_program FROM TO: without what only a debugger reads.
bring_program()
{
	install -D "$1" "$root$2" &&
		{ strip --strip-debug "$root$2" 2>/dev/null; true; } &&
		bring_libraries "$1"
}

# The libraries of OpenSSL's and gconv's kind are loaded, not linked.
bring_file()
{
	test -e "$1" || return 0
	mkdir -p "$root${1%/*}"
	cp -aL "$1" "$root$1" 2>/dev/null
	test ! -f "$1" || bring_libraries "$1"
}

# A libtool program is a script; the program itself is beside it.
bring_built()
{
	local real=$build/${1%/*}/.libs/${1##*/}

	test "${1%/*}" != "$1" || real=$build/.libs/$1
	test -x "$real" || real=$build/$1
	test -x "$real" || { echo "$build/$1 is not built" >&2; return 1; }
	bring_program "$real" "$build/$1"
}

bring_build()
{
	local one

	# shellcheck disable=SC2086 # a list of words
	for one in keel examples/client $guest_tests; do
		case $one in
		*.sh) ;;
		*) bring_built "$one" || return ;;
		esac
	done
	mkdir -p "$root$src"
	tar -C "$src" -c --exclude=tests/fuzz tests |
		tar -C "$root$src" -x --no-same-owner
}

write_etc()
{
	mkdir -p "$root/etc"
	printf '%s\n' 'root:x:0:0:root:/tmp:/bin/sh' \
		'nobody:x:65534:65534:nobody:/tmp:/bin/sh' >"$root/etc/passwd"
	printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$root/etc/group"
	printf '%s\n' '127.0.0.1 localhost guest' '::1 localhost' \
		>"$root/etc/hosts"
	printf '%s\n' 'passwd: files' 'group: files' 'hosts: files' \
		>"$root/etc/nsswitch.conf"
	echo "$build/.libs" >>"$root/etc/ld.so.conf"
	echo "$src $build" >"$root/etc/image-folders"
}

# Busybox's tools stand in for those that are not brought.
link_tools()
{
	local name

	for name in $(busybox --list); do
		test -e "$root/usr/bin/$name" || test -e "$root/usr/sbin/$name" ||
			ln -s busybox "$root/usr/bin/$name"
	done
	for name in modprobe depmod insmod; do
		ln -sf ../bin/kmod "$root/usr/sbin/$name"
		rm -f "$root/usr/bin/$name"
	done
	ln -sf dash "$root/usr/bin/sh"
}

archive()
{
	(cd "$1" && find . -print0 | cpio --quiet -0 -o -H newc -R 0:0)
}

# make_base FILE [PROGRAM]: what all kernels' guests have.
make_base()
{
	local root=$work/base dir one path

	mkdir -p "$root"/{dev,proc,sys,run,tmp,out,root,var/tmp} \
		"$root"/usr/{bin,sbin,lib,lib64}
	chmod 1777 "$root/tmp" "$root/var/tmp"
	for dir in bin sbin lib lib64; do
		ln -s "usr/$dir" "$root/$dir"
	done
	for one in "${guest_programs[@]}" ${2+"$2"}; do
		path=$(type -P "$one") || continue
		bring_program "$path" "/usr/bin/${path##*/}"
	done
	for one in "${guest_files[@]}"; do
		bring_file "$one"
	done
	bring_build || return
	write_etc
	mkdir -p "$root/usr/lib/ssl"
	ln -sf /etc/ssl/openssl.cnf "$root/usr/lib/ssl/openssl.cnf"
	link_tools
	ldconfig -r "$root" 2>/dev/null
	install "$src/tests/guest/init" "$root/init"
	archive "$root" >"$1"
	rm -rf "$root"
}

# The files of some modules and of what they need. Some are built into one
# kernel and modules of another, so a missing one is left to the tests to miss.
module_files()
{
	local one

	for one; do
		modprobe -C /dev/null -d "$work/kernel" -S "$release" \
			--show-depends "$one" 2>/dev/null |
			sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done
}

# put_module FROM TO: without its compression, which not every kmod knows.
put_module()
{
	mkdir -p "${2%/*}"
	case $1 in
	*.xz) xz -dc "$1" >"${2%.xz}" ;;
	*.zst) zstd -qdc "$1" >"${2%.zst}" ;;
	*) cp "$1" "$2" ;;
	esac
}

# make_modules FILE: those of $kernel, and the list of what init loads.
make_modules()
{
	local root=$work/modules from file path release

	from=$(find "$kernel" -type d -path '*/lib/modules/*' -prune)
	release=${from##*/}
	mkdir -p "$work/kernel/lib/modules" "$root/usr/lib/modules/$release" \
		"$root/etc"
	cp -as "$from" "$work/kernel/lib/modules/" &&
		depmod -b "$work/kernel" "$release" 2>/dev/null || return
	# shellcheck disable=SC2086 # the lists are words
	while read -r file; do
		path=${file#*"/lib/modules/"}
		put_module "$file" "$root/usr/lib/modules/$path" || return
	done < <(module_files $guest_boot_modules $guest_modules | sort -u)
	# Not every series has its list of what is built in.
	cp "$from"/modules.builtin* "$root/usr/lib/modules/$release/" \
		2>/dev/null
	ln -s usr/lib "$root/lib"
	depmod -b "$root" "$release" 2>/dev/null || return
	rm "$root/lib"
	echo "$guest_boot_modules $guest_modules" | xargs -n 1 \
		>"$root/etc/modules"
	archive "$root" >"$1"
	rm -rf "$root" "$work/kernel"
}
