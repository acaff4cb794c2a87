/* SPDX-License-Identifier: MIT */
/* What the kernel says of the TLS of one socket: sock_diag(7). */
#include "ktls/netlink/netlink-private.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "ktls/netlink/nl-private.h"

#define SITE "sock_diag"

/* include/uapi/linux/tls.h since 6.19. */
#define INFO_TX_MAX_PAYLOAD_LEN 7
#define INFO_MAX 7

#define INFO_MIN_SZ \
	(offsetof(struct keel_sock_info, tx_max_payload) + sizeof(uint16_t))

/* include/uapi/linux/tls.h; older headers lack the last two. */
static const struct {
	uint16_t cipher;
	const char *name;
} ciphers[] = {
	{51, "AES-128-GCM"},	   {52, "AES-256-GCM"},	 {53, "AES-128-CCM"},
	{54, "CHACHA20-POLY1305"}, {55, "SM4-GCM"},	 {56, "SM4-CCM"},
	{57, "ARIA-128-GCM"},	   {58, "ARIA-256-GCM"},
};

static const char *const conf_names[] = {
	[KEEL_SOCK_NONE] = "none",
	[KEEL_SOCK_BASE] = "base",
	[KEEL_SOCK_SOFTWARE] = "software",
	[KEEL_SOCK_NIC] = "nic",
	[KEEL_SOCK_NIC_RECORD] = "nic-record",
};

const char *keel_sock_conf_name(unsigned int conf)
{
	if (conf >= sizeof(conf_names) / sizeof(conf_names[0]))
		return "?";
	return conf_names[conf];
}

static const char *cipher_name(uint16_t cipher)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
		if (ciphers[i].cipher == cipher)
			return ciphers[i].name;
	return cipher ? "?" : "";
}

static uint16_t get_u16(struct nlattr *attr)
{
	return attr ? nla_get_u16(attr) : 0;
}

static int parse_tls(struct nlattr *attr, struct keel_sock_info *info)
{
	static struct nla_policy policy[INFO_MAX + 1] = {
		[TLS_INFO_VERSION] = {.type = NLA_U16},
		[TLS_INFO_CIPHER] = {.type = NLA_U16},
		[TLS_INFO_TXCONF] = {.type = NLA_U16},
		[TLS_INFO_RXCONF] = {.type = NLA_U16},
		[INFO_TX_MAX_PAYLOAD_LEN] = {.type = NLA_U16},
	};
	struct nlattr *tls[INFO_MAX + 1];

	if (nla_parse_nested(tls, INFO_MAX, attr, policy))
		return -EBADMSG;
	info->version = get_u16(tls[TLS_INFO_VERSION]);
	info->cipher = get_u16(tls[TLS_INFO_CIPHER]);
	info->cipher_name = cipher_name(info->cipher);
	info->tx_conf = (uint8_t)get_u16(tls[TLS_INFO_TXCONF]);
	info->rx_conf = (uint8_t)get_u16(tls[TLS_INFO_RXCONF]);
	info->tx_zerocopy = tls[TLS_INFO_ZC_RO_TX];
	info->rx_no_pad = tls[TLS_INFO_RX_NO_PAD];
	info->tx_max_payload = get_u16(tls[INFO_TX_MAX_PAYLOAD_LEN]);
	return 0;
}

/* libnl's own module for this family knows nothing of TLS. */
int keel__sock_parse(const struct nlmsghdr *answer,
		     struct keel_sock_info *ret_info)
{
	static struct nla_policy ulp_policy[INET_ULP_INFO_MAX + 1] = {
		[INET_ULP_INFO_NAME] = {.type = NLA_STRING,
					.maxlen = sizeof(ret_info->ulp)},
		[INET_ULP_INFO_TLS] = {.type = NLA_NESTED},
	};
	struct nlmsghdr *head = (struct nlmsghdr *)(uintptr_t)answer;
	struct nlattr *attrs[INET_DIAG_MAX + 1];
	struct nlattr *ulp[INET_ULP_INFO_MAX + 1];
	struct keel_sock_info info = {.cipher_name = ""};

	if (nlmsg_parse(head, sizeof(struct inet_diag_msg), attrs,
			INET_DIAG_MAX, NULL))
		return -EBADMSG;
	if (attrs[INET_DIAG_ULP_INFO]) {
		if (nla_parse_nested(ulp, INET_ULP_INFO_MAX,
				     attrs[INET_DIAG_ULP_INFO], ulp_policy) ||
		    !ulp[INET_ULP_INFO_NAME])
			return -EBADMSG;
		nla_strlcpy(info.ulp, ulp[INET_ULP_INFO_NAME],
			    sizeof(info.ulp));
		if (ulp[INET_ULP_INFO_TLS] &&
		    parse_tls(ulp[INET_ULP_INFO_TLS], &info))
			return -EBADMSG;
	}
	info.sz = ret_info->sz;
	*ret_info = info;
	return 0;
}

