/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-feedback - limiters that follow the process: sizes from limits and variables, live changes, adaptive mode */
#include "visitor.h"
#include "machine.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct machine machine;

static void setup(void)
{
	environment_clear();
	machine_make(&machine);
	machine.options.flags |= CGTUNE_NO_APPLY;
}

static void teardown(void)
{
	machine_remove(&machine);
}

static void expect_sizes(struct cgtune_limiter *l, uint32_t limit, uint32_t backlog)
{
	ck_assert_uint_eq(stats_of(l).limit, limit);
	ck_assert_uint_eq(stats_of(l).backlog, backlog);
}

/* The table in GoToSocial's documentation of advanced-throttling-multiplier. */
static const struct {
	const char *cpu_max, *multiplier;
	uint32_t limit, backlog;
} sizes[] = {
	{ "100000 100000", NULL, 8, 64 }, { "200000 100000", NULL, 16, 128 }, { "400000 100000", NULL, 32, 256 },
	{ "100000 100000", "4", 4, 16 }, { "200000 100000", "4", 8, 32 }, { "400000 100000", "4", 16, 64 },
	{ "50000 100000", NULL, 8, 64 }, { "150000 100000", NULL, 16, 128 },
	{ "100000 100000", "1", 1, 1 }, { "100000 100000", "0", UINT32_MAX, 0 }, { "100000 100000", "-3", UINT32_MAX, 0 },
	{ "100000 100000", "many", 8, 64 },
};

START_TEST(sized_by_limits)
{
	struct cgtune_limiter *l;

	machine_write(&machine, CPU_MAX, sizes[_i].cpu_max);
	if (sizes[_i].multiplier)
		setenv("CGTUNE_THROTTLE_MULTIPLIER", sizes[_i].multiplier, 1);
	ck_assert_int_ge(cgtune_init_with(&machine.options), 0);
	ck_assert_int_eq(cgtune_limiter_new(NULL, &l), 0);
	expect_sizes(l, sizes[_i].limit, sizes[_i].backlog);
	for (int i = 0; i < 1000 && sizes[_i].limit == UINT32_MAX; i++)
		ck_assert_int_eq(cgtune_limiter_try(l), 0);
	cgtune_limiter_free(l);
}
END_TEST

/* Options before variables before defaults. */
START_TEST(who_decides)
{
	struct cgtune_limiter *l;

	machine_write(&machine, CPU_MAX, "200000 100000");
	setenv("CGTUNE_THROTTLE_MULTIPLIER", "4", 1);
	setenv("CGTUNE_THROTTLE_RETRY_AFTER", "7", 1);
	ck_assert_int_ge(cgtune_init_with(&machine.options), 0);
	l = LIMITER(.multiplier = 3);
	expect_sizes(l, 6, 18);
	ck_assert_int_eq(cgtune_limiter_retry_after(l), 7);
	cgtune_limiter_free(l);
	l = LIMITER(.limit = 5, .retry_after_s = 2);
	expect_sizes(l, 5, 0);
	ck_assert_int_eq(cgtune_limiter_retry_after(l), 2);
	cgtune_limiter_free(l);
	l = LIMITER(.backlog = 9);
	expect_sizes(l, 8, 9);
	cgtune_limiter_free(l);
	l = LIMITER(.max = 3);
	expect_sizes(l, 3, 12);
	cgtune_limiter_free(l);
	l = LIMITER(.min = 20);
	expect_sizes(l, 20, 80);
	cgtune_limiter_free(l);
	l = LIMITER(.flags = CGTUNE_LIMITER_UNLIMITED);
	expect_sizes(l, UINT32_MAX, 0);
	cgtune_limiter_free(l);
}
END_TEST

static const struct {
	const char *variable;
	int seconds;
} retries[] = { { "0", 0 }, { "-5", 0 }, { "12", 12 }, { "soon", 30 }, { "", 30 } };

