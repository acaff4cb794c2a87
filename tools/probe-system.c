/* SPDX-License-Identifier: MIT */
/* keel probe: the system around the kernel's TLS. */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <keel/loop.h>

#include "tools/probe-private.h"

static void set_why(struct keel__fact *fact, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void set_why(struct keel__fact *fact, const char *fmt, ...)
{
	va_list ap;

	fact->verdict = KEEL__NO;
	va_start(ap, fmt);
	(void)vsnprintf(fact->why, sizeof(fact->why), fmt, ap);
	va_end(ap);
}

static void set_text(struct keel__fact *fact, enum keel__verdict verdict,
		     const char *value, const char *text)
{
	*fact = (struct keel__fact){.verdict = verdict};
	(void)snprintf(fact->value, sizeof(fact->value), "%s", value);
	(void)snprintf(fact->text, sizeof(fact->text), "%s", text);
}

/* Has some line of a file this in it? */
static bool file_has(const char *path, const char *text)
{
	FILE *file = fopen(path, "re");
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	if (file)
		fclose(file);
	return found;
}

/* What is loaded, what is built in, and what there is to load. */
static void find_module(const struct utsname *uts, struct keel__fact *fact)
{
	char dir[sizeof(uts->release) + 32];
	char list[sizeof(dir) + 32];

	(void)snprintf(dir, sizeof(dir), "/lib/modules/%s", uts->release);
	if (!access("/sys/module/tls/initstate", F_OK)) {
		set_text(fact, KEEL__YES, "loaded", "the module tls is loaded");
		return;
	}
	/* What is in the kernel is no module, so only its name tells. */
	if (file_has("/proc/sys/net/ipv4/tcp_available_ulp", "tls")) {
		set_text(fact, KEEL__YES, "built-in",
			 "tls is built into the kernel");
		return;
	}
	(void)snprintf(list, sizeof(list), "%s/modules.dep", dir);
	if (file_has(list, "/net/tls/tls.ko")) {
		set_text(fact, KEEL__NO, "loadable", "the module tls is there");
		set_why(fact, "it is not loaded: run \"modprobe tls\" as root, "
			      "and name tls in /etc/modules-load.d");
	} else if (!access(list, R_OK)) {
		set_text(fact, KEEL__NO, "absent", "no module tls");
		set_why(fact,
			"%s has none: take a kernel with CONFIG_TLS, or "
			"install the rest of its modules",
			dir);
	} else {
		set_text(fact, KEEL__NO, "unknown", "no module tls");
		set_why(fact,
			"it is neither loaded nor built in, and there is no %s "
			"to look for it: take a kernel with CONFIG_TLS",
			dir);
	}
}

static const char *loop_remedy(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "set the sysctl kernel.io_uring_disabled to 0, or lift "
		       "the container's seccomp profile";
	case ENOSYS:
		return "take a kernel with CONFIG_IO_URING, or lift the "
		       "container's seccomp profile";
	case ENOMEM:
		return "raise \"ulimit -l\" (locked memory)";
	case EMFILE:
	case ENFILE:
		return "raise \"ulimit -n\" (open files)";
	default:
		return "Linux 6.1 or later has what the loop needs";
	}
}

/* A loop is made, and freed again: nothing less shows that one can be. */
static void try_loop(struct keel__fact *fact)
{
	struct keel_loop *loop = NULL;
	int err = keel_loop_new(NULL, &loop);

	keel_loop_free(loop);
	if (!err) {
		set_text(fact, KEEL__YES, "yes",
			 "the event loop of libkeel-uring works");
		return;
	}
	set_text(fact, KEEL__NO, "no", "no event loop");
	set_why(fact, "%s: %s", strerror(-err), loop_remedy(err));
}

static void read_sysctl(struct keel__fact *fact)
{
	FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	int value = 0;

	*fact = (struct keel__fact){.verdict = KEEL__YES};
	(void)snprintf(fact->text, sizeof(fact->text),
		       "the sysctl kernel.io_uring_disabled is 0, or unknown "
		       "to this kernel");
	/* Before 6.6 there is none. */
	if (file && fscanf(file, "%d", &value) == 1 && value) {
		(void)snprintf(fact->text, sizeof(fact->text),
			       "io_uring is forbidden to %s",
			       value == 1 ? "processes of other groups"
					  : "all processes");
		set_why(fact,
			"the sysctl kernel.io_uring_disabled is %d: run "
			"\"sysctl kernel.io_uring_disabled=0\" as root%s",
			value,
			value == 1 ? ", or join kernel.io_uring_group" : "");
	}
	fact->number = value;
	if (file)
		fclose(file);
}

static bool has_capability(unsigned int bit)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t bits = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %" SCNx64, &bits) == 1)
			break;
	if (file)
		fclose(file);
	return bits >> bit & 1;
}

static void find_privileges(struct keel__fact *fact)
{
	if (has_capability(CAP_NET_ADMIN)) {
		set_text(fact, KEEL__YES, "yes",
			 "this process has CAP_NET_ADMIN");
		return;
	}
	set_text(fact, KEEL__NO, "no", "this process has no CAP_NET_ADMIN");
	set_why(fact, "only with it is the module loaded by itself, and told "
		      "by some kernels what sock_diag knows of TLS: run this "
		      "as root to see more; keel serve does without");
}

static void find_limit(struct keel__fact *fact, __rlimit_resource_t resource,
		       rlim_t unit, const char *what)
{
	struct rlimit limit = {0};
	char soft[32] = "unlimited";
	char hard[32] = "unlimited";

	*fact = (struct keel__fact){.number = -1};
	if (getrlimit(resource, &limit))
		return;
	if (limit.rlim_cur != RLIM_INFINITY) {
		fact->number = (long long)(limit.rlim_cur / unit);
		(void)snprintf(soft, sizeof(soft), "%lld", fact->number);
	}
	if (limit.rlim_max != RLIM_INFINITY)
		(void)snprintf(hard, sizeof(hard), "%lld",
			       (long long)(limit.rlim_max / unit));
	(void)snprintf(fact->text, sizeof(fact->text), "%s, at most %s: %s",
		       soft, hard, what);
}

void keel__probe_system(struct keel__probe *probe)
{
	struct keel__fact *facts = probe->facts;

	if (uname(&probe->uts))
		memset(&probe->uts, 0, sizeof(probe->uts));
	find_module(&probe->uts, &facts[KEEL__FACT_MODULE]);
	try_loop(&facts[KEEL__FACT_URING]);
	read_sysctl(&facts[KEEL__FACT_URING_SYSCTL]);
	find_privileges(&facts[KEEL__FACT_NET_ADMIN]);
	find_limit(&facts[KEEL__FACT_OPEN_FILES], RLIMIT_NOFILE, 1,
		   "a connection takes one; \"ulimit -n\" raises it");
	find_limit(&facts[KEEL__FACT_LOCKED_MEMORY], RLIMIT_MEMLOCK, 1024,
		   "KiB that io_uring may lock; \"ulimit -l\" raises it");
}
