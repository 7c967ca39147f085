/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* visitor - what the tests of the admission limiter share: requests that are threads, and looking at the counters */
#ifndef CGTUNE_TESTS_VISITOR_H
#define CGTUNE_TESTS_VISITOR_H

#include "suite.h"

#include <cgtune.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

static inline struct cgtune_limiter_stats stats_of(struct cgtune_limiter *l)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };

	ck_assert_int_eq(cgtune_limiter_stats(l, &stats), 0);
	return stats;
}

static inline struct cgtune_limiter *limiter_with(const struct cgtune_limiter_options *options)
{
	struct cgtune_limiter_options sized = *options;
	struct cgtune_limiter *l;

	sized.size = sizeof(sized);
	ck_assert_int_eq(cgtune_limiter_new(&sized, &l), 0);
	return l;
}

#define LIMITER(...) limiter_with(&(struct cgtune_limiter_options){ __VA_ARGS__ })

/* A request that is a thread: enters, stays until the gate lets it go, leaves. */
struct visitor {
	struct cgtune_limiter *limiter;
	struct cgtune_request request;
	sem_t *gate;
	pthread_t thread;
	int result;
};

static inline void *visitor_main(void *user)
{
	struct visitor *v = user;

	v->result = cgtune_limiter_acquire_as(v->limiter, &v->request);
	if (v->result == 0) {
		while (sem_wait(v->gate) != 0)
			;
		cgtune_limiter_release(v->limiter);
	}
	return NULL;
}

/* Start n of them, which a test counts in and out by the limiter's own figures. */
static inline void visitors_start(struct visitor *visitors, int n, struct cgtune_limiter *l, sem_t *gate)
{
	for (int i = 0; i < n; i++) {
		visitors[i] = (struct visitor){
			.limiter = l, .gate = gate, .request = { .size = sizeof(struct cgtune_request) },
		};
		ck_assert_int_eq(pthread_create(&visitors[i].thread, NULL, visitor_main, &visitors[i]), 0);
	}
}

static inline void visitors_join(struct visitor *visitors, int n, int result)
{
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(pthread_join(visitors[i].thread, NULL), 0);
		ck_assert_int_eq(visitors[i].result, result);
	}
}

static inline void gate_open(sem_t *gate, int n)
{
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(sem_post(gate), 0);
}

/* Come back when so many are in and so many wait; the test's own time limit ends it else. */
static inline void await(struct cgtune_limiter *l, uint32_t inflight, uint32_t waiting)
{
	struct cgtune_limiter_stats stats;

	while (stats = stats_of(l), stats.inflight != inflight || stats.waiting != waiting)
		sched_yield();
}

/* Nobody is in, nobody waits, and nothing was lost on the way. */
static inline void expect_empty(struct cgtune_limiter *l)
{
	struct cgtune_limiter_stats stats = stats_of(l);
	uint64_t waits = 0;

	ck_assert_uint_eq(stats.inflight, 0);
	ck_assert_uint_eq(stats.waiting, 0);
	ck_assert_uint_eq(stats.admitted, stats.ok + stats.ignored + stats.dropped);
	for (int i = 0; i < CGTUNE_WAIT_SLOTS; i++)
		waits += stats.wait_hist[i];
	ck_assert_uint_eq(waits, stats.admitted);
}

/* As many as the limit get in at once, and not one more: no slot is lost, none too many is there. */
static inline void expect_slots(struct cgtune_limiter *l, uint32_t limit)
{
	for (uint32_t i = 0; i < limit; i++)
		ck_assert_int_eq(cgtune_limiter_try(l), 0);
	ck_assert_int_lt(cgtune_limiter_try(l), 0);
	for (uint32_t i = 0; i < limit; i++)
		cgtune_limiter_release(l);
	expect_empty(l);
}

#endif
