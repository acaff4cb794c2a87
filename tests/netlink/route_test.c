/* SPDX-License-Identifier: MIT */
/* Routes: made-up answers, and those of this machine's loopback interface. */
#include "ktls/netlink/netlink-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "tests/netlink/wire.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/descriptors.h"

static void make(struct wire *wire, bool has_oif)
{
	static const struct rtmsg head = {
		.rtm_family = AF_INET,
		.rtm_dst_len = 32,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = RTM_F_CLONED,
	};
	static const uint8_t dst[] = {192, 0, 2, 1};

	wire_init(wire, RTM_NEWROUTE, &head, sizeof(head));
	wire_put(wire, RTA_DST, dst, sizeof(dst));
	if (has_oif)
		wire_put_u32(wire, RTA_OIF, 42);
	wire_put_u32(wire, RTA_TABLE, RT_TABLE_MAIN);
}

static int parse(const struct nlmsghdr *answer, void *arg)
{
	return keel__route_parse(answer, arg);
}

CASE(route__answer, "The interface of an answer, and none of a bad one")
{
	unsigned int idx = 0;
	struct wire wire;

	make(&wire, true);
	REQUIRE_INT("good", 0, keel__route_parse(wire_message(&wire), &idx));
	CHECK_INT("good", 42, idx);
	wire_spoil(&wire, parse, &idx);
	idx = 99;
	make(&wire, false);
	CHECK_INT("no interface", -EBADMSG,
		  keel__route_parse(wire_message(&wire), &idx));
	CHECK_INT("untouched", 99, idx);
}

static socklen_t make_addr(const char *text, struct sockaddr_storage *ret_addr)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_addr;
	struct sockaddr_in *in = (struct sockaddr_in *)ret_addr;

	*ret_addr = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		return sizeof(*in);
	}
	REQUIRE_INT(text, 1, inet_pton(AF_INET6, text, &in6->sin6_addr));
	in6->sin6_family = AF_INET6;
	return sizeof(*in6);
}

CASE(route__loopback, "Addresses of this machine are behind lo")
{
	static const char *const rows[] = {"127.0.0.1", "127.9.9.9",
					   "::ffff:127.0.0.1"};
	int before = nr_descriptors();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keel_route route = {.sz = sizeof(route)};
		struct sockaddr_storage addr;
		struct keel_diag diag = {0};
		socklen_t len = make_addr(rows[i], &addr);
		int r = keel_route_find((struct sockaddr *)&addr, len, &diag,
					&route);

		ATF_REQUIRE_MSG(!r, "%s: %d, %s", rows[i], r, diag.text);
		ATF_CHECK_STREQ("lo", route.name);
		CHECK_INT(rows[i], if_nametoindex("lo"), route.idx);
		CHECK_INT(rows[i], sizeof(route), route.sz);
	}
	CHECK_INT("descriptors", before, nr_descriptors());
}

CASE(route__socket, "A connected socket has a route, others have none")
{
	struct keel_route route = {.sz = sizeof(route)};
	struct keel_diag diag = {0};
	struct sockaddr_storage addr;
	socklen_t len = make_addr("127.0.0.1", &addr);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fds[2];

	ATF_REQUIRE(fd >= 0);
	CHECK_INT("not connected", -ENOTCONN,
		  keel_route_find_socket(fd, &diag, &route));
	ATF_CHECK_MSG(diag.text[0], "no line");
	((struct sockaddr_in *)&addr)->sin_port = htons(9);
	ATF_REQUIRE_EQ(0, connect(fd, (struct sockaddr *)&addr, len));
	REQUIRE_INT("connected", 0, keel_route_find_socket(fd, &diag, &route));
	ATF_CHECK_STREQ("lo", route.name);
	close(fd);
	CHECK_INT("closed", -EBADF, keel_route_find_socket(fd, NULL, &route));
	ATF_REQUIRE_EQ(0, pipe(fds));
	CHECK_INT("pipe", -ENOTSOCK,
		  keel_route_find_socket(fds[0], NULL, &route));
	close(fds[0]);
	close(fds[1]);
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	CHECK_INT("unix", -EAFNOSUPPORT,
		  keel_route_find_socket(fds[0], &diag, &route));
	close(fds[0]);
	close(fds[1]);
}

CASE(route__refused, "Wrong arguments have their errno, and write nothing")
{
	struct keel_route route = {.sz = sizeof(route), .idx = 99};
	struct keel_route small = {.sz = 4, .idx = 99};
	struct sockaddr_storage addr;
	const struct sockaddr *any = (struct sockaddr *)&addr;
	socklen_t len = make_addr("127.0.0.1", &addr);

	CHECK_INT("no address", -EINVAL,
		  keel_route_find(NULL, len, NULL, &route));
	CHECK_INT("no result", -EINVAL, keel_route_find(any, len, NULL, NULL));
	CHECK_INT("no size", -EINVAL, keel_route_find(any, len, NULL, &small));
	CHECK_INT("no length", -EINVAL, keel_route_find(any, 0, NULL, &route));
	CHECK_INT("length", -EINVAL,
		  keel_route_find(any, len - 1, NULL, &route));
	addr.ss_family = AF_UNIX;
	CHECK_INT("family", -EAFNOSUPPORT,
		  keel_route_find(any, len, NULL, &route));
	CHECK_INT("untouched", 99, route.idx);
	CHECK_INT("untouched", 99, small.idx);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, route__answer);
	ATF_TP_ADD_TC(tp, route__loopback);
	ATF_TP_ADD_TC(tp, route__socket);
	ATF_TP_ADD_TC(tp, route__refused);
	return atf_no_error();
}
