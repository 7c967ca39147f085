/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-limiter-storm - the limiter under fire: threads that enter, give up, resize and close at random, and a model
 *
 * What must hold at the end whatever happened: who was admitted has left, nobody
 * waits, every slot is there again, and never were more in than the limit allowed.
 */
#include "visitor.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define THREADS 64
/* Fewer under a sanitizer, which is slow. */
#ifdef TSAN
#define ROUNDS 200
#else
#define ROUNDS 2000
#endif
#define HAND_OVERS (ROUNDS * 2)		/* each waits for the other thread to be run, which a busy machine lets take a slice or two */

static struct cgtune_limiter *limiter;
static atomic_int inside, most;
static atomic_uint allowed;			/* the largest limit that may still be in force */
static atomic_ulong entered, refused;

static uint32_t random_of(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)*seed * below) >> 32);
}

static void be_inside(uint32_t *seed)
{
	int now = atomic_fetch_add(&inside, 1) + 1, seen = atomic_load(&most);

	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
		;
	ck_assert_uint_le((unsigned)now, atomic_load(&allowed));
	if (random_of(seed, 4) == 0)
		sched_yield();
	atomic_fetch_add(&entered, 1);
	atomic_fetch_sub(&inside, 1);
}

/* A waiter whose callback may come from any thread. */
struct posted {
	struct cgtune_waiter waiter;
	sem_t called;
	int result;
};

static void post(struct cgtune_waiter *w, int result)
{
	struct posted *posted = w->user;

	posted->result = result;
	sem_post(&posted->called);
}

/* By a callback, and half of them given up meanwhile: 0: in; < 0: not. */
static int enter_async(struct posted *posted, uint32_t *seed)
{
	int r;

	posted->waiter = (struct cgtune_waiter){
		.user = posted, .request = { .priority = random_of(seed, 4), .timeout_ms = 1 + (int)random_of(seed, 3) },
	};
	r = cgtune_limiter_async(limiter, &posted->waiter, post);
	if (r < 0)
		return r;
	if (random_of(seed, 2) == 0 && cgtune_limiter_cancel(limiter, &posted->waiter) == 1)
		return -ECANCELED;
	while (sem_trywait(&posted->called) != 0) {
		cgtune_limiter_expire(limiter);
		sched_yield();
	}
	return posted->result;
}

static int enter_somehow(struct posted *posted, uint32_t *seed)
{
	struct cgtune_request request = { .size = sizeof(request) };

	switch (random_of(seed, 4)) {
	case 0:
		return cgtune_limiter_try(limiter);
	case 1:
		return enter_async(posted, seed);
	case 2:
		return cgtune_limiter_acquire(limiter, (int)random_of(seed, 3));
	default:
		request.priority = random_of(seed, 4);
		request.timeout_ms = 1 + (int)random_of(seed, 20);
		return cgtune_limiter_acquire_as(limiter, &request);
	}
}

static void *fire(void *number)
{
	uint32_t seed = (uint32_t)(uintptr_t)number * 7919 + 1;
	struct posted posted;

	sem_init(&posted.called, 0, 0);
	for (int i = 0; i < ROUNDS; i++) {
		int r = enter_somehow(&posted, &seed);

		if (r == 0) {
			be_inside(&seed);
			cgtune_limiter_finish(limiter, (int)random_of(&seed, 3));
		} else {
			ck_assert(r == -EBUSY || r == -ETIMEDOUT || r == -ESHUTDOWN || r == -ECANCELED);
			atomic_fetch_add(&refused, 1);
		}
	}
	sem_destroy(&posted.called);
	return NULL;
}

static void start(pthread_t threads[THREADS], uint32_t limit)
{
	atomic_store(&inside, 0);
	atomic_store(&most, 0);
	atomic_store(&entered, 0);
	atomic_store(&refused, 0);
	atomic_store(&allowed, limit);
	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, fire, (void *)i), 0);
}

static void finish(pthread_t threads[THREADS])
{
	struct cgtune_limiter_stats stats;

	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	expect_empty(limiter);
	stats = stats_of(limiter);
	ck_assert_uint_eq(stats.admitted, atomic_load(&entered));
	ck_assert_uint_eq(stats.cancelled + stats.rejected_capacity + stats.rejected_timeout + stats.rejected_closed,
			  atomic_load(&refused));
	ck_assert_uint_eq(atomic_load(&entered) + atomic_load(&refused), (unsigned long)THREADS * ROUNDS);
	printf("# %lu in, %lu not, at most %d at once\n", atomic_load(&entered), atomic_load(&refused),
	       atomic_load(&most));
}

