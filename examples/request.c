/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* request - one request after the other through the limiter, and what it counted */
#include <cgtune.h>
#include <inttypes.h>
#include <stdio.h>

static void handle(struct cgtune_limiter *limiter,
		   const struct cgtune_request *request)
{
	int r = cgtune_limiter_acquire_as(limiter, request);

	if (r < 0) {
		printf("503, Retry-After: %d, X-Cgtune-Reject: %s\n",
		       cgtune_limiter_retry_after(limiter),
		       cgtune_limiter_reason(r));
		return;
	}
	printf("200\n");
	cgtune_limiter_finish(limiter, CGTUNE_OUTCOME_OK);
}

int main(void)
{
	struct cgtune_limiter_options options = {
		.size = sizeof(options), .name = "request",
		.limit = 1, .backlog = 0, .retry_after_s = 5,
	};
	struct cgtune_request health = {
		.size = sizeof(health), .flags = CGTUNE_REQUEST_BYPASS,
	};
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };
	struct cgtune_limiter *limiter;

	if (cgtune_limiter_new(&options, &limiter) < 0)
		return 1;
	handle(limiter, NULL);
	if (cgtune_limiter_try(limiter) < 0)	/* the only slot is taken */
		return 1;
	handle(limiter, NULL);
	handle(limiter, &health);
	cgtune_limiter_release(limiter);
	cgtune_limiter_stats(limiter, &stats);
	printf("%" PRIu64 " admitted, %" PRIu64 " refused\n",
	       stats.admitted, stats.rejected_capacity);
	cgtune_limiter_free(limiter);
	return 0;
}
