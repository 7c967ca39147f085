/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limiter - admission: who runs, who waits, who is refused; knows nothing of cgroups
 *
 * Slots are taken and left by a compare-and-swap of one word as long as nobody
 * waits; all else is under a lock. What a forked child must not see, slots and
 * waiters of threads that it does not have, lies in a mapping that is zeroed in
 * it (MADV_WIPEONFORK); what it keeps lies beside.
 */
#ifndef CGTUNE_LIMITER_H
#define CGTUNE_LIMITER_H

#include "cgtune.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define LIMITER_PRIORITIES 4
#define LIMITER_NAME_SIZE 64
#define LIMITER_SECOND_NS UINT64_C(1000000000)

/* state->word: slots taken, the limit in force, how many may still pass those who wait, and whether
 * to go by the lock. */
#define LIMITER_BITS 29
#define LIMITER_MOST ((UINT32_C(1) << LIMITER_BITS) - 1)	/* a limit of this admits all */
#define LIMITER_PASS (UINT64_C(1) << 2 * LIMITER_BITS)
#define LIMITER_PASSES UINT64_C(16)		/* CGTUNE_ORDER_FIFO tells of it */
#define LIMITER_PASS_MASK (UINT64_C(31) * LIMITER_PASS)
#define LIMITER_SLOW (UINT64_C(1) << 63)
static inline uint32_t limiter_inflight(uint64_t word)
{
	return (uint32_t)word & LIMITER_MOST;
}
static inline uint32_t limiter_limit(uint64_t word)
{
	return (uint32_t)(word >> LIMITER_BITS) & LIMITER_MOST;
}

struct limiter_sizes {
	uint32_t limit, backlog;
	bool by_memory;			/* memory alone keeps the limit so low */
	bool backlog_computed;		/* so that it may be capped by what is completed */
};

enum { LIMITER_CAPACITY, LIMITER_TIMEOUT, LIMITER_CLOSED, LIMITER_MEMORY, LIMITER_REASONS };

/* What happened in a window of ns: CPU time that was granted and used; the time for which the
 * cgroup was stopped of that in which it wanted to run, both of one kind; and for how long
 * somebody waited to be admitted. */
struct limiter_window {
	uint64_t ns, grant_ns, used_ns, stopped_ns, wanted_ns, queued_ns;
};

/* What adaptive mode remembers. */
struct limiter_law {
	uint64_t debt_ns;		/* CPU time left over while somebody waited */
	uint32_t lacking;		/* a limit that was too small; 0: none is known */
	uint32_t hold;			/* windows for which that counts */
};

/* The callbacks that one thread has to make, in order. It stands in the limiter's list
 * meanwhile, so that those that a callback brings about are made after it, not within. */
struct limiter_batch {
	struct limiter_batch *next;
	struct cgtune_waiter *first, *last;
	pthread_t thread;
};

struct limiter_state {
	_Atomic uint64_t word;
	_Atomic uint64_t left[3];	/* by enum cgtune_outcome */
	_Atomic uint32_t emptied;	/* times that the last one left since it was closed */
	pthread_mutex_t lock;		/* over all that follows */
	bool ready;			/* in this process */
	const char *name;		/* of the limiter, for who traces */
	uint32_t waiting;
	struct cgtune_waiter *first[LIMITER_PRIORITIES], *last[LIMITER_PRIORITIES];	/* oldest, newest */
	struct limiter_batch *batches;
	uint64_t due_ns;		/* nobody's time is up before; means nothing when nobody waits */
	uint64_t queued_since_ns;	/* somebody waits since then, or since the last adaption */
	uint64_t queued_ns;		/* for which somebody waited since the last adaption */
	struct limiter_law law;
	uint64_t valid_until_ns;	/* of an adapted limit; 0: it is the static one */
	/* Completions while somebody waits. */
	uint64_t rate_milli;		/* per 1000 seconds; 0: not known */
	uint64_t window_ns, window_left;
	uint64_t seed;
	/* Counters. */
	uint64_t told, bypassed, waited, cancelled, rejected[LIMITER_REASONS + 1], resized;
	uint64_t wait_ns, wait_hist[CGTUNE_WAIT_SLOTS];
};

struct cgtune_limiter {
	struct limiter_state *state;
	struct cgtune_limiter_options options;	/* as given, but for those with a plain default */
	char name[LIMITER_NAME_SIZE];
	_Atomic uint64_t sizes;		/* static limit and backlog, in one for a child that is forked meanwhile */
	atomic_bool by_memory, backlog_computed, closed;
	atomic_bool sized;		/* by cgtune_limiter_resize(): follows no more */
	struct cgtune_limiter *_Atomic next;	/* of those that feedback.c follows */
	uint64_t used;			/* bytes that are no request's */
};

uint64_t limiter_now_ns(void);
/* CLOCK_MONOTONIC after so many milliseconds; UINT32_MAX: never. */
uint64_t limiter_until_ns(uint64_t now, uint32_t ms);

/* Sleep while a word is that, until it is woken, or until that time of limiter_until_ns(). */
void limiter_sleep(void *word, uint32_t value, uint64_t until_ns);

/* Make one; options are checked and complete, but for the sizes. NULL: out of memory. */
struct cgtune_limiter *limiter_make(const struct cgtune_limiter_options *options, const struct limiter_sizes *sizes);
void limiter_unmake(struct cgtune_limiter *limiter);

