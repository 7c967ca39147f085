/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* change - what differs between two readings, and when the callback is told of it */
#include "change.h"
#include "usdt.h"
#include "util.h"

#include <time.h>

uint64_t change_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CHANGE_SECOND_NS + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_milli(const struct cgtune_limits *limits)
{
	uint64_t milli;

	if (!limits->cpu_period_us)
		return CGTUNE_UNLIMITED;
	milli = util_mul_div(limits->cpu_quota_us, 1000, limits->cpu_period_us);
	if (milli != UINT64_MAX &&
	    util_fraction_less(milli, 1000, limits->cpu_quota_us, limits->cpu_period_us))
		milli++;
	return milli;
}

int change_compare(const struct process *p, const struct cgtune_limits *limits, const struct cgtune_plan *plan)
{
	const struct cgtune_limits *old = &p->limits;
	int changed = 0;

	if (old->cpu_quota_us != limits->cpu_quota_us || old->cpu_period_us != limits->cpu_period_us ||
	    old->cpus != limits->cpus || p->plan.threads != plan->threads)
		changed |= CGTUNE_CPU;
	if (old->memory != limits->memory || old->memory_high != limits->memory_high ||
	    p->plan.memory != plan->memory)
		changed |= CGTUNE_MEMORY;
	return changed;
}

/* Note a change for the callback; one that still waits keeps its old values. */
static void note(struct live *live, int i, uint32_t resource, uint64_t old_limit, uint64_t old_value,
		 uint64_t new_limit, uint64_t new_value)
{
	struct cgtune_change *change = &live->changes[i].change;

	DTRACE_PROBE5(cgtune, limit_change, (uint64_t)resource, old_limit, new_limit, old_value, new_value);
	if (!live->changes[i].pending)
		*change = (struct cgtune_change){
			.size = sizeof(*change), .resource = resource,
			.old_limit = old_limit, .old_value = old_value,
		};
	change->new_limit = new_limit;
	change->new_value = new_value;
	live->changes[i].pending = true;
}

int change_take_due(struct live *live, bool told, struct cgtune_change ret[2])
{
	uint64_t now = change_now_ns();
	int n = 0;

	for (int i = 0; i < 2; i++) {
		const struct cgtune_change *change = &live->changes[i].change;

		if (!live->changes[i].pending ||
		    (told && live->changes[i].told_ns && now - live->changes[i].told_ns < CHANGE_SECOND_NS))
			continue;
		live->changes[i].pending = false;
		if (!told || (change->old_limit == change->new_limit && change->old_value == change->new_value))
			continue;		/* or there and back again */
		live->changes[i].told_ns = now;
		ret[n++] = *change;
	}
	return n;
}

void change_take_over(struct process *p, int changed, const struct cgtune_plan *plan)
{
	struct live *live = &p->live;
	const struct cgtune_limits *limits = &live->reread;

	if (changed & CGTUNE_CPU)
		note(live, 0, CGTUNE_CPU, cpu_milli(&p->limits), p->plan.threads, cpu_milli(limits), plan->threads);
	if (changed & CGTUNE_MEMORY)
		note(live, 1, CGTUNE_MEMORY, p->limits.memory, p->plan.memory, limits->memory, plan->memory);
	p->limits = *limits;
	p->plan = *plan;
	p->read_result = 0;
	process_publish(p);
}
