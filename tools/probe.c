/* SPDX-License-Identifier: MIT */
/* keel probe: what this machine can do for TLS, and what would make it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keel/loop.h>

#include "tools/probe-private.h"
#include "tools/tool-private.h"

#define EXIT_NO_OFFLOAD 3

const char keel__probe_usage[] =
	"usage: keel probe [OPTION]...\n"
	"\n"
	"Tries what this machine's kernel can do for TLS, each by the smallest\n"
	"real act on loopback sockets, looks at what else matters, and says of\n"
	"what is not there why, and what would change that.\n"
	"\n"
	"options:\n"
	"  --connect HOST:PORT  connect to a TLS server, and explain that\n"
	"  --ca FILE            trust the certificates in FILE, not the system's\n"
	"  --insecure           do not verify who the server is\n"
	"  --interface IF       of the network cards, only this one\n"
	"  --json               for programs; keel-probe(1) explains the keys\n"
	"\n"
	"The exit status is 0 if the kernel can protect records, with --connect:\n"
	"if it protects those of a direction; 3 if not; 1 if it could not be\n"
	"tried.\n";

static int add_feature(const struct keel_feature *feature, void *arg)
{
	struct keel__probe *probe = arg;

	if (probe->nr_features == KEEL__PROBE_MAX_FEATURES)
		return -E2BIG;
	probe->features[probe->nr_features++] = *feature;
	return 0;
}

static int probe_kernel(struct keel__probe *probe)
{
	int err = keel_offload_probe(add_feature, probe);

	if (err) {
		keel__tool_error("cannot try the kernel's TLS on loopback "
				 "sockets: %s",
				 strerror(-err));
		return err;
	}
	/* The first is what all others need. */
	probe->can_offload = !probe->features[0].err;
	err = keel_loop_probe(add_feature, probe);
	if (err)
		keel__tool_error("cannot try io_uring on a loopback socket: %s",
				 strerror(-err));
	return err;
}

static int print_all(const struct keel__probe *probe)
{
	if (!probe->opts.is_json) {
		keel__probe_print_text(probe);
		return 0;
	}
	if (!keel__probe_print_json(probe))
		return 0;
	keel__tool_error("%s", strerror(ENOMEM));
	return -ENOMEM;
}

/* What was asked for is offload here, or of that connection. */
static bool has_offload(const struct keel__probe *probe)
{
	const struct keel_conn_info *info = &probe->conn.info;

	if (!probe->opts.connect)
		return probe->can_offload;
	return info->tx.engine == KEEL_ENGINE_KERNEL ||
	       info->rx.engine == KEEL_ENGINE_KERNEL;
}

static int run(struct keel__probe *probe)
{
	int code = 0;

	/* The kernel's counters come before what is tried adds to them. */
	keel__probe_system(probe);
	if (keel__probe_nics(probe) || probe_kernel(probe))
		code = KEEL_EXIT_FAILURE;
	if (!code && probe->opts.connect)
		code = keel__probe_connect(probe);
	if (!code && print_all(probe))
		code = KEEL_EXIT_FAILURE;
	free(probe->nics.list);
	if (code)
		return code;
	return keel__tool_end(has_offload(probe) ? 0 : EXIT_NO_OFFLOAD);
}

/* Options that make no sense with what else there is. */
static int check(const struct keel__probe_opts *opts)
{
	const char *what = opts->ca ? "--ca" : "--insecure";

	if (!opts->connect && (opts->ca || opts->is_insecure)) {
		keel__tool_error("%s is for --connect; see 'keel help probe'",
				 what);
		return KEEL_EXIT_USAGE;
	}
	if (opts->ca && opts->is_insecure) {
		keel__tool_error("--insecure verifies nothing: leave it or "
				 "--ca out");
		return KEEL_EXIT_USAGE;
	}
	return 0;
}

/* 0 with the options, or the exit code; -1 if help was all. */
static int parse(int argc, char **argv, struct keel__probe_opts *opts)
{
	static const struct option options[] = {
		{"ca", required_argument, NULL, 'a'},
		{"connect", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"insecure", no_argument, NULL, 'k'},
		{"interface", required_argument, NULL, 'i'},
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			opts->ca = optarg;
			break;
		case 'c':
			opts->connect = optarg;
			break;
		case 'h':
			fputs(keel__probe_usage, stdout);
			return -1;
		case 'i':
			opts->nic = optarg;
			break;
		case 'j':
			opts->is_json = true;
			break;
		case 'k':
			opts->is_insecure = true;
			break;
		default:
			return keel__tool_bad_option("probe", c, argv);
		}
	}
	if (optind == argc)
		return check(opts);
	keel__tool_error("unknown argument '%s'; see 'keel help probe'",
			 argv[optind]);
	return KEEL_EXIT_USAGE;
}

int probe_main(int argc, char **argv)
{
	static struct keel__probe probe;
	int code = parse(argc, argv, &probe.opts);

	if (code)
		return code < 0 ? keel__tool_end(0) : code;
	return run(&probe);
}
