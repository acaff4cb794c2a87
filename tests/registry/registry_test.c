/* SPDX-License-Identifier: MIT */
/* The registry: what it takes, what it finds, and what it says when not. */
#include "lib/registry/registry-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base-private.h"
#include "tests/support/alloc.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

/* What find without a name needs of a row to be taken at all. */
#define SAFE_CAPS (keel__backend_null.caps & ~KEEL_CAP_INSECURE)

/* A row that works like the null backend's but is not marked insecure. */
static struct keel_backend fake(const char *name, int priority)
{
	struct keel_backend be = keel__backend_null;

	be.name = name;
	be.priority = priority;
	be.caps = SAFE_CAPS;
	return be;
}

static struct keel_registry *new_registry(void)
{
	struct keel_registry *registry;

	unsetenv("KEEL_BACKEND");
	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	return registry;
}

/* Does a lookup give the backend of that name? */
static void check_finds(struct keel_registry *registry, const char *name,
			const char *want)
{
	struct keel_backend_ref *ref;
	struct keel_diag diag = {.text = "no diagnosis"};
	int ret = keel_registry_find(registry, name, 0, &diag, &ref);

	ATF_REQUIRE_MSG(!ret, "%s: %d, %s", want, ret, diag.text);
	ATF_CHECK_STREQ(want, keel_backend_ref_get(ref)->name);
	keel_backend_ref_unref(ref);
}

/* Does a lookup fail with that error and that sentence? */
static void check_refuses(struct keel_registry *registry, const char *name,
			  uint64_t caps, int err, const char *text)
{
	struct keel_backend_ref *ref = NULL;
	struct keel_diag diag = {.text = "no diagnosis"};

	CHECK_INT(text, err,
		  keel_registry_find(registry, name, caps, &diag, &ref));
	CHECK_INT(text, err, diag.err.err);
	ATF_CHECK(diag.err.site);
	ATF_CHECK_STREQ(text, diag.text);
	ATF_CHECK(!ref);
	CHECK_INT("no place for it", err,
		  keel_registry_find(registry, name, caps, NULL, &ref));
}

static const size_t always[] = {
	offsetof(struct keel_backend, build_version),
	offsetof(struct keel_backend, run_version),
	offsetof(struct keel_backend, ctx_new),
	offsetof(struct keel_backend, ctx_free),
	offsetof(struct keel_backend, hs_new),
	offsetof(struct keel_backend, hs_step),
	offsetof(struct keel_backend, hs_info),
	offsetof(struct keel_backend, hs_export),
	offsetof(struct keel_backend, hs_free),
	offsetof(struct keel_backend, aead_new),
	offsetof(struct keel_backend, aead_seal),
	offsetof(struct keel_backend, aead_open),
	offsetof(struct keel_backend, aead_free),
	offsetof(struct keel_backend, hkdf_expand),
	offsetof(struct keel_backend, tls12_prf),
};

static const size_t never[] = {
	offsetof(struct keel_backend, description),
	offsetof(struct keel_backend, init),
	offsetof(struct keel_backend, ctx_cert_info),
	offsetof(struct keel_backend, hs_ticket),
	offsetof(struct keel_backend, hs_session),
	offsetof(struct keel_backend, self_signed),
};

CASE(add__wants_every_mandatory_slot,
     "A row with a mandatory slot empty is refused, an optional one is not")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend be;

	for (size_t i = 0; i < KEEL__ARRAY_LEN(always); i++) {
		be = fake("x", 0);
		memset((char *)&be + always[i], 0, sizeof(void *));
		ATF_CHECK_MSG(keel_registry_add(registry, &be) == -EINVAL,
			      "slot at %zu", always[i]);
	}
	for (size_t i = 0; i < KEEL__ARRAY_LEN(never); i++) {
		be = fake("x", 0);
		memset((char *)&be + never[i], 0, sizeof(void *));
		ATF_CHECK_MSG(keel_registry_add(registry, &be) == 0,
			      "slot at %zu", never[i]);
		ATF_CHECK_MSG(keel_registry_remove(registry, "x") == 0,
			      "slot at %zu", never[i]);
	}
	keel_registry_free(registry);
}

