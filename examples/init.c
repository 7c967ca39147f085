/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* init - the one call of a service: threads and a cache that fit the cgroup, and the environment as it was */
#include <cgtune.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	int tuned = cgtune_init();	/* before the first thread: it sets variables */

	if (tuned < 0)
		fprintf(stderr, "init: going by the host: %s\n", cgtune_strerror(tuned));
	printf("threads %u\n", cgtune_threads());
	printf("connections %u\n", cgtune_pool_size(16, 4));
	if (cgtune_memory() == CGTUNE_UNLIMITED)
		printf("cache as large as you like\n");
	else
		printf("cache %" PRIu64 " bytes\n", cgtune_memory_share(250));
	return cgtune_undo() < 0;
}