/* The state, locked and ready in this process; and what ends that: then callbacks are made. */
struct limiter_state *limiter_lock(struct cgtune_limiter *limiter);
void limiter_unlock(struct cgtune_limiter *limiter, struct limiter_batch *batch);
/* End it without; limiter_call() makes them later, when no lock of anybody's is held. */
void limiter_leave(struct cgtune_limiter *limiter);
void limiter_call(struct limiter_batch *batch);

/* New static sizes. */
void limiter_set_sizes(struct cgtune_limiter *limiter, const struct limiter_sizes *sizes,
		       struct limiter_batch *batch);

/* The limit for the next window, between least and the static one, in force until then or the next
 * step. queued_ns is added to the window. */
void limiter_adapt(struct cgtune_limiter *limiter, const struct limiter_window *window, uint32_t least,
		   uint64_t valid_until_ns, struct limiter_batch *batch);

/* limiter-adapt.c. The next limit, at least 1; not bounded by the static one. */
uint32_t limiter_law_next(struct limiter_law *law, const struct limiter_window *window, uint32_t limit);

/* With the lock held: wake who waits for a closed limiter to be empty, if it is. */
void limiter_look_empty(struct cgtune_limiter *limiter, struct limiter_state *state);

/* The limit in force, with the lock held. */
void limiter_set_limit(struct limiter_state *state, uint32_t limit);

static inline uint32_t limiter_static_limit(const struct cgtune_limiter *limiter)
{
	return (uint32_t)(atomic_load(&limiter->sizes) >> 32);
}

static inline uint32_t limiter_backlog(const struct cgtune_limiter *limiter)
{
	return (uint32_t)atomic_load(&limiter->sizes);
}

/* limiter-size.c. Options as given, but for those with a plain default; or -EINVAL, -E2BIG. */
int limiter_options_take(const struct cgtune_limiter_options *theirs, struct cgtune_limiter_options *ours);
/* What sizes are made from. */
struct limiter_basis {
	uint32_t threads;
	int64_t multiplier;		/* where the options have none; 0 or less: admit all */
	uint64_t room;			/* bytes for requests; CGTUNE_UNLIMITED */
};
void limiter_size(const struct cgtune_limiter_options *options, const struct limiter_basis *basis,
		  struct limiter_sizes *ret);

/* limiter-wait.c, with the lock held: */
void limiter_enqueue(struct limiter_state *state, struct cgtune_waiter *waiter);
/* Take it out of the queue. */
void limiter_dequeue(struct limiter_state *state, struct cgtune_waiter *waiter, uint64_t now);
/* Take it out, count it, and wake its thread or have its callback made. */
void limiter_settle(struct limiter_state *state, struct cgtune_waiter *waiter, int result, uint64_t now,
		    struct limiter_batch *batch);
/* Have its callback made. */
void limiter_append(struct limiter_batch *batch, struct cgtune_waiter *waiter);
/* Let the first in the queue be woken, and be passed meanwhile: whom to wake with limiter_wake(). NULL:
 * those who wait are to be admitted instead. */
struct cgtune_waiter *limiter_rouse(struct cgtune_limiter *limiter, struct limiter_state *state, uint64_t now);
/* Without the lock, too: that the waiter is still there does not matter. */
void limiter_wake(struct cgtune_waiter *waiter);
/* Admit who waits, as far as the limit in force goes. Nobody is passed any more. */
void limiter_grant(struct cgtune_limiter *limiter, struct limiter_state *state, uint64_t now,
		   struct limiter_batch *batch);
/* Refuse one of a lower priority; false: there is none. */
bool limiter_evict(struct cgtune_limiter *limiter, struct limiter_state *state, uint32_t priority, int result,
		   uint64_t now, struct limiter_batch *batch);
/* Refuse whose time is up; when the next one with a callback is due, UINT64_MAX: none. */
uint64_t limiter_sweep(struct limiter_state *state, uint64_t now, struct limiter_batch *batch);
/* Take a slot below the limit in force, whoever waits; false: there is none. */
bool limiter_take(struct limiter_state *state);

/*
 * waiter->state, on which a thread sleeps; granted is NULL then. To hand each slot over to a thread
 * that sleeps would cost a switch of threads for each request. So the slot stays free while the first in
 * the queue is woken, and until it runs and looks, others may take it without a lock. Who finds
 * none when it looks sleeps again, and is woken for the next one; but when LIMITER_PASSES have
 * passed it, a slot is handed over. LIMITER_PASSED and above: so many more may pass it.
 */
enum { LIMITER_IDLE, LIMITER_QUEUED, LIMITER_WOKEN, LIMITER_SETTLED, LIMITER_PASSED };
static inline uint32_t limiter_state_of(const struct cgtune_waiter *waiter)
{
	return __atomic_load_n(&waiter->state, __ATOMIC_ACQUIRE);
}

/* limiter-stats.c, with the lock held: */
void limiter_count_rejected(struct limiter_state *state, int result, uint64_t waited_ns);
void limiter_count_wait(struct limiter_state *state, uint64_t ns);
uint64_t limiter_completed(const struct limiter_state *state);
/* Look at the rate of completions; somebody waits. */
void limiter_rate_look(struct limiter_state *state, uint64_t now);
/* Requests that are completed within so many milliseconds, at least 1; UINT64_MAX: not known. */
uint64_t limiter_rate_within(const struct limiter_state *state, uint64_t ms);

#endif
