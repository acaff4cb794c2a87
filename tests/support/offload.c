/* SPDX-License-Identifier: MIT */
/* What this machine's kernel can do for TLS, as tests ask for it. */
#include "tests/support/offload.h"

#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include <keel/offload.h>

struct question {
	const char *name;
	const char *use;
	const char *why; /* not, if it is not */
	bool has;
};

static int look(const struct keel_feature *feature, void *arg)
{
	struct question *question = arg;

	/* All that is told without it: the reason for all. */
	if (!strcmp(feature->name, "ulp"))
		question->why = feature->why;
	if (strcmp(feature->name, question->name) ||
	    strcmp(feature->use, question->use))
		return 0;
	question->has = !feature->err;
	question->why = feature->why;
	return 1;
}

static void ask(struct question *question)
{
	if (keel_offload_probe(look, question) < 0)
		abort();
}

bool offload_has(const char *name, const char *use)
{
	struct question question = {.name = name, .use = use};

	ask(&question);
	return question.has;
}

void offload_need(const char *name, const char *use)
{
	struct question question = {.name = name, .use = use};

	ask(&question);
	if (!question.has)
		atf_tc_skip("%s %s: %s", name, use, question.why);
}
