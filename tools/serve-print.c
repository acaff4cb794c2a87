/* SPDX-License-Identifier: MIT */
/* keel serve: what it says when it starts and reloads. */
#include <stdio.h>
#include <string.h>

#include <keel/registry.h>

#include "tools/serve-private.h"

static void print_hex(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%s%02x", i ? ":" : "", bytes[i]);
}

static void print_base64(const uint8_t *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;

		if (i + 1 < len)
			three |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < len)
			three |= bytes[i + 2];
		putchar(digits[three >> 18]);
		putchar(digits[three >> 12 & 63]);
		putchar(i + 1 < len ? digits[three >> 6 & 63] : '=');
		putchar(i + 2 < len ? digits[three & 63] : '=');
	}
}

/* The URL a client of this machine can use. */
static void print_url(const struct keel_serve *serve)
{
	char text[64];
	char host[64];

	keel__serve_addr_text(&serve->addr, text, sizeof(text));
	keel__serve_host(&serve->addr, host, sizeof(host));
	if (!strcmp(host, "localhost"))
		printf("https://localhost%s/", strrchr(text, ':'));
	else
		printf("https://%s/", text);
}

void keel__serve_print_start(const struct keel_serve *serve)
{
	struct keel_backend_ref *ref = NULL;
	const char *name = keel_ctx_backend_name(serve->ctx);
	struct keel_cert_info info;

	printf("keel: serving %s at ", serve->opts.dir);
	print_url(serve);
	printf(" with %u worker%s (%s", serve->nr_workers,
	       serve->nr_workers == 1 ? "" : "s", name);
	if (keel_registry_find(NULL, name, 0, NULL, &ref) == 0) {
		printf(" %s", keel_backend_ref_get(ref)->run_version());
		keel_backend_ref_unref(ref);
	}
	printf(", io_uring)\n");
	if (!serve->opts.cert && keel_ctx_cert_info(serve->ctx, &info) == 0) {
		printf("keel: self-signed certificate, SHA-256 ");
		print_hex(info.sha256, sizeof(info.sha256));
		/* The key is pinned, so that -k gives nothing away. */
		printf("\nkeel: try: curl --insecure --pinnedpubkey 'sha256//");
		print_base64(info.spki_sha256, sizeof(info.spki_sha256));
		printf("' ");
		print_url(serve);
		printf("\n");
	}
	fflush(stdout);
}

void keel__serve_print_reload(struct keel_ctx *ctx)
{
	struct keel_cert_info info;

	printf("keel: certificate read anew");
	if (keel_ctx_cert_info(ctx, &info) == 0) {
		printf(", SHA-256 ");
		print_hex(info.sha256, sizeof(info.sha256));
	}
	printf("\n");
	fflush(stdout);
}
