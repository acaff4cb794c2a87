/* SPDX-License-Identifier: MIT */
/* sock_diag: made-up answers, and sockets of this process. */
#include "ktls/netlink/netlink-private.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktls/probe-private.h"
#include "ktls/uapi-private.h"
#include "tests/netlink/wire.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/descriptors.h"
#include "tests/support/offload.h"

/* include/uapi/linux/tls.h since 6.19 */
#define MAX_PAYLOAD_ATTR 7

#define NOBODY 65534

static void begin(struct wire *wire)
{
	static const struct inet_diag_msg head = {.idiag_family = AF_INET};

	wire_init(wire, 20, &head, sizeof(head));
	wire_put_u32(wire, INET_DIAG_MARK, 0);
}

/* A socket's answer; a version of 0 is that of one without keys. */
static void make(struct wire *wire, const char *ulp, uint16_t version,
		 uint16_t cipher, uint16_t conf)
{
	size_t outer, inner;

	begin(wire);
	outer = wire_begin(wire, INET_DIAG_ULP_INFO);
	wire_put_text(wire, INET_ULP_INFO_NAME, ulp);
	inner = wire_begin(wire, INET_ULP_INFO_TLS);
	if (version) {
		wire_put_u16(wire, TLS_INFO_VERSION, version);
		wire_put_u16(wire, TLS_INFO_CIPHER, cipher);
	}
	wire_put_u16(wire, TLS_INFO_TXCONF, conf);
	wire_put_u16(wire, TLS_INFO_RXCONF, TLS_CONF_BASE);
	if (conf == TLS_CONF_HW)
		wire_put(wire, TLS_INFO_ZC_RO_TX, NULL, 0);
	wire_put_u16(wire, MAX_PAYLOAD_ATTR, 1024);
	wire_end(wire, inner);
	wire_end(wire, outer);
}

static int parse(const struct nlmsghdr *answer, void *arg)
{
	return keel__sock_parse(answer, arg);
}

