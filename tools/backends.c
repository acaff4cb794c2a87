/* SPDX-License-Identifier: MIT */
/* keel backends: the registry as a table. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <keel/registry.h>

#include "tools/tool-private.h"

const char keel__backends_usage[] =
	"usage: keel backends\n"
	"\n"
	"Lists the TLS backends, best first: name, library version at build and\n"
	"now, priority, what it can do and where it is from. '*' marks the one\n"
	"that is used when none is named; KEEL_BACKEND in the environment changes\n"
	"it. Of a backend that cannot be used the reason is given. Files are\n"
	"looked for in the directories of KEEL_BACKEND_PATH and in keel's own.\n";

static void print_caps(uint64_t caps)
{
	const char *separator = "";

	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *name = keel_cap_name(bit);

		if (!(caps >> bit & 1) || !name)
			continue;
		printf("%s%s", separator, name);
		separator = " ";
	}
}

static int print_row(const struct keel_backend_info *info, void *arg)
{
	const char *run = info->run_version ? info->run_version : "-";

	(void)arg;
	printf("%c %-10s %-10s %-10s %-8s %8d ", info->is_default ? '*' : ' ',
	       info->name, info->build_version ? info->build_version : "-", run,
	       info->usable ? "yes" : "no", info->priority);
	print_caps(info->caps);
	putchar('\n');
	if (info->description && *info->description)
		printf("  %-10s %s\n", "", info->description);
	printf("  %-10s %s%s\n", "", info->path ? "file: " : "built in",
	       info->path ? info->path : "");
	if (*info->why)
		printf("  %-10s note: %s\n", "", info->why);
	return 0;
}

int backends_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int err;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c != 'h')
			return keel__tool_bad_option("backends", c, argv);
		fputs(keel__backends_usage, stdout);
		return keel__tool_end(0);
	}
	if (optind < argc) {
		keel__tool_error("unknown argument '%s'; see 'keel help "
				 "backends'",
				 argv[optind]);
		return KEEL_EXIT_USAGE;
	}
	printf("  %-10s %-10s %-10s %-8s %8s %s\n", "NAME", "BUILT", "RUNNING",
	       "USABLE", "PRIORITY", "CAPABILITIES");
	err = keel_registry_list(NULL, print_row, NULL);
	if (err) {
		keel__tool_error("cannot list the backends: %s",
				 strerror(-err));
		return KEEL_EXIT_FAILURE;
	}
	return keel__tool_end(0);
}
