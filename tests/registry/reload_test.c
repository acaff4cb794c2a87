/* SPDX-License-Identifier: MIT */
/* Backends that come from files and go at run time. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <keel/config.h>
#include <keel/registry.h>

#include "lib/registry/registry-private.h"
#include "tests/registry/module_files.h"
#include "tests/support/case.h"
#include "tests/support/check.h"

#define NR_THREADS 8
#define NR_RELOADS 200

static char dir[PATH_MAX];
static char path[PATH_MAX + 32];

/* keel-good.so in a directory of its own, and a registry without it. */
static struct keel_registry *set_up(void)
{
	struct keel_registry *registry;

	unsetenv("KEEL_BACKEND");
	unsetenv("KEEL_TEST_LOADED");
	snprintf(dir, sizeof(dir), "%.4000s", new_module_dir());
	snprintf(path, sizeof(path), "%s/keel-good.so", dir);
	copy_module("good", path);
	REQUIRE_INT("registry", 0, keel_registry_new(&registry));
	return registry;
}

static struct keel_backend_ref *find(struct keel_registry *registry,
				     const char *name, const char *version)
{
	struct keel_backend_ref *ref = NULL;
	struct keel_diag diag = {.text = "no diagnosis"};
	int ret = keel_registry_find(registry, name, 0, &diag, &ref);

	ATF_REQUIRE_MSG(!ret, "%s", diag.text);
	ATF_CHECK_STREQ(version, keel_backend_ref_get(ref)->run_version());
	return ref;
}

static void add_null(struct keel_registry *registry, struct keel_backend *row)
{
	*row = keel__backend_null;
	row->caps &= ~KEEL_CAP_INSECURE;
	REQUIRE_INT("null", 0, keel_registry_add(registry, row));
}

CASE(load__makes_a_backend, "A good file becomes a backend of its priority")
{
	struct keel_registry *registry = set_up();
	struct keel_backend_ref *ref;
	struct keel_backend row;

	add_null(registry, &row);
	REQUIRE_INT("load", 0, keel_registry_load(registry, path, NULL));
	ref = find(registry, NULL, "1");
	ATF_CHECK_STREQ("good", keel_backend_ref_get(ref)->name);
	keel_backend_ref_unref(ref);
	CHECK_INT("again", -EEXIST, keel_registry_load(registry, path, NULL));
	keel_registry_free(registry);
	CHECK_INT("free", false, is_mapped(path));
}

CASE(remove__is_at_once_and_unloads_at_the_end,
     "A module that is removed is not found any more, and unloaded when the "
     "last reference is given back")
{
	struct keel_registry *registry = set_up();
	struct keel_backend_ref *ref;
	struct keel_backend_ref *none;

	REQUIRE_INT("load", 0, keel_registry_load(registry, path, NULL));
	ref = find(registry, "good", "1");
	CHECK_INT("remove", 0, keel_registry_remove(registry, "good"));
	CHECK_INT("find", -ENOENT,
		  keel_registry_find(registry, "good", 0, NULL, &none));
	CHECK_INT("held", true, is_mapped(path));
	ATF_CHECK_STREQ("1", keel_backend_ref_get(ref)->run_version());
	keel_backend_ref_unref(ref);
	CHECK_INT("let go", false, is_mapped(path));
	CHECK_INT("ended", true, !getenv("KEEL_TEST_LOADED"));
	CHECK_INT("load", 0, keel_registry_load(registry, path, NULL));
	CHECK_INT("remove", 0, keel_registry_remove(registry, "good"));
	CHECK_INT("nobody has it", false, is_mapped(path));
	keel_registry_free(registry);
}

CASE(remove__waits_for_contexts,
     "A context keeps the module of its backend loaded; its end unloads it")
{
	struct keel_registry *registry = set_up();
	struct keel_config *config;
	struct keel_ctx *ctx;

	REQUIRE_INT("load", 0, keel_registry_load(registry, path, NULL));
	REQUIRE_INT("config", 0, keel_config_new(KEEL_CLIENT, &config));
	REQUIRE_INT("verify", 0,
		    keel_config_set_verify(config, KEEL_VERIFY_NONE));
	ATF_REQUIRE_MSG(!keel_ctx_new(config, registry, &ctx), "%s",
			keel_config_diag(config)->text);
	keel_config_free(config);
	REQUIRE_INT("remove", 0, keel_registry_remove(registry, "good"));
	keel_registry_free(registry);
	CHECK_INT("in use", true, is_mapped(path));
	ATF_CHECK_STREQ("good", keel_ctx_backend_name(ctx));
	keel_ctx_unref(ctx);
	CHECK_INT("not any more", false, is_mapped(path));
}

