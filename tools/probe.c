/* SPDX-License-Identifier: MIT */
/* keel probe: what this machine's kernel can do for TLS. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <keel/loop.h>
#include <keel/offload.h>

#include "tools/tool-private.h"

#define EXIT_NO_OFFLOAD 3

const char keel__probe_usage[] =
	"usage: keel probe\n"
	"\n"
	"Tries what this machine's kernel can do for TLS, each by the smallest\n"
	"real act on loopback sockets, and says of what it cannot do why not, and\n"
	"what would change that. The exit status is 0 if the kernel can protect\n"
	"records, 3 if it cannot, and 1 if it could not be tried.\n";

/* Why not; of a cipher that works the name says all. */
static const char *last_column(const struct keel_feature *feature)
{
	if (feature->err)
		return feature->why;
	return *feature->use ? "" : feature->text;
}

static int print_row(const struct keel_feature *feature, void *arg)
{
	const char *text = last_column(feature);
	bool *is_able = arg;

	/* Columns are filled up only for what follows them. */
	printf("%-4s %-18s %-*s%s%s\n", feature->err ? "no" : "yes",
	       feature->name, *text ? 11 : 0, feature->use, *text ? " " : "",
	       text);
	/* The first is what all others need. */
	if (strcmp(feature->name, "ulp") != 0)
		return 0;
	*is_able = !feature->err;
	return *is_able ? 0 : EXIT_NO_OFFLOAD;
}

static int print_all(bool *ret_is_able)
{
	int err = keel_offload_probe(print_row, ret_is_able);

	if (err < 0) {
		keel__tool_error("cannot try the kernel's TLS on loopback "
				 "sockets: %s",
				 strerror(-err));
		return err;
	}
	if (!*ret_is_able)
		return 0;
	err = keel_loop_probe(print_row, ret_is_able);
	if (err < 0)
		keel__tool_error("cannot try io_uring on a loopback socket: %s",
				 strerror(-err));
	return err;
}

int probe_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	bool is_able = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c != 'h')
			return keel__tool_bad_option("probe", c, argv);
		fputs(keel__probe_usage, stdout);
		return keel__tool_end(0);
	}
	if (optind < argc) {
		keel__tool_error("unknown argument '%s'; see 'keel help probe'",
				 argv[optind]);
		return KEEL_EXIT_USAGE;
	}
	if (print_all(&is_able) < 0)
		return KEEL_EXIT_FAILURE;
	return keel__tool_end(is_able ? 0 : EXIT_NO_OFFLOAD);
}
