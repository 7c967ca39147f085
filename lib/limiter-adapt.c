/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limiter-adapt - adaptive mode: the next limit from what the CPU quota did in a window; arithmetic only */
#include "limiter.h"
#include "util.h"

/* Of the CPU time that was granted, 1/50 may be left over while requests wait; what is more is a
 * debt, which may grow to 1/10 of a window's: the kernel's periods and ours do not begin together. */
#define LEFT_OVER 50
#define DEBT 10
/* Windows for which a limit that was too small is not tried again. */
#define HOLD 32

/* CPU time that was granted and not used while somebody waited, at most. */
static uint64_t missed(const struct limiter_window *w)
{
	uint64_t queued = util_mul_div(w->grant_ns, util_min(w->queued_ns, w->ns), w->ns ? w->ns : 1);

	return util_min(queued, util_sub(w->grant_ns, w->used_ns));
}

/* Work in hand that waits for something else than the CPU: by Little's law the CPU is used in
 * proportion to how many are in. */
static uint32_t enlarge(struct limiter_law *law, uint64_t missed_ns, uint64_t used_ns, uint32_t limit)
{
	uint64_t need = util_mul_div(limit, used_ns + missed_ns, used_ns ? used_ns : 1) + 1;

	*law = (struct limiter_law){ .lacking = limit, .hold = HOLD };
	return need < LIMITER_MOST ? (uint32_t)need : LIMITER_MOST;
}

/* The same work was stopped for a part of the time that it wanted to run: so large a part of those
 * who are in could have come later. Half of it, as requests that slept through a stop seem stopped. */
static uint32_t reduce(const struct limiter_law *law, const struct limiter_window *w, uint32_t limit)
{
	uint64_t surplus = util_mul_div(limit, w->stopped_ns, w->wanted_ns ? w->wanted_ns : 1);
	uint64_t least = law->lacking + UINT64_C(1), next = util_sub(limit, (surplus + 1) / 2);

	next = next < least ? least : next;
	return next < limit ? (uint32_t)next : limit;
}

uint32_t limiter_law_next(struct limiter_law *law, const struct limiter_window *w, uint32_t limit)
{
	uint64_t missed_ns = missed(w), allowed_ns = w->grant_ns / LEFT_OVER;

	if (law->hold && !--law->hold)
		law->lacking = 0;
	law->debt_ns = util_sub(law->debt_ns + missed_ns, allowed_ns);
	if (law->debt_ns > w->grant_ns / DEBT)
		return enlarge(law, missed_ns, w->used_ns, limit);
	if (missed_ns > allowed_ns || w->queued_ns < w->ns / 2)
		return limit;
	return reduce(law, w, limit);
}
