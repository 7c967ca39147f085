/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limiter-enter - who asks to be admitted: at once, by waiting, by a callback; and leaving */
#include "limiter.h"
#include "util.h"

#include <errno.h>

enum { QUEUE = 1 };			/* neither admitted nor refused */

/* Forget an adapted limit that is too old. */
static void look_at_limit(struct cgtune_limiter *l, struct limiter_state *s, uint64_t now)
{
	if (!s->valid_until_ns || s->valid_until_ns >= now)
		return;
	s->valid_until_ns = 0;
	limiter_set_limit(s, limiter_static_limit(l));
}

/* The same, and admit who then may. */
static void catch_up(struct cgtune_limiter *l, struct limiter_state *s, uint64_t now, struct limiter_batch *batch)
{
	look_at_limit(l, s, now);
	if (s->waiting) {
		limiter_rate_look(s, now);
		limiter_grant(l, s, now, batch);
	}
}

static bool is_full(const struct cgtune_limiter *l, const struct limiter_state *s, uint32_t waiting)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	uint64_t backlog = limiter_backlog(l), limit = limiter_static_limit(l);

	if (atomic_load(&l->backlog_computed) &&
	    waiting >= limiter_rate_within(s, l->options.backlog_timeout_ms))
		return true;
	if (l->options.counting == CGTUNE_COUNT_CHI)
		return waiting >= backlog;
	return (uint64_t)limiter_inflight(word) + waiting >= (backlog > limit ? backlog : limit);
}

static int full_result(const struct cgtune_limiter *l)
{
	return atomic_load(&l->by_memory) ? -ENOMEM : -EBUSY;
}

static int refuse(struct limiter_state *s, int result)
{
	limiter_count_rejected(s, result, 0);
	return result;
}

/* Take a slot, or have everybody who leaves or comes go by the lock: in one step, so that a slot
 * that becomes free in between is not lost. */
static bool take_or_slow(struct limiter_state *s)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);

	while (!(word & LIMITER_SLOW)) {
		bool room = limiter_inflight(word) < limiter_limit(word);

		if (atomic_compare_exchange_weak_explicit(&s->word, &word, room ? word + 1 : word | LIMITER_SLOW,
							  memory_order_acquire, memory_order_relaxed))
			return room;
	}
	return !s->waiting && limiter_take(s);
}

static int admit_dry(struct cgtune_limiter *l, struct limiter_state *s)
{
	uint64_t word = atomic_fetch_add(&s->word, 1);

	if (limiter_inflight(word) >= limiter_limit(word) &&
	    is_full(l, s, limiter_inflight(word) - limiter_limit(word)))
		limiter_count_rejected(s, full_result(l), 0);
	return 0;
}

/* 0: admitted; QUEUE: to be enqueued; or why it is refused. */
static int admit(struct cgtune_limiter *l, struct limiter_state *s, const struct cgtune_request *request, uint64_t now,
		 struct limiter_batch *batch)
{
	if (atomic_load(&l->closed))
		return refuse(s, -ESHUTDOWN);
	if (request->flags & CGTUNE_REQUEST_BYPASS) {
		atomic_fetch_add(&s->word, 1);
		s->bypassed++;
		return 0;
	}
	if (l->options.flags & CGTUNE_LIMITER_DRY_RUN)
		return admit_dry(l, s);
	catch_up(l, s, now, batch);
	if (!s->waiting && limiter_take(s))
		return 0;
	if (request->flags & CGTUNE_REQUEST_NOWAIT)
		return refuse(s, full_result(l));
	if (s->due_ns <= now)
		limiter_sweep(s, now, batch);
	if (is_full(l, s, s->waiting) && !limiter_evict(l, s, request->priority, full_result(l), now, batch))
		return refuse(s, full_result(l));
	return take_or_slow(s) ? 0 : QUEUE;
}

/* Without the lock, as long as nobody waits, or who waits may be passed. */
static inline bool take_quickly(struct limiter_state *s)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed), next;

	while (limiter_inflight(word) < limiter_limit(word)) {
		next = word + 1;
		if (word & LIMITER_SLOW) {
			if (!(word & LIMITER_PASS_MASK))
				return false;
			next -= LIMITER_PASS;
		}
		if (atomic_compare_exchange_weak_explicit(&s->word, &word, next, memory_order_acquire,
							  memory_order_relaxed))
			return true;
	}
	return false;
}

