/* SPDX-License-Identifier: MIT */
/* Configurations and contexts: what they refuse, and in which words. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <keel/config.h>

#include "lib/base/base-private.h"
#include "lib/core/config-private.h"
#include "lib/core/ctx-private.h"
#include "lib/registry/registry-private.h"
#include "tests/support/case.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

static struct keel_config *new_config(enum keel_role role)
{
	struct keel_config *config;

	ATF_REQUIRE_EQ(0, keel_config_new(role, &config));
	return config;
}

/* The diagnosis of the last call has this code and these words. */
static void check_diag(const char *name, const struct keel_config *config,
		       int err, const char *words)
{
	const struct keel_diag *diag = keel_config_diag(config);

	CHECK_INT(name, err, diag->err.err);
	ATF_CHECK_MSG(strstr(diag->text, words), "%s: \"%s\" lacks \"%s\"",
		      name, diag->text, words);
	ATF_CHECK_MSG(!err || diag->err.site, "%s: no site", name);
}

CASE(config__new, "Roles, and nothing else, make a configuration")
{
	struct keel_config *config = NULL;

	ATF_CHECK_EQ(-EINVAL, keel_config_new(KEEL_SERVER, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_config_new(0, &config));
	ATF_CHECK_EQ(-EINVAL, keel_config_new(3, &config));
	ATF_CHECK_EQ(NULL, config);
	ATF_CHECK_EQ(NULL, keel_config_free(NULL));
	ATF_CHECK_EQ(NULL, keel_config_diag(NULL));
	config = new_config(KEEL_CLIENT);
	ATF_CHECK_EQ(0, keel_config_diag(config)->err.err);
	ATF_CHECK_EQ(KEEL_VERIFY_REQUIRED, config->verify);
	ATF_CHECK_EQ(0, config->nr_tickets);
	ATF_CHECK_EQ(NULL, keel_config_free(config));
	config = new_config(KEEL_SERVER);
	ATF_CHECK_EQ(KEEL_VERIFY_NONE, config->verify);
	ATF_CHECK_EQ(1, config->nr_tickets);
	ATF_CHECK_EQ(KEEL_TLS1_2, config->min_version);
	ATF_CHECK_EQ(KEEL_TLS1_3, config->max_version);
	ATF_CHECK(config->nr_suites >= 5);
	keel_config_free(config);
}

CASE(config__null, "Every call refuses a NULL configuration")
{
	ATF_CHECK_EQ(-EINVAL, keel_config_set_backend(NULL, "null"));
	ATF_CHECK_EQ(-EINVAL,
		     keel_config_set_versions(NULL, KEEL_TLS1_2, KEEL_TLS1_3));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_suites(NULL, "x"));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_cert_file(NULL, "x", "y"));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_cert_pem(NULL, "x", 1, "y", 1));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_self_signed(NULL, "x"));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_ca_file(NULL, "x"));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_verify(NULL, KEEL_VERIFY_NONE));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_alpn(NULL, "x"));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_tickets(NULL, 1));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_offload(NULL, KEEL_TX | KEEL_RX,
						      KEEL_OFFLOAD_OFF));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_record_limit(NULL, 1));
	ATF_CHECK_EQ(-EINVAL,
		     keel_config_set_log(NULL, KEEL_LOG_INFO, NULL, NULL));
}

CASE(config__versions, "Two versions, in order")
{
	static const struct {
		uint16_t min;
		uint16_t max;
		int result;
	} tests[] = {
		{KEEL_TLS1_2, KEEL_TLS1_3, 0},
		{KEEL_TLS1_3, KEEL_TLS1_3, 0},
		{KEEL_TLS1_2, KEEL_TLS1_2, 0},
		{KEEL_TLS1_3, KEEL_TLS1_2, -EINVAL},
		{0x0302, KEEL_TLS1_3, -EINVAL},
		{KEEL_TLS1_2, 0x0305, -EINVAL},
		{0, 0, -EINVAL},
	};
	struct keel_config *config = new_config(KEEL_SERVER);

	for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
		CHECK_INT("versions", tests[i].result,
			  keel_config_set_versions(config, tests[i].min,
						   tests[i].max));
		check_diag("versions", config, tests[i].result,
			   tests[i].result ? "TLSv1.2 and TLSv1.3" : "");
	}
	ATF_CHECK_EQ(KEEL_TLS1_2, config->max_version);
	keel_config_free(config);
}

