/* SPDX-License-Identifier: MIT */
/* The backends that tests of every backend run over. */
#include "tests/backends/rows.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <atf-c.h>

#include <keel/registry.h>

#include "config.h"
#include "lib/base/base-private.h"

/* To test another backend, add its line; one that is no module has no file. */
static const struct {
	const char *name;
	const char *file;
} rows[] = {
	{"openssl", NULL},
#ifdef KEEL_WITH_GNUTLS
	{"gnutls", "keel-gnutls.so"},
#endif
};

static void load(const char *file)
{
	const char *build = getenv("KEEL_BUILDDIR");
	struct keel_diag diag = {.text = ""};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/.libs/%s", build ? build : ".", file);
	ATF_REQUIRE_MSG(
		!keel_registry_load(keel_registry_default(), path, &diag), "%s",
		diag.text);
}

/* References are kept: a case is a process. */
const struct keel_backend *backend_row(size_t i)
{
	static struct keel_backend_ref *refs[KEEL__ARRAY_LEN(rows)];
	struct keel_diag diag = {.text = ""};

	if (i >= KEEL__ARRAY_LEN(rows))
		return NULL;
	if (!refs[i]) {
		if (rows[i].file)
			load(rows[i].file);
		ATF_REQUIRE_MSG(!keel_registry_find(NULL, rows[i].name, 0,
						    &diag, &refs[i]),
				"%s", diag.text);
	}
	return keel_backend_ref_get(refs[i]);
}
