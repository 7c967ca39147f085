/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limiter - admission: what a limiter is, from its making to its closing, and its sizes */
#include "limiter.h"
#include "sys.h"
#include "util.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

uint64_t limiter_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * LIMITER_SECOND_NS + (uint64_t)now.tv_nsec;
}

uint64_t limiter_until_ns(uint64_t now, uint32_t ms)
{
	return ms == UINT32_MAX ? UINT64_MAX : now + ms * UINT64_C(1000000);
}

/* The first use in this process. Until it was made ready the word is 0: full, and nobody is in. */
static void make_ready(struct cgtune_limiter *l)
{
	bool slow = atomic_load(&l->closed) || l->options.flags & CGTUNE_LIMITER_DRY_RUN;

	l->state->ready = true;
	l->state->name = l->name;
	l->state->seed = limiter_now_ns() | 1;
	atomic_store_explicit(&l->state->word, (uint64_t)limiter_static_limit(l) << LIMITER_BITS |
			      (slow ? LIMITER_SLOW : 0), memory_order_relaxed);
}

struct limiter_state *limiter_lock(struct cgtune_limiter *l)
{
	pthread_mutex_lock(&l->state->lock);
	if (!l->state->ready)
		make_ready(l);
	return l->state;
}

static void store_sizes(struct cgtune_limiter *l, const struct limiter_sizes *sizes)
{
	uint32_t limit = sizes->limit < LIMITER_MOST ? sizes->limit : LIMITER_MOST;

	atomic_store(&l->sizes, (uint64_t)limit << 32 | sizes->backlog);
	atomic_store(&l->by_memory, sizes->by_memory);
	atomic_store(&l->backlog_computed, sizes->backlog_computed);
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct cgtune_limiter *limiter_make(const struct cgtune_limiter_options *options, const struct limiter_sizes *sizes)
{
	struct cgtune_limiter *l = map(sizeof(*l));
	struct limiter_state *s = l ? map(sizeof(*s)) : NULL;

	if (!s) {
		if (l)
			munmap(l, sizeof(*l));
		return NULL;
	}
	madvise(s, sizeof(*s), MADV_WIPEONFORK);	/* Linux 4.14 */
	l->state = s;
	l->options = *options;
	strncpy(l->name, options->name, sizeof(l->name) - 1);
	l->options.name = l->name;
	store_sizes(l, sizes);
	limiter_lock(l);
	pthread_mutex_unlock(&s->lock);
	return l;
}

void limiter_unmake(struct cgtune_limiter *l)
{
	munmap(l->state, sizeof(*l->state));
	munmap(l, sizeof(*l));
}

void limiter_set_limit(struct limiter_state *s, uint32_t limit)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed), new;

	if (limiter_limit(word) != limit)
		s->resized++;
	do
		new = (word & ~((uint64_t)LIMITER_MOST << LIMITER_BITS)) | (uint64_t)limit << LIMITER_BITS;
	while (!atomic_compare_exchange_weak_explicit(&s->word, &word, new, memory_order_relaxed,
						      memory_order_relaxed));
}

/* Under the lock, which is left: a new limit in force. */
static void apply_limit(struct cgtune_limiter *l, struct limiter_state *s, uint32_t limit, struct limiter_batch *batch)
{
	limiter_set_limit(s, limit);
	if (s->waiting)
		limiter_grant(l, s, limiter_now_ns(), batch);
	limiter_leave(l);
}

void limiter_set_sizes(struct cgtune_limiter *l, const struct limiter_sizes *sizes, struct limiter_batch *batch)
{
	struct limiter_state *s = limiter_lock(l);
	uint32_t limit = limiter_limit(atomic_load(&s->word));

	store_sizes(l, sizes);
	/* An adapted limit stays if it can. */
	if (!s->valid_until_ns || limit >= limiter_static_limit(l)) {
		s->valid_until_ns = 0;
		limit = limiter_static_limit(l);
	}
	apply_limit(l, s, limit, batch);
}

/* For which somebody waited since this was asked last. */
static uint64_t take_queued_ns(struct limiter_state *s, uint64_t now)
{
	uint64_t ns = s->queued_ns;

	if (s->waiting) {
		ns += util_sub(now, s->queued_since_ns);
		s->queued_since_ns = now;
	}
	s->queued_ns = 0;
	return ns;
}

void limiter_adapt(struct cgtune_limiter *l, const struct limiter_window *window, uint32_t least,
		   uint64_t valid_until_ns, struct limiter_batch *batch)
{
	struct limiter_window w = *window;
	struct limiter_state *s = limiter_lock(l);
	uint32_t most = limiter_static_limit(l), limit = limiter_limit(atomic_load(&s->word));

	w.queued_ns = take_queued_ns(s, limiter_now_ns());
	limit = limiter_law_next(&s->law, &w, limit);
	if (limit < least)
		limit = least;
	if (limit > most)
		limit = most;
	s->valid_until_ns = limit < most ? valid_until_ns : 0;
	apply_limit(l, s, limit, batch);
}

_public_ int cgtune_limiter_resize(struct cgtune_limiter *l, uint32_t limit, uint32_t backlog)
{
	struct limiter_batch batch = { 0 };

	if (!l || !limit)
		return -EINVAL;
	atomic_store(&l->sized, true);
	limiter_set_sizes(l, &(struct limiter_sizes){ .limit = limit, .backlog = backlog }, &batch);
	limiter_call(&batch);
	return 0;
}

_public_ void cgtune_limiter_close(struct cgtune_limiter *l)
{
	struct limiter_batch batch = { 0 };
	struct limiter_state *s;
	uint64_t now = limiter_now_ns();

	if (!l)
		return;
	s = limiter_lock(l);
	atomic_store(&l->closed, true);
	atomic_fetch_or(&s->word, LIMITER_SLOW);
	atomic_fetch_and(&s->word, ~LIMITER_PASS_MASK);
	for (int p = 0; p < LIMITER_PRIORITIES; p++)
		while (s->first[p])
			limiter_settle(s, s->first[p], -ESHUTDOWN, now, &batch);
	limiter_unlock(l, &batch);
}

void limiter_look_empty(struct cgtune_limiter *l, struct limiter_state *s)
{
	if (!atomic_load(&l->closed) || limiter_inflight(atomic_load(&s->word)))
		return;
	atomic_fetch_add(&s->emptied, 1);
	sys3(SYS_futex, &s->emptied, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX);
}

/* Whoever leaves a closed limiter goes by the lock, and so looks whether it was the last. */
_public_ int cgtune_limiter_drain(struct cgtune_limiter *l, int timeout_ms)
{
	uint64_t until = limiter_until_ns(limiter_now_ns(), (uint32_t)timeout_ms);
	struct limiter_state *s;
	uint32_t emptied;

	if (!l || timeout_ms < -1)
		return -EINVAL;
	cgtune_limiter_close(l);
	for (s = l->state;;) {
		emptied = atomic_load(&s->emptied);
		if (!limiter_inflight(atomic_load(&s->word)))
			return 0;
		if (limiter_now_ns() >= until)
			return -ETIMEDOUT;
		limiter_sleep(&s->emptied, emptied, until);
	}
}
