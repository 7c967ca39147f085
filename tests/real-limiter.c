/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-limiter - limiters that follow the quota of a real cgroup, and what it does to the process */
#include "follow.h"
#include "visitor.h"

#include <poll.h>
#include <stdatomic.h>

#define VISITORS 40

static struct cgtune_limiter *limiter;
static uint32_t wanted;

static bool has_limit(void)
{
	return stats_of(limiter).limit == wanted;
}

static bool becomes(uint32_t limit)
{
	wanted = limit;
	return follow_eventually(has_limit);
}

/* By the watcher: nobody dispatches. Those who wait are let in, those who are in stay. */
START_TEST(resized_by_the_quota)
{
	static struct visitor visitors[VISITORS];
	uint32_t most = 8 * follow_at_most_cpus(2);
	sem_t gate;

	sem_init(&gate, 0, 0);
	follow("l");
	real_quota("l", 50000, 0);
	ck_assert_int_ge(cgtune_dispatch(), 0);
	ck_assert_int_eq(cgtune_limiter_new(NULL, &limiter), 0);
	ck_assert_int_eq(cgtune_watch_start(), 0);
	ck_assert_uint_eq(stats_of(limiter).limit, 8);
	ck_assert_uint_eq(stats_of(limiter).backlog, 64);
	visitors_start(visitors, VISITORS, limiter, &gate);
	await(limiter, 8, VISITORS - 8);
	real_quota("l", 150000, 0);
	ck_assert(becomes(most));
	ck_assert_uint_eq(stats_of(limiter).backlog, 8 * most);
	await(limiter, most, VISITORS - most);
	real_quota("l", 50000, 0);
	ck_assert(becomes(8));
	ck_assert_uint_eq(stats_of(limiter).inflight, most);
	gate_open(&gate, VISITORS);
	visitors_join(visitors, VISITORS, 0);
	expect_slots(limiter, 8);
	ck_assert_int_eq(cgtune_watch_stop(), 0);
	cgtune_limiter_free(limiter);
}
END_TEST

static atomic_bool spinning;

static void *spin(void *unused)
{
	while (atomic_load(&spinning))
		;
	return unused;
}

static void never(struct cgtune_waiter *waiter, int result)
{
	(void)waiter;
	ck_abort_msg("a waiter was told %d", result);
}

/* The kernel's own figures: stopped with the quota used up, then not at all. */
START_TEST(adapts_to_throttling)
{
	struct cgtune_limiter_options options = {
		.size = sizeof(options), .mode = CGTUNE_MODE_ADAPTIVE, .backlog_timeout_ms = UINT32_MAX,
	};
	struct cgtune_waiter waiter = { 0 };
	struct pollfd fd = { .fd = follow("a"), .events = POLLIN };
	pthread_t spinners[2];

	/* So little that it is used up wherever two threads get a twentieth of a CPU; and enough to dispatch
	 * in time where a CPU is emulated. */
	if (getenv("CGTUNE_VM"))
		real_quota("a", 20000, 100000);
	else
		real_quota("a", 2000, 20000);
	ck_assert_int_ge(cgtune_dispatch(), 0);
	ck_assert_int_eq(cgtune_limiter_new(&options, &limiter), 0);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(cgtune_limiter_try(limiter), 0);
	ck_assert_int_eq(cgtune_limiter_async(limiter, &waiter, never), 0);
	atomic_store(&spinning, true);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&spinners[i], NULL, spin, NULL), 0);
	while (stats_of(limiter).limit > 1) {
		ck_assert_int_ge(poll(&fd, 1, 60000), 0);
		ck_assert_int_ge(cgtune_dispatch(), 0);
	}
	ck_assert_uint_eq(stats_of(limiter).limit_static, 8);
	atomic_store(&spinning, false);
	for (int i = 0; i < 2; i++)
		pthread_join(spinners[i], NULL);
	while (stats_of(limiter).limit < 8) {
		ck_assert_int_ge(poll(&fd, 1, 60000), 0);
		ck_assert_int_ge(cgtune_dispatch(), 0);
	}
	ck_assert_int_eq(cgtune_limiter_cancel(limiter, &waiter), 1);
	cgtune_limiter_free(limiter);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-limiter");
	TCase *tcase = tcase_create("real-limiter");

	tcase_set_timeout(tcase, FOLLOW_SECONDS);
	tcase_add_test(tcase, resized_by_the_quota);
	tcase_add_test(tcase, adapts_to_throttling);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = follow_begin();

	return why ? suite_skip(why) : suite_run(suite());
}
