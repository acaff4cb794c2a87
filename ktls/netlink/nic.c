/* SPDX-License-Identifier: MIT */
/* What network cards can do for TLS: ethtool netlink. */
#include "ktls/netlink/netlink-private.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <net/if.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <string.h>

#include "ktls/netlink/nl-private.h"

#define SITE "network cards' features"

/* net/ethtool/common.c, netdev_features_strings */
static const char *const names[KEEL_NIC_NR_USES] = {
	[KEEL_NIC_TX] = "tls-hw-tx-offload",
	[KEEL_NIC_RX] = "tls-hw-rx-offload",
	[KEEL_NIC_RECORD] = "tls-hw-record",
};

static const char *const state_names[] = {
	[KEEL_NIC_UNKNOWN] = "unknown",
	[KEEL_NIC_FIXED_OFF] = "cannot",
	[KEEL_NIC_OFF] = "off",
	[KEEL_NIC_ON] = "on",
};

/* Of a bit set which of our features it names, and which of these are set. */
struct bits {
	bool is_named[KEEL_NIC_NR_USES];
	bool is_set[KEEL_NIC_NR_USES];
};

static void note_bit(struct bits *bits, const char *name, bool is_set)
{
	for (size_t i = 0; i < KEEL_NIC_NR_USES; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		bits->is_named[i] = true;
		bits->is_set[i] = is_set;
	}
}

/*
 * A bit set in its long form. With a mask it names all bits it speaks of and
 * marks those set; without one (NOMASK) it names those set.
 */
static int parse_bits(struct nlattr *attr, struct bits *ret_bits)
{
	static struct nla_policy set_policy[ETHTOOL_A_BITSET_MAX + 1] = {
		[ETHTOOL_A_BITSET_BITS] = {.type = NLA_NESTED},
	};
	static struct nla_policy bit_policy[ETHTOOL_A_BITSET_BIT_MAX + 1] = {
		[ETHTOOL_A_BITSET_BIT_NAME] = {.type = NLA_STRING},
	};
	struct nlattr *set[ETHTOOL_A_BITSET_MAX + 1];
	struct nlattr *bit[ETHTOOL_A_BITSET_BIT_MAX + 1];
	struct nlattr *one;
	bool is_list;
	int left;

	if (nla_parse_nested(set, ETHTOOL_A_BITSET_MAX, attr, set_policy))
		return -EBADMSG;
	/* Of no bits there need not be a list. */
	if (!set[ETHTOOL_A_BITSET_BITS])
		return set[ETHTOOL_A_BITSET_VALUE] ? -EBADMSG : 0;
	is_list = set[ETHTOOL_A_BITSET_NOMASK];
	nla_for_each_nested(one, set[ETHTOOL_A_BITSET_BITS], left)
	{
		if (nla_parse_nested(bit, ETHTOOL_A_BITSET_BIT_MAX, one,
				     bit_policy) ||
		    !bit[ETHTOOL_A_BITSET_BIT_NAME])
			return -EBADMSG;
		note_bit(ret_bits,
			 nla_get_string(bit[ETHTOOL_A_BITSET_BIT_NAME]),
			 is_list || bit[ETHTOOL_A_BITSET_BIT_VALUE]);
	}
	return left ? -EBADMSG : 0;
}

static void judge(struct keel_nic_info *info, size_t use, const struct bits *hw,
		  const struct bits *wanted, const struct bits *active)
{
	struct keel_nic_feature *feature = &info->features[use];
	const char *name = names[use];

	*feature = (struct keel_nic_feature){.name = name};
	if (active->is_set[use]) {
		feature->state = KEEL_NIC_ON;
	} else if (!hw->is_named[use]) {
		feature->state = KEEL_NIC_UNKNOWN;
		snprintf(feature->why, sizeof(feature->why),
			 "this kernel does not know it");
	} else if (!hw->is_set[use]) {
		feature->state = KEEL_NIC_FIXED_OFF;
		snprintf(feature->why, sizeof(feature->why),
			 "this interface, or its driver, cannot: it takes a "
			 "network card that protects records");
	} else if (wanted->is_set[use]) {
		feature->state = KEEL_NIC_OFF;
		snprintf(feature->why, sizeof(feature->why),
			 "it is asked for, but what it needs is off, such as "
			 "the offload of checksums: see \"ethtool -k %s\"",
			 info->name);
	} else {
		feature->state = KEEL_NIC_OFF;
		snprintf(feature->why, sizeof(feature->why),
			 "it is switched off: run \"ethtool -K %s %s on\" as "
			 "root",
			 info->name, name);
	}
}

static int parse_header(struct nlattr *attr, struct keel_nic_info *info)
{
	static struct nla_policy policy[ETHTOOL_A_HEADER_MAX + 1] = {
		[ETHTOOL_A_HEADER_DEV_INDEX] = {.type = NLA_U32},
		[ETHTOOL_A_HEADER_DEV_NAME] = {.type = NLA_STRING,
					       .maxlen = KEEL_NIC_NAME_LEN},
	};
	struct nlattr *header[ETHTOOL_A_HEADER_MAX + 1];

	if (!attr ||
	    nla_parse_nested(header, ETHTOOL_A_HEADER_MAX, attr, policy) ||
	    !header[ETHTOOL_A_HEADER_DEV_INDEX] ||
	    !header[ETHTOOL_A_HEADER_DEV_NAME])
		return -EBADMSG;
	info->idx = nla_get_u32(header[ETHTOOL_A_HEADER_DEV_INDEX]);
	nla_strlcpy(info->name, header[ETHTOOL_A_HEADER_DEV_NAME],
		    sizeof(info->name));
	return 0;
}