CASE(add__wants_slots_of_claimed_capabilities,
     "A capability that needs a slot makes the slot mandatory")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend be = fake("x", 0);

	be.caps |= KEEL_CAP_SELF_SIGNED;
	CHECK_INT("self-signed", -EINVAL, keel_registry_add(registry, &be));
	be = fake("x", 0);
	be.caps &= ~KEEL_CAP_TLS1_2;
	be.tls12_prf = NULL;
	CHECK_INT("TLS 1.3 only", 0, keel_registry_add(registry, &be));
	CHECK_INT("out", 0, keel_registry_remove(registry, "x"));
	be = fake("x", 0);
	be.caps &= ~KEEL_CAP_TLS1_3;
	be.hkdf_expand = NULL;
	CHECK_INT("TLS 1.2 only", 0, keel_registry_add(registry, &be));
	keel_registry_free(registry);
}

static const struct {
	const char *name;
	int want;
} names[] = {
	{NULL, -EINVAL},
	{"", -EINVAL},
	{"Upper", -EINVAL},
	{"a b", -EINVAL},
	{"a,b", -EINVAL},
	{"a\n", -EINVAL},
	{"a-name-of-32-bytes-is-one-too-lon", -EINVAL},
	{"openssl-3.0_fips", 0},
	{"a-name-of-31-bytes-is-just-fine", 0},
};

CASE(add__wants_a_name_fit_for_messages,
     "Names are short and of lower case letters, digits, '-', '_' and '.'")
{
	struct keel_registry *registry = new_registry();

	for (size_t i = 0; i < KEEL__ARRAY_LEN(names); i++) {
		struct keel_backend be = fake(names[i].name, 0);
		const char *row = names[i].name ? names[i].name : "NULL";

		CHECK_INT(row, names[i].want, keel_registry_add(registry, &be));
		if (!names[i].want)
			check_finds(registry, row, row);
		keel_registry_free(registry);
		registry = new_registry();
	}
	keel_registry_free(registry);
}

CASE(add__refuses_another_abi,
     "A row of another ABI or too small is refused; a larger one is taken")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend be = fake("x", 0);

	be.abi = KEEL_BACKEND_ABI + 1;
	CHECK_INT("abi", -EPROTONOSUPPORT, keel_registry_add(registry, &be));
	be = fake("x", 0);
	be.sz--;
	CHECK_INT("small", -EPROTONOSUPPORT, keel_registry_add(registry, &be));
	be.sz += 9;
	CHECK_INT("large", 0, keel_registry_add(registry, &be));
	CHECK_INT("no row", -EINVAL, keel_registry_add(registry, NULL));
	CHECK_INT("no registry", -EINVAL, keel_registry_add(NULL, &be));
	keel_registry_free(registry);
}

CASE(add__refuses_a_taken_name, "Two entries never have one name")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend one = fake("x", 1);
	struct keel_backend two = fake("x", 2);

	REQUIRE_INT("one", 0, keel_registry_add(registry, &one));
	CHECK_INT("two", -EEXIST, keel_registry_add(registry, &two));
	CHECK_INT("out", 0, keel_registry_remove(registry, "x"));
	CHECK_INT("two", 0, keel_registry_add(registry, &two));
	keel_registry_free(registry);
}

