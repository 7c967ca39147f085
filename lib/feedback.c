/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * feedback - limiters that follow the process: its limits, and what the CPU quota does to it
 *
 * Adaptive mode is work-conserving: a limit shrinks only while the quota is used up
 * although so many are in that they are stopped; and it grows again as soon as somebody
 * waits while quota is left over. Throttled periods alone would shrink it under load that
 * waits as well as computes. The law is limiter-adapt.c's.
 */
#include "feedback.h"
#include "change.h"
#include "limiter.h"
#include "throttle.h"
#include "util.h"

#include <errno.h>
#include <time.h>

#define WINDOW_PERIODS 5
#define STALE_WINDOWS 3
#define SAMPLE_TRIES 3
#define RETRY_AFTER_DEFAULT 30

/* Settings, of the whole process and its children; changed by one store each, so that a fork
 * at any moment leaves a list that is whole. */
static struct cgtune_limiter *_Atomic followed;
static atomic_uint adaptive;

uint64_t feedback_window_ns(const struct process *p)
{
	return atomic_load(&adaptive) ? p->limits.cpu_period_us * 1000 * WINDOW_PERIODS : 0;
}

static void basis_of(const struct process *p, struct limiter_basis *ret)
{
	*ret = (struct limiter_basis){
		.threads = p->plan.threads, .multiplier = plan_multiplier(&p->env), .room = p->plan.memory,
	};
}

/* What is used of the limit before a request came; 0 where that is not known. */
static uint64_t memory_used(uint64_t limit)
{
	uint64_t left;

	if (limit == CGTUNE_UNLIMITED || cgtune_memory_available_of(process_options(), &left) < 0)
		return 0;
	return util_sub(limit, left);
}

static void size_one(const struct cgtune_limiter_options *options, uint64_t used, const struct limiter_basis *basis,
		     struct limiter_sizes *ret)
{
	struct limiter_basis own = *basis;

	if (own.room != CGTUNE_UNLIMITED)
		own.room = util_sub(own.room, used);
	limiter_size(options, &own, ret);
}

void feedback_resize(void)
{
	struct process *p = process_lock();
	struct limiter_batch batch = { 0 };
	struct limiter_basis basis;
	struct limiter_sizes sizes;

	if (!p)
		return;
	basis_of(p, &basis);
	process_unlock(p);
	pthread_mutex_lock(&p->feedback.lock);
	p->feedback.sample.at_ns = 0;			/* a window of the old quota is none of the new one */
	for (struct cgtune_limiter *l = followed; l; l = l->next) {
		if (atomic_load(&l->sized))
			continue;
		size_one(&l->options, l->used, &basis, &sizes);
		limiter_set_sizes(l, &sizes, &batch);
	}
	pthread_mutex_unlock(&p->feedback.lock);
	limiter_call(&batch);
}

struct quota {
	uint64_t quota_us, period_us;
};

/* Of this process alone where its cgroup's is not counted. */
static int sample_read(struct feedback_sample *ret)
{
	const struct cgtune_options *options = process_options();
	struct usage_cpu *cpu = &ret->cpu;
	struct timespec used;
	int r = usage_cpu_read(options, cpu);

	if (r == 0 && (cpu->periods == CGTUNE_UNKNOWN || cpu->throttled == CGTUNE_UNKNOWN ||
		       cpu->throttled_ns == CGTUNE_UNKNOWN))
		r = -ENODATA;
	if (r == 0 && throttle_counts(options, &cpu->group, &ret->counts) < 0)
		ret->counts.since_ns = 0;
	if (r == 0)
		throttle_trace(cpu->throttled, cpu->throttled_ns);
	if (r == 0 && cpu->used_ns == CGTUNE_UNKNOWN) {
		cpu->used_ns = 0;
		if (!options->pid && !options->cgroup) {
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
			cpu->used_ns = (uint64_t)used.tv_sec * CHANGE_SECOND_NS + (uint64_t)used.tv_nsec;
		}
	}
	return r;
}

/* The quota stops this thread, too, and then it is not known well when a sample was taken: the best of some. */
static int sample_take(uint64_t period_ns, struct feedback_sample *ret)
{
	struct feedback_sample sample = { 0 };
	uint64_t start, ns, least = UINT64_MAX;
	int r;

	for (int tries = 0; tries < SAMPLE_TRIES && least > period_ns / 10; tries++) {
		start = change_now_ns();
		r = sample_read(&sample);
		if (r < 0)
			return r;
		ns = change_now_ns() - start;
		sample.at_ns = start + ns / 2;
		if (ns < least)
			*ret = sample;
		least = util_min(least, ns);
	}
	return 0;
}

/* What lies between two samples; the quota as it is now. In a period at whose end somebody was stopped
 * all was used that there was: less than was granted where the machine itself stood still. */