int keel__nic_parse(const struct nlmsghdr *answer,
		    struct keel_nic_info *ret_info)
{
	static const int sets[] = {ETHTOOL_A_FEATURES_HW,
				   ETHTOOL_A_FEATURES_WANTED,
				   ETHTOOL_A_FEATURES_ACTIVE};
	struct nlmsghdr *head = (struct nlmsghdr *)(uintptr_t)answer;
	struct nlattr *attrs[ETHTOOL_A_FEATURES_MAX + 1];
	struct keel_nic_info info = {.sz = sizeof(info)};
	struct bits bits[3] = {0};

	if (!genlmsg_valid_hdr(head, 0) ||
	    genlmsg_parse(head, 0, attrs, ETHTOOL_A_FEATURES_MAX, NULL) ||
	    parse_header(attrs[ETHTOOL_A_FEATURES_HEADER], &info))
		return -EBADMSG;
	for (size_t i = 0; i < 3; i++)
		if (!attrs[sets[i]] || parse_bits(attrs[sets[i]], &bits[i]))
			return -EBADMSG;
	for (size_t i = 0; i < KEEL_NIC_NR_USES; i++)
		judge(&info, i, &bits[0], &bits[1], &bits[2]);
	*ret_info = info;
	return 0;
}

/* Who is told. */
struct walk {
	int (*fn)(const struct keel_nic_info *info, void *arg);
	void *arg;
	int result; /* of fn: it may look like an error, or be one */
};

static int tell(const struct nlmsghdr *answer, void *arg)
{
	struct keel_nic_info info;
	struct walk *walk = arg;
	int err = keel__nic_parse(answer, &info);

	if (err)
		return err;
	walk->result = walk->fn(&info, walk->arg);
	return walk->result;
}

/* The long form is what is answered unless a flag asks for the other. */
static struct nl_msg *question(int family, const char *name)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct nlattr *header;

	if (!msg)
		return NULL;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0,
			 name ? NLM_F_ACK : NLM_F_DUMP,
			 ETHTOOL_MSG_FEATURES_GET, ETHTOOL_GENL_VERSION))
		goto fail;
	header = nla_nest_start(msg, ETHTOOL_A_FEATURES_HEADER | NLA_F_NESTED);
	if (!header ||
	    (name && nla_put_string(msg, ETHTOOL_A_HEADER_DEV_NAME, name)))
		goto fail;
	/* An empty one stays: without it the kernel refuses. */
	nla_nest_end_keep_empty(msg, header);
	return msg;
fail:
	nlmsg_free(msg);
	return NULL;
}

static int ask(struct nl_sock *sock, const char *name, struct walk *walk)
{
	int family = genl_ctrl_resolve(sock, ETHTOOL_GENL_NAME);
	struct nl_msg *msg;
	int err;

	if (family < 0) {
		err = keel__nl_errno(family);
		return err == -ENOENT ? -EOPNOTSUPP : err;
	}
	msg = question(family, name);
	if (!msg)
		return -ENOMEM;
	err = keel__nl_ask(sock, msg, tell, walk);
	nlmsg_free(msg);
	return err;
}

int keel_nic_list(const char *name,
		  int (*fn)(const struct keel_nic_info *info, void *arg),
		  void *arg, struct keel_diag *ret_diag)
{
	struct walk walk = {.fn = fn, .arg = arg};
	struct nl_sock *sock;
	int err;

	if (!fn)
		return keel__nl_diag(ret_diag, -EINVAL, SITE, "no function");
	if (name && (!*name || strlen(name) >= KEEL_NIC_NAME_LEN))
		return keel__nl_diag(
			ret_diag, -EINVAL, SITE,
			"\"%s\" is no interface's name: these have "
			"1 to 15 bytes",
			name);
	err = keel__nl_open(NETLINK_GENERIC, &sock);
	if (!err) {
		err = ask(sock, name, &walk);
		nl_socket_free(sock);
	}
	if (!err || walk.result)
		return err;
	if (err == -ENODEV && name)
		return keel__nl_diag(
			ret_diag, err, SITE,
			"there is no interface \"%s\"; \"ip link\" "
			"lists those there are",
			name);
	if (err == -EOPNOTSUPP)
		return keel__nl_diag(ret_diag, err, SITE,
				     "no ethtool netlink here: it takes Linux "
				     "5.7 with CONFIG_ETHTOOL_NETLINK");
	return keel__nl_fail(ret_diag, err, SITE);
}

const char *keel_nic_state_name(unsigned int state)
{
	if (state >= sizeof(state_names) / sizeof(state_names[0]))
		return "?";
	return state_names[state];
}
