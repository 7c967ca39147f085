/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * live-limiter - a limiter inside a container whose limits are changed twice, and who waits at it
 *
 * Forty ask to be admitted. After the second change all of them leave in turn: each must have
 * been admitted, and every slot be there again.
 */
#include <cgtune.h>
#include <poll.h>
#include <stdio.h>

enum { ALL = 40, CHANGES = 2 };

static struct cgtune_limiter *limiter;
static int admitted;

static void admit(struct cgtune_waiter *waiter, int result)
{
	(void)waiter;
	admitted += result == 0;
}

static void print(int change)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };

	cgtune_limiter_stats(limiter, &stats);
	printf("%d: limit %u backlog %u in %u waiting %u\n", change, stats.limit, stats.backlog, stats.inflight, stats.waiting);
	fflush(stdout);
}

int main(void)
{
	static struct cgtune_waiter waiters[ALL];
	struct pollfd fd = { .events = POLLIN };
	int slots = 0;

	cgtune_set_interval(0);
	fd.fd = cgtune_fd();
	if (fd.fd < 0 || cgtune_limiter_new(NULL, &limiter) < 0)
		return 1;
	for (int i = 0; i < ALL; i++)
		if (cgtune_limiter_async(limiter, &waiters[i], admit) < 0)
			return 1;
	print(0);
	for (int changes = 0; changes < CHANGES;)
		if (poll(&fd, 1, -1) == 1 && cgtune_dispatch() > 0)
			print(++changes);
	for (int i = 0; i < ALL; i++)
		cgtune_limiter_release(limiter);
	while (cgtune_limiter_try(limiter) == 0)
		slots++;
	printf("admitted %d slots %d\n", admitted, slots);
	return 0;
}
