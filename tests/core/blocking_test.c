/* SPDX-License-Identifier: MIT */
/* A driver of a few dozen lines on real sockets, against itself and others. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <keel/conn.h>

#include "lib/base/base-private.h"
#include "tests/support/blocking.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pipe.h"
#include "tests/support/pki.h"

#define TIMEOUT_MS 20000
#define EV(type) (1u << KEEL_EVENT_##type)

/* Closed, failed or not: whatever comes last. */
#define EV_END (EV(CLOSED) | EV(FAILED))

static void collect(const struct keel_event *event, void *arg)
{
	if (event->type == KEEL_EVENT_DATA)
		bytes_add(arg, event->data, event->len);
}

static struct keel_conn *conn_new(struct keel_ctx *ctx, const char *host)
{
	struct keel_conn_opts opts = {.sz = sizeof(opts), .host = host};
	struct keel_conn *conn;

	ATF_REQUIRE_EQ(0, keel_conn_new(ctx, &opts, &conn));
	return conn;
}

/* A server that sends back what it gets until the end of it. */
struct echo {
	struct keel_ctx *ctx;
	int fd;
	struct blocking b;
	int result;
};

static void echo_event(const struct keel_event *event, void *arg)
{
	struct echo *echo = arg;
	ssize_t n;

	if (event->type == KEEL_EVENT_DATA) {
		n = keel_conn_send(echo->b.conn, event->data, event->len);
		echo->result |= n != (ssize_t)event->len;
	} else if (event->type == KEEL_EVENT_EOF) {
		echo->result |= keel_conn_close(echo->b.conn);
	}
}

static void *echo_run(void *arg)
{
	struct echo *echo = arg;
	int r;

	echo->b = (struct blocking){
		.fd = echo->fd,
		.on_event = echo_event,
		.arg = echo,
	};
	r = keel_conn_new(echo->ctx, NULL, &echo->b.conn);
	if (r >= 0)
		r = blocking_run(&echo->b, 0, TIMEOUT_MS);
	echo->result |= r;
	echo->result |= keel_conn_err(echo->b.conn)->err;
	keel_conn_free(echo->b.conn);
	return NULL;
}

static void limit_of_2(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_record_limit(config, 2));
}

/* A few rounds of @len bytes, there and back. */
static void run_echo(const struct pipe_row *on, size_t len,
		     void (*tune)(struct keel_config *config))
{
	struct keel_ctx *client = pipe_ctx(KEEL_CLIENT, on, tune);
	struct echo echo = {.ctx = pipe_ctx(KEEL_SERVER, on, tune)};
	uint8_t *data = malloc(len);
	struct bytes got = {.len = 0};
	struct blocking b = {.on_event = collect, .arg = &got};
	pthread_t thread;
	int fds[2];

	ATF_REQUIRE(data);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 13 >> 2);
	ATF_REQUIRE_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	echo.fd = fds[1];
	b.fd = fds[0];
	b.conn = conn_new(client, "localhost");
	ATF_REQUIRE_EQ(0, pthread_create(&thread, NULL, echo_run, &echo));
	ATF_REQUIRE_EQ(0, blocking_run(&b, EV(OPEN), TIMEOUT_MS));
	for (int round = 1; round <= 3; round++) {
		for (size_t at = 0; at < len; at += 40000)
			CHECK_INT(on->name, 0,
				  blocking_send(&b, data + at,
						keel__min_size(40000, len - at),
						TIMEOUT_MS));
		while (got.len < len && !(b.events & EV_END)) {
			b.events &= ~EV(DATA);
			REQUIRE_INT(on->name, 0,
				    blocking_run(&b, EV(DATA) | EV_END,
						 TIMEOUT_MS));
		}
		REQUIRE_INT(on->name, len, got.len);
		CHECK_MEM(on->name, data, got.data, len);
		got.len = 0;
	}
	CHECK_INT(on->name, 0, keel_conn_close(b.conn));
	CHECK_INT(on->name, 0, blocking_run(&b, EV_END, TIMEOUT_MS));
	CHECK_INT(on->name, true, (b.events & EV(CLOSED)) != 0);
	CHECK_INT(on->name, 0, blocking_run(&b, 0, TIMEOUT_MS));
	CHECK_INT(on->name, -1, b.fd);
	pthread_join(thread, NULL);
	CHECK_INT(on->name, 0, echo.result);
	keel_conn_free(b.conn);
	bytes_fini(&got);
	free(data);
	keel_ctx_unref(client);
	keel_ctx_unref(echo.ctx);
}

