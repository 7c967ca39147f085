/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-limiter - admission: chi's and GoToSocial's throttle behaviours, reasons, order, priorities, callbacks
 *
 * The cases of chi are those of its middleware/throttle_test.go, those of
 * GoToSocial of its internal/middleware/throttling_test.go, told again.
 */
#include "limiter.h"
#include "machine.h"
#include "visitor.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static struct visitor visitors[MOST];
static sem_t gate;

static void setup(void)
{
	environment_clear();
	ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
}

START_TEST(chi_backlog_passes)
{
	struct cgtune_limiter *l = LIMITER(.limit = 10, .backlog = 50);

	visitors_start(visitors, 40, l, &gate);
	await(l, 10, 30);
	gate_open(&gate, 40);
	visitors_join(visitors, 40, 0);
	ck_assert_uint_eq(stats_of(l).admitted, 40);
	ck_assert_uint_ge(stats_of(l).waited, 30);
	expect_slots(l, 10);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(chi_full)
{
	struct cgtune_limiter *l = LIMITER(.limit = 10, .backlog = 10);

	visitors_start(visitors, 20, l, &gate);
	await(l, 10, 10);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(cgtune_limiter_acquire(l, -1), -EBUSY);
	gate_open(&gate, 20);
	visitors_join(visitors, 20, 0);
	ck_assert_uint_eq(stats_of(l).rejected_capacity, 20);
	expect_slots(l, 10);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(chi_timeout)
{
	struct cgtune_limiter *l = LIMITER(.limit = 10, .backlog = 50, .backlog_timeout_ms = 1);

	visitors_start(visitors, 10, l, &gate);
	await(l, 10, 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(cgtune_limiter_acquire(l, -1), -ETIMEDOUT);
	ck_assert_int_eq(cgtune_limiter_acquire(l, 2), -ETIMEDOUT);
	gate_open(&gate, 10);
	visitors_join(visitors, 10, 0);
	ck_assert_uint_eq(stats_of(l).rejected_timeout, 11);
	expect_slots(l, 10);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(chi_no_backlog)
{
	struct cgtune_limiter *l = LIMITER(.limit = 5);

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(cgtune_limiter_acquire(l, -1), i < 5 ? 0 : -EBUSY);
	ck_assert_int_eq(cgtune_limiter_retry_after(l), 30);
	ck_assert_uint_eq(stats_of(l).status, 503);
	for (int i = 0; i < 5; i++)
		cgtune_limiter_release(l);
	expect_slots(l, 5);
	cgtune_limiter_free(l);
}
END_TEST

static int calls, results[MOST];
static struct cgtune_waiter *order[MOST];

static void note(struct cgtune_waiter *w, int result)
{
	order[calls] = w;
	results[calls++] = result;
}

/* limit + backlog ask, all of the backlog's are taken, and when all have gone the limit's slots are free. */
START_TEST(gts_counts_who_runs)
{
	struct cgtune_limiter *l = LIMITER(.limit = 2, .backlog = 8, .counting = CGTUNE_COUNT_GTS, .retry_after_s = 10,
					   .status = 429);
	struct cgtune_waiter waiters[10] = { 0 };

	calls = 0;
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(cgtune_limiter_async(l, &waiters[i], note), i < 8 ? 0 : -EBUSY);
	ck_assert_int_eq(calls, 2);
	ck_assert_int_eq(cgtune_limiter_retry_after(l), 10);
	ck_assert_uint_eq(stats_of(l).status, 429);
	for (int i = 2; i < 8; i++)
		ck_assert_int_eq(cgtune_limiter_cancel(l, &waiters[i]), 1);
	cgtune_limiter_release(l);
	cgtune_limiter_release(l);
	ck_assert_int_eq(calls, 2);
	ck_assert_uint_eq(stats_of(l).cancelled, 6);
	expect_slots(l, 2);
	cgtune_limiter_free(l);
}
END_TEST

/* A backlog below the limit lets nobody wait, but takes no slot away. */
START_TEST(gts_small_backlog)
{
	struct cgtune_limiter *l = LIMITER(.limit = 3, .counting = CGTUNE_COUNT_GTS);

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(cgtune_limiter_acquire(l, -1), i < 3 ? 0 : -EBUSY);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(refusals_have_reasons)
{
	ck_assert_str_eq(cgtune_limiter_reason(-EBUSY), "capacity");
	ck_assert_str_eq(cgtune_limiter_reason(-ETIMEDOUT), "timeout");
	ck_assert_str_eq(cgtune_limiter_reason(-ESHUTDOWN), "closed");
	ck_assert_str_eq(cgtune_limiter_reason(-ENOMEM), "memory");
	ck_assert_str_eq(cgtune_limiter_reason(0), "unknown");
	ck_assert_str_eq(cgtune_limiter_reason(-EINVAL), "unknown");
}
END_TEST

static const struct cgtune_limiter_options refused[] = {
	{ .size = 8 },
	{ .size = sizeof(refused[0]), .counting = 2 },
	{ .size = sizeof(refused[0]), .order = 2 },
	{ .size = sizeof(refused[0]), .mode = 2 },
	{ .size = sizeof(refused[0]), .flags = 1u << 4 },
	{ .size = sizeof(refused[0]), .status = 200 },
	{ .size = sizeof(refused[0]), .status = 600 },
	{ .size = sizeof(refused[0]), .min = 3, .max = 2 },
	{ .size = sizeof(refused[0]), .name = "a name that is longer than the sixty-three bytes that there are for it" },
};

START_TEST(options_refused)
{
	struct cgtune_limiter *l = NULL;

	ck_assert_int_eq(cgtune_limiter_new(&refused[_i], &l), -EINVAL);
	ck_assert_ptr_null(l);
	ck_assert_int_eq(cgtune_limiter_new(NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(requests_refused)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1);
	struct cgtune_request request = { .size = sizeof(request), .priority = 4 };
	struct cgtune_waiter waiter = { 0 };

	ck_assert_int_eq(cgtune_limiter_acquire_as(l, &request), -EINVAL);
	request = (struct cgtune_request){ .size = sizeof(request), .flags = 4 };
	ck_assert_int_eq(cgtune_limiter_acquire_as(l, &request), -EINVAL);
	ck_assert_int_eq(cgtune_limiter_acquire(l, -2), -EINVAL);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiter, NULL), -EINVAL);
	ck_assert_int_eq(cgtune_limiter_cancel(l, &waiter), -EINVAL);
	ck_assert_int_eq(cgtune_limiter_resize(l, 0, 1), -EINVAL);
	ck_assert_int_eq(cgtune_limiter_acquire_as(l, NULL), 0);
	ck_assert_int_eq(cgtune_limiter_acquire(NULL, 0), -EINVAL);
	cgtune_limiter_free(NULL);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(released_by_nobody)
{
	struct cgtune_limiter *l = LIMITER(.limit = 2);

	cgtune_limiter_release(l);
	ck_assert_uint_eq(stats_of(l).admitted, 0);
	expect_slots(l, 2);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(outcomes)
{
	struct cgtune_limiter *l = LIMITER(.limit = 2, .name = "outcomes");
	static const int ends[] = { CGTUNE_OUTCOME_OK, CGTUNE_OUTCOME_IGNORED, CGTUNE_OUTCOME_DROPPED, 99 };
	struct cgtune_limiter_stats stats;

	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(cgtune_limiter_try(l), 0);
		cgtune_limiter_finish(l, ends[i]);
	}
	stats = stats_of(l);
	ck_assert_uint_eq(stats.ok, 2);
	ck_assert_uint_eq(stats.ignored, 1);
	ck_assert_uint_eq(stats.dropped, 1);
	ck_assert_uint_eq(stats.wait_hist[0], 4);
	ck_assert_str_eq(stats.name, "outcomes");
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(closed)
{
	struct cgtune_limiter *l = LIMITER(.limit = 2, .backlog = 20);
	struct cgtune_waiter waiter = { 0 };

	calls = 0;
	visitors_start(visitors, 12, l, &gate);
	await(l, 2, 10);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiter, note), 0);
	cgtune_limiter_close(l);
	ck_assert_int_eq(calls, 1);
	ck_assert_int_eq(results[0], -ESHUTDOWN);
	ck_assert_int_eq(cgtune_limiter_cancel(l, &waiter), -ESHUTDOWN);
	await(l, 2, 0);
	ck_assert_int_eq(cgtune_limiter_try(l), -ESHUTDOWN);
	ck_assert_int_eq(cgtune_limiter_acquire(l, -1), -ESHUTDOWN);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiter, note), -ESHUTDOWN);
	ck_assert_int_eq(cgtune_limiter_acquire_as(l, &(struct cgtune_request){
		.size = sizeof(struct cgtune_request), .flags = CGTUNE_REQUEST_BYPASS }), -ESHUTDOWN);
	gate_open(&gate, 2);
	await(l, 0, 0);
	ck_assert_uint_eq(stats_of(l).rejected_closed, 15);
	for (int i = 0; i < 12; i++)
		pthread_join(visitors[i].thread, NULL);
	expect_empty(l);
	cgtune_limiter_free(l);
}
END_TEST

static void *drain(void *limiter)
{
	return (void *)(intptr_t)cgtune_limiter_drain(limiter, -1);
}

START_TEST(drained)
{
	struct cgtune_limiter *l = LIMITER(.limit = 3, .backlog = 9);
	pthread_t drainers[2];
	void *result;

	visitors_start(visitors, 12, l, &gate);
	await(l, 3, 9);
	ck_assert_int_eq(cgtune_limiter_drain(l, 0), -ETIMEDOUT);
	await(l, 3, 0);
	ck_assert_int_eq(cgtune_limiter_drain(l, 1), -ETIMEDOUT);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&drainers[i], NULL, drain, l), 0);
	gate_open(&gate, 3);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(drainers[i], &result), 0);
		ck_assert_ptr_eq(result, NULL);
	}
	ck_assert_int_eq(cgtune_limiter_drain(l, 0), 0);
	ck_assert_int_eq(cgtune_limiter_try(l), -ESHUTDOWN);
	ck_assert_uint_eq(stats_of(l).admitted, 3);
	for (int i = 0; i < 12; i++)
		pthread_join(visitors[i].thread, NULL);
	ck_assert_uint_eq(stats_of(l).rejected_closed, 10);
	expect_empty(l);
	ck_assert_int_eq(cgtune_limiter_drain(NULL, 0), -EINVAL);
	ck_assert_int_eq(cgtune_limiter_drain(l, -2), -EINVAL);
	cgtune_limiter_free(l);
}
END_TEST

