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
	"  --interface IF  of the network cards, only this one\n"
	"  --json          for programs; keel-probe(1) explains the keys\n"
	"\n"
	"The exit status is 0 if the kernel can protect records, 3 if it cannot,\n"
	"and 1 if it could not be tried.\n";

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

static int run(struct keel__probe *probe)
{
	int err = 0;

	keel__probe_system(probe);
	if (probe_kernel(probe) || keel__probe_nics(probe) || print_all(probe))
		err = -1;
	free(probe->nics.list);
	if (err)
		return KEEL_EXIT_FAILURE;
	return keel__tool_end(probe->can_offload ? 0 : EXIT_NO_OFFLOAD);
}

int probe_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"interface", required_argument, NULL, 'i'},
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	static struct keel__probe probe;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(keel__probe_usage, stdout);
			return keel__tool_end(0);
		case 'i':
			probe.opts.nic = optarg;
			break;
		case 'j':
			probe.opts.is_json = true;
			break;
		default:
			return keel__tool_bad_option("probe", c, argv);
		}
	}
	if (optind < argc) {
		keel__tool_error("unknown argument '%s'; see 'keel help probe'",
				 argv[optind]);
		return KEEL_EXIT_USAGE;
	}
	return run(&probe);
}
