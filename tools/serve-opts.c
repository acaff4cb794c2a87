/* SPDX-License-Identifier: MIT */
/* keel serve: the command line. */
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/serve-private.h"
#include "tools/tool-private.h"
#include "tools/upgrade-private.h"

#define DEFAULT_LISTEN "127.0.0.1:8443"
/* Milliseconds must fit an unsigned int. */
#define MAX_SECONDS (UINT_MAX / 1000)
#define MAX_WORKERS 1024
#define MAX_CONNS 100000000
#define MAX_TICKETS 8
#define MAX_KIB UINT_MAX

const char keel__serve_usage[] =
	"usage: keel serve DIR [OPTION]...\n"
	"\n"
	"Serves the files below DIR over HTTPS (HTTP/1.1, TLS 1.2 and 1.3).\n"
	"\n"
	"  --listen ADDR:PORT       where to listen, [ADDR]:PORT for IPv6; port "
	"0\n"
	"                           takes a free one (default " DEFAULT_LISTEN
	")\n"
	"  --cert FILE              certificate chain, PEM; without it one is "
	"made\n"
	"                           in memory, for trying things out\n"
	"  --key FILE               its private key, PEM (default: in --cert)\n"
	"  --list                   list directories without index.html\n"
	"  --workers N              threads (default: one a processor)\n"
	"  --max-conns N            connections at most\n"
	"  --idle-timeout S         seconds without data (default 60)\n"
	"  --handshake-timeout S    seconds for a handshake (default 10)\n"
	"  --access-log FILE        Common Log Format; SIGUSR1 opens it anew\n"
	"  --metrics ADDR:PORT      counters for Prometheus, over HTTP at /metrics\n"
	"  --upgrade-socket PATH    take over from the server there, connections "
	"too, and\n"
	"                           let the next one; SIGUSR2 starts one\n"
	"  --backend NAME           TLS library, see 'keel backends'\n"
	"  --offload POLICY         let the kernel protect records: auto, "
	"require or\n"
	"                           off; or tx=POLICY,rx=POLICY\n"
	"  --offload-after KIB      with auto, once so much went that way "
	"(default 64)\n"
	"  --tls 1.2|1.3            this version only\n"
	"  --tickets N              session tickets sent per full handshake\n"
	"  --help                   print this text\n"
	"\n"
	"SIGTERM and SIGINT let responses end, a second one ends at once; SIGHUP "
	"reads\n"
	"the certificate anew. Exit code: 0, 1 on failure, 2 on wrong usage.\n";

enum option_id {
	OPT_LISTEN = 256,
	OPT_CERT,
	OPT_KEY,
	OPT_BACKEND,
	OPT_ACCESS_LOG,
	OPT_METRICS,
	OPT_UPGRADE_SOCKET,
	OPT_OFFLOAD,
	OPT_OFFLOAD_AFTER,
	OPT_TLS,
	OPT_LIST,
	OPT_WORKERS,
	OPT_MAX_CONNS,
	OPT_IDLE_TIMEOUT,
	OPT_HANDSHAKE_TIMEOUT,
	OPT_TICKETS,
};

