/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* metrics - what the example servers share: a limiter's counters for Prometheus, and words for a refusal */
#ifndef CGTUNE_EXAMPLES_METRICS_H
#define CGTUNE_EXAMPLES_METRICS_H

#include <cgtune.h>
#include <errno.h>
#include <stdio.h>

static inline void metrics_rejected(FILE *out, const char *name, const char *reason, uint64_t value)
{
	fprintf(out, "cgtune_limiter_rejected_total{limiter=\"%s\",reason=\"%s\"} %llu\n", name, reason,
		(unsigned long long)value);
}

/* Text format 0.0.4. */
static inline void metrics_print(FILE *out, struct cgtune_limiter *limiter)
{
	struct cgtune_limiter_stats s = { .size = sizeof(s) };
	unsigned long long below = 0;

	if (cgtune_limiter_stats(limiter, &s) < 0)
		return;
	fprintf(out, "# TYPE cgtune_limiter_limit gauge\ncgtune_limiter_limit{limiter=\"%s\"} %u\n", s.name, s.limit);
	fprintf(out, "# TYPE cgtune_limiter_backlog gauge\ncgtune_limiter_backlog{limiter=\"%s\"} %u\n", s.name, s.backlog);
	fprintf(out, "# TYPE cgtune_limiter_inflight gauge\ncgtune_limiter_inflight{limiter=\"%s\"} %u\n", s.name,
		s.inflight);
	fprintf(out, "# TYPE cgtune_limiter_queued gauge\ncgtune_limiter_queued{limiter=\"%s\"} %u\n", s.name, s.waiting);
	fprintf(out, "# TYPE cgtune_limiter_admitted_total counter\ncgtune_limiter_admitted_total{limiter=\"%s\"} %llu\n",
		s.name, (unsigned long long)s.admitted);
	fprintf(out, "# TYPE cgtune_limiter_rejected_total counter\n");
	metrics_rejected(out, s.name, cgtune_limiter_reason(-EBUSY), s.rejected_capacity);
	metrics_rejected(out, s.name, cgtune_limiter_reason(-ETIMEDOUT), s.rejected_timeout);
	metrics_rejected(out, s.name, cgtune_limiter_reason(-ESHUTDOWN), s.rejected_closed);
	metrics_rejected(out, s.name, cgtune_limiter_reason(-ENOMEM), s.rejected_memory);
	fprintf(out, "# TYPE cgtune_limiter_wait_seconds histogram\n");
	for (int i = 0; i < CGTUNE_WAIT_SLOTS - 1; i++) {
		below += s.wait_hist[i];
		fprintf(out, "cgtune_limiter_wait_seconds_bucket{limiter=\"%s\",le=\"%.6f\"} %llu\n", s.name,
			(double)(1ull << i) / 1e6, below);
	}
	fprintf(out, "cgtune_limiter_wait_seconds_bucket{limiter=\"%s\",le=\"+Inf\"} %llu\n", s.name,
		below + (unsigned long long)s.wait_hist[CGTUNE_WAIT_SLOTS - 1]);
	fprintf(out, "cgtune_limiter_wait_seconds_sum{limiter=\"%s\"} %.6f\n", s.name, (double)s.wait_ns / 1e9);
	fprintf(out, "cgtune_limiter_wait_seconds_count{limiter=\"%s\"} %llu\n", s.name, (unsigned long long)s.admitted);
}

#endif
