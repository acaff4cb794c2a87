/* SPDX-License-Identifier: MIT */
/* Which interface a connection goes by: RTM_GETROUTE. */
#include "ktls/netlink/netlink-private.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stddef.h>
#include <string.h>

#include "ktls/netlink/nl-private.h"

#define SITE "route"

/* The name of the interface goes behind this. */
#define ROUTE_MIN_SZ (offsetof(struct keel_route, name) + KEEL_NIC_NAME_LEN)

/* What is asked: where packets from here (if known) to there go. */
struct wish {
	struct sockaddr_storage from; /* AF_UNSPEC for any */
	struct sockaddr_storage to;
	int dev;
	unsigned int mark;
};

struct bytes {
	const void *data;
	int len;
};

static struct bytes addr_bytes(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET)
		return (struct bytes){
			&((const struct sockaddr_in *)addr)->sin_addr, 4};
	return (struct bytes){&((const struct sockaddr_in6 *)addr)->sin6_addr,
			      16};
}

/* An IPv4 address in an IPv6 socket is routed as what it is. */
static void unmap(struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in in = {.sin_family = AF_INET};

	if (addr->ss_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return;
	memcpy(&in.sin_addr, in6->sin6_addr.s6_addr + 12, 4);
	in.sin_port = in6->sin6_port;
	*addr = (struct sockaddr_storage){0};
	memcpy(addr, &in, sizeof(in));
}

static int put_wish(struct nl_msg *msg, const struct wish *wish)
{
	struct bytes from = addr_bytes(&wish->from);
	struct bytes to = addr_bytes(&wish->to);
	bool has_from = wish->from.ss_family == wish->to.ss_family;
	struct rtmsg head = {
		.rtm_family = (unsigned char)wish->to.ss_family,
		.rtm_dst_len = (unsigned char)(to.len * 8),
		.rtm_src_len = (unsigned char)(has_from ? from.len * 8 : 0),
	};

	if (nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) ||
	    nla_put(msg, RTA_DST, to.len, to.data) ||
	    (has_from && nla_put(msg, RTA_SRC, from.len, from.data)) ||
	    (wish->dev && nla_put_u32(msg, RTA_OIF, (uint32_t)wish->dev)) ||
	    (wish->mark && nla_put_u32(msg, RTA_MARK, wish->mark)))
		return -ENOMEM;
	return 0;
}

int keel__route_parse(const struct nlmsghdr *answer, unsigned int *ret_idx)
{
	struct nlmsghdr *head = (struct nlmsghdr *)(uintptr_t)answer;
	struct rtnl_nexthop *hop;
	struct rtnl_route *route;
	int idx = 0;

	if (!nlmsg_valid_hdr(head, sizeof(struct rtmsg)) ||
	    rtnl_route_parse(head, &route))
		return -EBADMSG;
	hop = rtnl_route_nexthop_n(route, 0);
	if (hop)
		idx = rtnl_route_nh_get_ifindex(hop);
	rtnl_route_put(route);
	if (idx <= 0)
		return -EBADMSG;
	*ret_idx = (unsigned int)idx;
	return 0;
}

static int take(const struct nlmsghdr *answer, void *arg)
{
	return keel__route_parse(answer, arg);
}

static int ask(const struct wish *wish, unsigned int *ret_idx)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_ACK);
	struct nl_sock *sock;
	int err = msg ? put_wish(msg, wish) : -ENOMEM;

	if (!err)
		err = keel__nl_open(NETLINK_ROUTE, &sock);
	if (!err) {
		err = keel__nl_ask(sock, msg, take, ret_idx);
		nl_socket_free(sock);
	}
	nlmsg_free(msg);
	return err;
}

static int find(const struct wish *wish, struct keel_diag *ret_diag,
		struct keel_route *ret_route)
{
	struct keel_route route = {.sz = ret_route->sz};
	int err = ask(wish, &route.idx);

	if (!err && !if_indextoname(route.idx, route.name))
		err = -errno;
	if (err == -ENETUNREACH || err == -EHOSTUNREACH || err == -EACCES)
		return keel__nl_diag(ret_diag, err, SITE,
				     "this machine has no route there: see "
				     "\"ip route\"");
	if (err)
		return keel__nl_fail(ret_diag, err, SITE);
	*ret_route = route;
	return 0;
}

static bool is_known(const struct keel_route *ret_route)
{
	return ret_route && ret_route->sz >= ROUTE_MIN_SZ &&
	       ret_route->sz <= sizeof(*ret_route);
}

/* 0 for an address whose family and length belong together. */
static int check_addr(const struct sockaddr *addr, socklen_t len)
{
	if (len < sizeof(addr->sa_family))
		return -EINVAL;
	switch (addr->sa_family) {
	case AF_INET:
		return len == sizeof(struct sockaddr_in) ? 0 : -EINVAL;
	case AF_INET6:
		return len == sizeof(struct sockaddr_in6) ? 0 : -EINVAL;
	default:
		return -EAFNOSUPPORT;
	}
}

/* Of a link-local address the device is a part. */
static int scope_of(const struct sockaddr_storage *addr)
{
	if (addr->ss_family != AF_INET6)
		return 0;
	return (int)((const struct sockaddr_in6 *)addr)->sin6_scope_id;
}

int keel_route_find(const struct sockaddr *addr, socklen_t addr_len,
		    struct keel_diag *ret_diag, struct keel_route *ret_route)
{
	struct wish wish = {0};
	int err;

	if (!addr || !is_known(ret_route))
		return keel__nl_diag(ret_diag, -EINVAL, SITE,
				     "no address, or no room for the answer");
	err = check_addr(addr, addr_len);
	if (err)
		return keel__nl_diag(
			ret_diag, err, SITE,
			"only IPv4 and IPv6 addresses have routes");
	memcpy(&wish.to, addr, addr_len);
	unmap(&wish.to);
	wish.dev = scope_of(&wish.to);
	return find(&wish, ret_diag, ret_route);
}

static int wish_of(int fd, struct wish *wish)
{
	socklen_t len = sizeof(wish->to);
	int err;

	if (getpeername(fd, (struct sockaddr *)&wish->to, &len))
		return -errno;
	err = check_addr((struct sockaddr *)&wish->to, len);
	len = sizeof(wish->from);
	if (!err && getsockname(fd, (struct sockaddr *)&wish->from, &len))
		err = -errno;
	if (err)
		return err;
	unmap(&wish->to);
	unmap(&wish->from);
	/* Kernels before 5.0 do not tell the first of these. */
	len = sizeof(wish->dev);
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &wish->dev, &len))
		wish->dev = scope_of(&wish->to);
	len = sizeof(wish->mark);
	if (getsockopt(fd, SOL_SOCKET, SO_MARK, &wish->mark, &len))
		wish->mark = 0;
	return 0;
}

int keel_route_find_socket(int fd, struct keel_diag *ret_diag,
			   struct keel_route *ret_route)
{
	struct wish wish = {0};
	int err;

	if (!is_known(ret_route))
		return keel__nl_diag(ret_diag, -EINVAL, SITE,
				     "no room for the answer");
	err = wish_of(fd, &wish);
	if (err == -EAFNOSUPPORT)
		return keel__nl_diag(
			ret_diag, err, SITE,
			"only IPv4 and IPv6 addresses have routes");
	if (err)
		return keel__nl_fail(ret_diag, err, SITE);
	return find(&wish, ret_diag, ret_route);
}
