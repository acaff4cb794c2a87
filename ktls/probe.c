/* SPDX-License-Identifier: MIT */
/* What the kernel's TLS can do here: acts on pairs of loopback sockets. */
#include "ktls/probe-private.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "ktls/uapi-private.h"

/*
 * What is sent over the loopback interface has come when send(2) returns, as a
 * rule; the processor is offered to others so many times for the exceptions.
 */
#define MAX_YIELDS 1000

/* One pair with the ULP on both ends. */
struct pair {
	const struct keel__ktls_sys *sys;
	int fds[2]; /* sends, receives */
};

static int set_option(const struct pair *pair, int end, int name,
		      const void *value, size_t len)
{
	return pair->sys->set(pair->sys->arg, pair->fds[end], SOL_TLS, name,
			      value, len);
}

/* Made-up keys do: no other than we ever gets to read this. */
static int set_keys(const struct pair *pair, unsigned int dir, uint16_t version,
		    const struct keel__ktls_cipher *cipher)
{
	static const uint8_t zeros[KEEL_MAX_KEY_LEN];
	const struct keel__ktls_keys keys = {
		.cipher = cipher,
		.version = version,
		.dir = (uint8_t)dir,
		.key = zeros,
		.iv = zeros,
	};

	return keel__ktls_set_keys(pair->sys, pair->fds[dir == KEEL_RX], &keys);
}

/* The cipher that every kernel with TLS has. */
static int set_usual_keys(const struct pair *pair, unsigned int dir)
{
	return set_keys(pair, dir, KEEL_TLS1_3, &keel__ktls_ciphers[0]);
}

static int try_ulp(const struct pair *pair)
{
	(void)pair;
	return 0;
}

static int try_rekey(const struct pair *pair)
{
	int err = 0;

	for (int i = 0; i < 2 && !err; i++) {
		err = set_usual_keys(pair, KEEL_TX);
		if (!err)
			err = set_usual_keys(pair, KEEL_RX);
	}
	return err;
}

static ssize_t send_some(const struct pair *pair, const void *data, size_t len,
			 int flags)
{
	ssize_t n =
		pair->sys->send(pair->sys->arg, pair->fds[0], data, len, flags);

	return n < 0 || n == (ssize_t)len ? n : -EIO;
}

/* Is the beginning of a record nothing to read yet? */
static int try_poll(const struct pair *pair)
{
	static const uint8_t begin[] = {23, 3, 3, 0, 32, 0};
	const struct keel__ktls_sys *sys = pair->sys;
	int err = set_usual_keys(pair, KEEL_RX);
	int nr = 0;

	if (!err && send_some(pair, begin, sizeof(begin), 0) < 0)
		err = -EIO;
	for (int i = 0; !err && i < MAX_YIELDS; i++) {
		nr = sys->nr_in(sys->arg, pair->fds[1]);
		if (nr < 0 || nr == (int)sizeof(begin))
			break;
		sched_yield();
	}
	if (err)
		return err;
	if (nr != (int)sizeof(begin))
		return nr < 0 ? nr : -EAGAIN;
	nr = sys->is_in(sys->arg, pair->fds[1]);
	return nr > 0 ? -EOPNOTSUPP : nr;
}

static int try_eor(const struct pair *pair)
{
	int err = set_usual_keys(pair, KEEL_TX);
	ssize_t n = err ? err : send_some(pair, "x", 1, MSG_EOR);

	return n < 0 ? (int)n : 0;
}

static int try_max_payload(const struct pair *pair)
{
	static const uint16_t len = 512;
	int err = set_usual_keys(pair, KEEL_TX);

	return err ? err
		   : set_option(pair, 0, TLS_TX_MAX_PAYLOAD_LEN, &len,
				sizeof(len));
}

static int try_zerocopy(const struct pair *pair)
{
	static const unsigned int on = 1;
	int err = set_usual_keys(pair, KEEL_TX);

	return err ? err
		   : set_option(pair, 0, TLS_TX_ZEROCOPY_RO, &on, sizeof(on));
}

static int try_no_pad(const struct pair *pair)
{
	static const unsigned int on = 1;
	int err = set_usual_keys(pair, KEEL_RX);

	return err ? err
		   : set_option(pair, 1, TLS_RX_EXPECT_NO_PAD, &on, sizeof(on));
}

