/* SPDX-License-Identifier: MIT */
/* keel as a peer of other programs: a server that echoes, or its client. */
#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keel/stream.h>

#include "tests/interop/message.h"
#include "tests/support/choices.h"
#include "tests/support/slower.h"

static const char usage_text[] =
	"usage: echo listen [OPTION]...\n"
	"       echo connect --port PORT [OPTION]...\n"
	"\n"
	"A row is a version, a cipher and the directions that the kernel protects.\n"
	"listen: sends back what comes. Each row has a port of its own, which is\n"
	"printed; with --sizes a connection is closed after so much, else when the\n"
	"peer closes it. Ends with SIGTERM.\n"
	"connect: a connection for each row in turn; messages of --sizes are to\n"
	"come back.\n"
	"Each connection gets a line, 'ok ROW' or 'bad ROW: WHY'. The status is 0\n"
	"if all were good.\n"
	"\n"
	"  --cert FILE     the server's certificate, PEM\n"
	"  --key FILE      its key\n"
	"  --versions LIST 1.2,1.3\n"
	"  --ciphers LIST  AES-128-GCM,AES-256-GCM,CHACHA20-POLY1305,AES-128-CCM\n"
	"  --engines LIST  none,tx,rx,both\n"
	"  --sizes LIST    bytes of each message\n"
	"\n"
	"Without a list all of it are meant.\n";

#define LEN_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name;
	uint16_t version;
} versions[] = {
	{"1.2", KEEL_TLS1_2},
	{"1.3", KEEL_TLS1_3},
};

#define NR_ROWS (LEN_OF(versions) * NR_CIPHER_CHOICES * NR_ENGINE_CHOICES)

struct row {
	char name[64];
	uint16_t version;
	const char *suite;
	const struct engine_choice *engines;
};

static struct {
	bool is_server;
	const char *cert;
	const char *key;
	const char *lists[3];
	struct sizes sizes;
	struct sockaddr_in addr;
	struct row rows[NR_ROWS];
	size_t nr_rows;
} opts;

static struct keel_loop *loop;
static bool is_bad;

/* What a stream of either side is at. */
struct talk {
	const struct row *row; /* a client's */
	/* A server: what the stream did not take yet. */
	uint8_t *rest;
	size_t rest_len;
	size_t rest_off;
	uint64_t nr_bytes; /* that came back, or went back */
	/* A client: the message, and how far it is. */
	size_t idx;
	uint64_t sent;
	uint64_t got;
	bool is_wrong;
};

