/* SPDX-License-Identifier: MIT */
/* What every subcommand of keel shares: its row, messages, numbers. */
#ifndef KEEL_TOOLS_TOOL_PRIVATE_H
#define KEEL_TOOLS_TOOL_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include <keel/config.h>

/* Exit codes: usage errors are told apart from everything else. */
#define KEEL_EXIT_FAILURE 1
#define KEEL_EXIT_USAGE 2

/**
 * struct keel_tool - one subcommand
 * @name:  what is typed
 * @help:  one line for `keel --help`
 * @usage: the text of `keel help NAME`
 * @main:  gets argv with argv[0] = @name; returns the exit code
 */
struct keel_tool {
	const char *name;
	const char *help;
	const char *usage;
	int (*main)(int argc, char **argv);
};

extern const char keel__serve_usage[];
extern const char keel__backends_usage[];
extern const char keel__probe_usage[];

int serve_main(int argc, char **argv);
int backends_main(int argc, char **argv);
int probe_main(int argc, char **argv);

/* Prints "keel: ...", one line, to stderr. */
void keel__tool_error(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * A whole decimal number between @min and @max. Returns 0, or -EINVAL for
 * anything else.
 */
int keel__tool_number(const char *text, unsigned int min, unsigned int max,
		      unsigned int *ret_number);

/* Room for a host's name, with its end. */
#define KEEL__HOST_MAX 256

/* Takes "HOST:PORT" or "[HOST]:PORT" apart. Returns 0 or -EINVAL. */
int keel__tool_split_addr(const char *text, char ret_host[KEEL__HOST_MAX],
			  const char **ret_port);

/*
 * Reports what getopt_long(3) refused; @c is its result. Returns the exit code.
 */
int keel__tool_bad_option(const char *tool, int c, char **argv);

/* CLOCK_MONOTONIC. */
uint64_t keel__tool_now_ns(void);

/*
 * A context of @config, which is freed; @err is what setting it up came to. 0, or
 * an errno after a message.
 */
int keel__tool_ctx(struct keel_config *config, int err,
		   struct keel_ctx **ret_ctx);

/*
 * Output that was lost is an error: flushes stdout and checks it. Returns
 * @code, or KEEL_EXIT_FAILURE.
 */
int keel__tool_end(int code);

#endif