START_TEST(storm)
{
	pthread_t threads[THREADS];

	limiter = LIMITER(.limit = 4, .backlog = 24, .order = (uint32_t)_i);
	start(threads, 4);
	finish(threads);
	expect_slots(limiter, 4);
	cgtune_limiter_free(limiter);
}
END_TEST

/* Sizes between 1 and 8; those who are in when it shrinks stay, so 8 is what holds throughout. */
START_TEST(resized_under_load)
{
	pthread_t threads[THREADS];
	uint32_t seed = 1;

	limiter = LIMITER(.limit = 8, .backlog = 24);
	start(threads, 8);
	while (atomic_load(&entered) + atomic_load(&refused) < (unsigned long)THREADS * ROUNDS) {
		ck_assert_int_eq(cgtune_limiter_resize(limiter, 1 + random_of(&seed, 8), random_of(&seed, 30)), 0);
		sched_yield();
	}
	ck_assert_int_eq(cgtune_limiter_resize(limiter, 3, 0), 0);
	finish(threads);
	expect_slots(limiter, 3);
	cgtune_limiter_free(limiter);
}
END_TEST

START_TEST(closed_under_load)
{
	pthread_t threads[THREADS];

	limiter = LIMITER(.limit = 4, .backlog = 24);
	start(threads, 4);
	while (atomic_load(&entered) < THREADS)
		sched_yield();
	ck_assert_int_eq(cgtune_limiter_drain(limiter, -1), 0);
	ck_assert_int_eq(atomic_load(&inside), 0);
	ck_assert_uint_eq(stats_of(limiter).inflight, 0);
	finish(threads);
	ck_assert_uint_gt(stats_of(limiter).rejected_closed, 0);
	cgtune_limiter_free(limiter);
}
END_TEST

static atomic_int turn;

static void *leave_in_turn(void *unused)
{
	(void)unused;
	for (int i = 1; i <= HAND_OVERS; i++) {
		while (atomic_load(&turn) != i)
			sched_yield();
		cgtune_limiter_release(limiter);
		atomic_store(&turn, -i);
	}
	return NULL;
}

/* One slot and two at it: each is either granted or cancelled, never both, never neither. */
START_TEST(cancel_against_grant)
{
	struct posted posted;
	pthread_t leaver;
	int won = 0, lost = 0;

	limiter = LIMITER(.limit = 1, .backlog = 1);
	atomic_store(&turn, 0);
	sem_init(&posted.called, 0, 0);
	ck_assert_int_eq(pthread_create(&leaver, NULL, leave_in_turn, NULL), 0);
	for (int i = 1; i <= HAND_OVERS; i++) {
		int r;

		ck_assert_int_eq(cgtune_limiter_try(limiter), 0);
		posted.waiter = (struct cgtune_waiter){ .user = &posted };
		ck_assert_int_eq(cgtune_limiter_async(limiter, &posted.waiter, post), 0);
		atomic_store(&turn, i);
		/* Sooner, or later, or too late. */
		for (int spin = i % 8; spin > 0 && atomic_load(&turn) != -i; spin -= spin < 7)
			sched_yield();
		r = cgtune_limiter_cancel(limiter, &posted.waiter);
		while (atomic_load(&turn) != -i)
			sched_yield();
		if (r == 0) {
			while (sem_wait(&posted.called) != 0)
				;
			ck_assert_int_eq(posted.result, 0);
			cgtune_limiter_release(limiter);
			lost++;
		} else {
			ck_assert_int_eq(r, 1);
			ck_assert_int_ne(sem_trywait(&posted.called), 0);
			won++;
		}
	}
	pthread_join(leaver, NULL);
	printf("# cancelled %d, granted %d\n", won, lost);
	ck_assert_int_gt(won, 0);
	ck_assert_int_gt(lost, 0);
	expect_slots(limiter, 1);
	cgtune_limiter_free(limiter);
}
END_TEST

/*
 * A model: the same operations on an array. Callbacks come on this thread, so each
 * step's outcome is known.
 */
enum { SEATS = 40, NOWHERE = 0, WAITS, IN, OUT };

