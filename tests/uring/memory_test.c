/* SPDX-License-Identifier: MIT */
/* Where streams and what they send live: slabs and send buffers. */
#include "uring/uring-private.h"

#include "tests/support/case.h"
#include "tests/support/check.h"

#define NR_OBJS 1000
#define OBJ_LEN 112

static void count(void *obj, void *arg)
{
	unsigned int *nr = arg;

	*nr += *(unsigned char *)obj == 0x5a;
}

/* Objects of one slab, and what they hold. */
struct objs {
	struct keel__slab *slab;
	struct keel__chunk *chunks[NR_OBJS];
	unsigned char *objs[NR_OBJS];
	unsigned int nr;
};

static void get(struct objs *o, unsigned int i)
{
	size_t k;

	o->objs[i] = keel__slab_get(o->slab, &o->chunks[i]);
	ATF_REQUIRE(o->objs[i] != NULL);
	for (k = 0; k < OBJ_LEN; k++)
		ATF_REQUIRE_EQ(0, o->objs[i][k]);
	memset(o->objs[i], 0x5a, OBJ_LEN);
	o->nr++;
}

static void put(struct objs *o, unsigned int i)
{
	keel__slab_put(o->chunks[i], o->objs[i]);
	o->objs[i] = NULL;
	o->nr--;
}

CASE(slab__random_order, "objects come zeroed, whole and each only once")
{
	static struct objs o;
	uint32_t state = 7;
	unsigned int i, n, seen;

	ATF_REQUIRE_EQ(0, keel__slab_new(OBJ_LEN, 0, &o.slab));
	for (i = 0; i < 20000; i++) {
		state = state * 1664525 + 1013904223;
		n = (state >> 8) % NR_OBJS;
		if (o.objs[n])
			put(&o, n);
		else
			get(&o, n);
		if (i % 1000)
			continue;
		seen = 0;
		keel__slab_each(o.slab, count, &seen);
		CHECK_INT("in use", o.nr, seen);
	}
	for (i = 0; i < NR_OBJS; i++)
		if (o.objs[i])
			put(&o, i);
	CHECK_INT("chunks kept", 1, o.slab->nr_empty);
	keel__slab_free(o.slab);
}

static const struct {
	const char *name;
	size_t len;
	size_t cap;
} buffers[] = {
	{"nothing", 0, 4096},
	{"a page", 4096, 4096},
	{"more than a page", 4097, KEEL__TX_RECORD + KEEL__TX_SLACK},
	{"16 records", 16 * KEEL__TX_RECORD,
	 16 * KEEL__TX_RECORD + KEEL__TX_SLACK},
	{"64 records", 64 * KEEL__TX_RECORD,
	 64 * KEEL__TX_RECORD + KEEL__TX_SLACK},
};

CASE(txpool__sizes, "a buffer has what was asked for, and is used again")
{
	struct keel__txpool pool;
	struct keel__txbuf *buf, *again;
	size_t i;

	keel__txpool_init(&pool);
	for (i = 0; i < KEEL__ARRAY_LEN(buffers); i++) {
		buf = keel__txpool_get(&pool, buffers[i].len);
		ATF_REQUIRE(buf != NULL);
		CHECK_INT(buffers[i].name, buffers[i].cap, buf->cap);
		CHECK_INT(buffers[i].name, buf->cap, pool.used);
		keel__txpool_put(&pool, buf, 0);
		again = keel__txpool_get(&pool, buffers[i].len);
		ATF_CHECK_MSG(buf == again, "%s: not the same",
			      buffers[i].name);
		keel__txpool_put(&pool, again, 0);
	}
	ATF_CHECK(!keel__txpool_get(&pool, 65 * KEEL__TX_RECORD));
	CHECK_INT("used", 0, pool.used);
	keel__txpool_fini(&pool);
}

CASE(txpool__clears_plaintext, "what was not sealed is not left in memory")
{
	static const char text[] = "a secret that was never sent";
	struct keel__txpool pool;
	struct keel__txbuf *buf;

	keel__txpool_init(&pool);
	buf = keel__txpool_get(&pool, 100);
	ATF_REQUIRE(buf != NULL);
	buf->tail = 10;
	memcpy(buf->data + 15, text, sizeof(text));
	buf->open_len = sizeof(text);
	keel__txpool_put(&pool, buf, 15 + sizeof(text));
	ATF_CHECK(!memmem(buf->data, buf->cap, "secret", 6));
	keel__txpool_fini(&pool);
}

CASE(txpool__trim, "buffers that nobody needed between two looks are freed")
{
	struct keel__txpool pool;
	struct keel__txbuf *bufs[10];
	unsigned int i;

	keel__txpool_init(&pool);
	for (i = 0; i < 10; i++)
		bufs[i] = keel__txpool_get(&pool, 100);
	for (i = 0; i < 10; i++)
		keel__txpool_put(&pool, bufs[i], 0);
	/* All were in use since the last look. */
	CHECK_INT("first look", 10 * 4096, keel__txpool_trim(&pool));
	bufs[0] = keel__txpool_get(&pool, 100);
	keel__txpool_put(&pool, bufs[0], 0);
	CHECK_INT("one was needed", 4096, keel__txpool_trim(&pool));
	CHECK_INT("none was", 0, keel__txpool_trim(&pool));
	keel__txpool_fini(&pool);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, slab__random_order);
	ATF_TP_ADD_TC(tp, txpool__sizes);
	ATF_TP_ADD_TC(tp, txpool__clears_plaintext);
	ATF_TP_ADD_TC(tp, txpool__trim);
	return atf_no_error();
}
