/* SPDX-License-Identifier: MIT */
/* Network cards' features: made-up answers, and this machine's interfaces. */
#include "ktls/netlink/netlink-private.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/netlink/wire.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/descriptors.h"

#define TX "tls-hw-tx-offload"
#define RX "tls-hw-rx-offload"
#define RECORD "tls-hw-record"

/* Names in a bit set; one with a '+' before it is set. */
struct set {
	const char *names[4];
};

static void put_set(struct wire *wire, uint16_t type, const struct set *set,
		    bool has_mask)
{
	size_t outer = wire_begin(wire, type);
	size_t bits, bit;

	if (!has_mask)
		wire_put(wire, ETHTOOL_A_BITSET_NOMASK, NULL, 0);
	wire_put_u32(wire, ETHTOOL_A_BITSET_SIZE, 64);
	bits = wire_begin(wire, ETHTOOL_A_BITSET_BITS);
	for (uint32_t i = 0; i < 4 && set->names[i]; i++) {
		bit = wire_begin(wire, ETHTOOL_A_BITSET_BITS_BIT);
		wire_put_u32(wire, ETHTOOL_A_BITSET_BIT_INDEX, i);
		wire_put_text(wire, ETHTOOL_A_BITSET_BIT_NAME,
			      set->names[i] + (*set->names[i] == '+'));
		if (has_mask && *set->names[i] == '+')
			wire_put(wire, ETHTOOL_A_BITSET_BIT_VALUE, NULL, 0);
		wire_end(wire, bit);
	}
	wire_end(wire, bits);
	wire_end(wire, outer);
}

static void begin(struct wire *wire, const char *name)
{
	static const struct genlmsghdr head = {
		.cmd = ETHTOOL_MSG_FEATURES_GET_REPLY,
		.version = ETHTOOL_GENL_VERSION,
	};
	size_t header;

	wire_init(wire, 20, &head, sizeof(head));
	header = wire_begin(wire, ETHTOOL_A_FEATURES_HEADER);
	wire_put_u32(wire, ETHTOOL_A_HEADER_DEV_INDEX, 7);
	wire_put_text(wire, ETHTOOL_A_HEADER_DEV_NAME, name);
	wire_end(wire, header);
}

/* As net/ethtool/features.c writes it: a mask goes with the first only. */
static void make(struct wire *wire, const struct set *hw,
		 const struct set *wanted, const struct set *active)
{
	begin(wire, "eth7");
	put_set(wire, ETHTOOL_A_FEATURES_HW, hw, true);
	put_set(wire, ETHTOOL_A_FEATURES_WANTED, wanted, false);
	put_set(wire, ETHTOOL_A_FEATURES_ACTIVE, active, false);
}

static int parse(const struct nlmsghdr *answer, void *arg)
{
	return keel__nic_parse(answer, arg);
}

