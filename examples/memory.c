/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory - what is used of the memory limit, and what is left of it */
#include <cgtune.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	struct cgtune_usage usage = { .size = sizeof(usage) };
	uint64_t left;

	if (cgtune_usage_read(NULL, &usage) == 0 && usage.memory != CGTUNE_UNKNOWN)
		printf("used %" PRIu64 " bytes\n", usage.memory);
	if (cgtune_memory_available(&left) < 0)
		printf("left unknown\n");
	else if (left == CGTUNE_UNLIMITED)
		printf("left: no limit\n");
	else
		printf("left %" PRIu64 " bytes\n", left);
	return 0;
}