CASE(config__suites, "Names of suites, each once")
{
	static const struct {
		const char *names;
		int result;
		const char *words;
	} tests[] = {
		{"TLS_AES_128_GCM_SHA256", 0, ""},
		{"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384", 0, ""},
		{NULL, -EINVAL, "empty"},
		{"", -EINVAL, "empty"},
		{":", -EINVAL, "no cipher suite is named \"\""},
		{"TLS_AES_128_GCM_SHA256:", -EINVAL, "is named \"\""},
		{"AES128-GCM-SHA256", -EINVAL, "\"AES128-GCM-SHA256\""},
		{"TLS_AES_128_GCM_SHA256:tls_aes_128_gcm_sha256", -EINVAL,
		 "\"tls_aes_128_gcm_sha256\""},
		{"TLS_AES_128_GCM_SHA256:TLS_AES_128_GCM_SHA256", -EINVAL,
		 "TLS_AES_128_GCM_SHA256 is named twice"},
		{"TLS_A_NAME_THAT_IS_MUCH_LONGER_THAN_ANY_CIPHER_SUITE_OF_THE_"
		 "IANA_REGISTRY_COULD_EVER_BE",
		 -EINVAL, "\"TLS_A_NAME_THAT_IS"},
	};
	struct keel_config *config = new_config(KEEL_SERVER);

	for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
		const char *name = tests[i].names ? tests[i].names : "NULL";

		CHECK_INT(name, tests[i].result,
			  keel_config_set_suites(config, tests[i].names));
		check_diag(name, config, tests[i].result, tests[i].words);
	}
	/* What failed changed nothing. */
	ATF_REQUIRE_EQ(2, config->nr_suites);
	ATF_CHECK_EQ(0x1303, config->suites[0]);
	ATF_CHECK_EQ(0x1302, config->suites[1]);
	keel_config_free(config);
}

CASE(config__alpn, "Names of 1 to 255 bytes, as RFC 7301 lists them")
{
	static char name_255[256];
	static char name_256[257];
	static const struct {
		const char *names;
		int result;
		size_t len;
	} tests[] = {
		{"h2,http/1.1", 0, 12}, {"x", 0, 2},
		{name_255, 0, 256},	{name_256, -EINVAL, 0},
		{NULL, -EINVAL, 0},	{"", -EINVAL, 0},
		{",h2", -EINVAL, 0},	{"h2,", -EINVAL, 0},
		{"h2,,x", -EINVAL, 0},
	};
	struct keel_config *config = new_config(KEEL_SERVER);

	memset(name_255, 'a', 255);
	memset(name_256, 'a', 256);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
		const char *name = tests[i].names ? tests[i].names : "NULL";

		CHECK_INT(name, tests[i].result,
			  keel_config_set_alpn(config, tests[i].names));
		check_diag(name, config, tests[i].result,
			   tests[i].result ? "ALPN" : "");
		if (!tests[i].result)
			CHECK_INT(name, tests[i].len, config->alpn.len);
	}
	ATF_REQUIRE_EQ(0, keel_config_set_alpn(config, "h2,http/1.1"));
	ATF_CHECK(!memcmp("\2h2\10http/1.1", config->alpn.data, 12));
	keel_config_free(config);
}