CASE(remove__leaves_what_is_below,
     "The library a module is linked with stays when the module goes")
{
	struct keel_registry *registry = set_up();

	copy_module("below", path);
	REQUIRE_INT("load", 0, keel_registry_load(registry, path, NULL));
	CHECK_INT("below", true, is_mapped("/libkeel-test-below.so"));
	keel_registry_free(registry);
	CHECK_INT("module", false, is_mapped(path));
	CHECK_INT("below", true, is_mapped("/libkeel-test-below.so"));
}

CASE(remove__takes_a_module_that_stays,
     "One that is linked to stay can be removed and loaded again")
{
	struct keel_registry *registry = set_up();

	copy_module("stays", path);
	for (int i = 0; i < 3; i++) {
		CHECK_INT("load", 0, keel_registry_load(registry, path, NULL));
		keel_backend_ref_unref(find(registry, "good", "1"));
		CHECK_INT("out", 0, keel_registry_remove(registry, "good"));
		CHECK_INT("stays", true, is_mapped(path));
	}
	keel_registry_free(registry);
}

CASE(reload__gives_the_new_file,
     "After a reload lookups get the new file, holders keep the old one")
{
	struct keel_registry *registry = set_up();
	struct keel_backend_ref *old;
	struct keel_backend_ref *new;

	REQUIRE_INT("load", 0, keel_registry_load(registry, path, NULL));
	old = find(registry, "good", "1");
	replace_module("newer", path);
	CHECK_INT("reload", 0, keel_registry_reload(registry, "good", NULL));
	new = find(registry, "good", "2");
	ATF_CHECK_STREQ("1", keel_backend_ref_get(old)->run_version());
	keel_backend_ref_unref(old);
	ATF_CHECK_STREQ("2", keel_backend_ref_get(new)->run_version());
	keel_backend_ref_unref(new);
	keel_registry_free(registry);
	CHECK_INT("all", false, is_mapped(path));
}

CASE(reload__keeps_the_old_one,
     "A new file that is refused leaves the old backend in its place")
{
	struct keel_registry *registry = set_up();
	struct keel_diag diag;

	REQUIRE_INT("load", 0, keel_registry_load(registry, path, NULL));
	replace_module("abi", path);
	CHECK_INT("abi", -EPROTONOSUPPORT,
		  keel_registry_reload(registry, "good", &diag));
	ATF_CHECK_STREQ("good: it is made for interface 99 of backends, this "
			"keel has 1",
			diag.text);
	replace_module("other", path);
	CHECK_INT("name", -EINVAL,
		  keel_registry_reload(registry, "good", &diag));
	ATF_CHECK_STREQ("good: it calls itself \"other\", not as its file is "
			"called",
			diag.text);
	keel_backend_ref_unref(find(registry, "good", "1"));
	keel_registry_free(registry);
}

CASE(reload__needs_a_file, "What is built in or unknown is not reloaded")
{
	struct keel_registry *registry = set_up();
	struct keel_backend row;

	add_null(registry, &row);
	CHECK_INT("added", -ENOTSUP,
		  keel_registry_reload(registry, "null", NULL));
	CHECK_INT("unknown", -ENOENT,
		  keel_registry_reload(registry, "good", NULL));
	keel_registry_free(registry);
}

CASE(reload__mends_what_was_refused,
     "A file that was refused and is good now becomes a backend")
{
	struct keel_registry *registry = set_up();

	replace_module("abi", path);
	CHECK_INT("load", -EPROTONOSUPPORT,
		  keel_registry_load(registry, path, NULL));
	replace_module("good", path);
	CHECK_INT("reload", 0, keel_registry_reload(registry, "good", NULL));
	keel_backend_ref_unref(find(registry, "good", "1"));
	CHECK_INT("out", 0, keel_registry_remove(registry, "good"));
	CHECK_INT("one entry", -ENOENT, keel_registry_remove(registry, "good"));
	keel_registry_free(registry);
}