CASE(registry__survives_lack_of_memory,
     "Without memory each call says so, changes nothing and leaks nothing")
{
	struct keel_registry *registry = NULL;
	struct keel_backend one = fake("one", 1);
	struct keel_backend two = fake("two", 2);
	long nr_live;

	alloc_probe.nr_left = 0;
	CHECK_INT("new", -ENOMEM, keel_registry_new(&registry));
	ATF_CHECK(!registry);
	alloc_probe.nr_left = -1;
	registry = new_registry();
	REQUIRE_INT("one", 0, keel_registry_add(registry, &one));
	nr_live = alloc_probe.nr_live;
	for (long left = 0; left < 2; left++) {
		alloc_probe.nr_left = left;
		CHECK_INT("add", -ENOMEM, keel_registry_add(registry, &two));
		CHECK_INT("add", nr_live, alloc_probe.nr_live);
	}
	alloc_probe.nr_left = 0;
	CHECK_INT("remove", -ENOMEM, keel_registry_remove(registry, "one"));
	alloc_probe.nr_left = -1;
	check_finds(registry, "one", "one");
	REQUIRE_INT("two", 0, keel_registry_add(registry, &two));
	keel_registry_free(registry);
	CHECK_INT("all", 0, alloc_probe.nr_live);
}

CASE(find__prefers_the_highest_priority,
     "Without a name the best priority wins, among equals the oldest")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend rows[] = {
		fake("low", -5),
		fake("first", 9),
		fake("second", 9),
		fake("middle", 0),
	};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(rows); i++)
		REQUIRE_INT(rows[i].name, 0,
			    keel_registry_add(registry, &rows[i]));
	check_finds(registry, NULL, "first");
	check_finds(registry, "low", "low");
	REQUIRE_INT("first", 0, keel_registry_remove(registry, "first"));
	check_finds(registry, NULL, "second");
	REQUIRE_INT("second", 0, keel_registry_remove(registry, "second"));
	check_finds(registry, NULL, "middle");
	keel_registry_free(registry);
}

CASE(find__names_what_there_is,
     "An unknown name is answered with the known ones")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend one = fake("one", 1);
	struct keel_backend two = fake("two", 2);

	check_refuses(registry, "foo", 0, -ENOENT,
		      "no backend is named \"foo\"; there are: none");
	check_refuses(registry, NULL, 0, -ENOENT,
		      "no backend can be used: the registry is empty");
	REQUIRE_INT("one", 0, keel_registry_add(registry, &one));
	REQUIRE_INT("two", 0, keel_registry_add(registry, &two));
	check_refuses(registry, "foo", 0, -ENOENT,
		      "no backend is named \"foo\"; there are: two, one");
	keel_registry_free(registry);
}

CASE(find__chooses_by_capability,
     "A backend that lacks what is asked is passed over, or refused by name")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend plain = fake("plain", 9);
	struct keel_backend rich = fake("rich", 1);
	struct keel_backend_ref *ref;
	const uint64_t caps = KEEL_CAP_VERIFY | KEEL_CAP_RESUME;

	rich.caps |= caps;
	REQUIRE_INT("plain", 0, keel_registry_add(registry, &plain));
	check_refuses(registry, "plain", caps | UINT64_C(1) << 40, -ENOTSUP,
		      "backend \"plain\" lacks: verify, resume, capability 40; "
		      "backends that have all that is asked: none");
	check_refuses(registry, NULL, KEEL_CAP_VERIFY, -ENOENT,
		      "no backend can be used; plain: lacks verify");
	REQUIRE_INT("rich", 0, keel_registry_add(registry, &rich));
	check_refuses(registry, "plain", KEEL_CAP_VERIFY | KEEL_CAP_SERVER,
		      -ENOTSUP,
		      "backend \"plain\" lacks: verify; backends that have all "
		      "that is asked: rich");
	REQUIRE_INT("by capability", 0,
		    keel_registry_find(registry, NULL, caps, NULL, &ref));
	ATF_CHECK_STREQ("rich", keel_backend_ref_get(ref)->name);
	keel_backend_ref_unref(ref);
	check_finds(registry, NULL, "plain");
	keel_registry_free(registry);
}