static void window_between(const struct feedback_sample *old, const struct feedback_sample *new,
			   const struct quota *quota, struct limiter_window *ret)
{
	uint64_t ns = new->at_ns - old->at_ns, periods = util_sub(new->cpu.periods, old->cpu.periods), used_up;

	*ret = (struct limiter_window){
		.ns = ns, .grant_ns = util_mul_div(ns, quota->quota_us, quota->period_us),
		.used_ns = util_sub(new->cpu.used_ns, old->cpu.used_ns),
		.stopped_ns = util_sub(new->cpu.throttled_ns, old->cpu.throttled_ns),
	};
	if (periods) {
		used_up = util_mul_div(ret->grant_ns, util_sub(new->cpu.throttled, old->cpu.throttled), periods);
		ret->used_ns = ret->used_ns > used_up ? ret->used_ns : used_up;
	}
	ret->wanted_ns = ret->stopped_ns + ret->used_ns;	/* both summed over CPUs */
	if (new->counts.since_ns && new->counts.since_ns == old->counts.since_ns) {
		ret->stopped_ns = util_sub(new->counts.wall_ns, old->counts.wall_ns);
		ret->wanted_ns = ns;
	}
}

/* With the lock of feedback held. */
static void adapt(struct feedback *f, const struct feedback_sample *sample, const struct quota *quota, uint32_t threads,
		  struct limiter_batch *batch)
{
	uint64_t window = quota->period_us * 1000 * WINDOW_PERIODS;
	/* A timer that ticks early now and then must not double the window. */
	bool begun = f->sample.at_ns != 0, over = begun && util_sub(sample->at_ns, f->sample.at_ns) >= window - window / 10;
	struct limiter_window spent;

	if (begun && !over)
		return;
	window_between(&f->sample, sample, quota, &spent);
	for (struct cgtune_limiter *l = followed; l && over; l = l->next)
		if (l->options.mode == CGTUNE_MODE_ADAPTIVE)
			limiter_adapt(l, &spent, l->options.min ? l->options.min : threads,
				      sample->at_ns + window * STALE_WINDOWS, batch);
	f->sample = *sample;
}

void feedback_tick(void)
{
	struct process *p = process_lock();
	struct limiter_batch batch = { 0 };
	struct feedback_sample sample;
	struct quota quota;
	uint32_t threads;

	if (!p)
		return;
	quota = (struct quota){ p->limits.cpu_quota_us, p->limits.cpu_period_us };
	threads = p->plan.threads;
	process_unlock(p);
	if (!atomic_load(&adaptive) || !quota.period_us || sample_take(quota.period_us * 1000, &sample) < 0)
		return;
	pthread_mutex_lock(&p->feedback.lock);
	adapt(&p->feedback, &sample, &quota, threads, &batch);
	pthread_mutex_unlock(&p->feedback.lock);
	limiter_call(&batch);
}

static void follow(struct process *p, struct cgtune_limiter *l)
{
	pthread_mutex_lock(&p->feedback.lock);
	l->next = followed;
	followed = l;
	pthread_mutex_unlock(&p->feedback.lock);
	if (l->options.mode == CGTUNE_MODE_ADAPTIVE) {
		atomic_fetch_add(&adaptive, 1);
		process_lock();
		live_arm(p);
		process_unlock(p);
	}
	feedback_resize();		/* what has changed since its sizes were made */
}

_public_ int cgtune_limiter_new(const struct cgtune_limiter_options *theirs, struct cgtune_limiter **ret)
{
	struct cgtune_limiter_options options;
	struct limiter_basis basis;
	struct limiter_sizes sizes;
	struct cgtune_limiter *l;
	uint64_t limit, used;
	struct process *p;
	int r = ret ? limiter_options_take(theirs, &options) : -EINVAL;

	if (r < 0)
		return r;
	p = process_lock();
	if (!p)
		return -ENOMEM;
	basis_of(p, &basis);
	limit = p->limits.memory;
	if (!options.retry_after_s)
		options.retry_after_s = (uint32_t)env_value(&p->env, ENV_RETRY_AFTER, RETRY_AFTER_DEFAULT);
	process_unlock(p);
	used = options.mem_per_request ? memory_used(limit) : 0;
	size_one(&options, used, &basis, &sizes);
	l = limiter_make(&options, &sizes);
	if (!l)
		return -ENOMEM;
	l->used = used;
	if (options.flags & CGTUNE_LIMITER_BIND_PROCESS)
		follow(p, l);
	*ret = l;
	return 0;
}

static void unfollow(struct cgtune_limiter *l)
{
	struct process *p = process_lock();

	if (!p)
		return;
	process_unlock(p);
	pthread_mutex_lock(&p->feedback.lock);
	for (struct cgtune_limiter *_Atomic *at = &followed; *at; at = &(*at)->next) {
		if (*at == l) {
			*at = l->next;
			break;
		}
	}
	pthread_mutex_unlock(&p->feedback.lock);
	if (l->options.mode == CGTUNE_MODE_ADAPTIVE)
		atomic_fetch_sub(&adaptive, 1);
}

_public_ void cgtune_limiter_free(struct cgtune_limiter *l)
{
	if (!l)
		return;
	if (l->options.flags & CGTUNE_LIMITER_BIND_PROCESS)
		unfollow(l);
	limiter_unmake(l);
}
