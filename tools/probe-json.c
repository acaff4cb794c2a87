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

static void put_nic(struct json *json, struct json_object *nics,
		    const struct keel_nic_info *info)
{
	struct json_object *nic = put_object(json, nics, NULL);
	struct json_object *features;
	struct json_object *one;

	put_text(json, nic, "name", info->name);
	put_number(json, nic, "index", info->idx);
	features = put_object(json, nic, "features");
	for (size_t i = 0; i < KEEL_NIC_NR_USES; i++) {
		static const char *const states[] = {
			[KEEL_NIC_UNKNOWN] = "unknown",
			[KEEL_NIC_FIXED_OFF] = "cannot",
			[KEEL_NIC_OFF] = "off",
			[KEEL_NIC_ON] = "on",
		};

		one = put_object(json, features, info->features[i].name);
		put_text(json, one, "state", states[info->features[i].state]);
		put_optional(json, one, "why", info->features[i].why);
	}
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