CASE(config__values, "Values out of range")
{
	struct keel_config *server = new_config(KEEL_SERVER);
	struct keel_config *client = new_config(KEEL_CLIENT);

	ATF_CHECK_EQ(0, keel_config_set_verify(server, KEEL_VERIFY_OPTIONAL));
	ATF_CHECK_EQ(-EINVAL,
		     keel_config_set_verify(client, KEEL_VERIFY_OPTIONAL));
	check_diag("optional", client, -EINVAL, "client");
	ATF_CHECK_EQ(-EINVAL, keel_config_set_verify(server, 3));
	ATF_CHECK_EQ(-EINVAL,
		     keel_config_set_verify(server, (enum keel_verify) - 1));
	ATF_CHECK_EQ(0, keel_config_set_tickets(server, 8));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_tickets(server, 9));
	check_diag("tickets", server, -EINVAL, "8");
	ATF_CHECK_EQ(0, keel_config_set_offload(server, KEEL_TX | KEEL_RX,
						KEEL_OFFLOAD_OFF));
	ATF_CHECK_EQ(-EINVAL,
		     keel_config_set_offload(server, KEEL_TX | KEEL_RX, 3));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_offload(server, KEEL_TX | KEEL_RX,
						      (enum keel_offload) - 1));
	ATF_CHECK_EQ(0,
		     keel_config_set_log(server, KEEL_LOG_DEBUG, NULL, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_log(server, 4, NULL, NULL));
	check_diag("level", server, -EINVAL, "level");
	/* A good call leaves a clean diagnosis. */
	ATF_CHECK_EQ(0, keel_config_set_record_limit(server, 0));
	check_diag("after", server, 0, "");
	ATF_CHECK_EQ(-EINVAL, keel_config_set_self_signed(server, ""));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_self_signed(server, NULL));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_cert_pem(server, "x", 1, "y", 0));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_cert_pem(server, "x", 0, "y", 1));
	ATF_CHECK_EQ(-EINVAL,
		     keel_config_set_cert_pem(server, NULL, 1, "y", 1));
	ATF_CHECK_EQ(-EINVAL,
		     keel_config_set_cert_pem(server, "x", 1, NULL, 1));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_cert_file(server, NULL, "y"));
	ATF_CHECK_EQ(-EINVAL, keel_config_set_ca_file(server, NULL));
	keel_config_free(server);
	keel_config_free(client);
}

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *file = fopen(path, "w");

	ATF_REQUIRE(file);
	ATF_REQUIRE_EQ(len, fwrite(data, 1, len, file));
	ATF_REQUIRE_EQ(0, fclose(file));
}

CASE(file__errors, "A file that cannot be read is named, with the cause and "
		   "the remedy")
{
	static char big[1024 * 1024 + 1];
	static const struct {
		const char *path;
		int err;
		const char *words;
	} tests[] = {
		{"missing.pem", -ENOENT,
		 "file \"missing.pem\": No such file or directory; check the "
		 "path"},
		{"folder", -EISDIR,
		 "file \"folder\": Is a directory; name a file, not a "
		 "directory"},
		{"big.pem", -EFBIG,
		 "file \"big.pem\": File too large; a PEM file is at most 1 "
		 "MiB"},
		{"empty.pem", -EINVAL,
		 "file \"empty.pem\": it is empty; it must hold PEM text"},
		{"good.pem/x", -ENOTDIR, "Not a directory; check the path"},
		{"loop.pem", -ELOOP, "its links lead in a circle"},
	};
	struct keel_config *config = new_config(KEEL_SERVER);

	ATF_REQUIRE_EQ(0, mkdir("folder", 0700));
	ATF_REQUIRE_EQ(0, symlink("loop.pem", "loop.pem"));
	write_file("big.pem", big, sizeof(big));
	write_file("full.pem", big, sizeof(big) - 1);
	write_file("empty.pem", "", 0);
	write_file("good.pem", "text", 4);
	ATF_CHECK_EQ(0, keel_config_set_ca_file(config, "full.pem"));
	ATF_CHECK_EQ(sizeof(big) - 1, config->ca.text.len);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
		const char *path = tests[i].path;

		CHECK_INT(path, tests[i].err,
			  keel_config_set_cert_file(config, path, NULL));
		check_diag(path, config, tests[i].err, "certificate file");
		check_diag(path, config, tests[i].err, tests[i].words);
		CHECK_INT(path, tests[i].err,
			  keel_config_set_cert_file(config, "good.pem", path));
		check_diag(path, config, tests[i].err, "key file");
		CHECK_INT(path, tests[i].err,
			  keel_config_set_ca_file(config, path));
		check_diag(path, config, tests[i].err, "CA file");
	}
	/* Nothing was changed by what failed. */
	ATF_CHECK_EQ(NULL, config->cert.name);
	ATF_CHECK_STREQ("full.pem", config->ca.name);
	keel_config_free(config);
}

