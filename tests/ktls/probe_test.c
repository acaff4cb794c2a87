/* SPDX-License-Identifier: MIT */
/* What is found out about a kernel: pretended ones, and the one that runs. */
#include "ktls/probe-private.h"

#include <errno.h>
#include <string.h>

#include "ktls/uapi-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/descriptors.h"

#define NR_TOLD (KEEL__KTLS_NR_FEATURES + 2 * 8 + 2 * 6)

/* A kernel, and what it does not do; 0 is that it does. */
struct fake {
	int pair_err;
	int pairs_left; /* before pair_err */
	int nr_open;
	int nr_pairs;
	bool is_unloaded; /* until somebody with privileges asks */
	int bare_err;
	int ulp_err;
	int keys_err;
	int second_err; /* keys again */
	int option_err;
	int send_err;
	int is_in;
	int nr_in;
	int nr_keys[2]; /* on each end of the pair */
};

static int fake_pair(void *arg, int ret_fds[2])
{
	struct fake *fake = arg;

	if (fake->pair_err && !fake->pairs_left--)
		return fake->pair_err;
	fake->nr_open += 2;
	fake->nr_pairs++;
	fake->nr_keys[0] = 0;
	fake->nr_keys[1] = 0;
	ret_fds[0] = 0;
	ret_fds[1] = 1;
	return 0;
}

static void fake_close(void *arg, int fd)
{
	struct fake *fake = arg;

	(void)fd;
	fake->nr_open--;
}

static int fake_set(void *arg, int fd, int level, int name, const void *value,
		    size_t len)
{
	struct fake *fake = arg;

	(void)value;
	(void)len;
	if (level == IPPROTO_TCP) {
		fake->is_unloaded = false;
		return fake->ulp_err;
	}
	if (name != TLS_TX && name != TLS_RX)
		return fake->option_err;
	CHECK_INT("end", name == TLS_TX ? 0 : 1, fd);
	return fake->nr_keys[fd]++ ? fake->second_err : fake->keys_err;
}

static int fake_set_bare(void *arg, int fd, int level, int name,
			 const void *value, size_t len)
{
	struct fake *fake = arg;

	(void)fd;
	(void)value;
	CHECK_INT("the ULP, and no more", IPPROTO_TCP, level);
	CHECK_INT("the ULP, and no more", TCP_ULP, name);
	CHECK_INT("the ULP, and no more", strlen(KEEL__KTLS_ULP_NAME), len);
	if (fake->is_unloaded)
		return -ENOENT;
	return fake->bare_err ? fake->bare_err : fake->ulp_err;
}

static ssize_t fake_send(void *arg, int fd, const void *data, size_t len,
			 int flags)
{
	struct fake *fake = arg;

	(void)fd;
	(void)data;
	if (flags & MSG_EOR && fake->send_err)
		return fake->send_err;
	fake->nr_in = (int)len;
	return (ssize_t)len;
}

static int fake_is_in(void *arg, int fd)
{
	struct fake *fake = arg;

	CHECK_INT("end", 1, fd);
	return fake->is_in;
}

static int fake_nr_in(void *arg, int fd)
{
	struct fake *fake = arg;

	(void)fd;
	return fake->nr_in;
}

static struct keel__ktls_sys sys_of(struct fake *fake)
{
	return (struct keel__ktls_sys){
		.arg = fake,
		.pair = fake_pair,
		.close = fake_close,
		.set = fake_set,
		.set_bare = fake_set_bare,
		.send = fake_send,
		.is_in = fake_is_in,
		.nr_in = fake_nr_in,
	};
}

static void probe(struct fake *fake, struct keel__ktls_facts *ret_facts)
{
	const struct keel__ktls_sys sys = sys_of(fake);

	REQUIRE_INT("probe", 0, keel__ktls_probe(&sys, false, ret_facts));
	CHECK_INT("open sockets", 0, fake->nr_open);
}

static int count(const struct keel_feature *feature, void *arg)
{
	int *nr = arg;

	++*nr;
	CHECK_INT(feature->name, 0, feature->err);
	ATF_CHECK_STREQ("", feature->why);
	return 0;
}

