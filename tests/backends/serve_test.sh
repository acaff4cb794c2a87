#! /usr/bin/env atf-sh
# SPDX-License-Identifier: MIT
# keel serve with every backend that is built, those in files too.

. "$KEEL_SRCDIR/tests/tools/serve-lib.sh"

# The usable ones that have security.
every_backend()
{
	KEEL_BACKEND_PATH="$KEEL_BUILDDIR/.libs" "$KEEL" backends |
		sed 's/^[*]/ /' |
		awk '$4 == "yes" && !/insecure/ { print $1 }'
}

case_new serve__works_with_every_backend \
	"Pages and files over both versions, one connection and many" \
	"curl openssl"
serve__works_with_every_backend_body()
{
	mkdir www
	make_file www/small 1000
	make_file www/large 3000000
	make_cert cert
	every_backend >names
	grep -q '^openssl$' names || atf_fail "no openssl: $(cat names)"
	test ! -e "$KEEL_BUILDDIR/.libs/keel-gnutls.so" ||
		grep -q '^gnutls$' names || atf_fail "no gnutls: $(cat names)"
	export KEEL_BACKEND_PATH="$KEEL_BUILDDIR/.libs"
	while read -r name; do
		serve_start --backend "$name" --cert cert.pem --key cert.key
		for version in --tlsv1.3 '--tls-max 1.2'; do
			# shellcheck disable=SC2086 # two words
			expect_body www/small /small $version --http1.1
			# shellcheck disable=SC2086
			expect_body www/large /large $version
			# shellcheck disable=SC2086
			curl --silent --show-error --cacert cert.pem $version \
				"https://localhost:$port/small" -o body ||
				atf_fail "$name $version: not verified"
			cmp www/small body || atf_fail "$name $version: differs"
		done
		serve_stop
	done <names
}

case_new serve__says_what_a_backend_cannot \
	"What is asked of a backend that it has not is an error with both names" sh
serve__says_what_a_backend_cannot_body()
{
	mkdir www
	export KEEL_BACKEND_PATH="$KEEL_BUILDDIR/.libs"
	every_backend | grep -v '^openssl$' >names
	while read -r name; do
		timeout "$(longer 20)" "$KEEL" serve www --backend "$name" \
			--listen 127.0.0.1:0 >out 2>err &&
			atf_fail "$name made a certificate"
		grep -q "$name.*self-signed" err || atf_fail "$(cat err)"
	done <names
}
