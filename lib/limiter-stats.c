/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limiter-stats - what a limiter has done: counters, waits, the rate of completions, when to come again */
#include "limiter.h"
#include "usdt.h"
#include "util.h"

#include <errno.h>

/* A rate is taken over at least so long, and so many. */
#define WINDOW_NS LIMITER_SECOND_NS
#define WINDOW_LEAST 10

static int reason_of(int error)
{
	switch (error) {
	case -EBUSY: return LIMITER_CAPACITY;
	case -ETIMEDOUT: return LIMITER_TIMEOUT;
	case -ESHUTDOWN: return LIMITER_CLOSED;
	case -ENOMEM: return LIMITER_MEMORY;
	default: return LIMITER_REASONS;
	}
}

_public_ const char *cgtune_limiter_reason(int error)
{
	static const char *const words[] = {
		[LIMITER_CAPACITY] = "capacity", [LIMITER_TIMEOUT] = "timeout", [LIMITER_CLOSED] = "closed",
		[LIMITER_MEMORY] = "memory", [LIMITER_REASONS] = "unknown",
	};

	return words[reason_of(error)];
}

void limiter_count_rejected(struct limiter_state *s, int result, uint64_t waited_ns)
{
	uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	uint64_t limit = limiter_limit(word), inflight = limiter_inflight(word), waiting = s->waiting;

	s->rejected[reason_of(result)]++;
	if (result == -ETIMEDOUT)
		DTRACE_PROBE5(cgtune, admit_timeout, s->name, waited_ns, limit, inflight, waiting);
	else if (result != -ESHUTDOWN)
		DTRACE_PROBE5(cgtune, admit_full, s->name, (uint64_t)-result, limit, inflight, waiting);
}

void limiter_count_wait(struct limiter_state *s, uint64_t ns)
{
	uint64_t us = ns / 1000;
	unsigned slot = us ? 64 - (unsigned)__builtin_clzll(us) : 0;

	s->wait_ns += ns;
	s->wait_hist[slot < CGTUNE_WAIT_SLOTS ? slot : CGTUNE_WAIT_SLOTS - 1]++;
}

uint64_t limiter_completed(const struct limiter_state *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(s->left); i++)
		sum += atomic_load_explicit(&s->left[i], memory_order_relaxed);
	return sum;
}

/* Only while somebody waits: else it would be the rate of arrival, not what can be done. */
void limiter_rate_look(struct limiter_state *s, uint64_t now)
{
	uint64_t completed = limiter_completed(s), ns = util_sub(now, s->window_ns);

	if (s->window_ns) {
		if (ns < WINDOW_NS || completed - s->window_left < WINDOW_LEAST)
			return;
		s->rate_milli = util_mul_div(completed - s->window_left, 1000 * LIMITER_SECOND_NS, ns);
	}
	s->window_ns = now;
	s->window_left = completed;
}

uint64_t limiter_rate_within(const struct limiter_state *s, uint64_t ms)
{
	if (!s->rate_milli || ms == UINT32_MAX)
		return UINT64_MAX;
	return util_mul_div(s->rate_milli, ms, 1000000) + 1;
}

/* admitted is not counted on its own: it would be a third of what an entry costs. */
static uint64_t admitted(struct limiter_state *s, uint32_t inflight)
{
	uint64_t sum = limiter_completed(s) + inflight;

	/* Who leaves this moment is in neither: what was told is not taken back. */
	s->told = sum > s->told ? sum : s->told;
	return s->told;
}

static void fill(struct cgtune_limiter *l, struct limiter_state *s, struct cgtune_limiter_stats *stats)
{
	uint64_t word = atomic_load(&s->word);
	uint32_t limit = limiter_limit(word), static_limit = limiter_static_limit(l);

	*stats = (struct cgtune_limiter_stats){
		.size = sizeof(*stats), .name = l->name, .status = l->options.status,
		.limit = limit == LIMITER_MOST ? UINT32_MAX : limit,
		.limit_static = static_limit == LIMITER_MOST ? UINT32_MAX : static_limit,
		.backlog = limiter_backlog(l), .inflight = limiter_inflight(word), .waiting = s->waiting,
		.bypassed = s->bypassed, .waited = s->waited, .cancelled = s->cancelled,
		.rejected_capacity = s->rejected[LIMITER_CAPACITY], .rejected_timeout = s->rejected[LIMITER_TIMEOUT],
		.rejected_closed = s->rejected[LIMITER_CLOSED], .rejected_memory = s->rejected[LIMITER_MEMORY],
		.resized = s->resized, .wait_ns = s->wait_ns,
	};
	stats->admitted = admitted(s, stats->inflight);
	stats->ok = atomic_load(&s->left[CGTUNE_OUTCOME_OK]);
	stats->ignored = atomic_load(&s->left[CGTUNE_OUTCOME_IGNORED]);
	stats->dropped = atomic_load(&s->left[CGTUNE_OUTCOME_DROPPED]);
	for (size_t i = 0; i < CGTUNE_WAIT_SLOTS; i++)
		stats->wait_hist[i] = s->wait_hist[i];
	stats->wait_hist[0] += util_sub(stats->admitted, stats->waited);
}

_public_ int cgtune_limiter_stats(struct cgtune_limiter *l, struct cgtune_limiter_stats *ret)
{
	struct cgtune_limiter_stats stats;
	struct limiter_batch batch = { 0 };
	int r = l ? util_struct_check(ret, sizeof(*ret)) : -EINVAL;

	if (r < 0)
		return r;
	fill(l, limiter_lock(l), &stats);
	limiter_unlock(l, &batch);
	util_struct_out(ret, &stats, sizeof(stats));
	return 0;
}

/* xorshift (Marsaglia 2003): spreads clients, keeps no secret. */
static uint64_t random_next(struct limiter_state *s)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return s->seed;
}

/* Seconds until all who wait now are through, 80 to 120 % of it, at least 1. */
static uint64_t retry_auto(struct limiter_state *s, uint64_t most)
{
	uint64_t seconds, spread;

	if (!s->rate_milli)
		return most;
	seconds = util_mul_div(s->waiting, 1000, s->rate_milli) + 1;
	spread = 800 + random_next(s) % 401;
	seconds = util_mul_div(seconds, spread, 1000);
	return seconds < 1 ? util_min(1, most) : util_min(seconds, most);
}

_public_ int cgtune_limiter_retry_after(struct cgtune_limiter *l)
{
	struct limiter_batch batch = { 0 };
	uint64_t seconds;

	if (!l)
		return 0;
	seconds = l->options.retry_after_s;
	if (l->options.flags & CGTUNE_LIMITER_RETRY_AUTO) {
		seconds = retry_auto(limiter_lock(l), seconds);
		limiter_unlock(l, &batch);
	}
	return (int)seconds;
}