/* Who waits is admitted in this order: by priority, then as the limiter's order says. */
START_TEST(order_of_waiters)
{
	static const uint32_t priorities[] = { 0, 2, 0, 3, 2, 1 };
	static const int expected[][6] = { { 3, 1, 4, 5, 0, 2 }, { 3, 4, 1, 5, 2, 0 } };
	struct cgtune_limiter *l = LIMITER(.limit = 1, .backlog = 6, .order = (uint32_t)_i);
	struct cgtune_waiter waiters[6] = { 0 };

	calls = 0;
	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	for (int i = 0; i < 6; i++) {
		waiters[i].request.priority = priorities[i];
		ck_assert_int_eq(cgtune_limiter_async(l, &waiters[i], note), 0);
	}
	for (int i = 0; i < 6; i++)
		cgtune_limiter_release(l);
	ck_assert_int_eq(calls, 6);
	for (int i = 0; i < 6; i++) {
		ck_assert_ptr_eq(order[i], &waiters[expected[_i][i]]);
		ck_assert_int_eq(results[i], 0);
	}
	cgtune_limiter_release(l);
	expect_slots(l, 1);
	cgtune_limiter_free(l);
}
END_TEST

/* A thread that sleeps in the queue, without the thread. */
static void enqueue(struct cgtune_limiter *l, struct cgtune_waiter *waiter)
{
	limiter_enqueue(limiter_lock(l), waiter);
	atomic_fetch_or(&l->state->word, LIMITER_SLOW);
	pthread_mutex_unlock(&l->state->lock);
}