CASE(find__takes_an_insecure_one_by_name_only,
     "KEEL_CAP_INSECURE is chosen neither by priority nor by the environment")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend toy = fake("toy", 99);
	struct keel_backend real = fake("real", 1);

	toy.caps |= KEEL_CAP_INSECURE;
	REQUIRE_INT("toy", 0, keel_registry_add(registry, &toy));
	check_refuses(registry, NULL, 0, -ENOENT,
		      "no backend can be used; toy: no security: for tests, "
		      "chosen by name only");
	check_refuses(registry, NULL, KEEL_CAP_INSECURE, -ENOENT,
		      "no backend can be used; toy: no security: for tests, "
		      "chosen by name only");
	check_finds(registry, "toy", "toy");
	REQUIRE_INT("real", 0, keel_registry_add(registry, &real));
	check_finds(registry, NULL, "real");
	setenv("KEEL_BACKEND", "toy", 1);
	check_refuses(registry, NULL, 0, -ENOTSUP,
		      "KEEL_BACKEND: backend \"toy\" has no security and is "
		      "chosen by the program only; unset it or choose of: "
		      "real");
	check_finds(registry, "toy", "toy");
	unsetenv("KEEL_BACKEND");
	keel_registry_free(registry);
}

CASE(find__follows_the_environment,
     "KEEL_BACKEND decides when no name is given, and only then")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend one = fake("one", 1);
	struct keel_backend two = fake("two", 2);

	REQUIRE_INT("one", 0, keel_registry_add(registry, &one));
	REQUIRE_INT("two", 0, keel_registry_add(registry, &two));
	setenv("KEEL_BACKEND", "one", 1);
	check_finds(registry, NULL, "one");
	check_finds(registry, "two", "two");
	check_refuses(registry, NULL, KEEL_CAP_VERIFY, -ENOTSUP,
		      "KEEL_BACKEND: backend \"one\" lacks: verify; backends "
		      "that have all that is asked: none");
	setenv("KEEL_BACKEND", "", 1);
	check_finds(registry, NULL, "two");
	setenv("KEEL_BACKEND", "foo", 1);
	check_refuses(registry, NULL, 0, -ENOENT,
		      "KEEL_BACKEND: no backend is named \"foo\"; there are: "
		      "two, one");
	unsetenv("KEEL_BACKEND");
	keel_registry_free(registry);
}

static unsigned int nr_inits;
static int init_result;
static const char *init_why;

static int fake_init(char *ret_why, size_t why_len)
{
	nr_inits++;
	if (init_result < 0)
		snprintf(ret_why, why_len, "%s", init_why);
	return init_result;
}

CASE(init__runs_once, "A backend is initialised at its first lookup, once")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend be = fake("x", 0);

	be.init = fake_init;
	init_result = 1;
	REQUIRE_INT("add", 0, keel_registry_add(registry, &be));
	CHECK_INT("added", 0, nr_inits);
	check_finds(registry, "x", "x");
	check_finds(registry, NULL, "x");
	CHECK_INT("found", 1, nr_inits);
	keel_registry_free(registry);
}

CASE(init__is_tried_again,
     "After a failed initialisation the next lookup tries again")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend be = fake("x", 0);

	be.init = fake_init;
	init_result = -ENOSYS;
	init_why = "libx.so.3 is missing; install libx3";
	REQUIRE_INT("add", 0, keel_registry_add(registry, &be));
	check_refuses(registry, "x", 0, -ENOSYS,
		      "backend \"x\" cannot be used: libx.so.3 is missing; "
		      "install libx3");
	CHECK_INT("tries", 2, nr_inits);
	init_why = "";
	check_refuses(registry, "x", 0, -ENOSYS,
		      "backend \"x\" cannot be used: it does not start, and "
		      "does not say why");
	init_result = 0;
	check_finds(registry, "x", "x");
	check_finds(registry, "x", "x");
	CHECK_INT("tries", 5, nr_inits);
	keel_registry_free(registry);
}

