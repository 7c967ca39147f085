/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limiter-wait - those who wait: their order, who is next, and how they are told */
#include "limiter.h"
#include "sys.h"
#include "util.h"

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

/* Whose thread it is looks at it without the lock. */
static void set_state(struct cgtune_waiter *w, uint32_t state)
{
	__atomic_store_n(&w->state, state, __ATOMIC_RELEASE);
}

void limiter_enqueue(struct limiter_state *s, struct cgtune_waiter *w)
{
	uint32_t p = w->request.priority;

	set_state(w, LIMITER_QUEUED);
	w->next = NULL;
	w->prev = s->last[p];
	if (w->prev)
		w->prev->next = w;
	else
		s->first[p] = w;
	s->last[p] = w;
	if (!s->waiting)
		s->queued_since_ns = w->since_ns;
	s->due_ns = s->waiting ? util_min(s->due_ns, w->until_ns) : w->until_ns;
	s->waiting++;
}

void limiter_dequeue(struct limiter_state *s, struct cgtune_waiter *w, uint64_t now)
{
	uint32_t p = w->request.priority;

	if (w->prev)
		w->prev->next = w->next;
	else
		s->first[p] = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		s->last[p] = w->prev;
	s->waiting--;
	if (!s->waiting)
		s->queued_ns += util_sub(now, s->queued_since_ns);
}

void limiter_append(struct limiter_batch *batch, struct cgtune_waiter *w)
{
	w->next = NULL;
	if (batch->last)
		batch->last->next = w;
	else
		batch->first = w;
	batch->last = w;
}

void limiter_settle(struct limiter_state *s, struct cgtune_waiter *w, int result, uint64_t now,
		    struct limiter_batch *batch)
{
	limiter_dequeue(s, w, now);
	w->result = result;
	if (result == 0) {
		s->waited++;
		limiter_count_wait(s, util_sub(now, w->since_ns));
	} else {
		limiter_count_rejected(s, result, util_sub(now, w->since_ns));
	}
	if (w->granted) {
		w->state = LIMITER_SETTLED;
		limiter_append(batch, w);
		return;
	}
	set_state(w, LIMITER_SETTLED);
	limiter_wake(w);
}

/* Of the kernel, not a condition variable: who is woken needs no lock that its waker still holds. */
void limiter_sleep(void *word, uint32_t value, uint64_t until_ns)
{
	struct timespec at = { (time_t)(until_ns / LIMITER_SECOND_NS), (long)(until_ns % LIMITER_SECOND_NS) };

	sys6(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, until_ns == UINT64_MAX ? NULL : &at,
	     NULL, FUTEX_BITSET_MATCH_ANY);
}

/* The sleeper may be gone, and its stack be used for something else, where the worst that a wake-up
 * does is to be a spurious one. */
void limiter_wake(struct cgtune_waiter *w)
{
	sys3(SYS_futex, &w->state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

bool limiter_take(struct limiter_state *s)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);

	while (limiter_inflight(word) < limiter_limit(word))
		if (atomic_compare_exchange_weak_explicit(&s->word, &word, word + 1, memory_order_acquire,
							  memory_order_relaxed))
			return true;
	return false;
}

static struct cgtune_waiter *next_of(const struct cgtune_limiter *l, const struct limiter_state *s)
{
	for (int p = LIMITER_PRIORITIES - 1; p >= 0; p--)
		if (s->first[p])
			return l->options.order == CGTUNE_ORDER_LIFO ? s->last[p] : s->first[p];
	return NULL;
}

/* How many more may pass it; 0: none, or it is on its way. */
static uint64_t passes_of(const struct cgtune_waiter *w)
{
	uint32_t state = limiter_state_of(w);

	if (w->granted || w->request.priority)
		return 0;
	return state == LIMITER_QUEUED ? LIMITER_PASSES : util_sub(state, LIMITER_PASSED);
}

/* For the one slot that is free now. A second one, or a higher priority, is not kept waiting for a
 * thread to be switched to. */
struct cgtune_waiter *limiter_rouse(struct cgtune_limiter *l, struct limiter_state *s, uint64_t now)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed), passes;
	struct cgtune_waiter *w = next_of(l, s);

	if (!w || w->until_ns <= now || limiter_inflight(word) + 1 != limiter_limit(word))
		return NULL;
	passes = passes_of(w);
	if (!passes)
		return NULL;
	set_state(w, LIMITER_WOKEN);
	atomic_fetch_add_explicit(&s->word, passes * LIMITER_PASS, memory_order_relaxed);
	return w;
}