CASE(sock__answers, "What the kernel says of a socket is told as it is")
{
	static const struct {
		uint16_t version, cipher, conf;
		const char *name;
	} rows[] = {
		{0, 0, TLS_CONF_BASE, ""},
		{0x0303, TLS_CIPHER_AES_GCM_128, TLS_CONF_SW, "AES-128-GCM"},
		{0x0304, TLS_CIPHER_AES_GCM_256, TLS_CONF_SW, "AES-256-GCM"},
		{0x0304, TLS_CIPHER_CHACHA20_POLY1305, TLS_CONF_SW,
		 "CHACHA20-POLY1305"},
		{0x0303, TLS_CIPHER_AES_GCM_128, TLS_CONF_HW, "AES-128-GCM"},
		{0x0304, 999, TLS_CONF_SW, "?"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keel_sock_info info = {.sz = sizeof(info)};
		struct wire wire;

		make(&wire, "tls", rows[i].version, rows[i].cipher,
		     rows[i].conf);
		REQUIRE_INT(rows[i].name, 0,
			    keel__sock_parse(wire_message(&wire), &info));
		ATF_CHECK_STREQ("tls", info.ulp);
		ATF_CHECK_STREQ(rows[i].name, info.cipher_name);
		CHECK_INT(rows[i].name, rows[i].version, info.version);
		CHECK_INT(rows[i].name, rows[i].cipher, info.cipher);
		CHECK_INT(rows[i].name, rows[i].conf, info.tx_conf);
		CHECK_INT(rows[i].name, KEEL_SOCK_BASE, info.rx_conf);
		CHECK_INT(rows[i].name, rows[i].conf == TLS_CONF_HW,
			  info.tx_zerocopy);
		CHECK_INT(rows[i].name, false, info.rx_no_pad);
		CHECK_INT(rows[i].name, 1024, info.tx_max_payload);
		CHECK_INT(rows[i].name, sizeof(info), info.sz);
	}
}

CASE(sock__malformed, "What is cut, changed or of a wrong size is refused, and "
		      "read no further than it goes")
{
	struct keel_sock_info info = {.sz = sizeof(info)};
	struct wire wire;
	size_t outer, inner;

	make(&wire, "tls", 0x0304, TLS_CIPHER_AES_GCM_128, TLS_CONF_HW);
	wire_spoil(&wire, parse, &info);
	info.version = 99;
	/* A number of one byte; a name without its end; a name too long. */
	begin(&wire);
	outer = wire_begin(&wire, INET_DIAG_ULP_INFO);
	wire_put_text(&wire, INET_ULP_INFO_NAME, "tls");
	inner = wire_begin(&wire, INET_ULP_INFO_TLS);
	wire_put(&wire, TLS_INFO_VERSION, "", 1);
	wire_end(&wire, inner);
	wire_end(&wire, outer);
	CHECK_INT("short number", -EBADMSG, parse(wire_message(&wire), &info));
	begin(&wire);
	outer = wire_begin(&wire, INET_DIAG_ULP_INFO);
	wire_put(&wire, INET_ULP_INFO_NAME, "tls", 3);
	wire_end(&wire, outer);
	CHECK_INT("open name", -EBADMSG, parse(wire_message(&wire), &info));
	make(&wire, "seventeen-bytes--", 0, 0, TLS_CONF_BASE);
	CHECK_INT("long name", -EBADMSG, parse(wire_message(&wire), &info));
	CHECK_INT("untouched", 99, info.version);
}

CASE(sock__no_ulp, "An answer without a ULP is one of a plain socket")
{
	struct keel_sock_info info = {.sz = sizeof(info)};
	struct wire wire;

	begin(&wire);
	REQUIRE_INT("parse", 0, keel__sock_parse(wire_message(&wire), &info));
	ATF_CHECK_STREQ("", info.ulp);
	ATF_CHECK_STREQ("", info.cipher_name);
	CHECK_INT("tx", KEEL_SOCK_NONE, info.tx_conf);
}

static void open_pair(int fds[2])
{
	REQUIRE_INT("pair", 0, keel__ktls_kernel.pair(NULL, fds));
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* A kernel without tcp_diag has none of the cases that follow. */
static struct keel_sock_info get_info(int fd)
{
	struct keel_sock_info info = {.sz = sizeof(info)};
	struct keel_diag diag = {0};
	int r = keel_sock_get_info(fd, &diag, &info);

	if (r == -ENOENT || r == -EOPNOTSUPP)
		atf_tc_skip("%s", diag.text);
	ATF_REQUIRE_MSG(!r, "%d: %s", r, diag.text);
	return info;
}

CASE(sock__plain, "A socket of this process is found; it has no TLS")
{
	struct keel_sock_info info;
	int before = nr_descriptors();
	int fds[2];

	open_pair(fds);
	info = get_info(fds[0]);
	ATF_CHECK_STREQ("", info.ulp);
	CHECK_INT("tx", KEEL_SOCK_NONE, info.tx_conf);
	CHECK_INT("size", sizeof(info), info.sz);
	close_pair(fds);
	CHECK_INT("descriptors", before, nr_descriptors());
}

/* AES-128-GCM and a key of zeros. */
static void set_keys(int fd, unsigned int dir)
{
	static const uint8_t zeros[KEEL_MAX_KEY_LEN];
	const struct keel__ktls_keys keys = {
		.cipher = &keel__ktls_ciphers[0],
		.version = KEEL_TLS1_3,
		.dir = (uint8_t)dir,
		.key = zeros,
		.iv = zeros,
	};

	REQUIRE_INT("keys", 0,
		    keel__ktls_set_keys(&keel__ktls_kernel, fd, &keys));
}

static void need_privileges(void)
{
	if (geteuid())
		atf_tc_skip("kernels tell CAP_NET_ADMIN only: not root");
}

CASE(sock__kernel_tls, "What was set on a socket is what is told of it")
{
	struct keel_sock_info info;
	int fds[2];

	offload_need("ulp", "");
	need_privileges();
	open_pair(fds);
	REQUIRE_INT("attach", 0, keel__ktls_attach(&keel__ktls_kernel, fds[0]));
	info = get_info(fds[0]);
	ATF_CHECK_STREQ("tls", info.ulp);
	CHECK_INT("no keys", KEEL_SOCK_BASE, info.tx_conf);
	CHECK_INT("no keys", KEEL_SOCK_BASE, info.rx_conf);
	set_keys(fds[0], KEEL_TX);
	info = get_info(fds[0]);
	CHECK_INT("tx", KEEL_SOCK_SOFTWARE, info.tx_conf);
	CHECK_INT("tx", KEEL_SOCK_BASE, info.rx_conf);
	CHECK_INT("tx", KEEL_TLS1_3, info.version);
	ATF_CHECK_STREQ("AES-128-GCM", info.cipher_name);
	set_keys(fds[0], KEEL_RX);
	info = get_info(fds[0]);
	CHECK_INT("both", KEEL_SOCK_SOFTWARE, info.tx_conf);
	CHECK_INT("both", KEEL_SOCK_SOFTWARE, info.rx_conf);
	/* Its other end is another socket. */
	ATF_CHECK_STREQ("", get_info(fds[1]).ulp);
	close_pair(fds);
}

/* In a process of its own, which no longer is root: 0, or the errno. */
static int ask_as_nobody(int fd)
{
	struct keel_sock_info info = {.sz = sizeof(info)};
	pid_t pid = fork();
	int status;
	int r;

	ATF_REQUIRE(pid >= 0);
	if (!pid) {
		r = geteuid() ? 0 : setuid(NOBODY);
		r = r ? -ENOTTY : keel_sock_get_info(fd, NULL, &info);
		_exit(r ? -r : strcmp(info.ulp, "tls") ? ENOTTY : 0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

CASE(sock__unprivileged, "Who has no CAP_NET_ADMIN is told of TLS, or that it "
			 "is what is wanting")
{
	int fds[2];
	int r;

	offload_need("ulp", "");
	open_pair(fds);
	get_info(fds[1]);
	REQUIRE_INT("attach", 0, keel__ktls_attach(&keel__ktls_kernel, fds[0]));
	r = ask_as_nobody(fds[0]);
	ATF_CHECK_MSG(r == 0 || r == -EPERM, "%d", r);
	close_pair(fds);
}

CASE(sock__refused, "What is no connected TCP socket has its errno and a line")
{
	struct keel_sock_info info = {.sz = sizeof(info), .version = 99};
	struct keel_sock_info small = {.sz = sizeof(info.sz)};
	struct keel_diag diag = {0};
	int before = nr_descriptors();
	int fds[2];
	int fd;

	ATF_REQUIRE_EQ(0, pipe(fds));
	CHECK_INT("pipe", -ENOTSOCK, keel_sock_get_info(fds[0], &diag, &info));
	ATF_CHECK_MSG(diag.text[0], "no line");
	close_pair(fds);
	CHECK_INT("closed", -EBADF, keel_sock_get_info(fds[0], NULL, &info));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK_INT("UDP", -EINVAL, keel_sock_get_info(fd, NULL, &info));
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT("new", -ENOTCONN, keel_sock_get_info(fd, NULL, &info));
	CHECK_INT("no result", -EINVAL, keel_sock_get_info(fd, NULL, NULL));
	CHECK_INT("size", -EINVAL, keel_sock_get_info(fd, NULL, &small));
	close(fd);
	CHECK_INT("untouched", 99, info.version);
	CHECK_INT("descriptors", before, nr_descriptors());
}

CASE(sock__names, "Keepers have names, other values have none")
{
	ATF_CHECK_STREQ("none", keel_sock_conf_name(KEEL_SOCK_NONE));
	ATF_CHECK_STREQ("base", keel_sock_conf_name(TLS_CONF_BASE));
	ATF_CHECK_STREQ("software", keel_sock_conf_name(TLS_CONF_SW));
	ATF_CHECK_STREQ("nic", keel_sock_conf_name(TLS_CONF_HW));
	ATF_CHECK_STREQ("nic-record", keel_sock_conf_name(TLS_CONF_HW_RECORD));
	ATF_CHECK_STREQ("?", keel_sock_conf_name(99));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, sock__answers);
	ATF_TP_ADD_TC(tp, sock__malformed);
	ATF_TP_ADD_TC(tp, sock__no_ulp);
	ATF_TP_ADD_TC(tp, sock__plain);
	ATF_TP_ADD_TC(tp, sock__kernel_tls);
	ATF_TP_ADD_TC(tp, sock__unprivileged);
	ATF_TP_ADD_TC(tp, sock__refused);
	ATF_TP_ADD_TC(tp, sock__names);
	return atf_no_error();
}
