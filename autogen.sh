#! /bin/sh
# SPDX-License-Identifier: MIT
# Make configure and what it needs; run once after a checkout.
set -eu

cd "$(dirname "$0")"
mkdir -p build-aux
exec autoreconf -fi
