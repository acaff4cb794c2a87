/* SPDX-License-Identifier: MIT */
/* keel probe: what was found out, for those who print it. */
#ifndef KEEL_TOOLS_PROBE_PRIVATE_H
#define KEEL_TOOLS_PROBE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/utsname.h>

#include <keel/netlink.h>
#include <keel/offload.h>

#define KEEL__PROBE_MAX_FEATURES 64
#define KEEL__PROBE_MAX_COUNTERS 32

/**
 * struct keel__probe_opts - the command line
 * @is_json: print JSON
 * @nic:     the interface asked for; NULL for all
 */
struct keel__probe_opts {
	bool is_json;
	const char *nic;
};

enum keel__verdict {
	KEEL__NOTE = 0, /* neither good nor bad */
	KEEL__YES,
	KEEL__NO,
};

/**
 * struct keel__fact - one thing about this system
 * @verdict: enum keel__verdict
 * @value:   for programs: a word; "" if it is a number
 * @number:  then this; -1 for no limit
 * @text:    for people, a sentence
 * @why:     if the verdict is no, what would change it; else ""
 */
struct keel__fact {
	enum keel__verdict verdict;
	char value[16];
	long long number;
	char text[160];
	char why[256];
};

enum keel__fact_idx {
	KEEL__FACT_MODULE = 0,
	KEEL__FACT_URING,
	KEEL__FACT_URING_SYSCTL,
	KEEL__FACT_NET_ADMIN,
	KEEL__FACT_OPEN_FILES,
	KEEL__FACT_LOCKED_MEMORY,
	KEEL__NR_FACTS,
};

/* Their names, in lines and in JSON. */
extern const char *const keel__fact_names[KEEL__NR_FACTS];

struct keel__counter {
	char name[32];
	uint64_t value;
};

/**
 * struct keel__nics - the network cards
 * @list:     the array, on the heap; NULL if nothing could be asked
 * @nr:       its length
 * @why:      then why not; else ""
 * @counters: the kernel's, of TLS
 * @nr_counters: 0 where there are none
 */
struct keel__nics {
	struct keel_nic_info *list;
	size_t nr;
	char why[256];
	struct keel__counter counters[KEEL__PROBE_MAX_COUNTERS];
	size_t nr_counters;
};

/**
 * struct keel__probe - all that was found out
 * @opts:     the command line
 * @uts:      the kernel
 * @features: as keel_offload_probe() and keel_loop_probe() told them
 * @nr_features: their number
 * @facts:    of the system
 * @nics:     of network cards
 * @can_offload: the first feature: what all others need
 */
struct keel__probe {
	struct keel__probe_opts opts;
	struct utsname uts;
	struct keel_feature features[KEEL__PROBE_MAX_FEATURES];
	size_t nr_features;
	struct keel__fact facts[KEEL__NR_FACTS];
	struct keel__nics nics;
	bool can_offload;
};

/* Fills in the facts. The module is looked for before anything loads it. */
void keel__probe_system(struct keel__probe *probe);

/*
 * Fills in the network cards. Not to know them is no error, but an interface
 * asked for that there is not is one: -ENODEV or -EINVAL, reported.
 */
int keel__probe_nics(struct keel__probe *probe);

void keel__probe_print_text(const struct keel__probe *probe);

/* Returns 0 or -ENOMEM. */
int keel__probe_print_json(const struct keel__probe *probe);

#endif
