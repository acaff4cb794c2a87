/* SPDX-License-Identifier: MIT */
/* keel serve: what is counted, and how it is told. */
#include "tools/metrics-private.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static size_t at_most(size_t idx, size_t nr)
{
	return idx < nr ? idx : nr - 1;
}

static size_t suite_idx(const struct keel_suite *suite)
{
	size_t i = 0;

	while (keel_suite_at(i) && keel_suite_at(i) != suite)
		i++;
	return at_most(i, KEEL_METRICS_SUITES);
}

void keel__metrics_opened(struct keel_metrics *metrics,
			  const struct keel_hs_info *info)
{
	metrics->handshakes[suite_idx(info->suite)][info->resumed]++;
}

static void count_direction(struct keel_metrics *metrics, bool is_rx,
			    const struct keel_dir_info *dir)
{
	bool is_kernel = dir->engine == KEEL_ENGINE_KERNEL;
	size_t reason = is_kernel ? 0 : dir->reason;

	metrics->directions[is_rx][is_kernel]
			   [at_most(reason, KEEL_METRICS_REASONS)]++;
	metrics->key_updates[is_rx] += dir->key_updates;
}

void keel__metrics_closed(struct keel_metrics *metrics,
			  const struct keel_conn_info *info,
			  const struct keel_err *err)
{
	size_t origin = at_most(err->origin, KEEL_METRICS_ORIGINS);

	if (err->origin == KEEL_ERR_PEER_ALERT)
		metrics->alerts[0][err->alert]++;
	if (err->origin == KEEL_ERR_SENT_ALERT)
		metrics->alerts[1][err->alert]++;
	if (err->err && !info->suite)
		metrics->hs_failures[origin]++;
	else if (err->err)
		metrics->failures[origin]++;
	if (!info->suite)
		return;
	count_direction(metrics, false, &info->tx);
	count_direction(metrics, true, &info->rx);
}

/* All of it is counts, up to here. */
#define NR_COUNTS (offsetof(struct keel_metrics, loop) / sizeof(uint64_t))

void keel__metrics_add(struct keel_metrics *sum,
		       const struct keel_metrics *metrics)
{
	const uint64_t *from = (const uint64_t *)(const void *)metrics;
	uint64_t *to = (uint64_t *)(void *)sum;

	for (size_t i = 0; i < NR_COUNTS; i++)
		to[i] += from[i];
}

static void head(FILE *out, const char *name, const char *type,
		 const char *help)
{
	fprintf(out, "# HELP keel_%s %s\n# TYPE keel_%s %s\n", name, help, name,
		type);
}

static const char *const dirs[] = {"tx", "rx"};

static void print_handshakes(FILE *out, const struct keel_metrics *sum)
{
	head(out, "handshakes_total", "counter", "Handshakes done.");
	for (size_t i = 0; keel_suite_at(i); i++)
		for (size_t resumed = 0; resumed < 2; resumed++)
			fprintf(out,
				"keel_handshakes_total{version=\"%s\","
				"cipher=\"%s\",resumed=\"%s\"} %" PRIu64 "\n",
				keel_version_name(keel_suite_at(i)->version),
				keel_suite_at(i)->name,
				resumed ? "true" : "false",
				sum->handshakes[at_most(i, KEEL_METRICS_SUITES)]
					       [resumed]);
}

static void print_origins(FILE *out, const char *name, const char *help,
			  const uint64_t *counts)
{
	head(out, name, "counter", help);
	for (unsigned int i = KEEL_ERR_SYS; i <= KEEL_ERR_PEER; i++)
		fprintf(out, "keel_%s{origin=\"%s\"} %" PRIu64 "\n", name,
			keel_err_origin_name(i), counts[i]);
}

static void print_alerts(FILE *out, const struct keel_metrics *sum)
{
	static const char *const names[] = {"received", "sent"};

	head(out, "alerts_total", "counter",
	     "Fatal alerts that ended connections.");
	for (size_t i = 0; i < NR(names); i++)
		for (unsigned int alert = 0; alert < KEEL_METRICS_ALERTS;
		     alert++)
			if (sum->alerts[i][alert])
				fprintf(out,
					"keel_alerts_total{direction=\"%s\","
					"alert=\"%s\"} %" PRIu64 "\n",
					names[i], keel_alert_name(alert),
					sum->alerts[i][alert]);
}

static void print_direction(FILE *out, const struct keel_metrics *sum,
			    size_t dir, size_t is_kernel, unsigned int reason)
{
	uint64_t nr = sum->directions[dir][is_kernel][reason];

	if (nr)
		fprintf(out,
			"keel_directions_total{direction=\"%s\","
			"engine=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
			dirs[dir], is_kernel ? "kernel" : "user",
			is_kernel ? "" : keel_reason_name(reason), nr);
}