CASE(find__passes_over_what_does_not_start,
     "A backend that fails to start is passed over, and named if all do")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend bad = fake("bad", 9);
	struct keel_backend good = fake("good", 1);

	bad.init = fake_init;
	init_result = -EIO;
	init_why = "out of order";
	REQUIRE_INT("bad", 0, keel_registry_add(registry, &bad));
	check_refuses(registry, NULL, 0, -ENOENT,
		      "no backend can be used; bad: out of order");
	REQUIRE_INT("good", 0, keel_registry_add(registry, &good));
	check_finds(registry, NULL, "good");
	keel_registry_free(registry);
}

CASE(find__wants_a_place_for_the_result, "NULL for the result is refused")
{
	struct keel_registry *registry = new_registry();

	CHECK_INT("find", -EINVAL,
		  keel_registry_find(registry, "x", 0, NULL, NULL));
	CHECK_INT("new", -EINVAL, keel_registry_new(NULL));
	keel_registry_free(registry);
	ATF_CHECK(!keel_registry_free(NULL));
}

CASE(remove__leaves_references_valid,
     "Who holds a reference keeps the backend after its removal and the "
     "registry's end")
{
	struct keel_registry *registry = new_registry();
	struct keel_backend be = fake("x", 0);
	struct keel_backend_ref *ref;

	REQUIRE_INT("add", 0, keel_registry_add(registry, &be));
	REQUIRE_INT("find", 0,
		    keel_registry_find(registry, "x", 0, NULL, &ref));
	ATF_CHECK(keel_backend_ref_ref(ref) == ref);
	CHECK_INT("remove", 0, keel_registry_remove(registry, "x"));
	CHECK_INT("again", -ENOENT, keel_registry_remove(registry, "x"));
	check_refuses(registry, "x", 0, -ENOENT,
		      "no backend is named \"x\"; there are: none");
	CHECK_INT("no name", -EINVAL, keel_registry_remove(registry, NULL));
	CHECK_INT("no registry", -EINVAL, keel_registry_remove(NULL, "x"));
	ATF_CHECK(!keel_registry_free(registry));
	ATF_CHECK(keel_backend_ref_get(ref) == &be);
	ATF_CHECK(!keel_backend_ref_unref(ref));
	ATF_CHECK(keel_backend_ref_get(ref) == &be);
	CHECK_INT("still there", 1, alloc_probe.nr_live);
	ATF_CHECK(!keel_backend_ref_unref(ref));
	CHECK_INT("gone", 0, alloc_probe.nr_live);
}

CASE(ref__takes_null, "NULL is a reference to nothing")
{
	ATF_CHECK(!keel_backend_ref_ref(NULL));
	ATF_CHECK(!keel_backend_ref_unref(NULL));
	ATF_CHECK(!keel_backend_ref_get(NULL));
}

/* What keel_registry_list() said, one line an entry. */
struct listing {
	char text[1024];
	struct keel_registry *registry; /* change it meanwhile, if not NULL */
	int stop_after;
};

static int note(const struct keel_backend_info *info, void *arg)
{
	struct listing *l = arg;
	size_t len = strlen(l->text);

	ATF_CHECK(info->sz == sizeof(*info) && info->build_version);
	ATF_CHECK(info->usable == (info->run_version != NULL));
	snprintf(l->text + len, sizeof(l->text) - len, "%s %d%s%s [%s]\n",
		 info->name, info->priority, info->usable ? " usable" : "",
		 info->is_default ? " default" : "", info->why);
	if (l->registry)
		CHECK_INT(info->name, 0,
			  keel_registry_remove(l->registry, info->name));
	return --l->stop_after ? 0 : 42;
}

/* Four rows: one insecure, one that does not start, two that do. */
static struct keel_registry *mixed_registry(struct keel_backend rows[4])
{
	struct keel_registry *registry = new_registry();

	rows[0] = fake("good", 5);
	rows[1] = fake("toy", 9);
	rows[2] = fake("bad", 7);
	rows[3] = fake("other", 3);
	rows[1].caps |= KEEL_CAP_INSECURE;
	rows[2].init = fake_init;
	init_result = -EIO;
	init_why = "out of order";
	for (size_t i = 0; i < 4; i++)
		REQUIRE_INT(rows[i].name, 0,
			    keel_registry_add(registry, &rows[i]));
	return registry;
}

