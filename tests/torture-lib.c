/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture-lib - every public function of libcgtune as an operation for test-torture.c */
#include "torture-lib.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BUDGET_1G UINT64_C(966367641)

static void init(void)
{
	if (cgtune_init_with(&machine.options) != (CGTUNE_CPU | CGTUNE_MEMORY))
		complain("no clean cgtune_init_with()");
}

static int do_apply(void)
{
	struct cgtune_plan plan = {
		.size = sizeof(plan), .threads = 3, .cpus = MACHINE_CPUS, .memory = BUDGET_1G, .limited = CGTUNE_CPU | CGTUNE_MEMORY,
		.tuned = CGTUNE_CPU | CGTUNE_MEMORY, .flags = CGTUNE_CALL_RUNTIMES,
	};

	return cgtune_apply(&plan);
}

/* Variables and allocations that the C library keeps for good are made before they are counted. */
static void warm_up(void)
{
	init();
	if (cgtune_undo() < 0 || do_apply() < 0 || cgtune_undo() < 0)
		complain("no clean cgtune_undo()");
}

static void nothing(void)
{
}

static int do_read(void)
{
	return cgtune_read(&machine.options, &result.limits);
}

static int do_usage(void)
{
	return cgtune_usage_read(&machine.options, &result.usage);
}

static int do_throttle(void)
{
	return cgtune_throttle_read(&machine.options, &result.throttle);
}

static int do_left(void)
{
	return cgtune_memory_available_of(&machine.options, &result.left);
}

static int do_own_usage(void)
{
	return cgtune_usage_read(NULL, &result.usage);
}

static int do_own_throttle(void)
{
	return cgtune_throttle_read(NULL, &result.throttle);
}

static int do_own_left(void)
{
	return cgtune_memory_available(&result.left);
}

static int do_plan(void)
{
	struct cgtune_limits limits = {
		.size = sizeof(limits), .cpu_quota_us = 250000, .cpu_period_us = 100000, .memory = GIB,
		.memory_high = CGTUNE_UNLIMITED, .memory_physical = MACHINE_MEMORY, .cpus = MACHINE_CPUS,
	};

	return cgtune_plan(&machine.options, &limits, &result.plan);
}

static int do_init(void)
{
	return cgtune_init_with(&machine.options);
}

static const char *after_init(int r)
{
	const char *marker = getenv("CGTUNE_SET");

	if (r < 0 && marker)
		return "it fails, and variables are set";
	if (cgtune_threads() < 1 || cgtune_pool_size(2, 1) < 2)
		return "no thread count after it";
	if (r == -ENOMEM)		/* perhaps not even what it would have remembered could be had */
		cgtune_init_with(&machine.options);
	r = cgtune_dispatch();
	if (r < 0 || cgtune_threads() != 3 || cgtune_memory() != BUDGET_1G || cgtune_memory_share(500) != BUDGET_1G / 2)
		return "a clean dispatch after it does not come to the right values";
	return cgtune_undo() == 0 ? NULL : "what it set cannot be taken back";
}

static int do_getters(void)
{
	return cgtune_threads() >= 1 && cgtune_memory() >= 4 * MIB && cgtune_pool_size(8, 1) >= 8 ? 0 : -EPROTO;
}

static bool environment_is(bool set)
{
	static const char *const names[] = { "OMP_NUM_THREADS", "GOMAXPROCS", "GOMEMLIMIT", "CGTUNE_SET" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!getenv(names[i]) == set)
			return false;
	return true;
}

static const char *after_apply(int r)
{
	if (!environment_is(r == 0))
		return r < 0 ? "it fails, and variables are set" : "it succeeds, and variables are missing";
	if (do_apply() < 0 || !environment_is(true))
		return "it fails again without a fault";
	return cgtune_undo() == 0 && environment_is(false) ? NULL : "what it set cannot be taken back";
}

static void before_undo(void)
{
	warm_up();
	do_apply();
}

static int do_undo(void)
{
	return cgtune_undo();
}

static const char *after_undo(int r)
{
	return r < 0 || environment_is(false) ? NULL : "it succeeds, and variables are still set";
}

static int do_fd(void)
{
	return cgtune_fd();
}

static const char *after_fd(int r)
{
	int again = cgtune_fd();

	return again >= 0 && (r < 0 || r == again) ? NULL : "it fails again without a fault";
}

static void before_dispatch(void)
{
	warm_up();
	if (cgtune_fd() < 0)
		complain("no clean cgtune_fd()");
	machine_write(&machine, CPU_MAX, "500000 100000\n");
}

static int do_dispatch(void)
{
	return cgtune_dispatch();
}

static const char *after_dispatch(int r)
{
	unsigned threads = cgtune_threads();

	if (r < 0 && threads != 3)
		return "it fails, and the values change";
	r = cgtune_dispatch();
	return r >= 0 && cgtune_threads() == 5 ? NULL : "a clean dispatch after it does not come to the right values";
}

/* The C library keeps a stack, and what is local to its thread, for the next one. */
static void before_watch(void)
{
	warm_up();
	if (cgtune_watch_start() < 0 || cgtune_watch_stop() < 0)
		complain("no clean watcher");
}

static int do_watch(void)
{
	return cgtune_watch_start();
}

static const char *after_watch(int r)
{
	(void)r;
	if (cgtune_watch_start() < 0)
		return "it fails again without a fault";
	return cgtune_watch_stop() == 0 ? NULL : "it cannot be stopped";
}

static void before_stop(void)
{
	before_watch();
	cgtune_set_interval(1);		/* the watcher has something to do */
	do_watch();
}

static int do_stop(void)
{
	usleep(3000);
	return cgtune_watch_stop();
}