START_TEST(retry_after)
{
	struct cgtune_limiter *l;

	setenv("CGTUNE_THROTTLE_RETRY_AFTER", retries[_i].variable, 1);
	ck_assert_int_ge(cgtune_init_with(&machine.options), 0);
	ck_assert_int_eq(cgtune_limiter_new(NULL, &l), 0);
	ck_assert_int_eq(cgtune_limiter_retry_after(l), retries[_i].seconds);
	cgtune_limiter_free(l);
}
END_TEST

/* Of the budget of 900 MiB 150 are used, and not by page cache: 750 are left for requests. */
START_TEST(sized_by_memory)
{
	struct cgtune_limiter *l;

	machine_write(&machine, MEMORY_MAX, "1048576000");
	machine_write(&machine, "/sys/fs/cgroup/a/memory.current", "209715200");
	machine_write(&machine, "/sys/fs/cgroup/a/memory.stat", "inactive_file 52428800\n");
	ck_assert_int_ge(cgtune_init_with(&machine.options), 0);
	l = LIMITER(.mem_per_request = 100 * MIB, .flags = CGTUNE_LIMITER_BIND_PROCESS);
	expect_sizes(l, 7, 56);
	for (int i = 0; i < 7; i++)
		ck_assert_int_eq(cgtune_limiter_try(l), 0);
	ck_assert_int_eq(cgtune_limiter_try(l), -ENOMEM);
	ck_assert_uint_eq(stats_of(l).rejected_memory, 1);
	ck_assert_uint_eq(stats_of(l).rejected_capacity, 0);
	/* What the requests use is not counted twice when the limit changes. */
	machine_write(&machine, "/sys/fs/cgroup/a/memory.current", "734003200");
	machine_write(&machine, MEMORY_MAX, "524288000");
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_MEMORY);
	expect_sizes(l, 3, 24);
	machine_write(&machine, MEMORY_MAX, "max");
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_MEMORY);
	expect_sizes(l, 64, 512);
	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	cgtune_limiter_free(l);
	machine_write(&machine, MEMORY_MAX, "1048576");
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_MEMORY);
	l = LIMITER(.mem_per_request = GIB);		/* one must be able to run */
	expect_sizes(l, 1, 8);
	cgtune_limiter_free(l);
}
END_TEST

static int granted;

static void count_grant(struct cgtune_waiter *w, int result)
{
	(void)w;
	ck_assert_int_eq(result, 0);
	granted++;
}

START_TEST(follows_limits)
{
	struct cgtune_limiter *bound, *free_of_it, *sized;
	struct cgtune_waiter waiters[20] = { 0 };

	granted = 0;
	machine_write(&machine, CPU_MAX, "50000 100000");
	ck_assert_int_ge(cgtune_init_with(&machine.options), 0);
	ck_assert_int_eq(cgtune_limiter_new(NULL, &bound), 0);
	free_of_it = LIMITER(.name = "free");
	sized = LIMITER(.flags = CGTUNE_LIMITER_BIND_PROCESS);
	ck_assert_int_eq(cgtune_limiter_resize(sized, 3, 2), 0);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(cgtune_limiter_async(bound, &waiters[i], count_grant), 0);
	ck_assert_int_eq(granted, 8);
	machine_write(&machine, CPU_MAX, "150000 100000");
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);
	expect_sizes(bound, 16, 128);
	ck_assert_int_eq(granted, 16);
	expect_sizes(free_of_it, 8, 64);
	expect_sizes(sized, 3, 2);
	machine_write(&machine, CPU_MAX, "50000 100000");
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);
	expect_sizes(bound, 8, 64);
	for (int i = 0; i < 20; i++)
		cgtune_limiter_release(bound);
	ck_assert_int_eq(granted, 20);
	expect_slots(bound, 8);
	cgtune_limiter_free(free_of_it);
	cgtune_limiter_free(bound);
	machine_write(&machine, CPU_MAX, "250000 100000");
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);	/* of those freed nobody is asked */
	cgtune_limiter_free(sized);
}
END_TEST