CASE(probe__all, "A kernel that can do everything")
{
	struct fake fake = {0};
	struct keel__ktls_facts facts;
	int nr = 0;

	probe(&fake, &facts);
	CHECK_INT("tell", 0, keel__ktls_tell(&facts, count, &nr));
	CHECK_INT("told", NR_TOLD, nr);
}

CASE(probe__brief, "What no connection can have is not asked for")
{
	struct fake fake = {0};
	const struct keel__ktls_sys sys = sys_of(&fake);
	struct keel__ktls_facts facts;

	REQUIRE_INT("probe", 0, keel__ktls_probe(&sys, true, &facts));
	CHECK_INT("features but one and four ciphers",
		  KEEL__KTLS_NR_FEATURES - 1 + 4 * KEEL__KTLS_NR_USES,
		  fake.nr_pairs);
	CHECK_INT("unprivileged", -EOPNOTSUPP,
		  facts.features[KEEL__KTLS_UNPRIVILEGED]);
	for (size_t i = 0; i < KEEL__KTLS_NR_CIPHERS; i++)
		CHECK_INT(keel__ktls_ciphers[i].name,
			  keel__ktls_ciphers[i].aead ? 0 : -EOPNOTSUPP,
			  facts.ciphers[i][0]);
}

/* What is said of one feature of a kernel. */
struct want {
	const char *name;
	int err;
	const char *why;
	bool found;
};

static int look(const struct keel_feature *feature, void *arg)
{
	struct want *want = arg;

	if (strcmp(feature->name, want->name))
		return 0;
	want->found = true;
	CHECK_INT(want->name, want->err, feature->err);
	ATF_CHECK_MSG(strstr(feature->why, want->why), "%s: %s", want->name,
		      feature->why);
	return 0;
}

