/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* throttle - how long the CPU quota has stopped a piece of work */
#include <cgtune.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	struct cgtune_options options = {
		.size = sizeof(options), .flags = CGTUNE_MAPPED,
	};
	struct cgtune_throttle before = { .size = sizeof(before) };
	struct cgtune_throttle after = { .size = sizeof(after) };
	int r = cgtune_throttle_read(&options, &before);

	for (volatile unsigned long i = 0; i < 100000000; i++)
		;
	if (r == 0)
		r = cgtune_throttle_read(&options, &after);
	if (r < 0) {
		fprintf(stderr, "throttle: %s\n", cgtune_strerror(r));
		return 1;
	}
	if (after.throttled_ns == CGTUNE_UNKNOWN ||
	    before.throttled_ns == CGTUNE_UNKNOWN)
		printf("not counted on this machine\n");
	else
		printf("stopped for %" PRIu64 " ns\n",
		       after.throttled_ns - before.throttled_ns);
	return 0;
}
