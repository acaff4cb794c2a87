#! /bin/bash
# SPDX-License-Identifier: MIT
# Private memory of `keel serve` per idle connection whose records the kernel
# protects, both ways.
#
#   tests/bench/idle-kernel.sh [KERNEL-SERIES]
#
# Runs idle.sh in a guest with kernel TLS (tests/guest/run), with programs of
# KEEL_BUILDDIR. COUNT connections are held; all of it takes some ten minutes.
set -u

src=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
build=$(realpath -m "${KEEL_BUILDDIR:-$src/_build}")
COUNT=${COUNT:-20000}
make -s -C "$build" bench || exit 1

bench=$build/tests/bench
export KEEL_GUEST_PROGRAMS="taskset nproc $bench/idle_conns $bench/cpu_ns"
export KEEL_GUEST_MEMORY=3500
# shellcheck disable=SC2016 # the guest's dollars
exec "$src/tests/guest/run" --kernel "${1:-6.12}" --timeout 2400 -- env \
	BENCH_BIN=/usr/bin SERVERS=keel COUNT="$COUNT" READY=1500 WAIT=10 \
	GOAL=1024 IDLE_ROUNDS=1 KEEL_OPTS="--offload require --max-conns 40000
	--idle-timeout 3000 ${KEEL_OPTS-}" bash -c 'ulimit -n 100000 &&
		exec bash "$KEEL_SRCDIR/tests/bench/idle.sh"'