CASE(list__tells_all_and_why,
     "Every entry is listed, best first, with what is to say of it")
{
	struct keel_backend rows[4];
	struct keel_registry *registry = mixed_registry(rows);
	struct listing l = {.text = ""};

	CHECK_INT("list", 0, keel_registry_list(registry, note, &l));
	ATF_CHECK_STREQ("toy 9 usable [no security: for tests, chosen by name "
			"only]\n"
			"bad 7 [out of order]\n"
			"good 5 usable default []\n"
			"other 3 usable [good is preferred]\n",
			l.text);
	CHECK_INT("NULL", -EINVAL, keel_registry_list(registry, NULL, &l));
	keel_registry_free(registry);
}

static const struct {
	const char *env;
	const char *want;
} envs[] = {
	{"other", "toy 9 usable [no security: for tests, chosen by name only]\n"
		  "bad 7 [out of order]\n"
		  "good 5 usable [KEEL_BACKEND names other]\n"
		  "other 3 usable default []\n"},
	{"toy", "toy 9 usable [no security: for tests, chosen by name only]\n"
		"bad 7 [out of order]\n"
		"good 5 usable [KEEL_BACKEND names toy]\n"
		"other 3 usable [KEEL_BACKEND names toy]\n"},
};

CASE(list__knows_the_environment,
     "The default is the one KEEL_BACKEND names, or none")
{
	struct keel_backend rows[4];
	struct keel_registry *registry = mixed_registry(rows);

	for (size_t i = 0; i < KEEL__ARRAY_LEN(envs); i++) {
		struct listing l = {.text = ""};

		setenv("KEEL_BACKEND", envs[i].env, 1);
		CHECK_INT(envs[i].env, 0,
			  keel_registry_list(registry, note, &l));
		ATF_CHECK_STREQ(envs[i].want, l.text);
	}
	unsetenv("KEEL_BACKEND");
	keel_registry_free(registry);
}

CASE(list__ends_when_told, "A result that is not 0 ends the walk and is given")
{
	struct keel_backend rows[4];
	struct keel_registry *registry = mixed_registry(rows);
	struct listing l = {.stop_after = 2};

	CHECK_INT("list", 42, keel_registry_list(registry, note, &l));
	ATF_CHECK(strstr(l.text, "bad") && !strstr(l.text, "good"));
	keel_registry_free(registry);
}

CASE(list__sees_the_registry_as_it_was,
     "Entries removed during the walk are still walked, and gone afterwards")
{
	struct keel_backend rows[4];
	struct keel_registry *registry = mixed_registry(rows);
	struct listing l = {.registry = registry};

	CHECK_INT("list", 0, keel_registry_list(registry, note, &l));
	ATF_CHECK(strstr(l.text, "other"));
	l.text[0] = '\0';
	CHECK_INT("empty", 0, keel_registry_list(registry, note, &l));
	ATF_CHECK_STREQ("", l.text);
	keel_registry_free(registry);
	CHECK_INT("all", 0, alloc_probe.nr_live);
}

CASE(list__survives_lack_of_memory, "Without memory the list says so")
{
	struct keel_backend rows[4];
	struct keel_registry *registry = mixed_registry(rows);
	struct listing l = {.text = ""};

	alloc_probe.nr_left = 0;
	CHECK_INT("list", -ENOMEM, keel_registry_list(registry, note, &l));
	alloc_probe.nr_left = -1;
	ATF_CHECK_STREQ("", l.text);
	keel_registry_free(registry);
}