CASE(file__not_readable, "A file this user may not read is told as such")
{
	struct keel_config *config = new_config(KEEL_SERVER);
	bool is_root = !geteuid();

	write_file("closed.pem", "text", 4);
	ATF_REQUIRE_EQ(0, chmod("closed.pem", 0));
	/* Root may read everything: be somebody else for a moment. */
	if (is_root) {
		ATF_REQUIRE_EQ(0, chmod(".", 0755));
		ATF_REQUIRE_EQ(0, seteuid(65534));
	}
	ATF_CHECK_EQ(-EACCES,
		     keel_config_set_cert_file(config, "closed.pem", NULL));
	if (is_root)
		ATF_REQUIRE_EQ(0, seteuid(0));
	check_diag("closed", config, -EACCES,
		   "Permission denied; let this user read it");
	keel_config_free(config);
}

CASE(file__pipe, "A pipe is read to its end, as a shell's <(...) needs")
{
	struct keel_config *config = new_config(KEEL_SERVER);
	char path[32];
	int fds[2];

	ATF_REQUIRE_EQ(0, pipe(fds));
	ATF_REQUIRE_EQ(5, write(fds[1], "first", 5));
	close(fds[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	ATF_CHECK_EQ(0, keel_config_set_ca_file(config, path));
	ATF_REQUIRE_EQ(5, config->ca.text.len);
	ATF_CHECK(!memcmp("first", config->ca.text.data, 5));
	close(fds[0]);
	keel_config_free(config);
}

/* What a listener heard last. */
static char heard[64];

static void hear(const struct keel_log_event *event, void *arg)
{
	(void)arg;
	snprintf(heard, sizeof(heard), "%u %s", event->level, event->event);
}

/* Certificates on disk, for those who want files. */
struct files {
	struct pki pki;
	struct pki_pair good;
	struct pki_pair other;
	struct pki_pair expired;
	struct pki_pair not_yet;
};

static void files_init(struct files *f)
{
	pki_init(&f->pki);
	pki_issue(&f->pki, &pki_ecdsa, &f->good);
	pki_issue(&f->pki, &pki_ecdsa, &f->other);
	pki_issue(&f->pki, &pki_expired, &f->expired);
	pki_issue(&f->pki, &pki_not_yet, &f->not_yet);
	write_file("cert.pem", f->good.cert, strlen(f->good.cert));
	write_file("key.pem", f->good.key, strlen(f->good.key));
	write_file("other.pem", f->other.key, strlen(f->other.key));
	write_file("expired.pem", f->expired.cert, strlen(f->expired.cert));
	write_file("expired-key.pem", f->expired.key, strlen(f->expired.key));
	write_file("not-yet.pem", f->not_yet.cert, strlen(f->not_yet.cert));
	write_file("not-yet-key.pem", f->not_yet.key, strlen(f->not_yet.key));
	write_file("ca.pem", f->pki.cert, strlen(f->pki.cert));
	write_file("text.pem", "hello\n", 6);
	ATF_REQUIRE_EQ(0, system("cat cert.pem key.pem >both.pem"));
}

static void files_fini(struct files *f)
{
	pki_pair_fini(&f->good);
	pki_pair_fini(&f->other);
	pki_pair_fini(&f->expired);
	pki_pair_fini(&f->not_yet);
	pki_fini(&f->pki);
}

CASE(ctx__cert_files, "Certificates and keys that fit, and those that do not, "
		      "named")
{
	static const struct {
		const char *cert;
		const char *key;
		int err;
		const char *words;
	} tests[] = {
		{"cert.pem", "key.pem", 0, ""},
		{"both.pem", NULL, 0, ""},
		{"both.pem", "both.pem", 0, ""},
		{"cert.pem", "other.pem", -EINVAL, "other.pem"},
		{"cert.pem", "text.pem", -EINVAL, "text.pem"},
		{"text.pem", "key.pem", -EINVAL, "text.pem"},
		{"cert.pem", NULL, -EINVAL, "cert.pem"},
		{"expired.pem", "expired-key.pem", -EKEYEXPIRED, "expired.pem"},
		{"not-yet.pem", "not-yet-key.pem", -EKEYEXPIRED, "not-yet.pem"},
	};
	struct files files;

	files_init(&files);
	for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
		struct keel_config *config = new_config(KEEL_SERVER);
		struct keel_ctx *ctx = NULL;

		REQUIRE_INT(tests[i].cert, 0,
			    keel_config_set_cert_file(config, tests[i].cert,
						      tests[i].key));
		CHECK_INT(tests[i].cert, tests[i].err,
			  keel_ctx_new(config, NULL, &ctx));
		check_diag(tests[i].cert, config, tests[i].err, tests[i].words);
		CHECK_INT(tests[i].cert, !tests[i].err, ctx != NULL);
		keel_ctx_unref(ctx);
		keel_config_free(config);
	}
	files_fini(&files);
}

CASE(ctx__pem_in_memory, "The same from memory; the context outlives the "
			 "configuration, which can be used again")
{
	struct keel_config *config = new_config(KEEL_SERVER);
	struct keel_cert_info first;
	struct keel_cert_info second;
	struct keel_ctx *ctx;
	struct keel_ctx *other;
	struct files f;

	files_init(&f);
	ATF_REQUIRE_EQ(0, keel_config_set_cert_pem(
				  config, f.good.cert, strlen(f.good.cert),
				  f.good.key, strlen(f.good.key)));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, NULL, &ctx));
	ATF_REQUIRE_EQ(0, keel_config_set_cert_pem(
				  config, f.other.cert, strlen(f.other.cert),
				  f.other.key, strlen(f.other.key)));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, NULL, &other));
	keel_config_free(config);
	ATF_CHECK_EQ(0, keel_ctx_cert_info(ctx, &first));
	ATF_CHECK_EQ(0, keel_ctx_cert_info(other, &second));
	ATF_CHECK(memcmp(first.sha256, second.sha256, 32));
	ATF_CHECK_EQ(KEEL_SERVER, keel_ctx_get_role(ctx));
	ATF_CHECK_STREQ("openssl", keel_ctx_backend_name(ctx));
	ATF_CHECK_EQ(ctx, keel_ctx_ref(ctx));
	ATF_CHECK_EQ(NULL, keel_ctx_unref(ctx));
	ATF_CHECK_EQ(0, keel_ctx_cert_info(ctx, &second));
	ATF_CHECK_EQ(NULL, keel_ctx_unref(ctx));
	keel_ctx_unref(other);
	files_fini(&f);
}