CASE(blocking__echo, "Data there and back over a socket pair, then an orderly "
		     "end")
{
	for (const struct pipe_row *on = pipe_rows; on->name; on++) {
		run_echo(on, 1, NULL);
		run_echo(on, 60000, NULL);
	}
}

CASE(blocking__echo_rekeying, "The same while both sides change their keys "
			      "every two records")
{
	run_echo(&pipe_rows[0], 60000, limit_of_2);
	run_echo(&pipe_rows[2], 60000, limit_of_2);
}

/* openssl(1) with its input on a pipe, so that it does not end by itself. */
struct tool {
	pid_t pid;
	int in;
	int out;
};

static void tool_start(struct tool *tool, const char *const argv[])
{
	int in[2];
	int out[2];

	ATF_REQUIRE_EQ(0, pipe2(in, O_CLOEXEC));
	ATF_REQUIRE_EQ(0, pipe2(out, O_CLOEXEC));
	tool->pid = fork();
	ATF_REQUIRE(tool->pid >= 0);
	if (!tool->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		/* execvp() changes nothing; its type cannot say so. */
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	tool->in = in[1];
	tool->out = out[0];
}

static void tool_stop(struct tool *tool)
{
	int status;

	close(tool->in);
	kill(tool->pid, SIGTERM);
	ATF_CHECK_EQ(tool->pid, waitpid(tool->pid, &status, 0));
	close(tool->out);
}

/* Read what it prints until @text is there; returns where in @buf. */
static char *tool_expect(struct tool *tool, char *buf, size_t room,
			 const char *text)
{
	size_t len = 0;
	ssize_t n;

	buf[0] = '\0';
	while (!strstr(buf, text) && len + 1 < room) {
		n = read(tool->out, buf + len, room - 1 - len);
		ATF_REQUIRE_MSG(n > 0, "no \"%s\" in: %s", text, buf);
		len += (size_t)n;
		buf[len] = '\0';
	}
	return strstr(buf, text);
}

static int listen_local(uint16_t *ret_port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	ATF_REQUIRE_EQ(0, listen(fd, 8));
	ATF_REQUIRE_EQ(0, getsockname(fd, (struct sockaddr *)&addr, &len));
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static int connect_local(uint16_t port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ATF_REQUIRE(fd >= 0);
	ATF_REQUIRE_EQ(0, connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	return fd;
}

static void need_openssl(void)
{
	if (system("openssl version >/dev/null 2>&1"))
		atf_tc_skip("openssl(1) is not installed");
}

static const struct {
	const char *name;
	const char *flag;
	const struct pipe_row *on;
} versions[] = {
	{"1.3", "-tls1_3", &pipe_rows[2]},
	{"1.2", "-tls1_2", &pipe_rows[3]},
};

CASE(blocking__openssl_client, "openssl s_client talks to a server of keel, "
			       "asks for new keys, and both end in order")
{
	need_openssl();
	for (size_t i = 0; i < KEEL__ARRAY_LEN(versions); i++) {
		struct keel_ctx *ctx =
			pipe_ctx(KEEL_SERVER, versions[i].on, NULL);
		struct bytes got = {.len = 0};
		struct blocking b = {.on_event = collect, .arg = &got};
		char buf[65536];
		char where[32];
		struct tool tool;
		uint16_t port;
		int fd = listen_local(&port);

		snprintf(where, sizeof(where), "127.0.0.1:%u", port);
		tool_start(&tool,
			   (const char *[]){"openssl", "s_client", "-connect",
					    where, versions[i].flag, NULL});
		b.fd = accept(fd, NULL, NULL);
		ATF_REQUIRE(b.fd >= 0);
		b.conn = conn_new(ctx, NULL);
		REQUIRE_INT(versions[i].name, 0,
			    blocking_run(&b, EV(OPEN), TIMEOUT_MS));
		ATF_REQUIRE_EQ(6, write(tool.in, "hello\n", 6));
		while (got.len < 6 && !(b.events & EV_END)) {
			b.events &= ~EV(DATA);
			blocking_run(&b, EV(DATA) | EV_END, TIMEOUT_MS);
		}
		REQUIRE_INT(versions[i].name, 6, got.len);
		CHECK_MEM(versions[i].name, "hello\n", got.data, 6);
		/* A line "K" makes s_client send KeyUpdate, requested. */
		if (versions[i].on->version == KEEL_TLS1_3) {
			struct keel_conn_info info = {.sz = sizeof(info)};

			ATF_REQUIRE_EQ(2, write(tool.in, "K\n", 2));
			tool_expect(&tool, buf, sizeof(buf), "KEYUPDATE");
			ATF_REQUIRE_EQ(4, write(tool.in, "new\n", 4));
			b.events &= ~EV(DATA);
			blocking_run(&b, EV(DATA) | EV_END, TIMEOUT_MS);
			ATF_REQUIRE_EQ(0, keel_conn_get_info(b.conn, &info));
			CHECK_INT("KeyUpdate", 1, info.rx.key_updates);
			CHECK_INT("KeyUpdate", 1, info.tx.key_updates);
		}
		CHECK_INT(versions[i].name, 0,
			  blocking_send(&b, "from keel\n", 10, TIMEOUT_MS));
		tool_expect(&tool, buf, sizeof(buf), "from keel");
		CHECK_INT(versions[i].name, 0, keel_conn_close(b.conn));
		blocking_run(&b, 0, TIMEOUT_MS);
		CHECK_INT(versions[i].name, 0, keel_conn_err(b.conn)->err);
		CHECK_INT(versions[i].name, KEEL_CONN_CLOSED,
			  keel_conn_get_state(b.conn));
		tool_stop(&tool);
		keel_conn_free(b.conn);
		keel_ctx_unref(ctx);
		bytes_fini(&got);
		close(fd);
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ATF_REQUIRE(file);
	ATF_REQUIRE(fputs(text, file) >= 0);
	ATF_REQUIRE_EQ(0, fclose(file));
}

/* s_server picks a port and says so on a line of its own. */
static uint16_t server_port(struct tool *tool)
{
	char buf[4096];
	const char *at = tool_expect(tool, buf, sizeof(buf), "ACCEPT");
	unsigned int port;

	while (!strchr(at, '\n'))
		at = tool_expect(tool, buf, sizeof(buf), "\n");
	ATF_REQUIRE_MSG(sscanf(strrchr(at, ':') + 1, "%u", &port) == 1, "%s",
			buf);
	return (uint16_t)port;
}

static void trust(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_ca_file(config, "ca.pem"));
	ATF_REQUIRE_EQ(0, keel_config_set_verify(config, KEEL_VERIFY_REQUIRED));
}

static void make_pki(void)
{
	struct pki_pair pair;
	struct pki pki;

	pki_init(&pki);
	pki_issue(&pki, &pki_ecdsa, &pair);
	write_file("ca.pem", pki.cert);
	write_file("cert.pem", pair.cert);
	write_file("key.pem", pair.key);
	pki_pair_fini(&pair);
	pki_fini(&pki);
}

CASE(blocking__openssl_server, "A client of keel verifies openssl s_server "
			       "and talks to it")
{
	need_openssl();
	make_pki();
	for (size_t i = 0; i < KEEL__ARRAY_LEN(versions); i++) {
		struct keel_ctx *ctx =
			pipe_ctx(KEEL_CLIENT, versions[i].on, trust);
		struct bytes got = {.len = 0};
		struct blocking b = {.on_event = collect, .arg = &got};
		char buf[65536];
		struct tool tool;

		tool_start(&tool,
			   (const char *[]){"openssl", "s_server", "-accept",
					    "127.0.0.1:0", "-cert", "cert.pem",
					    "-key", "key.pem", versions[i].flag,
					    NULL});
		b.fd = connect_local(server_port(&tool));
		b.conn = conn_new(ctx, PKI_HOST);
		blocking_run(&b, EV(OPEN) | EV_END, TIMEOUT_MS);
		REQUIRE_INT(versions[i].name, 0, keel_conn_err(b.conn)->err);
		CHECK_INT(versions[i].name, 0,
			  blocking_send(&b, "from keel\n", 10, TIMEOUT_MS));
		tool_expect(&tool, buf, sizeof(buf), "from keel");
		ATF_REQUIRE_EQ(6, write(tool.in, "hello\n", 6));
		blocking_run(&b, EV(DATA) | EV_END, TIMEOUT_MS);
		REQUIRE_INT(versions[i].name, 6, got.len);
		CHECK_MEM(versions[i].name, "hello\n", got.data, 6);
		/* "Q" ends s_server, which sends no close_notify then. */
		ATF_REQUIRE_EQ(2, write(tool.in, "Q\n", 2));
		blocking_run(&b, 0, TIMEOUT_MS);
		CHECK_INT(versions[i].name, -ECONNABORTED,
			  keel_conn_err(b.conn)->err);
		CHECK_INT(versions[i].name, true, (b.events & EV(FAILED)) != 0);
		tool_stop(&tool);
		keel_conn_free(b.conn);
		keel_ctx_unref(ctx);
		bytes_fini(&got);
	}
}

CASE(blocking__wrong_name, "A certificate for another name is refused, and "
			   "the server is told")
{
	struct keel_ctx *ctx;
	struct blocking b = {.fd = -1};
	char buf[65536];
	struct tool tool;

	need_openssl();
	make_pki();
	ctx = pipe_ctx(KEEL_CLIENT, &pipe_rows[2], trust);
	tool_start(&tool, (const char *[]){"openssl", "s_server", "-accept",
					   "127.0.0.1:0", "-cert", "cert.pem",
					   "-key", "key.pem", NULL});
	b.fd = connect_local(server_port(&tool));
	b.conn = conn_new(ctx, "other.example");
	blocking_run(&b, 0, TIMEOUT_MS);
	ATF_CHECK_EQ(-EKEYREJECTED, keel_conn_err(b.conn)->err);
	ATF_CHECK_EQ(EV(FAILED), b.events);
	ATF_CHECK_EQ(-1, b.fd);
	tool_expect(&tool, buf, sizeof(buf), "alert");
	tool_stop(&tool);
	keel_conn_free(b.conn);
	keel_ctx_unref(ctx);
}

CASE(example__client, "The example program fetches a page from openssl "
		      "s_server, and refuses one it cannot verify")
{
	const char *builddir = getenv("KEEL_BUILDDIR");
	char program[4096];
	char command[8192];
	struct tool tool;
	unsigned int port;

	ATF_REQUIRE_MSG(builddir, "KEEL_BUILDDIR is not set: run make check");
	need_openssl();
	make_pki();
	snprintf(program, sizeof(program), "%s/examples/client", builddir);
	tool_start(&tool,
		   (const char *[]){"openssl", "s_server", "-www", "-accept",
				    "127.0.0.1:0", "-cert", "cert.pem", "-key",
				    "key.pem", NULL});
	port = server_port(&tool);
	snprintf(command, sizeof(command),
		 "%s 127.0.0.1 %u ca.pem >out && grep -q 'HTTP/1.0 200' out",
		 program, port);
	ATF_CHECK_EQ(0, system(command));
	snprintf(command, sizeof(command),
		 "%s 127.0.0.1 %u 2>err; test $? -eq 1 && grep -q refused err",
		 program, port);
	ATF_CHECK_EQ(0, system(command));
	tool_stop(&tool);
}

ATF_TP_ADD_TCS(tp)
{
	/* A tool that ends early must not end the test with it. */
	signal(SIGPIPE, SIG_IGN);
	ATF_TP_ADD_TC(tp, blocking__echo);
	ATF_TP_ADD_TC(tp, blocking__echo_rekeying);
	ATF_TP_ADD_TC(tp, blocking__openssl_client);
	ATF_TP_ADD_TC(tp, blocking__openssl_server);
	ATF_TP_ADD_TC(tp, blocking__wrong_name);
	ATF_TP_ADD_TC(tp, example__client);
	return atf_no_error();
}