static const char *after_stop(int r)
{
	(void)r;
	return cgtune_watch_stop() == 0 ? NULL : "it cannot be stopped";
}

static const struct cgtune_limiter_options adaptive = {
	.size = sizeof(adaptive), .name = "adaptive", .mode = CGTUNE_MODE_ADAPTIVE, .mem_per_request = 1 << 20,
};

static int do_limiter(void)
{
	return cgtune_limiter_new(NULL, &result.limiter);
}

static int do_adaptive(void)
{
	return cgtune_limiter_new(&adaptive, &result.limiter);
}

static const char *after_limiter(int r)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };

	if (r < 0)
		return NULL;
	if (cgtune_limiter_stats(result.limiter, &stats) < 0 || stats.limit < 1 || cgtune_limiter_try(result.limiter) != 0)
		return "a limiter that admits nobody";
	cgtune_limiter_release(result.limiter);
	cgtune_limiter_free(result.limiter);
	return NULL;
}

static void granted(struct cgtune_waiter *waiter, int r)
{
	*(int *)waiter->user = r;
}

/* A life: in, waiting by turns of both kinds, resized, drained. What is in the way of memory or files must not be seen. */
static int live_one(struct cgtune_limiter *limiter)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };
	int first = 1, second = 1;
	struct cgtune_waiter a = { .user = &first }, b = { .user = &second };

	if (cgtune_limiter_resize(limiter, 1, 2) != 0 || cgtune_limiter_acquire(limiter, 0) != 0)
		return -EPROTO;
	if (cgtune_limiter_acquire(limiter, 1) != -ETIMEDOUT || cgtune_limiter_async(limiter, &a, granted) != 0 ||
	    cgtune_limiter_async(limiter, &b, granted) != 0 || cgtune_limiter_try(limiter) != -EBUSY)
		return -EPROTO;
	cgtune_limiter_release(limiter);
	if (first != 0 || cgtune_limiter_cancel(limiter, &b) != 1 || cgtune_limiter_expire(limiter) != -1)
		return -EPROTO;
	cgtune_limiter_finish(limiter, CGTUNE_OUTCOME_OK);
	return cgtune_limiter_drain(limiter, 10) == 0 && cgtune_limiter_try(limiter) == -ESHUTDOWN &&
	       cgtune_limiter_stats(limiter, &stats) == 0 && stats.admitted == 2 && stats.inflight == 0 ? 0 : -EPROTO;
}

static void before_life(void)
{
	warm_up();
	if (do_limiter() < 0)
		complain("no clean cgtune_limiter_new()");
}

static int do_life(void)
{
	return live_one(result.limiter);
}

static void before_feedback(void)
{
	warm_up();
	if (cgtune_fd() < 0 || do_adaptive() < 0)
		complain("no clean adaptive limiter");
	cgtune_limiter_acquire(result.limiter, 0);
	cgtune_set_interval(1);
	usleep(3000);
	machine_write(&machine, CPU_MAX, "500000 100000\n");
}

static const char *after_feedback(int r)
{
	(void)r;
	if (cgtune_dispatch() < 0 || cgtune_threads() != 5)
		return "a clean dispatch after it does not come to the right values";
	cgtune_limiter_release(result.limiter);
	cgtune_limiter_free(result.limiter);
	return NULL;
}

const struct call operations[] = {
	{ "cgtune_read", nothing, do_read, NULL, sizeof(struct cgtune_limits), STEADY | REPORTS },
	{ "cgtune_plan", nothing, do_plan, NULL, sizeof(struct cgtune_plan), STEADY },
	{ "cgtune_usage_read", nothing, do_usage, NULL, sizeof(struct cgtune_usage), STEADY },
	{ "cgtune_throttle_read", nothing, do_throttle, NULL, sizeof(struct cgtune_throttle), STEADY },
	{ "cgtune_memory_available_of", nothing, do_left, NULL, sizeof(uint64_t), STEADY | REPORTS },
	{ "cgtune_usage_read of this process", nothing, do_own_usage, NULL, sizeof(struct cgtune_usage), 0 },
	{ "cgtune_throttle_read of this process", nothing, do_own_throttle, NULL, sizeof(struct cgtune_throttle), 0 },
	{ "cgtune_memory_available", nothing, do_own_left, NULL, sizeof(uint64_t), LACKS },
	{ "cgtune_init_with", nothing, do_init, after_init, 0, KEEPS },
	{ "cgtune_threads and the like", nothing, do_getters, NULL, 0, 0 },
	{ "cgtune_apply", nothing, do_apply, after_apply, 0, KEEPS },
	{ "cgtune_apply again", warm_up, do_apply, after_apply, 0, 0 },
	{ "cgtune_undo", before_undo, do_undo, after_undo, 0, KEEPS },
	{ "cgtune_fd", warm_up, do_fd, after_fd, 0, KEEPS },
	{ "cgtune_dispatch", before_dispatch, do_dispatch, after_dispatch, 0, 0 },
	{ "cgtune_watch_start", before_watch, do_watch, after_watch, 0, 0 },
	{ "cgtune_watch_stop", before_stop, do_stop, after_stop, 0, KEEPS | WATCHED },
	{ "cgtune_limiter_new", warm_up, do_limiter, after_limiter, sizeof(struct cgtune_limiter *), 0 },
	{ "cgtune_limiter_new, adaptive", warm_up, do_adaptive, after_limiter, sizeof(struct cgtune_limiter *), 0 },
	{ "a limiter's life", before_life, do_life, NULL, 0, 0 },
	{ "feedback", before_feedback, do_dispatch, after_feedback, 0, KEEPS },
};

const size_t operations_count = ARRAY_SIZE(operations);
