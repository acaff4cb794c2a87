/* SPDX-License-Identifier: MIT */
/* What the kernel's io_uring can do for TLS: tried on a socket. */
#include "uring/uring-private.h"

#include <arpa/inet.h>
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <unistd.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* SOCKET_URING_OP_SETSOCKOPT, which liburing 2.3 has no name for. */
#define CMD_SETSOCKOPT 3

/* Attaching, then keys. */
#define NR_STEPS 2

/*
 * setsockopt(2) as a command to a socket, include/uapi/linux/io_uring.h: level
 * and name share the place of addr, the length that of file_index, the value
 * that of addr3.
 */
static void prep_set(struct io_uring_sqe *sqe, int fd, int level, int name,
		     const void *value, unsigned int len)
{
	const uint32_t option[] = {(uint32_t)level, (uint32_t)name};

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	memcpy(&sqe->addr, option, sizeof(option));
	sqe->cmd_op = CMD_SETSOCKOPT;
	sqe->file_index = len;
	sqe->addr3 = (uintptr_t)value;
	sqe->flags |= IOSQE_FIXED_FILE;
}

/* Connected to itself, so nobody else can be on it. */
static int open_self(void)
{
	struct sockaddr_in self = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(self);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (struct sockaddr *)&self, len) &&
	    !getsockname(fd, (struct sockaddr *)&self, &len) &&
	    !connect(fd, (struct sockaddr *)&self, len))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* One after the other, as an application would: the second only if it may. */
static void ask(struct io_uring *ring)
{
	static const struct tls12_crypto_info_aes_gcm_128 keys = {
		.info = {.version = TLS_1_3_VERSION,
			 .cipher_type = TLS_CIPHER_AES_GCM_128},
	};
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	prep_set(sqe, 0, IPPROTO_TCP, TCP_ULP, "tls", 3);
	sqe->flags |= IOSQE_IO_LINK;
	prep_set(io_uring_get_sqe(ring), 0, SOL_TLS, TLS_TX, &keys,
		 sizeof(keys));
}

/* The first refusal counts; what follows it is cancelled. */
static int take_answers(struct io_uring *ring, int *ret_fact)
{
	int fact = 0;

	for (int i = 0; i < NR_STEPS; i++) {
		struct io_uring_cqe *cqe;
		int err;

		do
			err = io_uring_wait_cqe(ring, &cqe);
		while (err == -EINTR);
		if (err)
			return err;
		if (!fact)
			fact = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
	*ret_fact = fact;
	return 0;
}

/* On a direct descriptor: who can do without an ordinary one has no other. */
static int try_socket(struct io_uring *ring, int fd, int *ret_fact)
{
	int err = io_uring_register_files(ring, &fd, 1);

	if (err)
		return err;
	ask(ring);
	err = io_uring_submit(ring);
	return err < 0 ? err : take_answers(ring, ret_fact);
}

static int try_ring(int *ret_fact)
{
	struct io_uring ring;
	int err = io_uring_queue_init(NR_STEPS, &ring, 0);
	int fd;

	/* A fact like any other. */
	if (err == -ENOSYS || err == -EPERM || err == -EACCES) {
		*ret_fact = err;
		return 0;
	}
	if (err)
		return err;
	fd = open_self();
	err = fd < 0 ? fd : try_socket(&ring, fd, ret_fact);
	io_uring_queue_exit(&ring);
	if (fd >= 0)
		close(fd);
	return err;
}

static const char *why(int err)
{
	switch (-err) {
	case 0:
		return "";
	case ENOENT:
		return "it needs ulp";
	case EINVAL:
	case EOPNOTSUPP:
		return "this kernel's io_uring sets no options of sockets: "
		       "keys are set by setsockopt(2), as the loop of "
		       "libkeel-uring does, on ordinary descriptors; newer "
		       "ones do";
	case ENOSYS:
		return "no io_uring in this kernel or container";
	case EPERM:
	case EACCES:
		return "io_uring is forbidden to this process: by the sysctl "
		       "kernel.io_uring_disabled, or by a security policy";
	default:
		return strerrordesc_np(-err);
	}
}

int keel__ring_tell(int fact,
		    int (*fn)(const struct keel_feature *feature, void *arg),
		    void *arg)
{
	const struct keel_feature feature = {
		.name = "ring",
		.use = "",
		.text = "keys can be set through io_uring, on direct "
			"descriptors too",
		.err = fact,
		.why = why(fact),
	};

	return fn(&feature, arg);
}

int keel_loop_probe(int (*fn)(const struct keel_feature *feature, void *arg),
		    void *arg)
{
	int fact;
	int err;

	if (!fn)
		return -EINVAL;
	err = try_ring(&fact);
	return err ? err : keel__ring_tell(fact, fn, arg);
}
