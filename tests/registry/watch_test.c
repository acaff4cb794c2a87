/* SPDX-License-Identifier: MIT */
/* Who is told of changes, and what the program prefers. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <keel/registry.h>

#include "lib/registry/registry-private.h"
#include "tests/registry/module_files.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

static char dir[PATH_MAX];
static char path[PATH_MAX + 32];

static const char *const change_names[] = {
	[KEEL_REGISTRY_ADDED] = "added",
	[KEEL_REGISTRY_REMOVED] = "removed",
	[KEEL_REGISTRY_REPLACED] = "replaced",
	[KEEL_REGISTRY_MOVED] = "moved",
	[KEEL_REGISTRY_FOUND] = "found",
	[KEEL_REGISTRY_REFUSED] = "refused",
};

struct log {
	char text[1024];
	struct keel_registry *registry;
	struct keel_registry_watch *watch;
	uint64_t generation;
	int nr_calls;
	int nr_wanted; /* end after that many; 0: never */
};

static void note(const struct keel_registry_event *event, void *arg)
{
	struct log *log = arg;
	size_t len = strlen(log->text);

	log->nr_calls++;
	CHECK_INT(event->name, sizeof(*event), event->sz);
	CHECK_INT(event->name, ++log->generation, event->generation);
	CHECK_INT(event->name, event->generation,
		  keel_registry_generation(log->registry));
	snprintf(log->text + len, sizeof(log->text) - len, "%s %s%s\n",
		 change_names[event->change], event->name,
		 event->path ? " (file)" : "");
	if (log->nr_calls == log->nr_wanted)
		log->watch = keel_registry_unwatch(log->watch);
}

static struct keel_registry *watched(struct log *log)
{
	struct keel_registry *registry;

	unsetenv("KEEL_BACKEND");
	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	log->registry = registry;
	REQUIRE_INT("watch", 0,
		    keel_registry_watch(registry, note, log, &log->watch));
	return registry;
}

static struct keel_backend row_named(const char *name, int priority)
{
	struct keel_backend row = keel__backend_null;

	row.name = name;
	row.priority = priority;
	row.caps &= ~KEEL_CAP_INSECURE;
	return row;
}

static void make_file(void)
{
	snprintf(dir, sizeof(dir), "%.4000s", new_module_dir());
	snprintf(path, sizeof(path), "%s/keel-good.so", dir);
	copy_module("good", path);
}

static void check_chosen(struct keel_registry *registry, const char *want)
{
	struct keel_backend_ref *ref;

	REQUIRE_INT(want, 0, keel_registry_find(registry, NULL, 0, NULL, &ref));
	ATF_CHECK_STREQ(want, keel_backend_ref_get(ref)->name);
	keel_backend_ref_unref(ref);
}

CASE(watch__tells_every_change,
     "Each change is told once, in order, with its number")
{
	struct log log = {.nr_calls = 0};
	struct keel_registry *registry = watched(&log);
	struct keel_backend row = row_named("row", 0);
	struct keel_backend_ref *ref;

	make_file();
	REQUIRE_INT("add", 0, keel_registry_add(registry, &row));
	REQUIRE_INT("taken", -EEXIST, keel_registry_add(registry, &row));
	REQUIRE_INT("scan", 0, keel_registry_scan(registry, dir));
	REQUIRE_INT("find", 0,
		    keel_registry_find(registry, "good", 0, NULL, &ref));
	keel_backend_ref_unref(ref);
	replace_module("newer", path);
	REQUIRE_INT("reload", 0, keel_registry_reload(registry, "good", NULL));
	REQUIRE_INT("prefer", 0,
		    keel_registry_set_priority(registry, "good", 7));
	REQUIRE_INT("remove", 0, keel_registry_remove(registry, "good"));
	replace_module("abi", path);
	REQUIRE_INT("refused", -EPROTONOSUPPORT,
		    keel_registry_load(registry, path, NULL));
	REQUIRE_INT("remove", 0, keel_registry_remove(registry, "good"));
	ATF_CHECK_STREQ("added row\n"
			"found good (file)\n"
			"added good (file)\n"
			"replaced good (file)\n"
			"moved good (file)\n"
			"removed good (file)\n"
			"refused good (file)\n"
			"removed good (file)\n",
			log.text);
	ATF_CHECK(!keel_registry_unwatch(log.watch));
	REQUIRE_INT("remove", 0, keel_registry_remove(registry, "row"));
	CHECK_INT("told", 8, log.nr_calls);
	CHECK_INT("changes", 9, keel_registry_generation(registry));
	keel_registry_free(registry);
}

CASE(watch__ends_within_its_function,
     "A function may end its own watch while it is told, others go on")
{
	struct log log = {.nr_wanted = 2};
	struct keel_registry *registry = watched(&log);
	struct log other = {.registry = registry};
	struct keel_backend row = row_named("row", 0);

	REQUIRE_INT("watch", 0,
		    keel_registry_watch(registry, note, &other, &other.watch));
	for (int i = 0; i < 2; i++) {
		REQUIRE_INT("add", 0, keel_registry_add(registry, &row));
		REQUIRE_INT("remove", 0, keel_registry_remove(registry, "row"));
	}
	CHECK_INT("ended", 2, log.nr_calls);
	CHECK_INT("went on", 4, other.nr_calls);
	/* The other one ends with the registry. */
	keel_registry_free(registry);
	ATF_CHECK(!keel_registry_unwatch(NULL));
}

static int count(const struct keel_backend_info *info, void *arg)
{
	int *nr = arg;

	(*nr)++;
	ATF_CHECK(info->usable || strstr(info->why, "not loaded yet"));
	return 0;
}

