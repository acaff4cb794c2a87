/* SPDX-License-Identifier: MIT */
/* keel probe: what was found out, for those who print it. */
#ifndef KEEL_TOOLS_PROBE_PRIVATE_H
#define KEEL_TOOLS_PROBE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/utsname.h>

#include <keel/conn.h>
#include <keel/netlink.h>
#include <keel/offload.h>

#define KEEL__PROBE_MAX_FEATURES 64
#define KEEL__PROBE_MAX_COUNTERS 32

/**
 * struct keel__probe_opts - the command line
 * @is_json: print JSON
 * @nic:     the interface asked for; NULL for all
 * @connect: HOST:PORT of a server to connect to; NULL for none
 * @ca:      whom to trust then; NULL for the system's store
 * @is_insecure: trust everybody
 */
struct keel__probe_opts {
	bool is_json;
	bool is_insecure;
	const char *nic;
	const char *connect;
	const char *ca;
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

/*
 * Words for an enum keel_nic_state, and for what the kernel says of a socket's
 * direction: libkeel-netlink has them too, but need not be there.
 */
extern const char *const keel__nic_states[KEEL_NIC_ON + 1];
const char *keel__sock_conf(unsigned int conf);

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
 * struct keel__conn - the connection of --connect
 * @is_made:   there was one
 * @address:   of the server, with its port
 * @backend:   who did the handshake
 * @info:      who protects what
 * @route:     the interface it goes by
 * @route_why: if that is not known, why; else ""
 * @has_nic:   is it known what that interface can do?
 * @nic:       then that
 * @sock:      what sock_diag says of it
 * @sock_why:  if it says nothing, why; else ""
 */
struct keel__conn {
	bool is_made;
	bool has_nic;
	char address[320];
	char backend[32];
	struct keel_conn_info info;
	struct keel_route route;
	char route_why[256];
	struct keel_nic_info nic;
	struct keel_sock_info sock;
	char sock_why[256];
};

/**
 * struct keel__probe - all that was found out
 * @opts:     the command line
 * @uts:      the kernel
 * @features: as keel_offload_probe() and keel_loop_probe() told them
 * @nr_features: their number
 * @facts:    of the system
 * @nics:     of network cards
 * @conn:     of --connect
 * @can_offload: the first feature: what all others need
 */
struct keel__probe {
	struct keel__probe_opts opts;
	struct utsname uts;
	struct keel_feature features[KEEL__PROBE_MAX_FEATURES];
	size_t nr_features;
	struct keel__fact facts[KEEL__NR_FACTS];
	struct keel__nics nics;
	struct keel__conn conn;
	bool can_offload;
};

/* Fills in the facts. The module is looked for before anything loads it. */
void keel__probe_system(struct keel__probe *probe);

/*
 * Fills in the network cards. Not to know them is an error only for who asked
 * for one, and reported then.
 */
int keel__probe_nics(struct keel__probe *probe);

/* Connects as opts.connect says. Returns 0, or the exit code, reported. */
int keel__probe_connect(struct keel__probe *probe);

/* Fills in what the kernel says of the socket of a connection. */
void keel__probe_socket(int fd, struct keel__conn *conn);

void keel__probe_print_text(const struct keel__probe *probe);

/* Returns 0 or -ENOMEM. */
int keel__probe_print_json(const struct keel__probe *probe);

#endif