/* A thread that waits and is not given a CPU: as many as documented pass it, whichever way they
 * come, then the slot is its own. */
START_TEST(passed_by_so_many)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1, .backlog = 6);
	struct cgtune_waiter waiter = { .until_ns = UINT64_MAX, .request.priority = (uint32_t)_i };
	int passed = 0;

	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	enqueue(l, &waiter);
	ck_assert_int_eq(cgtune_limiter_try(l), -EBUSY);
	cgtune_limiter_release(l);
	while (cgtune_limiter_try(l) == 0) {
		passed++;
		ck_assert_uint_eq(stats_of(l).waiting, 1);
		ck_assert_uint_eq(stats_of(l).inflight, 1);
		cgtune_limiter_release(l);
	}
	ck_assert_int_eq(passed, _i ? 0 : 16);
	ck_assert_uint_eq(waiter.state, LIMITER_SETTLED);
	ck_assert_int_eq(waiter.result, 0);
	ck_assert_uint_eq(stats_of(l).waited, 1);
	cgtune_limiter_release(l);
	expect_slots(l, 1);
	cgtune_limiter_free(l);
}
END_TEST

/* Two slots are free, one of them is for somebody who is woken: the next waiter is not kept waiting for that. */
START_TEST(one_slot_is_open)
{
	struct cgtune_limiter *l = LIMITER(.limit = 2, .backlog = 6);
	struct cgtune_waiter waiters[2] = { { .until_ns = UINT64_MAX }, { .until_ns = UINT64_MAX } };

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(cgtune_limiter_try(l), 0);
	for (int i = 0; i < 2; i++)
		enqueue(l, &waiters[i]);
	cgtune_limiter_release(l);
	ck_assert_uint_eq(waiters[0].state, LIMITER_WOKEN);
	ck_assert_uint_eq(stats_of(l).inflight, 1);
	cgtune_limiter_release(l);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(waiters[i].state, LIMITER_SETTLED);
	ck_assert_uint_eq(stats_of(l).inflight, 2);
	cgtune_limiter_release(l);
	cgtune_limiter_release(l);
	expect_slots(l, 2);
	cgtune_limiter_free(l);
}
END_TEST