static bool in_list(const char *name, const char *list)
{
	size_t len = strlen(name);
	const char *at = list;

	if (!list)
		return true;
	while (at) {
		if (!strncmp(at, name, len) && (at[len] == ',' || !at[len]))
			return true;
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return false;
}

static void make_rows(void)
{
	for (size_t i = 0; i < NR_ROWS; i++) {
		size_t e = i % NR_ENGINE_CHOICES;
		size_t c = i / NR_ENGINE_CHOICES % NR_CIPHER_CHOICES;
		size_t v = i / NR_ENGINE_CHOICES / NR_CIPHER_CHOICES;
		struct row *row = &opts.rows[opts.nr_rows];

		if (!in_list(versions[v].name, opts.lists[0]) ||
		    !in_list(cipher_choices[c].name, opts.lists[1]) ||
		    !in_list(engine_choices[e].name, opts.lists[2]))
			continue;
		snprintf(row->name, sizeof(row->name), "%s %s %s",
			 versions[v].name, cipher_choices[c].name,
			 engine_choices[e].name);
		row->version = versions[v].version;
		row->suite = cipher_choices[c].suites[v];
		row->engines = &engine_choices[e];
		opts.nr_rows++;
	}
}

static enum keel_offload policy(const struct row *row, enum keel_dir dir)
{
	return dir == KEEL_TX ? row->engines->tx : row->engines->rx;
}

static int set_cert(struct keel_config *config)
{
	if (opts.is_server)
		return keel_config_set_cert_file(config, opts.cert, opts.key);
	return keel_config_set_ca_file(config, opts.cert);
}

static struct keel_ctx *make_ctx(const struct row *row)
{
	struct keel_config *config = NULL;
	struct keel_ctx *ctx = NULL;
	int r = keel_config_new(opts.is_server ? KEEL_SERVER : KEEL_CLIENT,
				&config);

	if (!r)
		r = keel_config_set_versions(config, row->version,
					     row->version);
	if (!r)
		r = keel_config_set_suites(config, row->suite);
	if (!r)
		r = keel_config_set_offload(config, KEEL_TX,
					    policy(row, KEEL_TX));
	if (!r)
		r = keel_config_set_offload(config, KEEL_RX,
					    policy(row, KEEL_RX));
	if (!r)
		r = set_cert(config);
	if (!r)
		r = keel_ctx_new(config, NULL, &ctx);
	if (r)
		errx(1, "bad %s: %s: %s", row->name, strerror(-r),
		     config ? keel_config_diag(config)->text : "");
	keel_config_free(config);
	return ctx;
}

static const char *wrong_engine(const struct row *row, enum keel_dir dir,
				const struct keel_dir_info *info)
{
	enum keel_engine want = policy(row, dir) == KEEL_OFFLOAD_REQUIRE
					? KEEL_ENGINE_KERNEL
					: KEEL_ENGINE_USER;

	if (info->engine == want)
		return NULL;
	return info->reason ? keel_reason_text(info->reason)
			    : "it is in the kernel";
}

/* What is wrong with a stream that ends, or NULL. */
static const char *verdict(const struct keel_conn_info *info,
			   const struct talk *talk, const struct row *row,
			   const struct keel_err *end)
{
	const char *why;

	if (end->err)
		return end->site ? end->site : strerror(-end->err);
	if (talk->is_wrong)
		return "other bytes came back";
	if (opts.sizes.nr && talk->nr_bytes != sizes_sum(&opts.sizes))
		return "not so many bytes";
	if (!info->suite)
		return "no handshake";
	if (strcmp(info->suite->name, row->suite) ||
	    info->version != row->version)
		return info->suite->name;
	if (info->tx.bytes != talk->nr_bytes ||
	    info->rx.bytes != talk->nr_bytes)
		return "the connection counts other bytes";
	why = wrong_engine(row, KEEL_TX, &info->tx);
	return why ? why : wrong_engine(row, KEEL_RX, &info->rx);
}

static void print_verdict(struct keel_stream *stream, const struct row *row,
			  const struct keel_err *end)
{
	struct keel_conn_info info = {.sz = sizeof(info)};
	const struct talk *talk = keel_stream_data(stream);
	const char *why = keel_conn_get_info(keel_stream_conn(stream), &info)
				  ? "no facts"
				  : verdict(&info, talk, row, end);

	printf("%s %s%s%s, %llu bytes, %u new keys\n", why ? "bad" : "ok",
	       row->name, why ? ": " : "", why ? why : "",
	       (unsigned long long)talk->nr_bytes, info.rx.key_updates);
	fflush(stdout);
	is_bad = is_bad || why;
}

static void server_close_if_done(struct keel_stream *stream)
{
	const struct talk *talk = keel_stream_data(stream);

	if (opts.sizes.nr && talk->nr_bytes >= sizes_sum(&opts.sizes))
		keel_stream_close(stream);
}

static size_t server_send(struct keel_stream *stream, const uint8_t *data,
			  size_t len)
{
	struct talk *talk = keel_stream_data(stream);
	ssize_t n = keel_stream_send(stream, data, len);

	if (n <= 0)
		return 0;
	talk->nr_bytes += (uint64_t)n;
	return (size_t)n;
}

/* What is not taken waits, and the peer with it. */
static void server_data(struct keel_stream *stream, void *data, size_t len)
{
	struct talk *talk = keel_stream_data(stream);
	size_t n = talk->rest ? 0 : server_send(stream, data, len);

	if (n < len) {
		talk->rest = realloc(talk->rest, talk->rest_len + len - n);
		if (!talk->rest)
			err(1, "realloc");
		memcpy(talk->rest + talk->rest_len, (uint8_t *)data + n,
		       len - n);
		talk->rest_len += len - n;
		keel_stream_pause(stream);
	}
	server_close_if_done(stream);
}

static void server_sent(struct keel_stream *stream)
{
	struct talk *talk = keel_stream_data(stream);

	if (!talk->rest)
		return;
	talk->rest_off += server_send(stream, talk->rest + talk->rest_off,
				      talk->rest_len - talk->rest_off);
	server_close_if_done(stream);
	if (talk->rest_off < talk->rest_len)
		return;
	free(talk->rest);
	talk->rest = NULL;
	talk->rest_len = 0;
	talk->rest_off = 0;
	keel_stream_resume(stream);
}

static void server_closed(struct keel_stream *stream,
			  const struct keel_err *end)
{
	struct talk *talk = keel_stream_data(stream);

	print_verdict(stream, keel_stream_arg(stream), end);
	free(talk->rest);
}

static const struct keel_stream_ops server_ops = {
	.on_data = server_data,
	.on_sent = server_sent,
	.on_close = server_closed,
};

static struct keel_stream_timeouts timeouts(void)
{
	return (struct keel_stream_timeouts){
		.handshake_ms = 10000U * (unsigned int)slower(),
		.close_ms = 5000U * (unsigned int)slower(),
	};
}

static void listen_for(struct row *row)
{
	struct keel_ctx *ctx = make_ctx(row);
	struct keel_listener_opts listener_opts = {
		.sz = sizeof(listener_opts),
		.addr = (const struct sockaddr *)&opts.addr,
		.addr_len = sizeof(opts.addr),
		.ctx = ctx,
		.ops = &server_ops,
		.arg = row,
		.data_len = sizeof(struct talk),
		.timeouts = timeouts(),
	};
	struct keel_listener *listener;
	struct sockaddr_storage addr;
	int r = keel_listener_new(loop, &listener_opts, &listener);

	if (!r)
		r = keel_listener_get_addr(listener, &addr);
	if (r)
		errx(1, "%s: %s", row->name, strerror(-r));
	printf("port %u %s\n",
	       ntohs(((const struct sockaddr_in *)&addr)->sin_port), row->name);
	keel_ctx_unref(ctx);
}

static void client_send(struct keel_stream *stream)
{
	struct talk *talk = keel_stream_data(stream);
	static uint8_t buf[65536];

	while (talk->idx < opts.sizes.nr) {
		uint64_t total = opts.sizes.len[talk->idx];
		uint64_t left = total - talk->sent;
		size_t len = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		ssize_t n;

		if (!len)
			return;
		message_fill(talk->idx, total, talk->sent, buf, len);
		n = keel_stream_send(stream, buf, len);
		if (n <= 0)
			return;
		talk->sent += (uint64_t)n;
	}
}

static void client_open(struct keel_stream *stream,
			const struct keel_hs_info *info)
{
	(void)info;
	client_send(stream);
}

static void client_data(struct keel_stream *stream, void *data, size_t len)
{
	struct talk *talk = keel_stream_data(stream);
	uint64_t total =
		talk->idx < opts.sizes.nr ? opts.sizes.len[talk->idx] : 0;

	talk->nr_bytes += len;
	if (len > talk->sent - talk->got ||
	    message_check(talk->idx, total, talk->got, data, len) != len) {
		talk->is_wrong = true;
		keel_stream_close(stream);
		return;
	}
	talk->got += len;
	if (talk->got < total)
		return;
	talk->idx++;
	talk->sent = 0;
	talk->got = 0;
	if (talk->idx < opts.sizes.nr)
		client_send(stream);
	else
		keel_stream_close(stream);
}

static void connect_for(size_t idx);

static void client_closed(struct keel_stream *stream,
			  const struct keel_err *end)
{
	const struct talk *talk = keel_stream_data(stream);
	size_t next = (size_t)(talk->row - opts.rows) + 1;

	print_verdict(stream, talk->row, end);
	if (next < opts.nr_rows)
		connect_for(next);
	else
		keel_loop_stop(loop, 0);
}

static const struct keel_stream_ops client_ops = {
	.on_open = client_open,
	.on_data = client_data,
	.on_sent = client_send,
	.on_close = client_closed,
};

static void connect_for(size_t idx)
{
	struct keel_ctx *ctx = make_ctx(&opts.rows[idx]);
	struct keel_connect_opts connect_opts = {
		.sz = sizeof(connect_opts),
		.addr = (const struct sockaddr *)&opts.addr,
		.addr_len = sizeof(opts.addr),
		.ctx = ctx,
		.conn = {.sz = sizeof(connect_opts.conn), .host = "localhost"},
		.ops = &client_ops,
		.data_len = sizeof(struct talk),
		.timeouts = timeouts(),
	};
	struct keel_stream *stream;
	struct talk *talk;
	int r = keel_stream_connect(loop, &connect_opts, &stream);

	if (r)
		errx(1, "%s: %s", opts.rows[idx].name, strerror(-r));
	talk = keel_stream_data(stream);
	talk->row = &opts.rows[idx];
	keel_ctx_unref(ctx);
}

static void stop(int sig)
{
	(void)sig;
	keel_loop_stop(loop, 5000);
}

/* The role comes first; it is to getopt(3) what a program's name is. */
static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"versions", required_argument, NULL, 0},
		{"ciphers", required_argument, NULL, 1},
		{"engines", required_argument, NULL, 2},
		{"cert", required_argument, NULL, 'c'},
		{"key", required_argument, NULL, 'k'},
		{"port", required_argument, NULL, 'p'},
		{"sizes", required_argument, NULL, 's'},
		{0},
	};
	int c;

	opts.is_server = !strcmp(argv[0], "listen");
	if (!opts.is_server && strcmp(argv[0], "connect"))
		return false;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c <= 2)
			opts.lists[c] = optarg;
		else if (c == 'c')
			opts.cert = optarg;
		else if (c == 'k')
			opts.key = optarg;
		else if (c == 'p')
			opts.addr.sin_port = htons((uint16_t)atoi(optarg));
		else if (c != 's' || !sizes_parse(optarg, &opts.sizes))
			return false;
	}
	make_rows();
	if (!opts.cert || !opts.nr_rows || optind < argc)
		return false;
	return opts.is_server ? opts.key != NULL
			      : opts.sizes.nr && opts.addr.sin_port;
}

int main(int argc, char **argv)
{
	int r;

	opts.addr.sin_family = AF_INET;
	opts.addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (argc < 2 || !parse(argc - 1, argv + 1)) {
		fputs(usage_text, stderr);
		return 2;
	}
	r = keel_loop_new(NULL, &loop);
	if (r)
		errx(1, "keel_loop_new: %s", strerror(-r));
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, stop);
	for (size_t i = 0; opts.is_server && i < opts.nr_rows; i++)
		listen_for(&opts.rows[i]);
	if (opts.is_server)
		puts("ready");
	else
		connect_for(0);
	fflush(stdout);
	r = keel_loop_run(loop);
	if (r)
		errx(1, "keel_loop_run: %s", strerror(-r));
	keel_loop_free(loop);
	return is_bad;
}
