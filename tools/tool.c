/* SPDX-License-Identifier: MIT */
/* What every subcommand of keel shares: messages and numbers. */
#include "tools/tool-private.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void keel__tool_error(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* One call: lines of several threads do not mix. */
	fprintf(stderr, "keel: %s\n", line);
}

int keel__tool_number(const char *text, unsigned int min, unsigned int max,
		      unsigned int *ret_number)
{
	unsigned long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return -EINVAL;
	*ret_number = (unsigned int)value;
	return 0;
}

int keel__tool_split_addr(const char *text, char ret_host[KEEL__HOST_MAX],
			  const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return -EINVAL;
	}
	if (!len || len >= KEEL__HOST_MAX)
		return -EINVAL;
	memcpy(ret_host, text, len);
	ret_host[len] = '\0';
	*ret_port = colon + 1;
	return 0;
}

uint64_t keel__tool_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int keel__tool_ctx(struct keel_config *config, int err,
		   struct keel_ctx **ret_ctx)
{
	const struct keel_diag *diag;

	if (!err)
		err = keel_ctx_new(config, NULL, ret_ctx);
	if (err) {
		diag = keel_config_diag(config);
		keel__tool_error("%s",
				 diag->text[0] ? diag->text : strerror(-err));
	}
	keel_config_free(config);
	return err;
}

int keel__tool_bad_option(const char *tool, int c, char **argv)
{
	/* getopt_long(3): optopt is 0 for a long option it does not know. */
	const char *word = argv[optind - 1];

	if (c == ':')
		keel__tool_error("option '%s' needs a value; see 'keel help "
				 "%s'",
				 word, tool);
	else if (optopt && strncmp(word, "--", 2) != 0)
		keel__tool_error("unknown option '-%c'; see 'keel help %s'",
				 optopt, tool);
	else if (optopt)
		keel__tool_error("option '%s' takes no value; see 'keel help "
				 "%s'",
				 word, tool);
	else
		keel__tool_error("unknown option '%s'; see 'keel help %s'",
				 word, tool);
	return KEEL_EXIT_USAGE;
}

int keel__tool_end(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	keel__tool_error("cannot write to standard output: %s",
			 strerror(errno));
	return code ? code : KEEL_EXIT_FAILURE;
}