CASE(ctx__self_signed, "A certificate made on the way, anew each time")
{
	struct keel_config *config = new_config(KEEL_SERVER);
	struct keel_cert_info first;
	struct keel_cert_info second;
	struct keel_ctx *ctx;

	ATF_REQUIRE_EQ(0, keel_config_set_self_signed(config, "localhost"));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, NULL, &ctx));
	ATF_CHECK_EQ(0, keel_ctx_cert_info(ctx, &first));
	keel_ctx_unref(ctx);
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, NULL, &ctx));
	ATF_CHECK_EQ(0, keel_ctx_cert_info(ctx, &second));
	ATF_CHECK(memcmp(first.sha256, second.sha256, 32));
	ATF_CHECK(first.not_after > 0);
	keel_ctx_unref(ctx);
	keel_config_free(config);
}

CASE(ctx__last_certificate_wins,
     "A self-signed one replaces files, and files replace it")
{
	struct keel_config *config = new_config(KEEL_SERVER);
	struct keel_ctx *ctx;
	struct files files;

	files_init(&files);
	ATF_REQUIRE_EQ(0, keel_config_set_self_signed(config, "localhost"));
	ATF_REQUIRE_EQ(
		0, keel_config_set_cert_file(config, "cert.pem", "other.pem"));
	ATF_CHECK_EQ(NULL, config->self_signed);
	ATF_CHECK_EQ(-EINVAL, keel_ctx_new(config, NULL, &ctx));
	ATF_REQUIRE_EQ(0, keel_config_set_self_signed(config, "localhost"));
	ATF_CHECK_EQ(NULL, config->cert.name);
	ATF_CHECK_EQ(0, keel_ctx_new(config, NULL, &ctx));
	keel_ctx_unref(ctx);
	keel_config_free(config);
	files_fini(&files);
}