CASE(scan__loads_when_needed,
     "A file in a directory is loaded when its name is asked for, or nothing "
     "else serves, whatever its priority")
{
	struct keel_registry *registry = set_up();
	struct keel_backend row;

	add_null(registry, &row);
	REQUIRE_INT("scan", 0, keel_registry_scan(registry, dir));
	keel_backend_ref_unref(find(registry, NULL, row.run_version()));
	keel_backend_ref_unref(find(registry, "null", row.run_version()));
	CHECK_INT("not needed", false, is_mapped(path));
	keel_backend_ref_unref(find(registry, "good", "1"));
	CHECK_INT("needed", true, is_mapped(path));
	keel_backend_ref_unref(find(registry, NULL, row.run_version()));
	REQUIRE_INT("null", 0, keel_registry_remove(registry, "null"));
	keel_backend_ref_unref(find(registry, NULL, "1"));
	keel_registry_free(registry);
}

CASE(scan__chooses_by_priority_at_last,
     "Where nothing else serves all files are loaded, and the best is taken, "
     "whichever was loaded before")
{
	struct keel_registry *registry = set_up();
	struct keel_backend_ref *ref;
	char other[PATH_MAX];

	snprintf(other, sizeof(other), "%.4000s/keel-other.so", dir);
	copy_module("other", other);
	REQUIRE_INT("scan", 0, keel_registry_scan(registry, dir));
	keel_backend_ref_unref(find(registry, "good", "1"));
	CHECK_INT("not needed", false, is_mapped(other));
	ref = find(registry, NULL, "1");
	ATF_CHECK_STREQ("other", keel_backend_ref_get(ref)->name);
	keel_backend_ref_unref(ref);
	keel_registry_free(registry);
}

CASE(scan__leaves_what_is_loaded,
     "A directory that is scanned again adds what is new, and nothing twice")
{
	struct keel_registry *registry = set_up();
	uint64_t generation;

	REQUIRE_INT("load", 0, keel_registry_load(registry, path, NULL));
	generation = keel_registry_generation(registry);
	REQUIRE_INT("scan", 0, keel_registry_scan(registry, dir));
	CHECK_INT("no change", generation, keel_registry_generation(registry));
	REQUIRE_INT("out", 0, keel_registry_remove(registry, "good"));
	REQUIRE_INT("scan", 0, keel_registry_scan(registry, dir));
	keel_backend_ref_unref(find(registry, "good", "1"));
	keel_registry_free(registry);
}

static int note(const struct keel_backend_info *info, void *arg)
{
	char *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, 1024 - len, "%s%s: %s\n", info->name,
		 info->usable ? " usable" : "", info->why);
	return 0;
}

CASE(scan__knows_names,
     "Files of other names are left alone; a row must have its file's name, "
     "and one that is not taken")
{
	struct keel_registry *registry = set_up();
	struct keel_backend row;
	char text[1024] = "";
	char other[PATH_MAX];

	add_null(registry, &row);
	snprintf(other, sizeof(other), "%.4000s/keel-null.so", dir);
	copy_module("good", other);
	snprintf(other, sizeof(other), "%.4000s/keel-third.so", dir);
	copy_module("good", other);
	snprintf(other, sizeof(other), "%.4000s/keel-Upper.so", dir);
	copy_module("good", other);
	snprintf(other, sizeof(other), "%.4000s/libgood.so", dir);
	copy_module("good", other);
	REQUIRE_INT("scan", 0, keel_registry_scan(registry, dir));
	REQUIRE_INT("scan again", 0, keel_registry_scan(registry, dir));
	REQUIRE_INT("list", 0, keel_registry_list(registry, note, text));
	ATF_CHECK_STREQ("null usable: \n"
			"good usable: null is preferred\n"
			"null: there is another backend of that name\n"
			"third: it calls itself \"good\", not as its file is "
			"called\n",
			text);
	keel_registry_free(registry);
}