static const struct option options[] = {
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"cert", required_argument, NULL, OPT_CERT},
	{"key", required_argument, NULL, OPT_KEY},
	{"backend", required_argument, NULL, OPT_BACKEND},
	{"access-log", required_argument, NULL, OPT_ACCESS_LOG},
	{"metrics", required_argument, NULL, OPT_METRICS},
	{"upgrade-socket", required_argument, NULL, OPT_UPGRADE_SOCKET},
	{"offload", required_argument, NULL, OPT_OFFLOAD},
	{"offload-after", required_argument, NULL, OPT_OFFLOAD_AFTER},
	{"tls", required_argument, NULL, OPT_TLS},
	{"list", no_argument, NULL, OPT_LIST},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"max-conns", required_argument, NULL, OPT_MAX_CONNS},
	{"idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT},
	{"handshake-timeout", required_argument, NULL, OPT_HANDSHAKE_TIMEOUT},
	{"tickets", required_argument, NULL, OPT_TICKETS},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* Options that are strings, numbers and words: where the value goes. */
static const struct {
	int id;
	size_t offset;
} strings[] = {
	{OPT_LISTEN, offsetof(struct keel_serve_opts, listen)},
	{OPT_CERT, offsetof(struct keel_serve_opts, cert)},
	{OPT_KEY, offsetof(struct keel_serve_opts, key)},
	{OPT_BACKEND, offsetof(struct keel_serve_opts, backend)},
	{OPT_ACCESS_LOG, offsetof(struct keel_serve_opts, access_log)},
	{OPT_METRICS, offsetof(struct keel_serve_opts, metrics)},
	{OPT_UPGRADE_SOCKET, offsetof(struct keel_serve_opts, upgrade_socket)},
};

static const struct {
	int id;
	unsigned int min;
	unsigned int max;
	size_t offset;
} numbers[] = {
	{OPT_WORKERS, 1, MAX_WORKERS,
	 offsetof(struct keel_serve_opts, nr_workers)},
	{OPT_MAX_CONNS, 1, MAX_CONNS,
	 offsetof(struct keel_serve_opts, max_conns)},
	{OPT_IDLE_TIMEOUT, 1, MAX_SECONDS,
	 offsetof(struct keel_serve_opts, idle_s)},
	{OPT_HANDSHAKE_TIMEOUT, 1, MAX_SECONDS,
	 offsetof(struct keel_serve_opts, handshake_s)},
	{OPT_TICKETS, 0, MAX_TICKETS,
	 offsetof(struct keel_serve_opts, nr_tickets)},
	{OPT_OFFLOAD_AFTER, 0, MAX_KIB,
	 offsetof(struct keel_serve_opts, offload_after)},
};

static const struct {
	const char *word;
	enum keel_offload offload;
} offloads[] = {
	{"auto", KEEL_OFFLOAD_AUTO},
	{"require", KEEL_OFFLOAD_REQUIRE},
	{"off", KEEL_OFFLOAD_OFF},
};

static const struct {
	const char *word;
	uint16_t version;
} versions[] = {
	{"1.2", KEEL_TLS1_2},
	{"1.3", KEEL_TLS1_3},
};

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static void *member(struct keel_serve_opts *opts, size_t offset)
{
	return (char *)opts + offset;
}

static const char *option_name(int id)
{
	for (size_t i = 0; options[i].name; i++)
		if (options[i].val == id)
			return options[i].name;
	return "?";
}

static int bad_value(int id, const char *value, const char *wanted)
{
	keel__tool_error("--%s %s: must be %s", option_name(id), value, wanted);
	return KEEL_EXIT_USAGE;
}

static int take_number(int id, const char *value, struct keel_serve_opts *opts,
		       bool *ret_known)
{
	for (size_t i = 0; i < NR(numbers); i++) {
		char wanted[64];

		if (numbers[i].id != id)
			continue;
		*ret_known = true;
		if (keel__tool_number(value, numbers[i].min, numbers[i].max,
				      member(opts, numbers[i].offset)) == 0)
			return 0;
		snprintf(wanted, sizeof(wanted), "a number from %u to %u",
			 numbers[i].min, numbers[i].max);
		return bad_value(id, value, wanted);
	}
	return 0;
}

/* One of the words, as far as the end or a comma. NULL: none of them. */
static const char *skip_policy(const char *at, enum keel_offload *ret_policy)
{
	size_t len = strcspn(at, ",");

	for (size_t i = 0; i < NR(offloads); i++) {
		if (strlen(offloads[i].word) != len ||
		    memcmp(offloads[i].word, at, len) != 0)
			continue;
		*ret_policy = offloads[i].offload;
		return at + len;
	}
	return NULL;
}

/* POLICY, or tx=POLICY and rx=POLICY in any order, or one of them. */
static int take_offload(const char *value, struct keel_serve_opts *opts)
{
	const char *at = value;

	if (strncmp(at, "tx=", 3) != 0 && strncmp(at, "rx=", 3) != 0) {
		at = skip_policy(at, &opts->tx_offload);
		opts->rx_offload = opts->tx_offload;
	}
	while (at && *at) {
		bool is_tx = !strncmp(at, "tx=", 3);

		if (!is_tx && strncmp(at, "rx=", 3) != 0)
			break;
		at = skip_policy(at + 3,
				 is_tx ? &opts->tx_offload : &opts->rx_offload);
		if (at && *at == ',' && at[1])
			at++;
	}
	if (at && !*at)
		return 0;
	return bad_value(OPT_OFFLOAD, value,
			 "auto, require or off, or of these tx=...,rx=...");
}

static int take_version(const char *value, struct keel_serve_opts *opts)
{
	for (size_t i = 0; i < NR(versions); i++) {
		if (strcmp(versions[i].word, value) != 0)
			continue;
		opts->min_version = versions[i].version;
		opts->max_version = versions[i].version;
		return 0;
	}
	return bad_value(OPT_TLS, value, "1.2 or 1.3");
}

/* 0, or the exit code. */
static int take_option(int id, const char *value, struct keel_serve_opts *opts)
{
	bool known = false;
	int code;

	if (id == OPT_LIST) {
		opts->list = true;
		return 0;
	}
	if (id == OPT_OFFLOAD)
		return take_offload(value, opts);
	if (id == OPT_TLS)
		return take_version(value, opts);
	for (size_t i = 0; i < NR(strings); i++) {
		if (strings[i].id != id)
			continue;
		if (!*value)
			return bad_value(id, "''", "given");
		*(const char **)member(opts, strings[i].offset) = value;
		return 0;
	}
	code = take_number(id, value, opts, &known);
	if (id == OPT_TICKETS)
		opts->has_tickets = true;
	if (id == OPT_OFFLOAD_AFTER)
		opts->has_offload_after = true;
	return code;
}

/* Processors this process may run on. */
static unsigned int nr_processors(void)
{
	cpu_set_t set;
	int nr;

	if (sched_getaffinity(0, sizeof(set), &set) == 0) {
		nr = CPU_COUNT(&set);
		return nr > MAX_WORKERS ? MAX_WORKERS : (unsigned int)nr;
	}
	/* More processors than the set has room for. */
	return MAX_WORKERS;
}

static int check(int argc, char **argv, struct keel_serve_opts *opts)
{
	if (optind == argc) {
		keel__tool_error("no directory given; try 'keel serve .'");
		return KEEL_EXIT_USAGE;
	}
	if (optind + 1 < argc) {
		keel__tool_error("one directory is served, not '%s' too; see "
				 "'keel help serve'",
				 argv[optind + 1]);
		return KEEL_EXIT_USAGE;
	}
	opts->dir = argv[optind];
	if (opts->key && !opts->cert) {
		keel__tool_error("--key %s needs --cert FILE", opts->key);
		return KEEL_EXIT_USAGE;
	}
	if (!opts->nr_workers)
		opts->nr_workers = nr_processors();
	if (opts->upgrade_socket && opts->nr_workers > KEEL_UPGRADE_MAX_FDS) {
		keel__tool_error("--upgrade-socket passes %d listening sockets "
				 "at most, one a worker; use --workers %d or "
				 "fewer",
				 KEEL_UPGRADE_MAX_FDS, KEEL_UPGRADE_MAX_FDS);
		return KEEL_EXIT_USAGE;
	}
	/* Shared out among the workers; none is left without. */
	if (opts->max_conns && opts->nr_workers > opts->max_conns)
		opts->nr_workers = opts->max_conns;
	return 0;
}

int keel__serve_parse(int argc, char **argv, struct keel_serve_opts *ret_opts)
{
	struct keel_serve_opts opts = {
		.listen = DEFAULT_LISTEN,
		.min_version = KEEL_TLS1_2,
		.max_version = KEEL_TLS1_3,
	};
	int code;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(keel__serve_usage, stdout);
			return -1;
		}
		if (c == '?' || c == ':')
			return keel__tool_bad_option("serve", c, argv);
		code = take_option(c, optarg, &opts);
		if (code)
			return code;
	}
	code = check(argc, argv, &opts);
	if (code)
		return code;
	*ret_opts = opts;
	return 0;
}
