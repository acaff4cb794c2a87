/* SPDX-License-Identifier: MIT */
/* keel: one program, a table of subcommands. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tools/tool-private.h"

static const struct keel_tool tools[] = {
	{.name = "serve",
	 .help = "serve a directory over HTTPS",
	 .usage = keel__serve_usage,
	 .main = serve_main},
	{.name = "backends",
	 .help = "list the TLS backends",
	 .usage = keel__backends_usage,
	 .main = backends_main},
	{.name = "probe",
	 .help = "say what this machine can do for TLS",
	 .usage = keel__probe_usage,
	 .main = probe_main},
};

#define NR_TOOLS (sizeof(tools) / sizeof(tools[0]))

static const struct keel_tool *tool_find(const char *name)
{
	for (size_t i = 0; i < NR_TOOLS; i++)
		if (!strcmp(tools[i].name, name))
			return &tools[i];
	return NULL;
}

static void print_overview(FILE *to)
{
	fprintf(to, "usage: keel COMMAND [ARGUMENT]...\n\ncommands:\n");
	for (size_t i = 0; i < NR_TOOLS; i++)
		fprintf(to, "  %-10s %s\n", tools[i].name, tools[i].help);
	fprintf(to, "  %-10s %s\n", "help", "explain a command");
	fprintf(to, "\noptions:\n"
		    "  --help     print this text\n"
		    "  --version  print the version\n");
}

static int unknown(const char *name)
{
	keel__tool_error("unknown command '%s'; 'keel --help' lists them",
			 name);
	return KEEL_EXIT_USAGE;
}

static int help_main(int argc, char **argv)
{
	const struct keel_tool *tool;

	if (argc < 2) {
		print_overview(stdout);
		return keel__tool_end(0);
	}
	tool = tool_find(argv[1]);
	if (!tool)
		return unknown(argv[1]);
	fputs(tool->usage, stdout);
	return keel__tool_end(0);
}

static int version_main(void)
{
	printf("keel %s\n", PACKAGE_VERSION);
	return keel__tool_end(0);
}

int main(int argc, char **argv)
{
	const struct keel_tool *tool;
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		keel__tool_error("no command given; 'keel --help' lists them");
		return KEEL_EXIT_USAGE;
	}
	if (!strcmp(name, "help") || !strcmp(name, "--help") ||
	    !strcmp(name, "-h"))
		return help_main(argc - 1, argv + 1);
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		return version_main();
	tool = tool_find(name);
	if (!tool)
		return unknown(name);
	return tool->main(argc - 1, argv + 1);
}