CASE(scan__follows_the_environment,
     "The default registry has what is in KEEL_BACKEND_PATH, and the directory "
     "that is first there wins")
{
	struct keel_registry *registry = set_up();
	char dirs[3 * PATH_MAX];

	snprintf(dirs, sizeof(dirs), ":/nonexistent:%.4000s::", dir);
	copy_module("newer", path);
	snprintf(dir, sizeof(dir), "%.4000s", new_module_dir());
	snprintf(path, sizeof(path), "%s/keel-good.so", dir);
	copy_module("good", path);
	strcat(dirs, dir);
	setenv("KEEL_BACKEND_PATH", dirs, 1);
	setenv("KEEL_BACKEND", "good", 1);
	keel_backend_ref_unref(find(NULL, NULL, "2"));
	unsetenv("KEEL_BACKEND");
	keel_registry_free(registry);
}

/* Threads: readers use what they find, the others exchange it. */

struct worker {
	pthread_t thread;
	struct keel_registry *registry;
	bool writes;
};

static atomic_uint nr_wrong;
static atomic_uint nr_found;
static atomic_uint nr_writers;

static void expect(bool good)
{
	if (!good)
		atomic_fetch_add(&nr_wrong, 1);
}

static void read_one(struct keel_registry *registry)
{
	struct keel_backend_ref *ref;
	const char *version;
	int ret = keel_registry_find(registry, "good", 0, NULL, &ref);

	if (ret) {
		expect(ret == -ENOENT);
		return;
	}
	version = keel_backend_ref_get(ref)->run_version();
	expect(!strcmp(version, "1") || !strcmp(version, "2"));
	keel_backend_ref_unref(ref);
	atomic_fetch_add(&nr_found, 1);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int ret;

	for (int i = 0; w->writes && i < NR_RELOADS; i++) {
		ret = keel_registry_load(w->registry, path, NULL);
		expect(!ret || ret == -EEXIST);
		ret = keel_registry_reload(w->registry, "good", NULL);
		expect(!ret || ret == -ENOENT);
		read_one(w->registry);
		ret = keel_registry_remove(w->registry, "good");
		expect(!ret || ret == -ENOENT);
	}
	if (w->writes)
		atomic_fetch_sub(&nr_writers, 1);
	while (!w->writes && atomic_load(&nr_writers))
		read_one(w->registry);
	return NULL;
}

CASE(threads__load_reload_remove,
     "Eight threads load, reload, remove and use one module; at the end it is "
     "gone")
{
	struct keel_registry *registry = set_up();
	struct worker workers[NR_THREADS];

	atomic_store(&nr_writers, 3);
	for (int i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){
			.registry = registry,
			.writes = i < 3,
		};
		REQUIRE_INT("thread", 0,
			    pthread_create(&workers[i].thread, NULL, work,
					   &workers[i]));
	}
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	CHECK_INT("wrong", 0, atomic_load(&nr_wrong));
	ATF_CHECK(atomic_load(&nr_found) > 0);
	keel_registry_free(registry);
	CHECK_INT("all", false, is_mapped(path));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, load__makes_a_backend);
	ATF_TP_ADD_TC(tp, remove__is_at_once_and_unloads_at_the_end);
	ATF_TP_ADD_TC(tp, remove__waits_for_contexts);
	ATF_TP_ADD_TC(tp, remove__leaves_what_is_below);
	ATF_TP_ADD_TC(tp, remove__takes_a_module_that_stays);
	ATF_TP_ADD_TC(tp, reload__gives_the_new_file);
	ATF_TP_ADD_TC(tp, reload__keeps_the_old_one);
	ATF_TP_ADD_TC(tp, reload__needs_a_file);
	ATF_TP_ADD_TC(tp, reload__mends_what_was_refused);
	ATF_TP_ADD_TC(tp, scan__loads_when_needed);
	ATF_TP_ADD_TC(tp, scan__chooses_by_priority_at_last);
	ATF_TP_ADD_TC(tp, scan__leaves_what_is_loaded);
	ATF_TP_ADD_TC(tp, scan__knows_names);
	ATF_TP_ADD_TC(tp, scan__follows_the_environment);
	ATF_TP_ADD_TC(tp, threads__load_reload_remove);
	return atf_no_error();
}