static struct cgtune_limiter *passing;

static void *pass(void *unused)
{
	for (int i = 0; i < 20000; i++)
		if (cgtune_limiter_try(passing) == 0)
			cgtune_limiter_release(passing);
	return unused;
}

/* Those who wait get in, in the order in which they came, however many pass. */
START_TEST(order_of_threads)
{
	pthread_t threads[2];

	passing = LIMITER(.limit = 1, .backlog = MOST);
	ck_assert_int_eq(cgtune_limiter_try(passing), 0);
	for (int i = 0; i < 20; i++) {
		visitors_start(&visitors[i], 1, passing, &gate);
		await(passing, 1, (uint32_t)i + 1);
		visitors[i].result = 1;
	}
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, pass, NULL), 0);
	cgtune_limiter_release(passing);
	for (uint32_t i = 0; i < 20; i++) {
		while (stats_of(passing).waited != i + 1)
			sched_yield();
		for (uint32_t j = i + 1; j < 20; j++)
			ck_assert_int_eq(__atomic_load_n(&visitors[j].result, __ATOMIC_RELAXED), 1);
		gate_open(&gate, 1);
	}
	visitors_join(visitors, 20, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	expect_slots(passing, 1);
	cgtune_limiter_free(passing);
}
END_TEST

START_TEST(priority_takes_the_place)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1, .backlog = 2);
	struct cgtune_waiter waiters[5] = { 0 };

	calls = 0;
	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	waiters[2].request.priority = waiters[3].request.priority = 1;
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(cgtune_limiter_async(l, &waiters[i], note), 0);
	ck_assert_int_eq(calls, 2);
	ck_assert_ptr_eq(order[0], &waiters[1]);	/* would have been last */
	ck_assert_ptr_eq(order[1], &waiters[0]);
	ck_assert_int_eq(results[0], -EBUSY);
	waiters[4].request.priority = 1;
	ck_assert_int_eq(cgtune_limiter_async(l, &waiters[4], note), -EBUSY);
	ck_assert_uint_eq(stats_of(l).waiting, 2);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(bypass)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1);
	struct cgtune_request request = { .size = sizeof(request), .flags = CGTUNE_REQUEST_BYPASS };

	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	ck_assert_int_eq(cgtune_limiter_try(l), -EBUSY);
	ck_assert_int_eq(cgtune_limiter_acquire_as(l, &request), 0);
	ck_assert_uint_eq(stats_of(l).inflight, 2);
	ck_assert_uint_eq(stats_of(l).bypassed, 1);
	cgtune_limiter_release(l);
	ck_assert_int_eq(cgtune_limiter_try(l), -EBUSY);
	cgtune_limiter_release(l);
	expect_slots(l, 1);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(no_wait)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1, .backlog = 5);
	struct cgtune_request request = { .size = sizeof(request), .flags = CGTUNE_REQUEST_NOWAIT };

	ck_assert_int_eq(cgtune_limiter_acquire_as(l, &request), 0);
	ck_assert_int_eq(cgtune_limiter_acquire_as(l, &request), -EBUSY);
	ck_assert_int_eq(cgtune_limiter_acquire(l, 0), -EBUSY);
	cgtune_limiter_release(l);
	expect_slots(l, 1);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(dry_run)
{
	struct cgtune_limiter *l = LIMITER(.limit = 2, .backlog = 3, .flags = CGTUNE_LIMITER_DRY_RUN);

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(cgtune_limiter_acquire(l, -1), 0);
	ck_assert_uint_eq(stats_of(l).rejected_capacity, 5);
	ck_assert_uint_eq(stats_of(l).inflight, 10);
	for (int i = 0; i < 10; i++)
		cgtune_limiter_release(l);
	expect_empty(l);
	ck_assert_uint_eq(stats_of(l).admitted, 10);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(resized)
{
	struct cgtune_limiter *l = LIMITER(.limit = 4, .backlog = 20);

	visitors_start(visitors, 20, l, &gate);
	await(l, 4, 16);
	ck_assert_int_eq(cgtune_limiter_resize(l, 7, 2), 0);
	await(l, 7, 13);				/* those above the new backlog stay */
	ck_assert_int_eq(cgtune_limiter_acquire(l, -1), -EBUSY);
	ck_assert_int_eq(cgtune_limiter_resize(l, 2, 20), 0);
	await(l, 7, 13);				/* those who are in, too */
	gate_open(&gate, 5);
	await(l, 2, 13);				/* and nobody came in for them */
	gate_open(&gate, 3);
	await(l, 2, 10);
	gate_open(&gate, 12);
	visitors_join(visitors, 20, 0);
	ck_assert_uint_eq(stats_of(l).resized, 2);
	expect_slots(l, 2);
	cgtune_limiter_free(l);
}
END_TEST

/* A thread that is cancelled while it waits must not leave its stack in the queue. */
START_TEST(no_cancellation_point)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1, .backlog = 1);

	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	visitors_start(visitors, 1, l, &gate);
	await(l, 1, 1);
	ck_assert_int_eq(pthread_cancel(visitors[0].thread), 0);
	await(l, 1, 1);
	cgtune_limiter_release(l);
	pthread_join(visitors[0].thread, NULL);		/* ends in sem_wait(3), which is one */
	ck_assert_uint_eq(stats_of(l).waiting, 0);
	ck_assert_uint_eq(stats_of(l).waited, 1);
	cgtune_limiter_free(l);
}
END_TEST

