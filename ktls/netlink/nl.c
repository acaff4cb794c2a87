/* SPDX-License-Identifier: MIT */
/* One question to the kernel, and its answers: errors stay the kernel's. */
#include "ktls/netlink/nl-private.h"

#include <errno.h>
#include <netlink/errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* The kernel answers at once; this is for the day that it does not. */
#define ANSWER_SECONDS 5

/* Those libnl itself comes up with; what the kernel says goes by on_error(). */
static const struct {
	int nle;
	int err;
} errors[] = {
	{NLE_INTR, EINTR},	     {NLE_BAD_SOCK, EBADF},
	{NLE_AGAIN, ETIMEDOUT},	     {NLE_NOMEM, ENOMEM},
	{NLE_EXIST, EEXIST},	     {NLE_INVAL, EINVAL},
	{NLE_RANGE, ERANGE},	     {NLE_MSGSIZE, EMSGSIZE},
	{NLE_OPNOTSUPP, EOPNOTSUPP}, {NLE_AF_NOSUPPORT, EAFNOSUPPORT},
	{NLE_OBJ_NOTFOUND, ENOENT},  {NLE_MSG_TOOSHORT, EBADMSG},
	{NLE_MSG_TRUNC, EBADMSG},    {NLE_NOACCESS, EACCES},
	{NLE_PERM, EPERM},	     {NLE_BUSY, EBUSY},
	{NLE_NODEV, ENODEV},	     {NLE_PROTO_MISMATCH, EOPNOTSUPP},
	{NLE_NOATTR, EBADMSG},	     {NLE_MISSING_ATTR, EBADMSG},
};

/* The end of one question. */
struct answer {
	keel__nl_fn fn;
	void *arg;
	int result;
	bool is_done;
};

int keel__nl_errno(int nle)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].nle == -nle)
			return -errors[i].err;
	return nle ? -EIO : 0;
}

/*
 * No netlink of this kind: a kernel, or a container, that has none. libnl has no
 * word of its own for some of what socket(2) says, such as EMFILE.
 */
static int open_errno(int nle)
{
	int said = errno;
	int err = keel__nl_errno(nle);

	if (err == -EIO && said)
		return -said;
	return err == -EAFNOSUPPORT || err == -EINVAL ? -EOPNOTSUPP : err;
}

int keel__nl_open(int protocol, struct nl_sock **ret_sock)
{
	static const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	struct nl_sock *sock = nl_socket_alloc();
	int err;

	if (!sock)
		return -ENOMEM;
	errno = 0;
	err = nl_connect(sock, protocol);
	if (err) {
		err = open_errno(err);
		nl_socket_free(sock);
		return err;
	}
	if (setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVTIMEO, &limit,
		       sizeof(limit))) {
		err = -errno;
		nl_socket_free(sock);
		return err;
	}
	*ret_sock = sock;
	return 0;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct answer *answer = arg;

	answer->result = answer->fn(nlmsg_hdr(msg), answer->arg);
	if (!answer->result)
		return NL_OK;
	answer->is_done = true;
	return NL_STOP;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	struct answer *answer = arg;

	(void)msg;
	answer->is_done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct answer *answer = arg;

	(void)from;
	answer->result = err->error < 0 ? err->error : -EIO;
	answer->is_done = true;
	return NL_STOP;
}

/* A walk during which something changed tells the rest all the same. */
static int on_change(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

static struct nl_cb *callbacks(struct answer *answer)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);

	if (!cb)
		return NULL;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, answer);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, answer);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, answer);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_change, NULL);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, answer);
	return cb;
}

int keel__nl_ask(struct nl_sock *sock, struct nl_msg *msg, keel__nl_fn fn,
		 void *arg)
{
	struct answer answer = {.fn = fn, .arg = arg};
	struct nl_cb *cb = callbacks(&answer);
	int r;

	if (!cb)
		return -ENOMEM;
	r = nl_send_auto(sock, msg);
	while (r >= 0 && !answer.is_done)
		r = nl_recvmsgs(sock, cb);
	nl_cb_put(cb);
	/* What a callback noted says more than what libnl made of it. */
	if (answer.is_done)
		return answer.result;
	return keel__nl_errno(r);
}

int keel__nl_diag(struct keel_diag *ret_diag, int err, const char *site,
		  const char *fmt, ...)
{
	va_list ap;

	if (!ret_diag)
		return err;
	*ret_diag = (struct keel_diag){
		.err = {.err = err, .origin = KEEL_ERR_SYS, .site = site},
	};
	va_start(ap, fmt);
	(void)vsnprintf(ret_diag->text, sizeof(ret_diag->text), fmt, ap);
	va_end(ap);
	return err;
}

static const char *sentence(int err)
{
	switch (-err) {
	case EOPNOTSUPP:
		return "this kernel, or this container, has no such netlink";
	case EBADMSG:
		return "an answer of the kernel that this version of keel does "
		       "not understand";
	case ETIMEDOUT:
		return "the kernel did not answer";
	case EPERM:
	case EACCES:
		return "the kernel, or a security policy, forbids it to this "
		       "process";
	default:
		return strerrordesc_np(-err);
	}
}

int keel__nl_fail(struct keel_diag *ret_diag, int err, const char *site)
{
	const char *text = sentence(err);

	return keel__nl_diag(ret_diag, err, site, "%s: %s", site,
			     text ? text : "unknown error");
}
