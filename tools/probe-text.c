/* SPDX-License-Identifier: MIT */
/* keel probe: the screen that a person reads. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/probe-private.h"

/* Of more than these a screen would be full. */
#define MAX_NICS 8

static const char *const verdicts[] = {
	[KEEL__NOTE] = "note",
	[KEEL__YES] = "yes",
	[KEEL__NO] = "no",
};

static void print_row(enum keel__verdict verdict, const char *name,
		      const char *text, const char *why)
{
	printf("%-4s %-18s %s%s%s\n", verdicts[verdict], name, text,
	       *text && *why ? ": " : "", why);
}

static bool is_cipher(const struct keel_feature *feature)
{
	return *feature->use;
}

/* Without the first there is nothing to say of the others. */
static void print_features(const struct keel__probe *probe)
{
	for (size_t i = 0; i < probe->nr_features; i++) {
		const struct keel_feature *feature = &probe->features[i];

		if (is_cipher(feature) || (i && !probe->can_offload))
			continue;
		if (feature->err)
			print_row(KEEL__NO, feature->name, feature->why, "");
		else
			print_row(KEEL__YES, feature->name, feature->text, "");
	}
}

/* "TLSv1.2 tx" behind "TLSv1.2 tx" is "TLSv1.2 tx rx" for short. */
static void add_use(char *line, size_t len, const char *use, const char *before)
{
	size_t at = strlen(line);
	const char *dir = strchr(use, ' ');
	bool is_same =
		dir && before && !strncmp(use, before, (size_t)(dir - use) + 1);

	(void)snprintf(line + at, len - at, "%s%s", at && !is_same ? ", " : "",
		       is_same ? dir : use);
}

/* The rows of a cipher follow each other; @idx is the first. */
static size_t print_cipher(const struct keel__probe *probe, size_t idx)
{
	const struct keel_feature *first = &probe->features[idx];
	const char *why = "";
	const char *before = NULL;
	char line[64] = "";
	bool has_all = true;

	for (; idx < probe->nr_features; idx++) {
		const struct keel_feature *feature = &probe->features[idx];

		if (strcmp(feature->name, first->name) != 0)
			break;
		if (feature->err) {
			has_all = false;
			why = feature->why;
			continue;
		}
		add_use(line, sizeof(line), feature->use, before);
		before = feature->use;
	}
	if (!*line)
		print_row(KEEL__NO, first->name, why, "");
	else if (has_all)
		print_row(KEEL__YES, first->name, line, "");
	else
		printf("%-4s %-18s %s only: %s\n", "part", first->name, line,
		       why);
	return idx;
}

static void print_ciphers(const struct keel__probe *probe)
{
	if (!probe->can_offload)
		return;
	printf("\nCiphers that the kernel protects records with\n");
	for (size_t i = 0; i < probe->nr_features;)
		if (is_cipher(&probe->features[i]))
			i = print_cipher(probe, i);
		else
			i++;
}

static void print_system(const struct keel__probe *probe)
{
	printf("\nThis system\n");
	for (size_t i = 0; i < KEEL__NR_FACTS; i++)
		print_row(probe->facts[i].verdict, keel__fact_names[i],
			  probe->facts[i].text, probe->facts[i].why);
}

static void print_counters(const struct keel__nics *nics)
{
	const char *before = "";

	if (!nics->nr_counters)
		return;
	printf("%-4s %-18s ", "note", "counters");
	for (size_t i = 0; i < nics->nr_counters; i++) {
		if (!nics->counters[i].value)
			continue;
		printf("%s%s %" PRIu64, before, nics->counters[i].name,
		       nics->counters[i].value);
		before = ", ";
	}
	printf("%s\n", *before ? "" : "all are 0");
}

/* "tx on, rx cannot, record cannot"; true if any is on. */
static bool add_nic(char *line, size_t len, const struct keel_nic_info *nic)
{
	static const char *const uses[KEEL_NIC_NR_USES] = {
		[KEEL_NIC_TX] = "tx",
		[KEEL_NIC_RX] = "rx",
		[KEEL_NIC_RECORD] = "record",
	};
	bool has_any = false;

	for (size_t i = 0; i < KEEL_NIC_NR_USES; i++) {
		size_t at = strlen(line);

		(void)snprintf(line + at, len - at, "%s%s %s", i ? ", " : "",
			       uses[i],
			       keel__nic_states[nic->features[i].state]);
		has_any |= nic->features[i].state == KEEL_NIC_ON;
	}
	return has_any;
}

