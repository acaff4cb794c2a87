/* SPDX-License-Identifier: MIT */
/* keel probe: the same for programs. keel-probe(1) promises the keys. */
#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "tools/probe-private.h"

/* Puts @value into an object, or at the end of an array; both without a NULL. */
struct json {
	struct json_object *root;
	bool is_short; /* of memory */
};

static void put(struct json *json, struct json_object *to, const char *key,
		struct json_object *value)
{
	int r = -1;

	if (value && to)
		r = key ? json_object_object_add(to, key, value)
			: json_object_array_add(to, value);
	if (!r)
		return;
	json->is_short = true;
	json_object_put(value);
}

static struct json_object *put_object(struct json *json, struct json_object *to,
				      const char *key)
{
	struct json_object *value = json_object_new_object();

	put(json, to, key, value);
	return json->is_short ? NULL : value;
}

static struct json_object *put_array(struct json *json, struct json_object *to,
				     const char *key)
{
	struct json_object *value = json_object_new_array();

	put(json, to, key, value);
	return json->is_short ? NULL : value;
}

/* JSON is UTF-8; the name of an interface may be any bytes. */
static void put_text(struct json *json, struct json_object *to, const char *key,
		     const char *text)
{
	char ascii[512];
	size_t len = 0;

	for (; text[len] && len < sizeof(ascii); len++)
		ascii[len] = (char)(text[len] & 0x80 ? '?' : text[len]);
	put(json, to, key, json_object_new_string_len(ascii, (int)len));
}

/* What is empty is nothing. */
static void put_optional(struct json *json, struct json_object *to,
			 const char *key, const char *text)
{
	if (*text)
		put_text(json, to, key, text);
	else if (!to || json_object_object_add(to, key, NULL))
		json->is_short = true;
}

static void put_bool(struct json *json, struct json_object *to, const char *key,
		     bool value)
{
	put(json, to, key, json_object_new_boolean(value));
}

static void put_number(struct json *json, struct json_object *to,
		       const char *key, long long value)
{
	put(json, to, key, json_object_new_int64(value));
}

static void put_kernel(struct json *json, const struct keel__probe *probe)
{
	struct json_object *kernel = put_object(json, json->root, "kernel");

	put_text(json, kernel, "release", probe->uts.release);
	put_text(json, kernel, "machine", probe->uts.machine);
}

static void put_features(struct json *json, const struct keel__probe *probe)
{
	struct json_object *features = put_object(json, json->root, "features");
	struct json_object *one;

	for (size_t i = 0; i < probe->nr_features; i++) {
		const struct keel_feature *feature = &probe->features[i];

		if (*feature->use)
			continue;
		one = put_object(json, features, feature->name);
		put_bool(json, one, "works", !feature->err);
		put_text(json, one, "text", feature->text);
		put_optional(json, one, "why", feature->why);
	}
}

/* "TLSv1.2 tx" is a version and a direction. */
static void put_ciphers(struct json *json, const struct keel__probe *probe)
{
	struct json_object *ciphers = put_array(json, json->root, "ciphers");
	struct json_object *one;
	char version[16];
	char dir[16];

	for (size_t i = 0; i < probe->nr_features; i++) {
		const struct keel_feature *feature = &probe->features[i];

		if (sscanf(feature->use, "%15s %15s", version, dir) != 2)
			continue;
		one = put_object(json, ciphers, NULL);
		put_text(json, one, "name", feature->name);
		put_text(json, one, "version", version);
		put_text(json, one, "direction", dir);
		put_bool(json, one, "works", !feature->err);
		put_optional(json, one, "why", feature->why);
	}
}

static void put_system(struct json *json, const struct keel__probe *probe)
{
	static const char *const verdicts[] = {
		[KEEL__NOTE] = "note",
		[KEEL__YES] = "yes",
		[KEEL__NO] = "no",
	};
	struct json_object *system = put_object(json, json->root, "system");
	struct json_object *one;

	for (size_t i = 0; i < KEEL__NR_FACTS; i++) {
		const struct keel__fact *fact = &probe->facts[i];

		one = put_object(json, system, keel__fact_names[i]);
		put_text(json, one, "verdict", verdicts[fact->verdict]);
		if (*fact->value || fact->number < 0)
			put_optional(json, one, "value", fact->value);
		else
			put_number(json, one, "value", fact->number);
		put_text(json, one, "text", fact->text);
		put_optional(json, one, "why", fact->why);
	}
}

