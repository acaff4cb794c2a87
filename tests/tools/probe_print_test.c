/* SPDX-License-Identifier: MIT */
/* What keel probe prints of machines that are not at hand. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tools/probe-private.h"

/* A machine with TLS in the kernel, and a cipher for some of it only. */
static void make(struct keel__probe *probe)
{
	static const struct keel_feature features[] = {
		{"ulp", "", "the kernel protects records", 0, ""},
		{"rekey", "", "text", -EBUSY, "keys once"},
		{"AES-128-GCM", "TLSv1.2 tx", "text", 0, ""},
		{"AES-128-GCM", "TLSv1.2 rx", "text", 0, ""},
		{"AES-128-GCM", "TLSv1.3 tx", "text", 0, ""},
		{"AES-128-GCM", "TLSv1.3 rx", "text", 0, ""},
		{"PART", "TLSv1.2 tx", "text", 0, ""},
		{"PART", "TLSv1.2 rx", "text", -EINVAL, "not known"},
		{"PART", "TLSv1.3 tx", "text", -EINVAL, "not known"},
		{"PART", "TLSv1.3 rx", "text", 0, ""},
		{"NONE", "TLSv1.2 tx", "text", -ENOENT, "no algorithm"},
		{"ring", "", "through io_uring", 0, ""},
	};

	*probe = (struct keel__probe){.can_offload = true};
	snprintf(probe->uts.release, sizeof(probe->uts.release), "9.9");
	probe->nr_features = sizeof(features) / sizeof(features[0]);
	memcpy(probe->features, features, sizeof(features));
	for (size_t i = 0; i < KEEL__NR_FACTS; i++)
		snprintf(probe->facts[i].text, sizeof(probe->facts[i].text),
			 "fact %zu", i);
	probe->facts[KEEL__FACT_OPEN_FILES].number = -1;
	probe->facts[KEEL__FACT_LOCKED_MEMORY].number = 64;
	probe->facts[KEEL__FACT_MODULE] = (struct keel__fact){
		.verdict = KEEL__NO,
		.value = "loadable",
		.text = "it is there",
		.why = "modprobe tls",
	};
}

static struct keel_nic_info nic(const char *name, enum keel_nic_state tx,
				const char *why)
{
	struct keel_nic_info info = {
		.sz = sizeof(info),
		.idx = 3,
		.features = {{"tls-hw-tx-offload", tx, ""},
			     {"tls-hw-rx-offload", KEEL_NIC_FIXED_OFF, "no"},
			     {"tls-hw-record", KEEL_NIC_UNKNOWN, "new"}},
	};

	snprintf(info.name, sizeof(info.name), "%s", name);
	snprintf(info.features[0].why, sizeof(info.features[0].why), "%s", why);
	return info;
}