START_TEST(async_at_once)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1, .backlog = 1);
	struct cgtune_waiter waiters[2] = { 0 };

	calls = 0;
	ck_assert_int_eq(cgtune_limiter_async(l, &waiters[0], note), 0);
	ck_assert_int_eq(calls, 1);
	ck_assert_int_eq(cgtune_limiter_cancel(l, &waiters[0]), 0);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiters[1], note), 0);
	ck_assert_int_eq(calls, 1);
	ck_assert_int_eq(cgtune_limiter_cancel(l, &waiters[1]), 1);
	ck_assert_int_eq(cgtune_limiter_cancel(l, &waiters[1]), -EINVAL);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiters[1], note), 0);	/* may be used again */
	cgtune_limiter_release(l);
	ck_assert_int_eq(calls, 2);
	ck_assert_int_eq(results[1], 0);
	cgtune_limiter_release(l);
	expect_slots(l, 1);
	cgtune_limiter_free(l);
}
END_TEST

/* With the size that a request may have, and without. */
START_TEST(async_expires)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1, .backlog = 3, .backlog_timeout_ms = UINT32_MAX);
	struct cgtune_waiter waiters[3] = { { .request.timeout_ms = 1 }, { .request.timeout_ms = 60000 }, { .user = NULL } };
	int due;

	calls = 0;
	ck_assert_int_eq(cgtune_limiter_expire(l), -1);
	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	for (int i = 0; i < 3; i++) {
		waiters[i].request.size = _i ? sizeof(waiters[i].request) : 0;
		ck_assert_int_eq(cgtune_limiter_async(l, &waiters[i], note), 0);
	}
	do
		due = cgtune_limiter_expire(l);
	while (due <= 1);
	ck_assert_int_eq(calls, 1);
	ck_assert_ptr_eq(order[0], &waiters[0]);
	ck_assert_int_eq(results[0], -ETIMEDOUT);
	ck_assert_int_gt(due, 1);
	ck_assert_int_le(due, 60000);
	ck_assert_int_eq(cgtune_limiter_cancel(l, &waiters[0]), -ETIMEDOUT);
	ck_assert_int_eq(cgtune_limiter_cancel(l, &waiters[1]), 1);
	ck_assert_int_eq(cgtune_limiter_expire(l), -1);		/* the last one waits for ever */
	cgtune_limiter_free(l);
}
END_TEST