CASE(default__has_the_built_in_backends,
     "The process's registry has openssl, chosen, and null, by name")
{
	struct keel_registry *registry;
	struct keel_backend_ref *ref;
	struct keel_diag diag = {.text = ""};

	unsetenv("KEEL_BACKEND");
	unsetenv("KEEL_BACKEND_PATH");
	/* No memory at first: nothing is there, later everything is. */
	alloc_probe.nr_left = 0;
	registry = keel_registry_default();
	ATF_REQUIRE(registry);
	check_refuses(NULL, "null", 0, -ENOENT,
		      "no backend is named \"null\"; there are: none");
	alloc_probe.nr_left = -1;
	ATF_CHECK(keel_registry_default() == registry);
	check_finds(NULL, "null", "null");
	check_finds(registry, "openssl", "openssl");
	check_finds(NULL, NULL, "openssl");
	ATF_CHECK(!keel_registry_free(registry));
	check_finds(NULL, "null", "null");
	setenv("KEEL_BACKEND", "null", 1);
	CHECK_INT("by the environment", -ENOTSUP,
		  keel_registry_find(NULL, NULL, 0, &diag, &ref));
	/* More may be installed on this machine. */
	ATF_CHECK_MSG(strstr(diag.text, "choose of: openssl"), "%s", diag.text);
}

CASE(cap__names, "Every capability has a name, other bits have none")
{
	static const struct {
		unsigned int bit;
		const char *name;
	} caps[] = {
		{0, "server"},	    {1, "client"},    {2, "tls1.2"},
		{3, "tls1.3"},	    {4, "alpn"},      {5, "sni"},
		{6, "verify"},	    {7, "system-ca"}, {8, "resume"},
		{9, "self-signed"}, {63, "insecure"},
	};
	size_t next = 0;

	for (unsigned int bit = 0; bit < 200; bit++) {
		const char *name = keel_cap_name(bit);

		if (next < KEEL__ARRAY_LEN(caps) && caps[next].bit == bit)
			ATF_CHECK_STREQ(caps[next++].name, name ? name : "");
		else
			ATF_CHECK_MSG(!name, "bit %u: %s", bit, name);
	}
	CHECK_INT("rows looked at", KEEL__ARRAY_LEN(caps), next);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, add__wants_every_mandatory_slot);
	ATF_TP_ADD_TC(tp, add__wants_slots_of_claimed_capabilities);
	ATF_TP_ADD_TC(tp, add__wants_a_name_fit_for_messages);
	ATF_TP_ADD_TC(tp, add__refuses_another_abi);
	ATF_TP_ADD_TC(tp, add__refuses_a_taken_name);
	ATF_TP_ADD_TC(tp, registry__survives_lack_of_memory);
	ATF_TP_ADD_TC(tp, find__prefers_the_highest_priority);
	ATF_TP_ADD_TC(tp, find__names_what_there_is);
	ATF_TP_ADD_TC(tp, find__chooses_by_capability);
	ATF_TP_ADD_TC(tp, find__takes_an_insecure_one_by_name_only);
	ATF_TP_ADD_TC(tp, find__follows_the_environment);
	ATF_TP_ADD_TC(tp, find__passes_over_what_does_not_start);
	ATF_TP_ADD_TC(tp, find__wants_a_place_for_the_result);
	ATF_TP_ADD_TC(tp, init__runs_once);
	ATF_TP_ADD_TC(tp, init__is_tried_again);
	ATF_TP_ADD_TC(tp, remove__leaves_references_valid);
	ATF_TP_ADD_TC(tp, ref__takes_null);
	ATF_TP_ADD_TC(tp, list__tells_all_and_why);
	ATF_TP_ADD_TC(tp, list__knows_the_environment);
	ATF_TP_ADD_TC(tp, list__ends_when_told);
	ATF_TP_ADD_TC(tp, list__sees_the_registry_as_it_was);
	ATF_TP_ADD_TC(tp, list__survives_lack_of_memory);
	ATF_TP_ADD_TC(tp, default__has_the_built_in_backends);
	ATF_TP_ADD_TC(tp, cap__names);
	return atf_no_error();
}