/* Wishes no context can be made of. */
static void no_cert(struct keel_config *config)
{
	(void)config;
}

static void require_offload(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_self_signed(config, "localhost"));
	/* No kernel has this cipher. */
	ATF_REQUIRE_EQ(0, keel_config_set_suites(
				  config, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"));
	ATF_REQUIRE_EQ(0, keel_config_set_offload(config, KEEL_TX,
						  KEEL_OFFLOAD_REQUIRE));
}

static void unknown_backend(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_self_signed(config, "localhost"));
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, "nosuch"));
}

static void null_self_signed(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, "null"));
	ATF_REQUIRE_EQ(0, keel_config_set_self_signed(config, "localhost"));
}

static void null_verify(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, "null"));
	ATF_REQUIRE_EQ(0, keel_config_set_verify(config, KEEL_VERIFY_REQUIRED));
}

static void null_tickets(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, "null"));
	ATF_REQUIRE_EQ(0, keel_config_set_tickets(config, 2));
}

static void suite_of_other_version(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_self_signed(config, "localhost"));
	ATF_REQUIRE_EQ(
		0, keel_config_set_suites(config, "TLS_AES_128_GCM_SHA256"));
	ATF_REQUIRE_EQ(
		0, keel_config_set_versions(config, KEEL_TLS1_2, KEEL_TLS1_2));
}

static void not_a_host(struct keel_config *config)
{
	ATF_REQUIRE_EQ(0, keel_config_set_self_signed(config, "no host"));
}

CASE(ctx__refuses, "Wishes that cannot be granted, each with a line that "
		   "names them")
{
	static const struct {
		const char *name;
		void (*tune)(struct keel_config *config);
		int err;
		const char *words;
	} tests[] = {
		{"no certificate", no_cert, -EINVAL,
		 "a server needs a certificate"},
		{"offload required", require_offload, -EOPNOTSUPP,
		 "offload of sending is required, but the kernel's TLS"},
		{"unknown backend", unknown_backend, -ENOENT, "nosuch"},
		{"null, self-signed", null_self_signed, -ENOTSUP,
		 "\"null\" lacks: self-signed"},
		{"null, verify", null_verify, -ENOTSUP,
		 "\"null\" lacks: verify, system-ca"},
		{"null, tickets", null_tickets, -ENOTSUP,
		 "\"null\" lacks: resume"},
		{"suite of another version", suite_of_other_version, -EINVAL,
		 "no cipher suite of the list belongs to TLSv1.2 to TLSv1.2"},
		{"not a host", not_a_host, -EINVAL, "\"no host\""},
	};

	for (size_t i = 0; i < KEEL__ARRAY_LEN(tests); i++) {
		struct keel_config *config = new_config(KEEL_SERVER);
		struct keel_ctx *ctx = NULL;

		tests[i].tune(config);
		CHECK_INT(tests[i].name, tests[i].err,
			  keel_ctx_new(config, NULL, &ctx));
		check_diag(tests[i].name, config, tests[i].err, tests[i].words);
		CHECK_INT(tests[i].name, true, ctx == NULL);
		keel_config_free(config);
	}
}