CASE(nic__states, "Each state of a feature is told apart, with its remedy")
{
	static const struct {
		const char *row;
		struct set hw, wanted, active;
		enum keel_nic_state state;
		const char *why;
	} rows[] = {
		{"fixed",
		 {{TX, RX, RECORD}},
		 {{0}},
		 {{0}},
		 KEEL_NIC_FIXED_OFF,
		 "cannot"},
		{"off",
		 {{"+" TX, RX}},
		 {{0}},
		 {{0}},
		 KEEL_NIC_OFF,
		 "ethtool -K eth7 " TX " on"},
		{"held back",
		 {{"+" TX}},
		 {{TX}},
		 {{0}},
		 KEEL_NIC_OFF,
		 "what it needs is off"},
		{"on", {{"+" TX}}, {{TX}}, {{TX}}, KEEL_NIC_ON, ""},
		{"on and fixed",
		 {{TX}},
		 {{0}},
		 {{"rx-all", TX}},
		 KEEL_NIC_ON,
		 ""},
		{"unknown",
		 {{"rx-all", "+highdma"}},
		 {{0}},
		 {{"highdma"}},
		 KEEL_NIC_UNKNOWN,
		 "not know"},
		{"nothing at all",
		 {{0}},
		 {{0}},
		 {{0}},
		 KEEL_NIC_UNKNOWN,
		 "not know"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keel_nic_info info;
		struct wire wire;

		make(&wire, &rows[i].hw, &rows[i].wanted, &rows[i].active);
		REQUIRE_INT(rows[i].row, 0,
			    keel__nic_parse(wire_message(&wire), &info));
		CHECK_INT(rows[i].row, 7, info.idx);
		CHECK_INT(rows[i].row, sizeof(info), info.sz);
		ATF_CHECK_STREQ("eth7", info.name);
		CHECK_INT(rows[i].row, rows[i].state, info.features[0].state);
		ATF_CHECK_STREQ(TX, info.features[0].name);
		ATF_CHECK_MSG(strstr(info.features[0].why, rows[i].why) &&
				      !*rows[i].why == !*info.features[0].why,
			      "%s: %s", rows[i].row, info.features[0].why);
	}
}

CASE(nic__uses, "The three features are not mistaken for each other")
{
	static const struct set hw = {{"+" TX, RX, "+" RECORD}};
	static const struct set on = {{RECORD}};
	struct keel_nic_info info;
	struct wire wire;

	make(&wire, &hw, &on, &on);
	REQUIRE_INT("parse", 0, keel__nic_parse(wire_message(&wire), &info));
	CHECK_INT(TX, KEEL_NIC_OFF, info.features[KEEL_NIC_TX].state);
	CHECK_INT(RX, KEEL_NIC_FIXED_OFF, info.features[KEEL_NIC_RX].state);
	CHECK_INT(RECORD, KEEL_NIC_ON, info.features[KEEL_NIC_RECORD].state);
}

CASE(nic__malformed, "What is cut, changed or missing is refused, and read no "
		     "further than it goes")
{
	static const struct set hw = {{"+" TX, RX, "+" RECORD}};
	static const struct set none = {{0}};
	struct keel_nic_info info = {.idx = 99};
	struct wire wire;

	make(&wire, &hw, &none, &none);
	wire_spoil(&wire, parse, &info);
	/* Each that has to be there. */
	info.idx = 99;
	begin(&wire, "eth7");
	put_set(&wire, ETHTOOL_A_FEATURES_HW, &hw, true);
	put_set(&wire, ETHTOOL_A_FEATURES_WANTED, &none, false);
	CHECK_INT("no active", -EBADMSG,
		  keel__nic_parse(wire_message(&wire), &info));
	begin(&wire, "a-name-longer-than-any");
	put_set(&wire, ETHTOOL_A_FEATURES_HW, &hw, true);
	put_set(&wire, ETHTOOL_A_FEATURES_WANTED, &none, false);
	put_set(&wire, ETHTOOL_A_FEATURES_ACTIVE, &none, false);
	CHECK_INT("long name", -EBADMSG,
		  keel__nic_parse(wire_message(&wire), &info));
	CHECK_INT("untouched", 99, info.idx);
}

struct seen {
	unsigned int nr;
	struct keel_nic_info last;
	bool has_lo;
	int result;
};

static int see(const struct keel_nic_info *info, void *arg)
{
	struct seen *seen = arg;

	seen->nr++;
	seen->last = *info;
	seen->has_lo |= !strcmp("lo", info->name);
	CHECK_INT(info->name, if_nametoindex(info->name), info->idx);
	for (size_t i = 0; i < KEEL_NIC_NR_USES; i++)
		CHECK_INT(info->features[i].name,
			  info->features[i].state != KEEL_NIC_ON,
			  info->features[i].why[0] != '\0');
	return seen->result;
}

/* A kernel without ethtool netlink has none of the cases that follow. */
static void list(const char *name, struct seen *seen)
{
	struct keel_diag diag = {0};
	int r = keel_nic_list(name, see, seen, &diag);

	if (r == -EOPNOTSUPP)
		atf_tc_skip("%s", diag.text);
	ATF_REQUIRE_MSG(r == seen->result, "%d: %s", r, diag.text);
}

CASE(nic__loopback, "lo is found; it is no network card")
{
	struct seen seen = {0};
	int before = nr_descriptors();

	list("lo", &seen);
	CHECK_INT("told", 1, seen.nr);
	ATF_CHECK_STREQ("lo", seen.last.name);
	ATF_CHECK(seen.last.features[KEEL_NIC_TX].state < KEEL_NIC_ON);
	CHECK_INT("descriptors", before, nr_descriptors());
}

CASE(nic__all, "Without a name all are told, until somebody has enough")
{
	struct if_nameindex *all = if_nameindex();
	struct seen seen = {0};
	unsigned int nr = 0;

	ATF_REQUIRE(all);
	while (all[nr].if_index)
		nr++;
	if_freenameindex(all);
	list(NULL, &seen);
	CHECK_INT("told", nr, seen.nr);
	ATF_CHECK(seen.has_lo);
	/* Results of the function are passed on, errors or not. */
	seen = (struct seen){.result = 17};
	list(NULL, &seen);
	CHECK_INT("told", 1, seen.nr);
	seen = (struct seen){.result = -EIO};
	list("lo", &seen);
	CHECK_INT("told", 1, seen.nr);
}

CASE(nic__refused, "A wrong name, or no function, has its errno and a line")
{
	static const struct {
		const char *name;
		int err;
		const char *text;
	} rows[] = {
		{"nonesuch0", -ENODEV, "no interface \"nonesuch0\""},
		{"", -EINVAL, "1 to 15 bytes"},
		{"sixteen-bytes-xx", -EINVAL, "1 to 15 bytes"},
	};
	int before = nr_descriptors();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keel_diag diag = {0};
		struct seen seen = {0};
		int r = keel_nic_list(rows[i].name, see, &seen, &diag);

		if (r == -EOPNOTSUPP)
			continue;
		CHECK_INT(rows[i].name, rows[i].err, r);
		CHECK_INT(rows[i].name, rows[i].err, diag.err.err);
		ATF_CHECK_MSG(strstr(diag.text, rows[i].text), "%s", diag.text);
		CHECK_INT(rows[i].name, rows[i].err,
			  keel_nic_list(rows[i].name, see, &seen, NULL));
		CHECK_INT("told", 0, seen.nr);
	}
	CHECK_INT("no function", -EINVAL,
		  keel_nic_list("lo", NULL, NULL, NULL));
	CHECK_INT("descriptors", before, nr_descriptors());
}

