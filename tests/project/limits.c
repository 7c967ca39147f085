/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limits - a program of a user: what the library says */
#include <cgtune.h>
#include <stdio.h>

int main(void)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };

	if (cgtune_read(NULL, &limits) < 0)
		return 1;
	printf("%s: %u threads\n", cgtune_version(), cgtune_threads());
	return 0;
}