static void print_directions(FILE *out, const struct keel_metrics *sum)
{
	head(out, "directions_total", "counter",
	     "Directions of connections that ended: who protected the records "
	     "last, and why not the kernel.");
	for (size_t dir = 0; dir < 2; dir++)
		for (size_t is_kernel = 0; is_kernel < 2; is_kernel++)
			for (unsigned int i = 0; i < KEEL_METRICS_REASONS; i++)
				print_direction(out, sum, dir, is_kernel, i);
	head(out, "key_updates_total", "counter",
	     "Times keys were changed, of connections that ended.");
	for (size_t dir = 0; dir < 2; dir++)
		fprintf(out,
			"keel_key_updates_total{direction=\"%s\"} %" PRIu64
			"\n",
			dirs[dir], sum->key_updates[dir]);
}

/* What loops count: each worker's own, so that one that lags can be seen. */
static const struct {
	const char *name;
	const char *type;
	const char *help;
	size_t at;
} loop_rows[] = {
#define ROW(name, type, member, help) \
	{ \
		name, type, help, offsetof(struct keel_loop_stats, member) \
	}
	ROW("connections", "gauge", nr_streams, "Connections now."),
	ROW("accepted_total", "counter", accepted, "Connections accepted."),
	ROW("accept_errors_total", "counter", accept_errors,
	    "Accepts that failed, for want of descriptors and the like."),
	ROW("timeouts_total", "counter", timed_out,
	    "Connections that a timer ended."),
	ROW("received_bytes_total", "counter", rx_bytes, "Plaintext received."),
	ROW("sent_bytes_total", "counter", tx_bytes, "Plaintext sent."),
	ROW("tx_offloaded_total", "counter", tx_offloaded,
	    "Connections whose sending moved into the kernel."),
	ROW("rx_offloaded_total", "counter", rx_offloaded,
	    "Connections whose receiving moved into the kernel."),
	ROW("rekey_cuts_total", "counter", rekey_cuts,
	    "Connections ended by a KeyUpdate that the kernel cannot follow."),
	ROW("receives_starved_total", "counter", recv_starved,
	    "Receives that found no buffer."),
	ROW("sends_starved_total", "counter", send_starved,
	    "Sends that waited for memory."),
	ROW("adopted_total", "counter", adopted,
	    "Connections that came from the server before."),
	ROW("detached_total", "counter", detached,
	    "Connections that left for the next server."),
#undef ROW
};

static uint64_t loop_value(const struct keel_loop_stats *stats, size_t at)
{
	return *(const uint64_t *)(const void *)((const char *)stats + at);
}

static void print_loops(FILE *out, const struct keel_metrics *workers,
			unsigned int nr)
{
	for (size_t row = 0; row < NR(loop_rows); row++) {
		head(out, loop_rows[row].name, loop_rows[row].type,
		     loop_rows[row].help);
		for (unsigned int i = 0; i < nr; i++)
			fprintf(out, "keel_%s{worker=\"%u\"} %" PRIu64 "\n",
				loop_rows[row].name, i,
				loop_value(&workers[i].loop,
					   loop_rows[row].at));
	}
	head(out, "loop_latency_seconds", "gauge",
	     "Time a worker took to answer this question.");
	for (unsigned int i = 0; i < nr; i++)
		fprintf(out, "keel_loop_latency_seconds{worker=\"%u\"} %.9f\n",
			i, (double)workers[i].latency_ns / 1e9);
	head(out, "loop_late", "gauge",
	     "Whether a worker did not answer in time: its numbers are older.");
	for (unsigned int i = 0; i < nr; i++)
		fprintf(out, "keel_loop_late{worker=\"%u\"} %d\n", i,
			workers[i].is_late);
}

void keel__metrics_print(FILE *out, const struct keel_metrics *workers,
			 unsigned int nr_workers, const char *backend)
{
	struct keel_metrics *sum = calloc(1, sizeof(*sum));

	if (!sum)
		return;
	for (unsigned int i = 0; i < nr_workers; i++)
		keel__metrics_add(sum, &workers[i]);
	head(out, "info", "gauge", "What runs here.");
	fprintf(out, "keel_info{backend=\"%s\"} 1\n", backend);
	print_handshakes(out, sum);
	print_origins(out, "handshake_failures_total",
		      "Handshakes that failed.", sum->hs_failures);
	print_origins(out, "failures_total",
		      "Connections that failed after their handshake.",
		      sum->failures);
	print_alerts(out, sum);
	print_directions(out, sum);
	print_loops(out, workers, nr_workers);
	free(sum);
}