CASE(nic__no_descriptors, "Without a descriptor nothing is known, and that is "
			  "what is said")
{
	struct keel_diag diag = {0};
	struct seen seen = {0};
	int first = dup(STDERR_FILENO);
	struct rlimit limit;

	ATF_REQUIRE(first >= 0);
	close(first);
	ATF_REQUIRE_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = (rlim_t)first;
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_INT("list", -EMFILE, keel_nic_list("lo", see, &seen, &diag));
	ATF_CHECK_MSG(strstr(diag.text, "open files"), "%s", diag.text);
	CHECK_INT("told", 0, seen.nr);
	limit.rlim_cur = limit.rlim_max;
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
}

CASE(nic__names, "States have names, other values have none")
{
	ATF_CHECK_STREQ("unknown", keel_nic_state_name(KEEL_NIC_UNKNOWN));
	ATF_CHECK_STREQ("cannot", keel_nic_state_name(KEEL_NIC_FIXED_OFF));
	ATF_CHECK_STREQ("off", keel_nic_state_name(KEEL_NIC_OFF));
	ATF_CHECK_STREQ("on", keel_nic_state_name(KEEL_NIC_ON));
	ATF_CHECK_STREQ("?", keel_nic_state_name(KEEL_NIC_ON + 1));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, nic__states);
	ATF_TP_ADD_TC(tp, nic__uses);
	ATF_TP_ADD_TC(tp, nic__malformed);
	ATF_TP_ADD_TC(tp, nic__loopback);
	ATF_TP_ADD_TC(tp, nic__all);
	ATF_TP_ADD_TC(tp, nic__refused);
	ATF_TP_ADD_TC(tp, nic__no_descriptors);
	ATF_TP_ADD_TC(tp, nic__names);
	return atf_no_error();
}