static struct {
	uint32_t limit, backlog, inflight, waiting;
	bool lifo, gts;
	struct seat {
		struct cgtune_waiter waiter;
		int where, expected;		/* of the limiter; of the model */
		uint32_t priority;
		unsigned long arrived;
	} seats[SEATS];
	unsigned long clock;
} model;

static void seated(struct cgtune_waiter *w, int result)
{
	struct seat *seat = w->user;

	seat->where = result == 0 ? IN : OUT;
}

static struct seat *model_best(bool worst)
{
	struct seat *best = NULL;

	for (struct seat *s = model.seats; s < model.seats + SEATS; s++) {
		bool before = best && (s->priority != best->priority ? s->priority > best->priority :
				       model.lifo ? s->arrived > best->arrived : s->arrived < best->arrived);

		if (s->expected == WAITS && (!best || before != worst))
			best = s;
	}
	return best;
}

static void model_grant(void)
{
	while (model.waiting && model.inflight < model.limit) {
		model_best(false)->expected = IN;
		model.waiting--;
		model.inflight++;
	}
}

static bool model_full(void)
{
	uint32_t total = model.backlog > model.limit ? model.backlog : model.limit;

	return model.gts ? model.inflight + model.waiting >= total : model.waiting >= model.backlog;
}

static void model_arrive(struct seat *seat)
{
	struct seat *worst = model_best(true);

	seat->arrived = model.clock++;
	seat->expected = WAITS;
	if (!model.waiting && model.inflight < model.limit) {
		seat->expected = IN;
		model.inflight++;
	} else if (!model_full()) {
		model.waiting++;
	} else if (worst && worst->priority < seat->priority) {
		worst->expected = OUT;
	} else {
		seat->expected = NOWHERE;
	}
}

static void step_arrive(struct seat *seat, uint32_t *seed)
{
	int r;

	seat->priority = random_of(seed, 4);
	seat->waiter = (struct cgtune_waiter){ .user = seat, .request.priority = seat->priority };
	seat->where = WAITS;
	model_arrive(seat);
	r = cgtune_limiter_async(limiter, &seat->waiter, seated);
	if (r < 0)
		seat->where = NOWHERE;
	ck_assert(r == 0 || r == -EBUSY);
}

static void step_leave(struct seat *seat)
{
	seat->where = seat->expected = NOWHERE;
	model.inflight--;
	model_grant();
	cgtune_limiter_release(limiter);
}

static void step_cancel(struct seat *seat)
{
	seat->where = seat->expected = NOWHERE;
	model.waiting--;
	ck_assert_int_eq(cgtune_limiter_cancel(limiter, &seat->waiter), 1);
}

static void step(uint32_t *seed)
{
	struct seat *seat = &model.seats[random_of(seed, SEATS)];

	if (random_of(seed, 50) == 0) {
		model.limit = 1 + random_of(seed, 10);
		model.backlog = random_of(seed, 20);
		model_grant();
		ck_assert_int_eq(cgtune_limiter_resize(limiter, model.limit, model.backlog), 0);
	} else if (seat->expected == NOWHERE || seat->expected == OUT) {
		step_arrive(seat, seed);
	} else if (seat->expected == IN) {
		step_leave(seat);
	} else if (random_of(seed, 3) == 0) {
		step_cancel(seat);
	}
}

START_TEST(as_the_model_says)
{
	uint32_t seed = (uint32_t)_i + 1;
	struct cgtune_limiter_stats stats;

	memset(&model, 0, sizeof(model));
	model.limit = model.backlog = 5;
	model.lifo = _i & 1;
	model.gts = _i & 2;
	limiter = LIMITER(.limit = 5, .backlog = 5, .order = model.lifo, .counting = model.gts);
	for (int i = 0; i < ROUNDS * 10; i++) {
		step(&seed);
		for (int j = 0; j < SEATS; j++)
			ck_assert_int_eq(model.seats[j].where, model.seats[j].expected);
		stats = stats_of(limiter);
		ck_assert_uint_eq(stats.inflight, model.inflight);
		ck_assert_uint_eq(stats.waiting, model.waiting);
	}
	cgtune_limiter_free(limiter);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("limiter-storm");
	TCase *tcase = tcase_create("limiter-storm");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, storm, 0, 2);
	tcase_add_test(tcase, resized_under_load);
	tcase_add_test(tcase, closed_under_load);
	tcase_add_test(tcase, cancel_against_grant);
	tcase_add_loop_test(tcase, as_the_model_says, 0, 8);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return suite_run(suite());
}