static int request_take(struct cgtune_request *ours, const struct cgtune_request *theirs)
{
	int r = theirs && theirs->size ? util_struct_in(ours, sizeof(*ours), theirs, sizeof(*ours)) : 0;

	if (r < 0)
		return r;
	if (!theirs || !theirs->size) {
		*ours = theirs ? *theirs : (struct cgtune_request){ 0 };
		ours->size = sizeof(*ours);
	}
	if (ours->priority >= LIMITER_PRIORITIES || ours->timeout_ms < -1 || ours->reserved ||
	    ours->flags & ~(uint32_t)(CGTUNE_REQUEST_BYPASS | CGTUNE_REQUEST_NOWAIT))
		return -EINVAL;
	return 0;
}

/* Put a request that has to wait into the queue. */
static void wait_from(struct cgtune_limiter *l, struct limiter_state *s, struct cgtune_waiter *w, uint64_t now)
{
	if (!s->waiting)
		limiter_rate_look(s, now);
	w->since_ns = now;
	w->until_ns = limiter_until_ns(now, w->request.timeout_ms > 0 ? (uint32_t)w->request.timeout_ms :
				       l->options.backlog_timeout_ms);
	limiter_enqueue(s, w);
}

/* Woken, and there is no slot any more: sleep again, and be woken or handed the next one. By the
 * lock, where there is one, or somebody has settled it. */
static bool is_passed(struct limiter_state *s, struct cgtune_waiter *w)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	uint32_t woken = LIMITER_WOKEN, passed;

	do
		if (!(word & LIMITER_PASS_MASK) || limiter_inflight(word) < limiter_limit(word))
			return false;
	while (!atomic_compare_exchange_weak_explicit(&s->word, &word, word & ~LIMITER_PASS_MASK,
						      memory_order_relaxed, memory_order_relaxed));
	passed = LIMITER_PASSED + (uint32_t)((word & LIMITER_PASS_MASK) / LIMITER_PASS);
	return __atomic_compare_exchange_n(&w->state, &woken, passed, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
}

/* Woken, or its time is up: take a slot, go on waiting, or give up. */
static void look(struct cgtune_limiter *l, struct cgtune_waiter *w)
{
	struct limiter_batch batch = { 0 };
	uint64_t now = limiter_now_ns();
	struct limiter_state *s = limiter_lock(l);

	if (limiter_state_of(w) != LIMITER_SETTLED)
		limiter_grant(l, s, now, &batch);
	if (limiter_state_of(w) != LIMITER_SETTLED && w->until_ns <= now)
		limiter_settle(s, w, -ETIMEDOUT, now, &batch);
	if (limiter_state_of(w) == LIMITER_WOKEN)
		__atomic_store_n(&w->state, LIMITER_PASSED, __ATOMIC_RELAXED);
	limiter_unlock(l, &batch);
}

static int wait_blocked(struct cgtune_limiter *l, struct cgtune_waiter *w)
{
	uint32_t state;

	while ((state = limiter_state_of(w)) != LIMITER_SETTLED) {
		if (w->until_ns <= limiter_now_ns() || (state == LIMITER_WOKEN && !is_passed(l->state, w)))
			look(l, w);
		else if (state != LIMITER_WOKEN)
			limiter_sleep(&w->state, state, w->until_ns);
	}
	return w->result;
}

/* By the lock. */
static __attribute__((noinline)) int enter(struct cgtune_limiter *l, const struct cgtune_request *request)
{
	struct cgtune_waiter waiter = { .request = *request };
	struct limiter_batch batch = { 0 };
	uint64_t now = limiter_now_ns();
	struct limiter_state *s = limiter_lock(l);
	int r = admit(l, s, request, now, &batch);

	if (r == QUEUE)
		wait_from(l, s, &waiter, now);
	limiter_unlock(l, &batch);
	return r == QUEUE ? wait_blocked(l, &waiter) : r;
}

_public_ int cgtune_limiter_acquire(struct cgtune_limiter *l, int timeout_ms)
{
	struct cgtune_request request = { .size = sizeof(request) };

	if (!l || timeout_ms < -1)
		return -EINVAL;
	if (take_quickly(l->state))
		return 0;
	request.timeout_ms = timeout_ms;
	request.flags = timeout_ms ? 0 : CGTUNE_REQUEST_NOWAIT;
	return enter(l, &request);
}

_public_ int cgtune_limiter_try(struct cgtune_limiter *l)
{
	return cgtune_limiter_acquire(l, 0);
}

