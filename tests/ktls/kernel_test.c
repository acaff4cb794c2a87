/* SPDX-License-Identifier: MIT */
/* The kernel's own TLS: that there is one, and that it carries records. */
#include <atf-c.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ktls/sys-private.h"
#include "ktls/uapi-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

static void loopback_pair(int fds[2])
{
	REQUIRE_INT("pair", 0, keel__ktls_kernel.pair(NULL, fds));
}

/* A kernel without the module says ENOENT; any other answer is a failure. */
static void attach(int fd)
{
	int r = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls"));

	if (r < 0 && errno == ENOENT)
		atf_tc_skip("this kernel has no TLS module");
	ATF_REQUIRE_MSG(!r, "TCP_ULP: %s", strerror(errno));
}

static void set_keys(const char *name, int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info = {.version = TLS_1_3_VERSION,
			 .cipher_type = TLS_CIPHER_AES_GCM_128}};

	memset(keys.key, 'k', sizeof(keys.key));
	memset(keys.salt, 's', sizeof(keys.salt));
	memset(keys.iv, 'i', sizeof(keys.iv));
	ATF_REQUIRE_MSG(
		!setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys)),
		"%s: %s", name, strerror(errno));
}

CASE(tcp_ulp__attaches, "A connected socket takes the kernel's TLS, once")
{
	char ulp[16] = "";
	socklen_t len = sizeof(ulp);
	int fds[2];

	loopback_pair(fds);
	attach(fds[0]);
	ATF_REQUIRE_EQ(0, getsockopt(fds[0], IPPROTO_TCP, TCP_ULP, ulp, &len));
	ATF_CHECK_STREQ("tls", ulp);
	ATF_CHECK_ERRNO(EEXIST, setsockopt(fds[0], IPPROTO_TCP, TCP_ULP, "tls",
					   sizeof("tls")) < 0);
	close(fds[0]);
	close(fds[1]);
}

CASE(tls_keys__carry_data, "Data passes between two sockets with the same "
			   "made-up keys, in both directions")
{
	static const char text[] = "not in the clear";
	char got[sizeof(text)];
	int fds[2];

	loopback_pair(fds);
	for (int i = 0; i < 2; i++) {
		attach(fds[i]);
		set_keys("TLS_TX", fds[i], TLS_TX);
		set_keys("TLS_RX", fds[i], TLS_RX);
	}
	for (int i = 0; i < 2; i++) {
		CHECK_INT("send", sizeof(text),
			  send(fds[i], text, sizeof(text), 0));
		REQUIRE_INT("recv", sizeof(text),
			    recv(fds[!i], got, sizeof(got), MSG_WAITALL));
		CHECK_MEM("recv", text, got, sizeof(text));
	}
	close(fds[0]);
	close(fds[1]);
}

CASE(tls_keys__are_used, "A socket without keys for receiving gets a record "
			 "of TLS, not the text")
{
	static const char text[] = "not in the clear";
	/* Header, the text and its type, the tag: RFC 8446, section 5.2. */
	unsigned char record[5 + sizeof(text) + 1 + 16];
	int fds[2];

	loopback_pair(fds);
	attach(fds[0]);
	set_keys("TLS_TX", fds[0], TLS_TX);
	CHECK_INT("send", sizeof(text), send(fds[0], text, sizeof(text), 0));
	REQUIRE_INT("recv", sizeof(record),
		    recv(fds[1], record, sizeof(record), MSG_WAITALL));
	CHECK_INT("type", 23, record[0]);
	CHECK_INT("length", sizeof(record) - 5, record[3] << 8 | record[4]);
	ATF_CHECK(!memmem(record, sizeof(record), text, strlen(text)));
	close(fds[0]);
	close(fds[1]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, tcp_ulp__attaches);
	ATF_TP_ADD_TC(tp, tls_keys__carry_data);
	ATF_TP_ADD_TC(tp, tls_keys__are_used);
	return atf_no_error();
}
