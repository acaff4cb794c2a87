/* SPDX-License-Identifier: MIT */
/* keel serve: the context of the command line. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <keel/config.h>

#include "tools/serve-private.h"
#include "tools/tool-private.h"

static int set_cert(const struct keel_serve *serve, struct keel_config *config)
{
	char host[INET6_ADDRSTRLEN];

	if (serve->opts.cert)
		return keel_config_set_cert_file(config, serve->opts.cert,
						 serve->opts.key);
	keel__serve_host(&serve->addr, host, sizeof(host));
	return keel_config_set_self_signed(config, host);
}

static int set_all(const struct keel_serve *serve, struct keel_config *config)
{
	const struct keel_serve_opts *opts = &serve->opts;
	int err = keel_config_set_backend(config, opts->backend);

	if (!err)
		err = keel_config_set_versions(config, opts->min_version,
					       opts->max_version);
	if (!err)
		err = keel_config_set_offload(config, KEEL_TX,
					      opts->tx_offload);
	if (!err)
		err = keel_config_set_offload(config, KEEL_RX,
					      opts->rx_offload);
	if (!err && opts->has_offload_after)
		err = keel_config_set_offload_after(
			config, (uint64_t)opts->offload_after * 1024);
	if (!err)
		err = keel_config_set_alpn(config, "http/1.1,http/1.0");
	if (!err && opts->has_tickets)
		err = keel_config_set_tickets(config, opts->nr_tickets);
	if (!err)
		err = set_cert(serve, config);
	return err;
}

int keel__serve_ctx(const struct keel_serve *serve, struct keel_ctx **ret_ctx)
{
	struct keel_config *config = NULL;
	int err = keel_config_new(KEEL_SERVER, &config);

	if (err) {
		keel__tool_error("%s", strerror(-err));
		return err;
	}
	return keel__tool_ctx(config, set_all(serve, config), ret_ctx);
}
