/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* throttle - what the CPU quota has done: cpu.stat, and a probe where one is published */
#include "throttle.h"
#include "env.h"
#include "options.h"
#include "process.h"
#include "usdt.h"
#include "util.h"

#include <errno.h>

#define USUAL_BPFFS "/sys/fs/bpf"

/* Whether the options are of this process as it is, so that what is remembered of it holds. */
static bool is_own(const struct cgtune_options *options)
{
	return !options->root && !options->pid && !options->cgroup;
}

/* Where a probe is looked for, by this process's environment whomever it asks about; NULL: nowhere. */
static const char *bpffs_of(const struct cgtune_options *options, bool *named)
{
	struct cgtune_options own = { .size = sizeof(own), .flags = options->flags };
	struct env env;

	own.report = options->report;
	own.report_user = options->report_user;
	env_read(&own, &env);
	env_warn(&own, &env, ENV_PROBE, USUAL_BPFFS);
	*named = env_has(&env, ENV_PROBE);
	if (options->flags & CGTUNE_NO_PROBE || env_is_off(&env))
		return NULL;
	return (const char *)(uintptr_t)env_value(&env, ENV_PROBE, (uintptr_t)USUAL_BPFFS);
}

int throttle_counts(const struct cgtune_options *options, const struct published_group *group,
		    struct published_counts *ret)
{
	struct process *p = process_state();
	const char *bpffs;
	bool named;
	int r;

	if (!p || !group->cgroup)
		return -ENODATA;
	bpffs = bpffs_of(options, &named);
	if (!bpffs)
		return -ENODATA;
	published_map(&p->published, bpffs, named);
	r = published_find(&p->published, group, ret);
	if (is_own(options))
		published_remember(&p->published, r == 0 ? group : NULL);
	return r;
}

void throttle_trace(uint64_t throttled, uint64_t throttled_ns)
{
	struct process *p = process_state();
	uint64_t told = p ? atomic_load_explicit(&p->throttled, memory_order_relaxed) : throttled;

	/* It is less in another cgroup. */
	if (throttled != CGTUNE_UNKNOWN && throttled != told &&
	    atomic_compare_exchange_strong(&p->throttled, &told, throttled) && throttled > told)
		DTRACE_PROBE3(cgtune, throttle, throttled - told, throttled, throttled_ns);
}

static void take_counts(const struct published_counts *counts, struct cgtune_throttle *ret)
{
	ret->throttles = counts->throttles;
	ret->episodes = counts->episodes;
	ret->wall_ns = counts->wall_ns;
	ret->max_ns = counts->max_ns;
	ret->since_ns = counts->since_ns;
	ret->updated_ns = counts->updated_ns;
}

/* Without a call of the kernel. 0; -ENODATA: not possible now. */
static int read_mapped(struct cgtune_throttle *ret)
{
	struct process *p = process_state();
	struct published_counts counts;
	int r = p ? published_own(&p->published, &counts) : -ENODATA;

	if (r < 0)
		return r;
	take_counts(&counts, ret);
	ret->periods = counts.periods;
	ret->throttled = counts.throttled;
	ret->throttled_ns = counts.throttled_ns;
	ret->local_ns = CGTUNE_UNKNOWN;
	ret->source = CGTUNE_THROTTLE_MAPPED;
	return 0;
}

static int read_files(const struct cgtune_options *options, struct cgtune_throttle *ret)
{
	struct published_group group = { .cgroup = 0 };
	struct published_counts counts;
	int r = usage_throttle_read(options, ret, &group);

	if (r < 0)
		return r;
	if (throttle_counts(options, &group, &counts) == 0) {
		take_counts(&counts, ret);
		ret->source = CGTUNE_THROTTLE_PROBE;
	}
	return 0;
}

_public_ int cgtune_throttle_read(const struct cgtune_options *theirs, struct cgtune_throttle *ret)
{
	struct cgtune_throttle throttle = {
		.size = sizeof(throttle), .throttles = CGTUNE_UNKNOWN, .episodes = CGTUNE_UNKNOWN,
		.wall_ns = CGTUNE_UNKNOWN, .max_ns = CGTUNE_UNKNOWN, .since_ns = CGTUNE_UNKNOWN,
		.updated_ns = CGTUNE_UNKNOWN, .source = CGTUNE_THROTTLE_STAT,
	};
	struct cgtune_options options;
	int r = util_struct_check(ret, offsetof(struct cgtune_throttle, throttles));

	if (r == 0)
		r = options_take(theirs, &options);
	if (r < 0)
		return r;
	if (!(options.flags & CGTUNE_MAPPED) || options.flags & CGTUNE_NO_PROBE || !is_own(&options) ||
	    read_mapped(&throttle) < 0)
		r = read_files(&options, &throttle);
	if (r < 0)
		return r;
	if (is_own(&options))
		throttle_trace(throttle.throttled, throttle.throttled_ns);
	util_struct_out(ret, &throttle, sizeof(throttle));
	return 0;
}
