/* SPDX-License-Identifier: MIT */
/* Send messages through a command, which is to give each of them back. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/interop/message.h"

static const char usage_text[] =
	"usage: through [-l LINE] SECONDS SIZES COMMAND...\n"
	"\n"
	"COMMAND gets a message of each size in its standard input, the next one\n"
	"when it has written the last one to its standard output. Its status is\n"
	"then to be 0. SIZES are numbers with commas between them. LINE goes ahead\n"
	"of each message and does not come back.\n";

/* The command, and how far the message is. */
struct through {
	pid_t pid;
	int in;
	int out;
	size_t idx;
	uint64_t total;
	uint64_t sent;
	uint64_t got;
	const char *line; /* ahead of each, or NULL */
};

static volatile pid_t command_pid;

/* The command must not outlive this program, whatever it waits for. */
static void give_up(int sig)
{
	static const char text[] = "through: the time is up\n";

	(void)sig;
	if (command_pid > 0)
		kill(command_pid, SIGKILL);
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(3);
	_exit(2);
}

static void start(struct through *t, char **command)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		err(2, "pipe");
	t->pid = fork();
	if (t->pid < 0)
		err(2, "fork");
	if (!t->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execvp(command[0], command);
		err(127, "%s", command[0]);
	}
	command_pid = t->pid;
	close(in[0]);
	close(out[1]);
	t->in = in[1];
	t->out = out[0];
	if (fcntl(t->in, F_SETFL, O_NONBLOCK))
		err(2, "fcntl");
}

static __attribute__((noreturn)) void fail(struct through *t, const char *what,
					   uint64_t at)
{
	kill(t->pid, SIGKILL);
	errx(1, "message %zu of %llu bytes: %s at %llu, %llu were sent", t->idx,
	     (unsigned long long)t->total, what, (unsigned long long)at,
	     (unsigned long long)t->sent);
}

static void send_some(struct through *t)
{
	uint8_t buf[16384];
	uint64_t left = t->total - t->sent;
	size_t len = left < sizeof(buf) ? (size_t)left : sizeof(buf);
	ssize_t n;

	message_fill(t->idx, t->total, t->sent, buf, len);
	n = write(t->in, buf, len);
	if (n > 0)
		t->sent += (uint64_t)n;
	else if (errno != EAGAIN)
		fail(t, "no more is taken", t->sent);
}

static void read_some(struct through *t)
{
	uint8_t buf[65536];
	ssize_t n = read(t->out, buf, sizeof(buf));
	size_t good;

	if (n <= 0)
		fail(t, "the answer ends", t->got);
	if ((uint64_t)n > t->sent - t->got)
		fail(t, "more comes than was sent", t->got + (uint64_t)n);
	good = message_check(t->idx, t->total, t->got, buf, (size_t)n);
	t->got += good;
	if (good < (size_t)n)
		fail(t, "the answer differs", t->got);
}

static void round_trip(struct through *t, size_t idx, uint64_t total)
{
	if (t->line && dprintf(t->in, "%s\n", t->line) < 0)
		err(2, "write");
	t->idx = idx;
	t->total = total;
	t->sent = 0;
	t->got = 0;
	while (t->got < total) {
		struct pollfd fds[] = {
			{.fd = t->out, .events = POLLIN},
			{.fd = t->sent < total ? t->in : -1, .events = POLLOUT},
		};

		if (poll(fds, 2, -1) < 0)
			err(2, "poll");
		if (fds[0].revents)
			read_some(t);
		if (fds[1].revents)
			send_some(t);
	}
}

/* Its end must come by itself, with nothing behind the last message. */
static void finish(struct through *t)
{
	int status;
	char byte;

	close(t->in);
	if (read(t->out, &byte, 1) != 0)
		fail(t, "there is more", t->got);
	if (waitpid(t->pid, &status, 0) != t->pid)
		err(2, "waitpid");
	if (!WIFEXITED(status))
		errx(1, "the command ended with signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		errx(1, "the command's status is %d", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	struct through t = {.pid = 0};
	struct sizes sizes;

	if (argc > 2 && !strcmp(argv[1], "-l")) {
		t.line = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc < 4 || atoi(argv[1]) <= 0 || !sizes_parse(argv[2], &sizes)) {
		fputs(usage_text, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, give_up);
	alarm((unsigned int)atoi(argv[1]));
	start(&t, argv + 3);
	for (size_t i = 0; i < sizes.nr; i++)
		round_trip(&t, i, sizes.len[i]);
	finish(&t);
	return 0;
}