static void put_nic_features(struct json *json, struct json_object *to,
			     const struct keel_nic_info *info)
{
	struct json_object *features = put_object(json, to, "features");
	struct json_object *one;

	for (size_t i = 0; i < KEEL_NIC_NR_USES; i++) {
		const struct keel_nic_feature *feature = &info->features[i];

		one = put_object(json, features, feature->name);
		put_text(json, one, "state", keel__nic_states[feature->state]);
		put_optional(json, one, "why", feature->why);
	}
}

static void put_nic(struct json *json, struct json_object *nics,
		    const struct keel_nic_info *info)
{
	struct json_object *nic = put_object(json, nics, NULL);

	put_text(json, nic, "name", info->name);
	put_number(json, nic, "index", info->idx);
	put_nic_features(json, nic, info);
}

static void put_nics(struct json *json, const struct keel__nics *nics)
{
	struct json_object *all = put_object(json, json->root, "nics");
	struct json_object *list = put_array(json, all, "interfaces");
	struct json_object *counters;

	put_optional(json, all, "why", nics->why);
	for (size_t i = 0; i < nics->nr; i++)
		put_nic(json, list, &nics->list[i]);
	counters = put_object(json, json->root, "counters");
	for (size_t i = 0; i < nics->nr_counters; i++)
		put_number(json, counters, nics->counters[i].name,
			   (long long)nics->counters[i].value);
}

static void put_dir(struct json *json, struct json_object *conn,
		    const char *name, const struct keel_dir_info *info)
{
	struct json_object *dir = put_object(json, conn, name);
	bool is_kernel = info->engine == KEEL_ENGINE_KERNEL;

	put_text(json, dir, "engine", is_kernel ? "kernel" : "user");
	put_optional(json, dir, "why",
		     is_kernel ? "" : keel_reason_text(info->reason));
	put_optional(json, dir, "kernel_says",
		     info->err ? strerror(-info->err) : "");
}

static void put_route(struct json *json, struct json_object *to,
		      const struct keel__conn *conn)
{
	struct json_object *route = put_object(json, to, "route");

	put_optional(json, route, "interface", conn->route.name);
	put_optional(json, route, "why", conn->route_why);
	if (conn->has_nic)
		put_nic_features(json, route, &conn->nic);
	else
		put_optional(json, route, "features", "");
}

static void put_sock(struct json *json, struct json_object *to,
		     const struct keel__conn *conn)
{
	struct json_object *sock = put_object(json, to, "sock_diag");
	const struct keel_sock_info *info = &conn->sock;
	const char *cipher = info->cipher_name ? info->cipher_name : "";

	put_optional(json, sock, "why", conn->sock_why);
	put_optional(json, sock, "ulp", info->ulp);
	put_optional(json, sock, "version",
		     info->version ? keel_version_name(info->version) : "");
	put_optional(json, sock, "cipher", cipher);
	put_text(json, sock, "tx", keel__sock_conf(info->tx_conf));
	put_text(json, sock, "rx", keel__sock_conf(info->rx_conf));
	put_bool(json, sock, "tx_zerocopy", info->tx_zerocopy);
	put_bool(json, sock, "rx_no_pad", info->rx_no_pad);
	put_number(json, sock, "tx_max_payload", info->tx_max_payload);
}

static void put_conn(struct json *json, const struct keel__probe *probe)
{
	const struct keel__conn *conn = &probe->conn;
	struct json_object *to;

	if (!conn->is_made) {
		put_optional(json, json->root, "connection", "");
		return;
	}
	to = put_object(json, json->root, "connection");
	put_text(json, to, "target", probe->opts.connect);
	put_text(json, to, "address", conn->address);
	put_bool(json, to, "verified", !probe->opts.is_insecure);
	put_text(json, to, "backend", conn->backend);
	put_text(json, to, "version", keel_version_name(conn->info.version));
	put_optional(json, to, "suite",
		     conn->info.suite ? conn->info.suite->name : "");
	put_dir(json, to, "tx", &conn->info.tx);
	put_dir(json, to, "rx", &conn->info.rx);
	put_route(json, to, conn);
	put_sock(json, to, conn);
}

int keel__probe_print_json(const struct keel__probe *probe)
{
	struct json json = {.root = json_object_new_object()};
	const char *text = NULL;

	put_text(&json, json.root, "keel", PACKAGE_VERSION);
	put_bool(&json, json.root, "offload", probe->can_offload);
	put_kernel(&json, probe);
	put_features(&json, probe);
	put_ciphers(&json, probe);
	put_system(&json, probe);
	put_nics(&json, &probe->nics);
	put_conn(&json, probe);
	if (!json.is_short)
		text = json_object_to_json_string_ext(
			json.root, JSON_C_TO_STRING_PRETTY |
					   JSON_C_TO_STRING_SPACED |
					   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	json_object_put(json.root);
	return text ? 0 : -ENOMEM;
}