static int take(const struct nlmsghdr *answer, void *arg)
{
	return keel__sock_parse(answer, arg);
}

static void put_addr(const struct sockaddr_storage *addr, __be16 *ret_port,
		     __be32 ret_bytes[4])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	if (addr->ss_family == AF_INET) {
		*ret_port = in->sin_port;
		memcpy(ret_bytes, &in->sin_addr, 4);
	} else {
		*ret_port = in6->sin6_port;
		memcpy(ret_bytes, &in6->sin6_addr, 16);
	}
}

static int get_int(int fd, int name, void *ret_value, socklen_t len)
{
	return getsockopt(fd, SOL_SOCKET, name, ret_value, &len) ? -errno : 0;
}

/* Its addresses and its cookie, so that a successor of its ports is not meant. */
static int name_socket(int fd, struct inet_diag_req_v2 *req)
{
	struct sockaddr_storage us = {0};
	struct sockaddr_storage peer = {0};
	socklen_t us_len = sizeof(us);
	socklen_t peer_len = sizeof(peer);
	uint64_t cookie;
	int protocol, dev;
	int err = get_int(fd, SO_PROTOCOL, &protocol, sizeof(protocol));

	if (err)
		return err;
	if (protocol != IPPROTO_TCP)
		return -EINVAL;
	if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) ||
	    getsockname(fd, (struct sockaddr *)&us, &us_len))
		return -errno;
	err = get_int(fd, SO_COOKIE, &cookie, sizeof(cookie));
	if (err)
		return err;
	req->sdiag_family = (uint8_t)us.ss_family;
	put_addr(&us, &req->id.idiag_sport, req->id.idiag_src);
	put_addr(&peer, &req->id.idiag_dport, req->id.idiag_dst);
	req->id.idiag_cookie[0] = (uint32_t)cookie;
	req->id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
	if (!get_int(fd, SO_BINDTOIFINDEX, &dev, sizeof(dev)))
		req->id.idiag_if = (uint32_t)dev;
	return 0;
}

static int ask(const struct inet_diag_req_v2 *req, struct keel_sock_info *info)
{
	struct nl_msg *msg = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, NLM_F_ACK);
	struct nl_sock *sock;
	int err;

	if (!msg)
		return -ENOMEM;
	err = nlmsg_append(msg, (void *)(uintptr_t)req, sizeof(*req),
			   NLMSG_ALIGNTO)
		      ? -ENOMEM
		      : keel__nl_open(NETLINK_SOCK_DIAG, &sock);
	if (!err) {
		err = keel__nl_ask(sock, msg, take, info);
		nl_socket_free(sock);
	}
	nlmsg_free(msg);
	return err;
}

static bool has_tls(int fd)
{
	char name[16] = "";
	socklen_t len = sizeof(name);

	/* Without a ULP nothing is written, and that is no error. */
	return !getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len) &&
	       strncmp(name, "tls", sizeof(name)) == 0;
}

static int fail(struct keel_diag *ret_diag, int err)
{
	switch (-err) {
	case EINVAL:
		return keel__nl_diag(ret_diag, err, SITE,
				     "not a TCP socket, or the kernel does not "
				     "take the question");
	case ENOENT:
		return keel__nl_diag(
			ret_diag, err, SITE,
			"the kernel knows no such socket: run "
			"\"modprobe tcp_diag\" as root, or take a "
			"kernel with CONFIG_INET_DIAG; or it is of "
			"another network namespace");
	case EPERM:
		return keel__nl_diag(ret_diag, err, SITE,
				     "this kernel tells of a socket's TLS to "
				     "processes with CAP_NET_ADMIN only");
	default:
		return keel__nl_fail(ret_diag, err, SITE);
	}
}

int keel_sock_get_info(int fd, struct keel_diag *ret_diag,
		       struct keel_sock_info *ret_info)
{
	/* Without the wish for INFO there is no answer of the ULP's. */
	struct inet_diag_req_v2 req = {
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_ext = 1 << (INET_DIAG_INFO - 1),
		.idiag_states = ~0U,
	};
	struct keel_sock_info info;
	int err;

	if (!ret_info || ret_info->sz < INFO_MIN_SZ ||
	    ret_info->sz > sizeof(*ret_info))
		return keel__nl_diag(ret_diag, -EINVAL, SITE,
				     "no room for the answer");
	info.sz = ret_info->sz;
	err = name_socket(fd, &req);
	if (!err)
		err = ask(&req, &info);
	/* Not every kernel says that there is something it does not say. */
	if (!err && !info.ulp[0] && has_tls(fd))
		err = -EPERM;
	if (err)
		return fail(ret_diag, err);
	*ret_info = info;
	return 0;
}
