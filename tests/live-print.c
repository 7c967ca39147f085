/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* live-print - what a program inside a container sees: threads and budget at the start, and at each change */
#include <cgtune.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

static void print(void)
{
	uint64_t memory = cgtune_memory();

	printf("threads %u budget ", cgtune_threads());
	if (memory == CGTUNE_UNLIMITED)
		puts("none");
	else
		printf("%" PRIu64 "\n", memory);
	fflush(stdout);
}

/* No tick of the timer: what is written must wake us. */
int main(void)
{
	struct pollfd fd = { .events = POLLIN };

	cgtune_set_interval(0);
	if (cgtune_init() < 0)
		return 1;
	fd.fd = cgtune_fd();
	if (fd.fd < 0)
		return 1;
	print();
	while (poll(&fd, 1, -1) == 1)
		if (cgtune_dispatch() > 0)
			print();
	return 1;
}