static void try_all(const struct keel_registry_event *event, void *arg)
{
	struct keel_registry *registry = arg;
	struct keel_registry_watch *watch;
	struct keel_backend row = row_named("another", 0);
	struct keel_backend_ref *ref;
	struct keel_diag diag;
	int nr = 0;

	if (event->change != KEEL_REGISTRY_FOUND)
		return;
	CHECK_INT("add", -EDEADLK, keel_registry_add(registry, &row));
	CHECK_INT("remove", -EDEADLK, keel_registry_remove(registry, "row"));
	CHECK_INT("load", -EDEADLK, keel_registry_load(registry, path, &diag));
	CHECK_INT("load", -EDEADLK, diag.err.err);
	CHECK_INT("reload", -EDEADLK,
		  keel_registry_reload(registry, "good", NULL));
	CHECK_INT("scan", -EDEADLK, keel_registry_scan(registry, dir));
	CHECK_INT("priority", -EDEADLK,
		  keel_registry_set_priority(registry, "row", 1));
	CHECK_INT("watch", -EDEADLK,
		  keel_registry_watch(registry, try_all, NULL, &watch));
	CHECK_INT("find a file", -EDEADLK,
		  keel_registry_find(registry, "good", 0, &diag, &ref));
	ATF_CHECK(strstr(diag.text, "while told of a change"));
	check_chosen(registry, "row");
	CHECK_INT("list", 0, keel_registry_list(registry, count, &nr));
	CHECK_INT("entries", 2, nr);
}

CASE(watch__lets_look_but_not_change,
     "A function that is told may look up and list; a change is refused, and "
     "does not hang")
{
	struct keel_backend row = row_named("row", 0);
	struct keel_registry_watch *watch;
	struct keel_registry *registry;

	unsetenv("KEEL_BACKEND");
	make_file();
	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	REQUIRE_INT("add", 0, keel_registry_add(registry, &row));
	REQUIRE_INT("watch", 0,
		    keel_registry_watch(registry, try_all, registry, &watch));
	CHECK_INT("scan", 0, keel_registry_scan(registry, dir));
	keel_registry_unwatch(watch);
	keel_registry_free(registry);
}

CASE(watch__wants_arguments, "Without a function or a place: -EINVAL")
{
	struct keel_registry_watch *watch;
	struct keel_registry *registry;

	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	CHECK_INT("no function", -EINVAL,
		  keel_registry_watch(registry, NULL, NULL, &watch));
	CHECK_INT("no place", -EINVAL,
		  keel_registry_watch(registry, note, NULL, NULL));
	keel_registry_free(registry);
}

CASE(priority__is_the_programs,
     "A priority that is set counts instead of the row's, also for a file that "
     "would come last")
{
	struct keel_backend one = row_named("one", 1);
	struct keel_backend two = row_named("two", 2);
	struct keel_registry *registry;

	unsetenv("KEEL_BACKEND");
	make_file();
	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	REQUIRE_INT("one", 0, keel_registry_add(registry, &one));
	REQUIRE_INT("two", 0, keel_registry_add(registry, &two));
	REQUIRE_INT("scan", 0, keel_registry_scan(registry, dir));
	check_chosen(registry, "two");
	CHECK_INT("up", 0, keel_registry_set_priority(registry, "one", 3));
	check_chosen(registry, "one");
	CHECK_INT("file", 0, keel_registry_set_priority(registry, "good", 3));
	check_chosen(registry, "one");
	CHECK_INT("file", 0, keel_registry_set_priority(registry, "good", 4));
	check_chosen(registry, "good");
	replace_module("newer", path);
	CHECK_INT("reload", 0, keel_registry_reload(registry, "good", NULL));
	CHECK_INT("down", 0, keel_registry_set_priority(registry, "good", -9));
	check_chosen(registry, "one");
	keel_registry_free(registry);
}

CASE(priority__stays_with_a_reload, "A reload keeps the priority that was set")
{
	struct keel_backend one = row_named("one", 1);
	struct keel_registry *registry;

	unsetenv("KEEL_BACKEND");
	make_file();
	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	REQUIRE_INT("one", 0, keel_registry_add(registry, &one));
	REQUIRE_INT("load", 0, keel_registry_load(registry, path, NULL));
	check_chosen(registry, "good");
	CHECK_INT("down", 0, keel_registry_set_priority(registry, "good", 0));
	check_chosen(registry, "one");
	replace_module("newer", path);
	CHECK_INT("reload", 0, keel_registry_reload(registry, "good", NULL));
	check_chosen(registry, "one");
	keel_registry_free(registry);
}

CASE(priority__needs_a_backend, "Unknown names and refused files are errors")
{
	struct keel_registry *registry;

	make_file();
	copy_module("abi", path);
	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	CHECK_INT("unknown", -ENOENT,
		  keel_registry_set_priority(registry, "good", 0));
	REQUIRE_INT("scan", 0, keel_registry_scan(registry, dir));
	CHECK_INT("refused", -EPROTONOSUPPORT,
		  keel_registry_set_priority(registry, "good", 0));
	CHECK_INT("no name", -EINVAL,
		  keel_registry_set_priority(registry, NULL, 0));
	CHECK_INT("no registry", -EINVAL,
		  keel_registry_set_priority(NULL, "good", 0));
	keel_registry_free(registry);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, watch__tells_every_change);
	ATF_TP_ADD_TC(tp, watch__ends_within_its_function);
	ATF_TP_ADD_TC(tp, watch__lets_look_but_not_change);
	ATF_TP_ADD_TC(tp, watch__wants_arguments);
	ATF_TP_ADD_TC(tp, priority__is_the_programs);
	ATF_TP_ADD_TC(tp, priority__stays_with_a_reload);
	ATF_TP_ADD_TC(tp, priority__needs_a_backend);
	return atf_no_error();
}