/* So many have left in the last two seconds while somebody waited. */
static void pretend_rate(struct cgtune_limiter *l, uint64_t left)
{
	struct limiter_state *s = limiter_lock(l);

	atomic_fetch_add(&s->left[CGTUNE_OUTCOME_OK], left);
	s->window_left = limiter_completed(s) - left;
	s->window_ns = limiter_now_ns() - 2 * LIMITER_SECOND_NS;
	pthread_mutex_unlock(&s->lock);
}

/* 10.5 a second and half a second to wait: nobody behind the sixth would get in. */
START_TEST(backlog_by_rate)
{
	struct cgtune_limiter *l = LIMITER(.multiplier = 64, .max = 1, .backlog_timeout_ms = 500);
	struct cgtune_waiter waiters[40] = { 0 };

	calls = 0;
	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	ck_assert_uint_eq(stats_of(l).backlog, 64);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(cgtune_limiter_async(l, &waiters[i], note), 0);
	pretend_rate(l, 21);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiters[10], note), -EBUSY);
	for (int i = 5; i < 10; i++)
		ck_assert_int_eq(cgtune_limiter_cancel(l, &waiters[i]), 1);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiters[11], note), 0);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiters[12], note), -EBUSY);
	for (int i = 0; i < 5; i++)
		cgtune_limiter_cancel(l, &waiters[i]);
	cgtune_limiter_cancel(l, &waiters[11]);
	for (int i = 0; i < 40; i++)			/* nobody waited: the rate is not known any more */
		ck_assert_int_eq(cgtune_limiter_async(l, &waiters[i], note), 0);
	cgtune_limiter_free(l);
}
END_TEST

/* 51 that wait at 10.5 a second: 5 seconds, give or take a fifth. */
START_TEST(retry_after_computed)
{
	struct cgtune_limiter *l = LIMITER(.limit = 1, .backlog = 100, .retry_after_s = 20,
					   .flags = CGTUNE_LIMITER_RETRY_AUTO);
	struct cgtune_waiter waiters[51] = { 0 };
	int seen[21] = { 0 };

	calls = 0;
	ck_assert_int_eq(cgtune_limiter_try(l), 0);
	ck_assert_int_eq(cgtune_limiter_retry_after(l), 20);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(cgtune_limiter_async(l, &waiters[i], note), 0);
	pretend_rate(l, 21);
	ck_assert_int_eq(cgtune_limiter_async(l, &waiters[50], note), 0);
	for (int i = 0; i < 1000; i++) {
		int s = cgtune_limiter_retry_after(l);

		ck_assert_int_ge(s, 4);
		ck_assert_int_le(s, 6);
		seen[s]++;
	}
	ck_assert_int_gt(seen[4], 0);
	ck_assert_int_gt(seen[5], 0);
	cgtune_limiter_free(l);
}
END_TEST