CASE(ctx__args, "NULL, and questions to NULL")
{
	struct keel_config *config = new_config(KEEL_SERVER);
	struct keel_cert_info info;
	struct keel_ctx *ctx;

	ATF_CHECK_EQ(-EINVAL, keel_ctx_new(NULL, NULL, &ctx));
	ATF_CHECK_EQ(-EINVAL, keel_ctx_new(config, NULL, NULL));
	check_diag("no result", config, -EINVAL, "no place");
	ATF_CHECK_EQ(NULL, keel_ctx_ref(NULL));
	ATF_CHECK_EQ(NULL, keel_ctx_unref(NULL));
	ATF_CHECK_EQ(0, keel_ctx_get_role(NULL));
	ATF_CHECK_EQ(NULL, keel_ctx_backend_name(NULL));
	ATF_CHECK_EQ(-EINVAL, keel_ctx_cert_info(NULL, &info));
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, "null"));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, NULL, &ctx));
	ATF_CHECK_EQ(-EINVAL, keel_ctx_cert_info(ctx, NULL));
	ATF_CHECK_EQ(-ENOTSUP, keel_ctx_cert_info(ctx, &info));
	/* The default of one ticket bends to what the backend can. */
	ATF_CHECK_EQ(0, ctx->nr_tickets);
	keel_ctx_unref(ctx);
	keel_config_free(config);
	config = new_config(KEEL_CLIENT);
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, NULL, &ctx));
	ATF_CHECK_EQ(KEEL_CLIENT, keel_ctx_get_role(ctx));
	ATF_CHECK_EQ(-ENOENT, keel_ctx_cert_info(ctx, &info));
	keel_ctx_unref(ctx);
	keel_config_free(config);
}

/* What the backend was asked for, kept by a row that is null otherwise. */
static struct keel_backend_params asked;

static int asking_ctx_new(const struct keel_backend_params *params,
			  struct keel_diag *ret_diag, void **ret_ctx)
{
	struct keel_backend_params plain = *params;

	asked = *params;
	plain.verify = KEEL_VERIFY_NONE;
	return keel__backend_null.ctx_new(&plain, ret_diag, ret_ctx);
}

CASE(ctx__asks_the_backend, "The wishes reach the backend as they were made")
{
	struct keel_config *config = new_config(KEEL_SERVER);
	struct keel_backend be = keel__backend_null;
	struct keel_registry *registry;
	struct keel_ctx *ctx;

	be.name = "asking";
	be.caps |= KEEL_CAP_VERIFY | KEEL_CAP_SYSTEM_CA | KEEL_CAP_RESUME;
	be.ctx_new = asking_ctx_new;
	ATF_REQUIRE_EQ(0, keel_registry_new(&registry));
	ATF_REQUIRE_EQ(0, keel_registry_add(registry, &be));
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, "asking"));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, registry, &ctx));
	ATF_CHECK_EQ(sizeof(asked), asked.sz);
	ATF_CHECK_EQ(KEEL_SERVER, asked.role);
	ATF_CHECK_EQ(KEEL_VERIFY_NONE, asked.verify);
	ATF_CHECK_EQ(KEEL_TLS1_2, asked.min_version);
	ATF_CHECK_EQ(KEEL_TLS1_3, asked.max_version);
	ATF_CHECK_EQ(1, asked.nr_tickets);
	ATF_CHECK(!asked.system_ca && !asked.want_tickets);
	ATF_CHECK(!asked.cert_pem && !asked.key_pem && !asked.ca_pem);
	keel_ctx_unref(ctx);

	/* One suite of TLS 1.3: TLS 1.2 has none and is not offered. */
	ATF_REQUIRE_EQ(
		0, keel_config_set_suites(config, "TLS_AES_256_GCM_SHA384"));
	ATF_REQUIRE_EQ(0, keel_config_set_verify(config, KEEL_VERIFY_OPTIONAL));
	ATF_REQUIRE_EQ(0, keel_config_set_tickets(config, 0));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, registry, &ctx));
	ATF_CHECK_EQ(KEEL_TLS1_3, asked.min_version);
	ATF_CHECK_EQ(1, asked.nr_suites);
	ATF_CHECK_EQ(KEEL_VERIFY_OPTIONAL, asked.verify);
	ATF_CHECK(asked.system_ca);
	ATF_CHECK_EQ(0, asked.nr_tickets);
	keel_ctx_unref(ctx);

	write_file("ca.pem", "trusted", 7);
	write_file("both.pem", "cert and key", 12);
	ATF_REQUIRE_EQ(0, keel_config_set_ca_file(config, "ca.pem"));
	ATF_REQUIRE_EQ(0, keel_config_set_cert_file(config, "both.pem", NULL));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, registry, &ctx));
	ATF_CHECK(!asked.system_ca);
	ATF_CHECK_EQ(7, asked.ca_len);
	ATF_CHECK_EQ(12, asked.cert_len);
	ATF_CHECK_EQ(12, asked.key_len);
	ATF_CHECK_EQ(asked.cert_pem, asked.key_pem);
	ATF_CHECK_STREQ("both.pem", asked.key_name);
	keel_ctx_unref(ctx);
	keel_config_free(config);

	config = new_config(KEEL_CLIENT);
	ATF_REQUIRE_EQ(0, keel_config_set_backend(config, "asking"));
	ATF_REQUIRE_EQ(0, keel_config_set_tickets(config, 3));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, registry, &ctx));
	ATF_CHECK_EQ(KEEL_CLIENT, asked.role);
	ATF_CHECK_EQ(KEEL_VERIFY_REQUIRED, asked.verify);
	ATF_CHECK(asked.system_ca && asked.want_tickets);
	ATF_CHECK_EQ(0, asked.nr_tickets);
	keel_ctx_unref(ctx);
	keel_config_free(config);
	keel_registry_free(registry);
}

