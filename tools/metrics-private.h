/* SPDX-License-Identifier: MIT */
/* keel serve: what is counted, and how it is told. */
#ifndef KEEL_TOOLS_METRICS_PRIVATE_H
#define KEEL_TOOLS_METRICS_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <keel/stream.h>

/* More than there are; what is beyond is counted in the last. */
#define KEEL_METRICS_SUITES 16
#define KEEL_METRICS_ORIGINS 12
#define KEEL_METRICS_REASONS 24
#define KEEL_METRICS_ALERTS 256

/**
 * struct keel_metrics - of one worker, or the sum of all
 * @handshakes:  done, by suite (keel_suite_at()), and resumed or not
 * @hs_failures: that failed, by enum keel_err_origin
 * @failures:    connections that failed after it, likewise
 * @alerts:      received and sent, by description
 * @directions:  of connections that ended: TX and RX, by engine (not the
 *               kernel, the kernel) and enum keel_reason
 * @key_updates: of these, TX and RX
 * @loop:        what the loop counts
 * @latency_ns:  from being asked for these numbers to the loop's answer
 * @is_late:     the loop has not answered: the numbers are older
 */
struct keel_metrics {
	uint64_t handshakes[KEEL_METRICS_SUITES][2];
	uint64_t hs_failures[KEEL_METRICS_ORIGINS];
	uint64_t failures[KEEL_METRICS_ORIGINS];
	uint64_t alerts[2][KEEL_METRICS_ALERTS];
	uint64_t directions[2][2][KEEL_METRICS_REASONS];
	uint64_t key_updates[2];
	struct keel_loop_stats loop;
	uint64_t latency_ns;
	bool is_late;
};

void keel__metrics_opened(struct keel_metrics *metrics,
			  const struct keel_hs_info *info);

/* A connection has ended; @info is of keel_conn_get_info(). */
void keel__metrics_closed(struct keel_metrics *metrics,
			  const struct keel_conn_info *info,
			  const struct keel_err *err);

void keel__metrics_add(struct keel_metrics *sum,
		       const struct keel_metrics *metrics);

/*
 * In the text format of Prometheus 0.0.4. @workers: for what is each worker's
 * own. Lines whose count is 0 are left out where there may be very many.
 */
void keel__metrics_print(FILE *out, const struct keel_metrics *workers,
			 unsigned int nr_workers, const char *backend);

#endif