/* States, then what would change one that can be changed. */
static void print_nic(const struct keel_nic_info *nic)
{
	const char *why = "";
	char line[128] = "";
	bool has_any = add_nic(line, sizeof(line), nic);

	for (size_t i = 0; i < KEEL_NIC_NR_USES && !*why; i++)
		if (nic->features[i].state == KEEL_NIC_OFF)
			why = nic->features[i].why;
	print_row(has_any ? KEEL__YES : KEEL__NO, nic->name, line, why);
}

static void print_nics(const struct keel__nics *nics)
{
	char line[64];

	/* Of what cannot, only another card, or its driver, makes a thing. */
	printf("\nNetwork cards that protect records themselves (\"cannot\": "
	       "it takes another card)\n");
	if (!nics->list) {
		print_row(KEEL__NOTE, "unknown", nics->why, "");
		return;
	}
	for (size_t i = 0; i < nics->nr && i < MAX_NICS; i++)
		print_nic(&nics->list[i]);
	if (nics->nr <= MAX_NICS)
		return;
	(void)snprintf(line, sizeof(line), "%zu more", nics->nr - MAX_NICS);
	print_row(KEEL__NOTE, line, "see --interface and --json", "");
}

static void print_dir(const char *name, const char *what,
		      const struct keel_dir_info *dir)
{
	char why[256];

	if (dir->engine == KEEL_ENGINE_KERNEL) {
		(void)snprintf(why, sizeof(why),
			       "the kernel protects what is %s", what);
		print_row(KEEL__YES, name, why, "");
		return;
	}
	(void)snprintf(why, sizeof(why), "keel protects what is %s: %s%s%s",
		       what, keel_reason_text(dir->reason),
		       dir->err ? ": " : "",
		       dir->err ? strerror(-dir->err) : "");
	print_row(KEEL__NO, name, why, "");
}

static void print_route(const struct keel__conn *conn)
{
	char line[160] = "";

	if (*conn->route_why) {
		print_row(KEEL__NOTE, "route", "unknown", conn->route_why);
		return;
	}
	(void)snprintf(line, sizeof(line), "by %s%s", conn->route.name,
		       conn->has_nic ? ", which says " : "");
	if (conn->has_nic)
		(void)add_nic(line, sizeof(line), &conn->nic);
	print_row(KEEL__NOTE, "route", line, "");
}

static void print_sock(const struct keel__conn *conn)
{
	const struct keel_sock_info *sock = &conn->sock;

	if (*conn->sock_why)
		print_row(KEEL__NOTE, "sock_diag", "unknown", conn->sock_why);
	else if (!*sock->ulp)
		print_row(KEEL__NOTE, "sock_diag",
			  "the kernel has no TLS on this socket", "");
	else
		printf("%-4s %-18s %s, tx %s, rx %s%s%s%s%s%s\n", "note",
		       "sock_diag", sock->ulp, keel__sock_conf(sock->tx_conf),
		       keel__sock_conf(sock->rx_conf),
		       sock->version ? ", " : "",
		       sock->version ? keel_version_name(sock->version) : "",
		       sock->version ? " " : "", sock->cipher_name,
		       sock->tx_zerocopy ? ", zero-copy" : "");
}

static void print_conn(const struct keel__probe *probe)
{
	const struct keel__conn *conn = &probe->conn;

	if (!conn->is_made)
		return;
	printf("\nConnection to %s (%s)\n", probe->opts.connect, conn->address);
	printf("%-4s %-18s %s, %s, by %s%s\n", "note", "handshake",
	       keel_version_name(conn->info.version),
	       conn->info.suite ? conn->info.suite->name : "?", conn->backend,
	       probe->opts.is_insecure ? "; who the server is was not verified"
				       : "; the server's certificate is good");
	print_dir("tx", "sent", &conn->info.tx);
	print_dir("rx", "received", &conn->info.rx);
	print_route(conn);
	print_sock(conn);
}

void keel__probe_print_text(const struct keel__probe *probe)
{
	printf("keel %s on Linux %s, %s\n\n", PACKAGE_VERSION,
	       probe->uts.release, probe->uts.machine);
	print_features(probe);
	print_ciphers(probe);
	print_system(probe);
	print_counters(&probe->nics);
	print_nics(&probe->nics);
	print_conn(probe);
}