void limiter_grant(struct cgtune_limiter *l, struct limiter_state *s, uint64_t now, struct limiter_batch *batch)
{
	struct cgtune_waiter *w;

	if (atomic_load_explicit(&s->word, memory_order_relaxed) & LIMITER_PASS_MASK)
		atomic_fetch_and_explicit(&s->word, ~LIMITER_PASS_MASK, memory_order_relaxed);
	while ((w = next_of(l, s))) {
		if (w->until_ns <= now)
			limiter_settle(s, w, -ETIMEDOUT, now, batch);
		else if (limiter_take(s))
			limiter_settle(s, w, 0, now, batch);
		else
			return;
	}
}

/* The one that would have been admitted last. */
bool limiter_evict(struct cgtune_limiter *l, struct limiter_state *s, uint32_t priority, int result, uint64_t now,
		   struct limiter_batch *batch)
{
	for (uint32_t p = 0; p < priority; p++) {
		if (!s->first[p])
			continue;
		limiter_settle(s, l->options.order == CGTUNE_ORDER_LIFO ? s->first[p] : s->last[p], result, now, batch);
		return true;
	}
	return false;
}

uint64_t limiter_sweep(struct limiter_state *s, uint64_t now, struct limiter_batch *batch)
{
	struct cgtune_waiter *next;
	uint64_t due = UINT64_MAX, due_async = UINT64_MAX;

	for (int p = 0; p < LIMITER_PRIORITIES; p++) {
		for (struct cgtune_waiter *w = s->first[p]; w; w = next) {
			next = w->next;
			if (w->until_ns <= now) {
				limiter_settle(s, w, -ETIMEDOUT, now, batch);
				continue;
			}
			due = util_min(due, w->until_ns);
			if (w->granted)
				due_async = util_min(due_async, w->until_ns);
		}
	}
	s->due_ns = due;
	return due_async;
}

/* Those that a callback further up this thread's stack has still to make. */
static struct limiter_batch *batch_of_this_thread(const struct limiter_state *s)
{
	for (struct limiter_batch *b = s->batches; b; b = b->next)
		if (pthread_equal(b->thread, pthread_self()))
			return b;
	return NULL;
}

void limiter_call(struct limiter_batch *batch)
{
	while (batch->first) {
		struct cgtune_waiter *w = batch->first;

		batch->first = w->next;
		if (!batch->first)
			batch->last = NULL;
		w->granted(w, w->result);
	}
}

/* Nobody waits: the word alone decides again. */
static void quiet(const struct cgtune_limiter *l, struct limiter_state *s)
{
	if (s->waiting)
		return;
	s->rate_milli = s->window_ns = 0;
	if (!atomic_load_explicit(&l->closed, memory_order_relaxed) && !(l->options.flags & CGTUNE_LIMITER_DRY_RUN) &&
	    atomic_load_explicit(&s->word, memory_order_relaxed) & LIMITER_SLOW)
		atomic_fetch_and_explicit(&s->word, ~LIMITER_SLOW, memory_order_relaxed);
}

void limiter_leave(struct cgtune_limiter *l)
{
	quiet(l, l->state);
	pthread_mutex_unlock(&l->state->lock);
}

/* In a child that a callback forked the list is empty. */
static void forget_batch(struct cgtune_limiter *l, const struct limiter_batch *batch)
{
	struct limiter_state *s = limiter_lock(l);

	for (struct limiter_batch **at = &s->batches; *at; at = &(*at)->next) {
		if (*at == batch) {
			*at = batch->next;
			break;
		}
	}
	pthread_mutex_unlock(&s->lock);
}

/* A callback that releases admits the next waiter, whose callback may release: without the list
 * the stack would be as deep as the backlog is long. */
void limiter_unlock(struct cgtune_limiter *l, struct limiter_batch *batch)
{
	struct limiter_state *s = l->state;
	struct limiter_batch *outer;

	quiet(l, s);
	if (!batch->first) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	outer = batch_of_this_thread(s);
	if (outer) {
		if (outer->last)
			outer->last->next = batch->first;
		else
			outer->first = batch->first;
		outer->last = batch->last;
		pthread_mutex_unlock(&s->lock);
		return;
	}
	batch->thread = pthread_self();
	batch->next = s->batches;
	s->batches = batch;
	pthread_mutex_unlock(&s->lock);
	limiter_call(batch);
	forget_batch(l, batch);
}