static int (*const acts[KEEL__KTLS_NR_FEATURES])(const struct pair *pair) = {
	[KEEL__KTLS_ULP] = try_ulp,
	[KEEL__KTLS_UNPRIVILEGED] = try_ulp,
	[KEEL__KTLS_REKEY] = try_rekey,
	[KEEL__KTLS_POLL] = try_poll,
	[KEEL__KTLS_EOR] = try_eor,
	[KEEL__KTLS_MAX_PAYLOAD] = try_max_payload,
	[KEEL__KTLS_ZEROCOPY] = try_zerocopy,
	[KEEL__KTLS_NO_PAD] = try_no_pad,
};

static const struct {
	uint16_t version;
	unsigned int dir;
} uses[KEEL__KTLS_NR_USES] = {
	{KEEL_TLS1_2, KEEL_TX},
	{KEEL_TLS1_2, KEEL_RX},
	{KEEL_TLS1_3, KEEL_TX},
	{KEEL_TLS1_3, KEEL_RX},
};

bool keel__ktls_has_use(size_t cipher, size_t use)
{
	return uses[use].version == KEEL_TLS1_2 ||
	       keel__ktls_ciphers[cipher].in_tls13;
}

/* 0 with a pair, and in @ret_err whether it has the ULP. */
static int open_pair(struct pair *pair, int *ret_err)
{
	const struct keel__ktls_sys *sys = pair->sys;
	int err = sys->pair(sys->arg, pair->fds);

	if (err)
		return err;
	*ret_err = keel__ktls_attach(sys, pair->fds[0]);
	if (!*ret_err)
		*ret_err = keel__ktls_attach(sys, pair->fds[1]);
	return 0;
}

static void close_pair(const struct pair *pair)
{
	pair->sys->close(pair->sys->arg, pair->fds[0]);
	pair->sys->close(pair->sys->arg, pair->fds[1]);
}

static int probe_feature(struct pair *pair, size_t idx, int *ret_fact)
{
	int err = open_pair(pair, ret_fact);

	if (err)
		return err;
	if (!*ret_fact)
		*ret_fact = acts[idx](pair);
	close_pair(pair);
	return 0;
}

/*
 * As a process without CAP_NET_ADMIN has it, for whom the kernel loads no
 * module (net/ipv4/tcp_ulp.c, __tcp_ulp_find_autoload()). This comes first: what
 * one with it does next has the module loaded, and all have it then. A
 * connection has no use for the answer.
 */
static int probe_unprivileged(const struct keel__ktls_sys *sys, bool is_brief,
			      int *ret_fact)
{
	struct keel__ktls_sys bare = *sys;
	struct pair pair = {.sys = &bare};

	*ret_fact = -EOPNOTSUPP;
	if (is_brief)
		return 0;
	bare.set = sys->set_bare;
	return probe_feature(&pair, KEEL__KTLS_UNPRIVILEGED, ret_fact);
}

static int probe_cipher(struct pair *pair, size_t cipher, size_t use,
			bool is_brief, int *ret_fact)
{
	int err;

	*ret_fact = -EOPNOTSUPP;
	if (!keel__ktls_has_use(cipher, use) ||
	    (is_brief && !keel__ktls_ciphers[cipher].aead))
		return 0;
	err = open_pair(pair, ret_fact);
	if (err)
		return err;
	if (!*ret_fact)
		*ret_fact = set_keys(pair, uses[use].dir, uses[use].version,
				     &keel__ktls_ciphers[cipher]);
	close_pair(pair);
	return 0;
}

int keel__ktls_probe(const struct keel__ktls_sys *sys, bool is_brief,
		     struct keel__ktls_facts *ret_facts)
{
	struct keel__ktls_facts facts;
	struct pair pair = {.sys = sys};
	int err = probe_unprivileged(sys, is_brief,
				     &facts.features[KEEL__KTLS_UNPRIVILEGED]);

	for (size_t i = 0; i < KEEL__KTLS_NR_FEATURES && !err; i++)
		if (i != KEEL__KTLS_UNPRIVILEGED)
			err = probe_feature(&pair, i, &facts.features[i]);
	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS; i++)
		for (size_t use = 0; use < KEEL__KTLS_NR_USES && !err; use++)
			err = probe_cipher(&pair, i, use, is_brief,
					   &facts.ciphers[i][use]);
	if (!err)
		*ret_facts = facts;
	return err;
}

int keel__ktls_facts(bool is_brief, const struct keel__ktls_facts **ret_facts)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct keel__ktls_facts facts[2];
	static bool is_known[2];
	int err = 0;

	pthread_mutex_lock(&lock);
	if (!is_known[is_brief]) {
		err = keel__ktls_probe(&keel__ktls_kernel, is_brief,
				       &facts[is_brief]);
		is_known[is_brief] = !err;
	}
	pthread_mutex_unlock(&lock);
	if (!err)
		*ret_facts = &facts[is_brief];
	return err;
}
