# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Booting a guest, and judging what came back.
# shellcheck disable=SC2154 # icount, image, kernel, seconds and work are set by run

# What the kernel writes to its log when something is wrong with itself.
guest_faults='WARNING:|BUG:|Oops|KASAN|UBSAN|general protection|Call Trace'
guest_faults+='|blocked for more than|soft lockup|rcu.*stall|Kernel panic'

# Set machine: what the emulator emulates.
use_machine()
{
	machine=(-accel "tcg,thread=multi" -smp 2)
	if test -n "$icount"; then
		machine=(-accel "tcg,thread=single" -smp 1
			-icount "shift=0,sleep=off")
	fi
	# What is written to the disk goes with the guest.
	test -z "$image" || machine+=(-device "virtio-blk-pci,drive=image"
		-drive "file=$image,format=raw,if=none,id=image,snapshot=on")
}

# An emulator with threads now and then trips a kernel that patches itself, most
# often while it boots: it meets a breakpoint of its own. That is no fault of what
# is tested; any other, once the kernel is up, counts.
boot_tries=3

# boot_guest DIR: as boot_once, with a kernel that comes up.
boot_guest()
{
	local try

	for try in $(seq $boot_tries); do
		boot_once "$1"
		grep -q 'guest: up' "$1/console" &&
			! grep -q 'int3: 0000' "$1/console" && break
		cp "$1/console" "$1/console.$try"
		echo "the kernel did not come up, or tripped, try $try"
	done
}

# boot_once DIR: run it to its end; its output is shown, and kept in DIR with
# the console and the results.
boot_once()
{
	local dir=$1 vmlinuz machine status

	vmlinuz=$(find "$kernel" -name 'vmlinuz*' -type f)
	use_machine
	timeout --foreground -k 5 "$seconds" qemu-system-x86_64 \
		-nodefaults -no-user-config -display none -no-reboot \
		"${machine[@]}" -cpu max \
		-m "${KEEL_GUEST_MEMORY:-2048}" -net none \
		-kernel "$vmlinuz" -initrd "$work/initramfs" \
		-append "console=ttyS0 panic=-1 loglevel=5 log_buf_len=2M" \
		-serial "file:$dir/console" -device virtio-serial-pci \
		-chardev "file,id=output,path=$dir/output" \
		-device virtserialport,chardev=output,name=output \
		-chardev "file,id=progress,path=$dir/progress" \
		-device virtserialport,chardev=progress,name=progress \
		-chardev "file,id=results,path=$dir/results.tar" \
		-device virtserialport,chardev=results,name=results \
		</dev/null 2>"$dir/qemu"
	status=$?
	cat "$dir/output"
	case $status in
	0) ;;
	124 | 137)
		echo "the guest had not ended after $seconds seconds; its last cases:"
		tail -n 5 "$dir/progress" | tr -d '\r' | sed 's/^/  /' ;;
	*) sed 's/^/qemu: /' "$dir/qemu" ;;
	esac
	tar -C "$dir" -xf "$dir/results.tar" --no-same-owner 2>/dev/null
	rm -f "$dir/results.tar"
	return "$status"
}

# judge_guest DIR: false, and why, unless it booted, its command succeeded, and
# its kernel had nothing to complain of.
judge_guest()
{
	local dir=$1 status=0

	if ! test -s "$dir/status"; then
		echo "the guest brought no exit status; its console ends:"
		tail -n 40 "$dir/console" | tr -d '\r' | sed 's/^/  /'
		return 1
	fi
	if grep -nE "$guest_faults" "$dir/dmesg"; then
		echo "the guest's kernel complained, see above"
		status=1
	fi
	test "$(<"$dir/status")" -eq 0 || {
		echo "the command's exit status was $(<"$dir/status")"
		status=1
	}
	return $status
}