/* All that goes to the standard output, as a string. */
static const char *printed(const struct keel__probe *probe, bool is_json)
{
	static char text[65536];
	size_t len;
	FILE *file;

	ATF_REQUIRE(freopen("printed", "w", stdout));
	if (is_json)
		REQUIRE_INT("json", 0, keel__probe_print_json(probe));
	else
		keel__probe_print_text(probe);
	fflush(stdout);
	file = fopen("printed", "r");
	ATF_REQUIRE(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

/* @part is a literal. */
#define HAS(text, part) \
	ATF_CHECK_MSG(strstr(text, part), "no " #part " in %s", text)

CASE(print__ciphers, "A line each: all of it, a part of it, nothing of it")
{
	static struct keel__probe probe;
	const char *text;

	make(&probe);
	text = printed(&probe, false);
	HAS(text, "\nyes  ulp                the kernel protects records\n");
	HAS(text, "\nno   rekey              keys once\n");
	HAS(text, "\nyes  AES-128-GCM        TLSv1.2 tx rx, TLSv1.3 tx rx\n");
	HAS(text, "\npart PART               TLSv1.2 tx, TLSv1.3 rx only: "
		  "not known\n");
	HAS(text, "\nno   NONE               no algorithm\n");
	HAS(text, "\nyes  ring               through io_uring\n");
	HAS(text, "\nno   module             it is there: modprobe tls\n");
	HAS(text, "\nnote open-files         fact 4\n");
}

CASE(print__nics, "What a card does, what it would, and no more than a screen")
{
	static struct keel__probe probe;
	struct keel_nic_info list[10];
	const char *text;

	make(&probe);
	list[0] = nic("on0", KEEL_NIC_ON, "");
	list[1] = nic("off0", KEEL_NIC_OFF, "ethtool -K");
	for (size_t i = 2; i < 10; i++)
		list[i] = nic("fixed0", KEEL_NIC_FIXED_OFF, "no");
	probe.nics.list = list;
	probe.nics.nr = 8;
	text = printed(&probe, false);
	HAS(text,
	    "\nyes  on0                tx on, rx cannot, record unknown\n");
	HAS(text,
	    "\nno   off0               tx off, rx cannot, record unknown: "
	    "ethtool -K\n");
	HAS(text, "\nno   fixed0             tx cannot, ");
	ATF_CHECK_MSG(!strstr(text, " more "), "%s", text);
	probe.nics.nr = 10;
	HAS(printed(&probe, false),
	    "\nnote 2 more             see --interface");
	probe.nics.list = NULL;
	snprintf(probe.nics.why, sizeof(probe.nics.why), "no netlink");
	text = printed(&probe, false);
	HAS(text, "\nnote unknown            no netlink\n");
}

CASE(print__counters, "Those that count, or that none does")
{
	static struct keel__probe probe;
	const char *text;

	make(&probe);
	ATF_CHECK_MSG(!strstr(printed(&probe, false), "counters"), "there are");
	probe.nics.nr_counters = 3;
	probe.nics.counters[0] = (struct keel__counter){"TlsA", 0};
	probe.nics.counters[1] = (struct keel__counter){"TlsB", 0};
	probe.nics.counters[2] = (struct keel__counter){"TlsC", 0};
	text = printed(&probe, false);
	HAS(text, "\nnote counters           all are 0\n");
	probe.nics.counters[0].value = 7;
	probe.nics.counters[2].value = 9;
	HAS(printed(&probe, false),
	    "\nnote counters           TlsA 7, TlsC 9\n");
}

/* A connection whose sending a card has. */
static void make_conn(struct keel__probe *probe)
{
	static const struct keel_suite suite = {.name = "TLS_SUITE"};

	make(probe);
	probe->opts.connect = "host:1";
	probe->conn = (struct keel__conn){
		.is_made = true,
		.has_nic = true,
		.address = "[::1]:1",
		.backend = "openssl",
		.info = {.suite = &suite,
			 .version = KEEL_TLS1_2,
			 .tx = {.engine = KEEL_ENGINE_KERNEL},
			 .rx = {.engine = KEEL_ENGINE_USER,
				.reason = KEEL_REASON_KEYS,
				.err = -EBUSY}},
		.route = {.name = "on0"},
		.nic = nic("on0", KEEL_NIC_ON, ""),
		.sock = {.ulp = "tls",
			 .version = KEEL_TLS1_2,
			 .cipher = 51,
			 .cipher_name = "AES-128-GCM",
			 .tx_conf = KEEL_SOCK_NIC,
			 .rx_conf = KEEL_SOCK_BASE,
			 .tx_zerocopy = true},
	};
}

CASE(print__connection, "Who has each direction, and what the kernel says")
{
	static struct keel__probe probe;
	const char *text;

	make_conn(&probe);
	text = printed(&probe, false);
	HAS(text, "\nConnection to host:1 ([::1]:1)\n");
	HAS(text, " TLSv1.2, TLS_SUITE, by openssl; the server's certificate");
	HAS(text,
	    "\nyes  tx                 the kernel protects what is sent\n");
	HAS(text, "\nno   rx                 keel protects what is received: "
		  "the kernel refused the keys: Device or resource busy\n");
	HAS(text, "\nnote route              by on0, which says tx on, rx ");
	HAS(text, "\nnote sock_diag          tls, tx nic, rx base, "
		  "TLSv1.2 AES-128-GCM, zero-copy\n");
	probe.opts.is_insecure = true;
	probe.conn.sock.tx_conf = 200;
	snprintf(probe.conn.route_why, sizeof(probe.conn.route_why), "no way");
	text = printed(&probe, false);
	HAS(text, "was not verified");
	HAS(text, "tls, tx ?, rx base");
	HAS(text, "\nnote route              unknown: no way\n");
}

/* A value of the document, by its path, as a string. */
static void is(struct json_object *root, const char *path, const char *value)
{
	struct json_object *one = NULL;

	ATF_REQUIRE_MSG(!json_pointer_get(root, path, &one), "no %s", path);
	ATF_CHECK_MSG(!strcmp(value, json_object_to_json_string(one)),
		      "%s is %s, not %s", path, json_object_to_json_string(one),
		      value);
}

CASE(print__json, "The same in JSON, and names that are not ASCII")
{
	static struct keel__probe probe;
	struct keel_nic_info list[] = {nic("\xff\x01\"0", KEEL_NIC_OFF, "why")};
	struct json_object *root;

	make_conn(&probe);
	probe.nics.list = list;
	probe.nics.nr = 1;
	root = json_tokener_parse(printed(&probe, true));
	ATF_REQUIRE(root);
	is(root, "/features/rekey/works", "false");
	is(root, "/features/rekey/why", "\"keys once\"");
	is(root, "/ciphers/5/name", "\"PART\"");
	is(root, "/ciphers/5/direction", "\"rx\"");
	is(root, "/ciphers/5/works", "false");
	is(root, "/system/module/value", "\"loadable\"");
	is(root, "/system/locked-memory/value", "64");
	is(root, "/system/open-files/value", "null");
	is(root, "/nics/interfaces/0/name", "\"?\\u0001\\\"0\"");
	is(root, "/nics/interfaces/0/features/tls-hw-tx-offload/state",
	   "\"off\"");
	is(root, "/connection/tx/engine", "\"kernel\"");
	is(root, "/connection/tx/why", "null");
	is(root, "/connection/rx/engine", "\"user\"");
	is(root, "/connection/rx/why", "\"the kernel refused the keys\"");
	is(root, "/connection/rx/kernel_says", "\"Device or resource busy\"");
	is(root, "/connection/route/features/tls-hw-tx-offload/state",
	   "\"on\"");
	is(root, "/connection/sock_diag/tx", "\"nic\"");
	is(root, "/connection/sock_diag/tx_zerocopy", "true");
	json_object_put(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, print__ciphers);
	ATF_TP_ADD_TC(tp, print__nics);
	ATF_TP_ADD_TC(tp, print__counters);
	ATF_TP_ADD_TC(tp, print__connection);
	ATF_TP_ADD_TC(tp, print__json);
	return atf_no_error();
}