CASE(probe__lacks, "Each that is missing has its errno and says why")
{
	static const struct {
		struct fake fake;
		struct want want;
	} rows[] = {
		{{.ulp_err = -ENOENT}, {"ulp", -ENOENT, "modprobe tls", 0}},
		{{.ulp_err = -ENOENT}, {"rekey", -ENOENT, "needs ulp", 0}},
		{{.ulp_err = -ENOENT}, {"SM4-CCM", -ENOENT, "needs ulp", 0}},
		{{.ulp_err = -EPERM}, {"ulp", -EPERM, "policy", 0}},
		{{.is_unloaded = true}, {"ulp", 0, "", 0}},
		{{.is_unloaded = true},
		 {"unprivileged", -ENOENT, "/etc/modules-load.d", 0}},
		{{.is_unloaded = true, .ulp_err = -ENOENT},
		 {"unprivileged", -ENOENT, "needs ulp", 0}},
		{{.bare_err = -EPERM}, {"unprivileged", -EPERM, "policy", 0}},
		{{.bare_err = -EAGAIN}, {"unprivileged", -EAGAIN, "temp", 0}},
		{{.second_err = -EBUSY}, {"rekey", -EBUSY, "takes keys", 0}},
		{{.is_in = 1}, {"poll", -EOPNOTSUPP, "parts of", 0}},
		{{.is_in = -EIO}, {"poll", -EIO, "error", 0}},
		{{.send_err = -EOPNOTSUPP}, {"eor", -EOPNOTSUPP, "flag", 0}},
		{{.option_err = -ENOPROTOOPT},
		 {"max-payload", -ENOPROTOOPT, "MAX_PAYLOAD", 0}},
		{{.option_err = -ENOPROTOOPT},
		 {"zerocopy", -ENOPROTOOPT, "ZEROCOPY", 0}},
		{{.option_err = -EINVAL}, {"no-pad", -EINVAL, "not know", 0}},
		{{.keys_err = -ENOENT},
		 {"ARIA-128-GCM", -ENOENT, "algorithm", 0}},
		{{.keys_err = -EINVAL},
		 {"AES-128-GCM", -EINVAL, "not know", 0}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake fake = rows[i].fake;
		struct want want = rows[i].want;
		struct keel__ktls_facts facts;

		probe(&fake, &facts);
		CHECK_INT(want.name, 0, keel__ktls_tell(&facts, look, &want));
		ATF_CHECK_MSG(want.found, "%s is not told", want.name);
	}
}

CASE(probe__nothing_came, "Without the bytes nothing is said of poll")
{
	struct fake fake = {.nr_in = 0};
	struct keel__ktls_facts facts;
	struct keel__ktls_sys sys = sys_of(&fake);

	sys.nr_in = fake_is_in; /* 0, ever */
	REQUIRE_INT("probe", 0, keel__ktls_probe(&sys, false, &facts));
	CHECK_INT("poll", -EAGAIN, facts.features[KEEL__KTLS_POLL]);
}

CASE(probe__no_sockets, "Without sockets nothing is known, at any point")
{
	/* A pair each; ARIA in TLS 1.3 takes none. */
	for (int i = 0; i < NR_TOLD; i++) {
		struct fake fake = {.pair_err = -EMFILE, .pairs_left = i};
		const struct keel__ktls_sys sys = sys_of(&fake);
		struct keel__ktls_facts facts = {.features = {1}};

		CHECK_INT("probe", -EMFILE,
			  keel__ktls_probe(&sys, false, &facts));
		CHECK_INT("untouched", 1, facts.features[0]);
		CHECK_INT("open sockets", 0, fake.nr_open);
	}
}

static int note(const struct keel_feature *feature, void *arg)
{
	int *errs = arg;

	errs[++errs[0]] = feature->err;
	ATF_CHECK_MSG(!feature->err == !*feature->why, "%s %s: %s",
		      feature->name, feature->use, feature->why);
	return 0;
}

static int stop(const struct keel_feature *feature, void *arg)
{
	(void)feature;
	++*(int *)arg;
	return 17;
}

CASE(probe__this_kernel,
     "The kernel that runs: the same twice, nothing left open")
{
	int first[NR_TOLD + 1] = {0};
	int second[NR_TOLD + 1] = {0};
	int before = nr_descriptors();
	int nr = 0;

	REQUIRE_INT("first", 0, keel_offload_probe(note, first));
	REQUIRE_INT("second", 0, keel_offload_probe(note, second));
	CHECK_INT("told", NR_TOLD, first[0]);
	CHECK_MEM("both", first, second, sizeof(first));
	CHECK_INT("descriptors", before, nr_descriptors());
	/* Any kernel with TLS has AES-128-GCM, both ways, in both versions. */
	for (int i = 0; i < KEEL__KTLS_NR_USES; i++)
		CHECK_INT("AES-128-GCM", first[1],
			  first[1 + KEEL__KTLS_NR_FEATURES + i]);
	CHECK_INT("stop", 17, keel_offload_probe(stop, &nr));
	CHECK_INT("stopped", 1, nr);
	CHECK_INT("no function", -EINVAL, keel_offload_probe(NULL, NULL));
}

static int set_size(int (*set)(void *arg, int fd, int level, int name,
			       const void *value, size_t len),
		    int fd)
{
	static const int size = 65536;

	return set(NULL, fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

CASE(set_bare__has_no_privileges, "What only CAP_NET_ADMIN allows is forbidden "
				  "there, and nowhere else")
{
	const struct keel__ktls_sys *sys = &keel__ktls_kernel;
	int before, fds[2];

	REQUIRE_INT("pair", 0, sys->pair(NULL, fds));
	before = set_size(sys->set, fds[0]);
	CHECK_INT("bare", -EPERM, set_size(sys->set_bare, fds[0]));
	CHECK_INT("after", before, set_size(sys->set, fds[0]));
	/* What everybody may do goes on. */
	CHECK_INT("bare", 0,
		  sys->set_bare(NULL, fds[1], IPPROTO_TCP, TCP_NODELAY,
				&(int){1}, sizeof(int)));
	sys->close(NULL, fds[0]);
	sys->close(NULL, fds[1]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, probe__all);
	ATF_TP_ADD_TC(tp, probe__brief);
	ATF_TP_ADD_TC(tp, probe__lacks);
	ATF_TP_ADD_TC(tp, probe__nothing_came);
	ATF_TP_ADD_TC(tp, probe__no_sockets);
	ATF_TP_ADD_TC(tp, probe__this_kernel);
	ATF_TP_ADD_TC(tp, set_bare__has_no_privileges);
	return atf_no_error();
}
