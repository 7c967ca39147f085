/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limiter-size - options and the figures of a process to limit and backlog: arithmetic only */
#include "limiter.h"
#include "util.h"

#include <errno.h>
#include <string.h>

#define BACKLOG_TIMEOUT_DEFAULT_MS 30000
#define STATUS_DEFAULT 503
#define FLAGS (CGTUNE_LIMITER_DRY_RUN | CGTUNE_LIMITER_BIND_PROCESS | CGTUNE_LIMITER_UNLIMITED | \
	       CGTUNE_LIMITER_RETRY_AUTO)

static bool are_allowed(const struct cgtune_limiter_options *o)
{
	return o->counting <= CGTUNE_COUNT_GTS && o->order <= CGTUNE_ORDER_LIFO && o->mode <= CGTUNE_MODE_ADAPTIVE &&
	       !(o->flags & ~(uint32_t)FLAGS) && o->status >= 400 && o->status <= 599 &&
	       o->retry_after_s <= INT32_MAX && o->multiplier <= INT32_MAX && (!o->max || o->min <= o->max) &&
	       strlen(o->name) < LIMITER_NAME_SIZE;
}

int limiter_options_take(const struct cgtune_limiter_options *theirs, struct cgtune_limiter_options *ours)
{
	int r = util_struct_in(ours, sizeof(*ours), theirs, sizeof(*ours));

	if (r < 0)
		return r;
	if (!theirs || ours->mode == CGTUNE_MODE_ADAPTIVE)
		ours->flags |= CGTUNE_LIMITER_BIND_PROCESS;
	if (!ours->name)
		ours->name = "default";
	if (!ours->status)
		ours->status = STATUS_DEFAULT;
	if (!ours->backlog_timeout_ms)
		ours->backlog_timeout_ms = BACKLOG_TIMEOUT_DEFAULT_MS;
	return are_allowed(ours) ? 0 : -EINVAL;
}

static uint32_t saturate(uint64_t value)
{
	return value > LIMITER_MOST ? LIMITER_MOST : (uint32_t)value;
}

void limiter_size(const struct cgtune_limiter_options *o, const struct limiter_basis *basis, struct limiter_sizes *ret)
{
	int64_t multiplier = o->multiplier ? o->multiplier : basis->multiplier;
	uint64_t limit = o->limit, fit;

	*ret = (struct limiter_sizes){ .limit = LIMITER_MOST, .backlog = o->backlog };
	if (o->flags & CGTUNE_LIMITER_UNLIMITED || (!limit && multiplier <= 0))
		return;
	if (!limit) {
		limit = (uint64_t)basis->threads * (uint64_t)multiplier;
		limit = o->max ? util_min(limit, o->max) : limit;
		limit = limit < o->min ? o->min : limit;
	}
	if (o->mem_per_request && basis->room != CGTUNE_UNLIMITED) {
		fit = basis->room / o->mem_per_request;
		ret->by_memory = fit < limit;
		limit = util_min(limit, fit);
	}
	ret->limit = saturate(limit ? limit : 1);
	if (o->limit || o->backlog)
		return;
	ret->backlog = saturate((uint64_t)ret->limit * (uint64_t)multiplier);
	ret->backlog_computed = true;
}