START_TEST(child_follows_limits)
{
	struct cgtune_limiter *l;
	int status;
	pid_t child;

	machine_write(&machine, CPU_MAX, "50000 100000");
	ck_assert_int_ge(cgtune_init_with(&machine.options), 0);
	ck_assert_int_eq(cgtune_limiter_new(NULL, &l), 0);
	child = fork();
	if (child == 0) {
		struct cgtune_limiter_stats stats = { .size = sizeof(stats) };

		cgtune_threads();
		machine_write(&machine, CPU_MAX, "150000 100000");
		if (cgtune_dispatch() != CGTUNE_CPU || cgtune_limiter_stats(l, &stats) != 0 || stats.limit != 16)
			_exit(1);
		cgtune_limiter_free(l);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	expect_sizes(l, 8, 64);
	cgtune_limiter_free(l);
}
END_TEST

/* cpu.stat as it looks after more periods and CPU time. */
static void advance(bool throttled, uint64_t used_us)
{
	static uint64_t periods, stopped, usage, stopped_us;
	char text[160];

	periods += 10;
	stopped += throttled ? 9 : 0;
	usage += used_us;
	stopped_us += throttled ? 9 * used_us : 0;
	snprintf(text, sizeof(text), "usage_usec %llu\nnr_periods %llu\nnr_throttled %llu\nthrottled_usec %llu\n",
		 (unsigned long long)usage, (unsigned long long)periods, (unsigned long long)stopped,
		 (unsigned long long)stopped_us);
	machine_write(&machine, "/sys/fs/cgroup/a/cpu.stat", text);
}

/* Tick with such windows until the limit is that. */
static void tick_until(struct cgtune_limiter *l, uint32_t limit, bool throttled, uint64_t used_us)
{
	struct pollfd fd = { .fd = cgtune_fd(), .events = POLLIN };

	while (stats_of(l).limit != limit) {
		ck_assert_int_eq(poll(&fd, 1, 30000), 1);
		advance(throttled, used_us);
		ck_assert_int_ge(cgtune_dispatch(), 0);
	}
}

#define USED_UP 60000000		/* us of CPU time: far above the quota of any window */

START_TEST(adapts)
{
	struct cgtune_waiter waiter = { 0 };
	struct cgtune_limiter *l;

	machine_write(&machine, CPU_MAX, "15000 10000");
	advance(false, 0);
	ck_assert_int_ge(cgtune_init_with(&machine.options), 0);
	cgtune_set_interval(0);
	l = LIMITER(.mode = CGTUNE_MODE_ADAPTIVE, .backlog_timeout_ms = UINT32_MAX);
	expect_sizes(l, 16, 128);
	for (int i = 0; i < 16; i++)
		ck_assert_int_eq(cgtune_limiter_try(l), 0);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiter, count_grant), 0);
	tick_until(l, 2, true, USED_UP);		/* no further than the CPUs */
	ck_assert_uint_eq(stats_of(l).limit_static, 16);
	ck_assert_uint_eq(stats_of(l).inflight, 16);
	tick_until(l, 16, true, 0);			/* throttled, but the quota is not used up */
	tick_until(l, 2, true, USED_UP);
	while (stats_of(l).limit != 16)			/* nobody dispatches any more */
		ck_assert_int_lt(cgtune_limiter_try(l), 0);
	ck_assert_int_eq(cgtune_limiter_cancel(l, &waiter), 1);
	cgtune_limiter_free(l);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("feedback");
	TCase *tcase = tcase_create("feedback");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, sized_by_limits, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_test(tcase, who_decides);
	tcase_add_loop_test(tcase, retry_after, 0, (int)(sizeof(retries) / sizeof(retries[0])));
	tcase_add_test(tcase, sized_by_memory);
	tcase_add_test(tcase, follows_limits);
	tcase_add_test(tcase, child_follows_limits);
	tcase_add_test(tcase, adapts);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return suite_run(suite());
}