#define MANY 50000
static struct cgtune_waiter *many;
static struct cgtune_limiter *chained;
static int depth, deepest, served;

static void release_at_once(struct cgtune_waiter *w, int result)
{
	ck_assert_int_eq(result, 0);
	ck_assert_ptr_eq(w, &many[served++]);
	if (++depth > deepest)
		deepest = depth;
	cgtune_limiter_release(chained);
	depth--;
}

/* Each callback admits the next one: the stack must not grow with the backlog. */
START_TEST(async_chain)
{
	depth = deepest = served = 0;
	chained = LIMITER(.limit = 1, .backlog = MANY);
	many = calloc(MANY, sizeof(*many));
	ck_assert_int_eq(cgtune_limiter_try(chained), 0);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(cgtune_limiter_async(chained, &many[i], release_at_once), 0);
	if (_i)
		ck_assert_int_eq(cgtune_limiter_resize(chained, 2, 0), 0);
	else
		cgtune_limiter_release(chained);
	ck_assert_int_eq(served, MANY);
	ck_assert_int_le(deepest, 2);
	if (_i)
		cgtune_limiter_release(chained);
	expect_empty(chained);
	cgtune_limiter_free(chained);
	free(many);
}
END_TEST

START_TEST(forked)
{
	struct cgtune_limiter *l = LIMITER(.limit = 2, .backlog = 4);
	int status;
	pid_t child;

	visitors_start(visitors, 4, l, &gate);
	await(l, 2, 2);
	ck_assert_int_eq(cgtune_limiter_resize(l, 2, 5), 0);
	child = fork();
	if (child == 0) {
		struct cgtune_limiter_stats stats = { .size = sizeof(stats) };

		cgtune_limiter_release(l);		/* of the parent's slot */
		for (int i = 0; i < 3; i++)
			if (cgtune_limiter_try(l) != (i < 2 ? 0 : -EBUSY))
				_exit(1);
		if (cgtune_limiter_stats(l, &stats) != 0 || stats.inflight != 2 || stats.waiting != 0 ||
		    stats.backlog != 5 || stats.admitted != 2)
			_exit(2);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	await(l, 2, 2);
	gate_open(&gate, 4);
	visitors_join(visitors, 4, 0);
	expect_slots(l, 2);
	cgtune_limiter_free(l);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("limiter");
	TCase *tcase = tcase_create("limiter");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, chi_backlog_passes);
	tcase_add_test(tcase, chi_full);
	tcase_add_test(tcase, chi_timeout);
	tcase_add_test(tcase, chi_no_backlog);
	tcase_add_test(tcase, gts_counts_who_runs);
	tcase_add_test(tcase, gts_small_backlog);
	tcase_add_test(tcase, refusals_have_reasons);
	tcase_add_loop_test(tcase, options_refused, 0, (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(tcase, requests_refused);
	tcase_add_test(tcase, released_by_nobody);
	tcase_add_test(tcase, outcomes);
	tcase_add_test(tcase, closed);
	tcase_add_test(tcase, drained);
	tcase_add_loop_test(tcase, order_of_waiters, 0, 2);
	tcase_add_loop_test(tcase, passed_by_so_many, 0, 2);
	tcase_add_test(tcase, one_slot_is_open);
	tcase_add_test(tcase, order_of_threads);
	tcase_add_test(tcase, priority_takes_the_place);
	tcase_add_test(tcase, bypass);
	tcase_add_test(tcase, no_wait);
	tcase_add_test(tcase, dry_run);
	tcase_add_test(tcase, resized);
	tcase_add_test(tcase, no_cancellation_point);
	tcase_add_test(tcase, async_at_once);
	tcase_add_loop_test(tcase, async_expires, 0, 2);
	tcase_add_test(tcase, backlog_by_rate);
	tcase_add_test(tcase, retry_after_computed);
	tcase_add_loop_test(tcase, async_chain, 0, 2);
	tcase_add_test(tcase, forked);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return suite_run(suite());
}