CASE(ctx__notes_exposed_key, "A key that others may read is used, and noted")
{
	struct keel_config *config = new_config(KEEL_SERVER);
	struct keel_ctx *ctx;
	struct files files;

	files_init(&files);
	ATF_REQUIRE_EQ(0,
		       keel_config_set_log(config, KEEL_LOG_WARN, hear, NULL));
	ATF_REQUIRE_EQ(0, chmod("cert.pem", 0644));
	ATF_REQUIRE_EQ(0, chmod("key.pem", 0600));
	ATF_REQUIRE_EQ(
		0, keel_config_set_cert_file(config, "cert.pem", "key.pem"));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, NULL, &ctx));
	ATF_CHECK_STREQ("", heard);
	keel_ctx_unref(ctx);
	ATF_REQUIRE_EQ(0, chmod("key.pem", 0640));
	ATF_REQUIRE_EQ(
		0, keel_config_set_cert_file(config, "cert.pem", "key.pem"));
	ATF_REQUIRE_EQ(0, keel_ctx_new(config, NULL, &ctx));
	ATF_CHECK_STREQ("1 key-file-readable-by-others", heard);
	keel_ctx_unref(ctx);
	keel_config_free(config);
	files_fini(&files);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, config__new);
	ATF_TP_ADD_TC(tp, config__null);
	ATF_TP_ADD_TC(tp, config__versions);
	ATF_TP_ADD_TC(tp, config__suites);
	ATF_TP_ADD_TC(tp, config__alpn);
	ATF_TP_ADD_TC(tp, config__values);
	ATF_TP_ADD_TC(tp, file__errors);
	ATF_TP_ADD_TC(tp, file__not_readable);
	ATF_TP_ADD_TC(tp, file__pipe);
	ATF_TP_ADD_TC(tp, ctx__cert_files);
	ATF_TP_ADD_TC(tp, ctx__pem_in_memory);
	ATF_TP_ADD_TC(tp, ctx__self_signed);
	ATF_TP_ADD_TC(tp, ctx__last_certificate_wins);
	ATF_TP_ADD_TC(tp, ctx__refuses);
	ATF_TP_ADD_TC(tp, ctx__args);
	ATF_TP_ADD_TC(tp, ctx__asks_the_backend);
	ATF_TP_ADD_TC(tp, ctx__notes_exposed_key);
	return atf_no_error();
}