_public_ int cgtune_limiter_acquire_as(struct cgtune_limiter *l, const struct cgtune_request *theirs)
{
	struct cgtune_request request;
	int r = l ? request_take(&request, theirs) : -EINVAL;

	if (r < 0)
		return r;
	if (!(request.flags & CGTUNE_REQUEST_BYPASS) && take_quickly(l->state))
		return 0;
	return enter(l, &request);
}

_public_ int cgtune_limiter_async(struct cgtune_limiter *l, struct cgtune_waiter *w,
				  void (*granted)(struct cgtune_waiter *waiter, int result))
{
	struct limiter_batch batch = { 0 };
	struct cgtune_request request;
	struct limiter_state *s;
	uint64_t now;
	int r = l && w && granted ? request_take(&request, &w->request) : -EINVAL;

	if (r < 0)
		return r;
	w->request = request;
	now = limiter_now_ns();
	s = limiter_lock(l);
	w->granted = granted;
	w->state = LIMITER_IDLE;
	r = admit(l, s, &w->request, now, &batch);
	if (r == QUEUE) {
		wait_from(l, s, w, now);
	} else if (r == 0) {
		w->result = 0;
		w->state = LIMITER_SETTLED;
		limiter_append(&batch, w);
	}
	limiter_unlock(l, &batch);
	return r < 0 ? r : 0;
}

_public_ int cgtune_limiter_cancel(struct cgtune_limiter *l, struct cgtune_waiter *w)
{
	struct limiter_batch batch = { 0 };
	struct limiter_state *s;
	int r = -EINVAL;

	if (!l || !w)
		return r;
	s = limiter_lock(l);
	if (w->state == LIMITER_QUEUED) {
		limiter_dequeue(s, w, limiter_now_ns());
		w->state = LIMITER_IDLE;
		s->cancelled++;
		r = 1;
	} else if (w->state == LIMITER_SETTLED) {
		r = w->result;
	}
	limiter_unlock(l, &batch);
	return r;
}

_public_ int cgtune_limiter_expire(struct cgtune_limiter *l)
{
	struct limiter_batch batch = { 0 };
	uint64_t now = limiter_now_ns(), due;
	struct limiter_state *s;

	if (!l)
		return -1;
	s = limiter_lock(l);
	catch_up(l, s, now, &batch);
	due = limiter_sweep(s, now, &batch);
	limiter_unlock(l, &batch);
	if (due == UINT64_MAX)
		return -1;
	due = (due - now + 999999) / 1000000;
	return due > INT32_MAX ? INT32_MAX : (int)due;
}

/* Somebody waits, or it is closed: who left may let others in. */
static __attribute__((noinline)) void let_in(struct cgtune_limiter *l)
{
	struct limiter_batch batch = { 0 };
	struct limiter_state *s = limiter_lock(l);
	struct cgtune_waiter *woken = NULL;
	uint64_t now;

	if (s->waiting) {
		now = limiter_now_ns();
		look_at_limit(l, s, now);
		limiter_rate_look(s, now);
		woken = limiter_rouse(l, s, now);
		if (!woken)
			limiter_grant(l, s, now, &batch);
	}
	limiter_look_empty(l, s);
	limiter_unlock(l, &batch);
	if (woken)
		limiter_wake(woken);
}

/* Who leaves the only free slot behind while somebody is woken for it has nothing to do. */
static inline void leave(struct cgtune_limiter *l, int outcome)
{
	struct limiter_state *s = l->state;
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);

	do
		if (!limiter_inflight(word))
			return;
	while (!atomic_compare_exchange_weak_explicit(&s->word, &word, word - 1, memory_order_release,
						      memory_order_relaxed));
	atomic_fetch_add_explicit(&s->left[outcome], 1, memory_order_relaxed);
	if (word & LIMITER_SLOW && !(word & LIMITER_PASS_MASK && limiter_inflight(word) >= limiter_limit(word)))
		let_in(l);
}

_public_ void cgtune_limiter_finish(struct cgtune_limiter *l, int outcome)
{
	if (l)
		leave(l, outcome == CGTUNE_OUTCOME_IGNORED || outcome == CGTUNE_OUTCOME_DROPPED ? outcome :
			 CGTUNE_OUTCOME_OK);
}

_public_ void cgtune_limiter_release(struct cgtune_limiter *l)
{
	if (l)
		leave(l, CGTUNE_OUTCOME_OK);
}
