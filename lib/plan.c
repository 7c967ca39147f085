/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan - limits, options and environment to decisions: arithmetic only */
#include "plan.h"
#include "grammar.h"
#include "host.h"
#include "options.h"
#include "util.h"

#include <errno.h>

#define PERMILLE_DEFAULT 900
#define BUDGET_LEAST (UINT64_C(4) << 20)
#define MULTIPLIER_DEFAULT 8

/* What a decision is made from. */
struct input {
	const struct cgtune_options *options;
	const struct env *env;
	const struct cgtune_limits *limits;
};

static void warn(const struct input *in, const char *file, const char *variable, const char *sentence)
{
	if (in->options->report)
		in->options->report(&(struct cgtune_report){
			.size = sizeof(struct cgtune_report), .kind = CGTUNE_REPORT_WARNING,
			.file = file && *file ? file : NULL, .variable = variable, .text = sentence,
		}, in->options->report_user);
}

/* quota / period in micro-CPUs, rounded down or up, at most what a uint32_t of CPUs is. */
static uint64_t micro_cpus(uint64_t quota, uint64_t period, bool up)
{
	uint64_t whole = quota / period, rest = quota % period, micro;

	if (whole >= UINT32_MAX)
		return (uint64_t)UINT32_MAX * UTIL_MICRO;
	micro = util_mul_div(rest, UTIL_MICRO, period);
	/* Exact when the rest is a multiple of period / 10^6; else the true value is above. */
	if (up && rest && util_fraction_less(micro, UTIL_MICRO, rest, period))
		micro++;
	return whole * UTIL_MICRO + micro;
}

static uint32_t rounding_of(const struct input *in)
{
	if (in->options->rounding)
		return in->options->rounding;
	return env_has(in->env, ENV_ROUND) ? (uint32_t)in->env->value[ENV_ROUND] : CGTUNE_ROUND_CEIL;
}

/*
 * Threads for a quota less a reserve, at least 1. The quota goes in as the exact
 * pair: rounded up to micro-CPUs it gives the same ceil, rounded down the same
 * floor and the same nearest, as the thresholds of all three are whole micro-CPUs.
 */
static uint32_t round_threads(const struct input *in)
{
	uint32_t rounding = rounding_of(in);
	uint64_t reserve = env_has(in->env, ENV_CPUS_RESERVE) ? in->env->value[ENV_CPUS_RESERVE] : 0;
	uint64_t micro, threads;

	micro = micro_cpus(in->limits->cpu_quota_us, in->limits->cpu_period_us, rounding == CGTUNE_ROUND_CEIL);
	micro = util_sub(micro, reserve);
	if (rounding == CGTUNE_ROUND_CEIL)
		micro += UTIL_MICRO - 1;
	else if (rounding == CGTUNE_ROUND_NEAREST)
		micro += UTIL_MICRO / 2;
	threads = micro / UTIL_MICRO;		/* at most as micro_cpus() has it */
	return threads < 1 ? 1 : (uint32_t)threads;
}

/* The quota is below what the affinity mask allows, and the thread's class is bound by it. */
static bool quota_binds(const struct input *in)
{
	const struct cgtune_limits *l = in->limits;

	return l->cpu_period_us && !host_is_unbound(l->scheduler) &&
	       util_fraction_less(l->cpu_quota_us, l->cpu_period_us, l->cpus, 1);
}

static void decide_threads_by_limit(const struct input *in, struct cgtune_plan *plan)
{
	const struct cgtune_limits *l = in->limits;
	uint32_t threads;

	plan->threads = l->cpus;
	plan->threads_source = l->cpus_source ? l->cpus_source : CGTUNE_SOURCE_HOST;
	if (!l->cpu_period_us)
		return;
	if (host_is_unbound(l->scheduler)) {
		warn(in, NULL, NULL, "the thread's class is SCHED_FIFO, SCHED_RR or SCHED_DEADLINE, which the CPU "
		     "quota does not bind; the affinity mask alone decides the threads");
		return;
	}
	threads = round_threads(in);
	if (!quota_binds(in) && threads >= l->cpus)
		return;
	plan->threads = threads < l->cpus ? threads : l->cpus;
	plan->threads_source = l->cpu_source;
}

static void decide_threads(const struct input *in, struct cgtune_plan *plan)
{
	uint32_t source = in->limits->cpu_source;

	if (source != CGTUNE_SOURCE_OPTION && env_has(in->env, ENV_THREADS)) {
		plan->threads = (uint32_t)in->env->value[ENV_THREADS];
		plan->threads_source = CGTUNE_SOURCE_THREADS;
	} else if (source != CGTUNE_SOURCE_OPTION && source != CGTUNE_SOURCE_CPUS &&
		   env_has(in->env, ENV_GOMAXPROCS)) {
		plan->threads = (uint32_t)in->env->value[ENV_GOMAXPROCS];
		plan->threads_source = CGTUNE_SOURCE_GOMAXPROCS;
	} else {
		decide_threads_by_limit(in, plan);
	}
}

static uint64_t ratio(const struct input *in)
{
	if (in->options->permille)
		return GRAMMAR_RATIO_ONE / 1000 * in->options->permille;
	if (env_has(in->env, ENV_RATIO))
		return in->env->value[ENV_RATIO];
	if (env_has(in->env, ENV_AUTOMEMLIMIT) && in->env->value[ENV_AUTOMEMLIMIT])
		return in->env->value[ENV_AUTOMEMLIMIT];
	return GRAMMAR_RATIO_ONE / 1000 * PERMILLE_DEFAULT;
}

static void decide_memory_by_limit(const struct input *in, struct cgtune_plan *plan)
{
	const struct cgtune_limits *l = in->limits;
	uint64_t reserve = env_has(in->env, ENV_MEMORY_RESERVE) ? in->env->value[ENV_MEMORY_RESERVE] : 0;
	uint64_t budget = l->memory_high;

	plan->memory = CGTUNE_UNLIMITED;
	plan->memory_source = CGTUNE_SOURCE_HOST;
	if (l->memory != CGTUNE_UNLIMITED) {
		budget = util_min(budget, util_mul_div(l->memory, ratio(in), GRAMMAR_RATIO_ONE));
		budget = util_min(budget, util_sub(l->memory, reserve));
	}
	if (budget == CGTUNE_UNLIMITED)
		return;
	if (budget < BUDGET_LEAST)
		warn(in, l->memory_from, l->memory_source == CGTUNE_SOURCE_MEMORY ? "CGTUNE_MEMORY" : NULL,
		     "leaves a memory budget below 4 MiB; 4 MiB is used instead");
	plan->memory = budget < BUDGET_LEAST ? BUDGET_LEAST : budget;
	plan->memory_source = l->memory_source;
}

static void decide_memory(const struct input *in, struct cgtune_plan *plan)
{
	uint32_t source = in->limits->memory_source;
	bool option = source == CGTUNE_SOURCE_OPTION, ours = option || source == CGTUNE_SOURCE_MEMORY;

	if (!option && env_has(in->env, ENV_BUDGET)) {
		plan->memory = in->env->value[ENV_BUDGET];
		plan->memory_source = CGTUNE_SOURCE_BUDGET;
	} else if (!ours && env_has(in->env, ENV_GOMEMLIMIT)) {
		plan->memory = in->env->value[ENV_GOMEMLIMIT];
		plan->memory_source = CGTUNE_SOURCE_GOMEMLIMIT;
	} else if (!ours && env_has(in->env, ENV_AUTOMEMLIMIT) && !in->env->value[ENV_AUTOMEMLIMIT]) {
		plan->memory = CGTUNE_UNLIMITED;
		plan->memory_source = CGTUNE_SOURCE_AUTOMEMLIMIT;
	} else {
		decide_memory_by_limit(in, plan);
	}
}

static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint64_t product = (uint64_t)a * b;

	return product > UINT32_MAX ? UINT32_MAX : (uint32_t)product;
}

int64_t plan_multiplier(const struct env *env)
{
	return (int64_t)env_value(env, ENV_MULTIPLIER, MULTIPLIER_DEFAULT);
}

static void decide_admission(const struct input *in, struct cgtune_plan *plan)
{
	int64_t multiplier = plan_multiplier(in->env);

	plan->limit = plan->backlog = UINT32_MAX;
	if (multiplier <= 0)
		return;
	plan->limit = multiply(plan->threads, (uint32_t)multiplier);
	plan->backlog = multiply(plan->limit, (uint32_t)multiplier);
}

static void decide_off(const struct input *in, struct cgtune_plan *plan)
{
	plan->threads = in->limits->cpus;
	plan->memory = CGTUNE_UNLIMITED;
	plan->threads_source = plan->memory_source = CGTUNE_SOURCE_OFF;
	decide_admission(in, plan);
}

static void warn_refused_decision(const struct input *in, enum env_variable a, enum env_variable b,
				  const char *what, uint64_t value, uint32_t source)
{
	char instead[96];
	struct text text = TEXT(instead);

	if (value == CGTUNE_UNLIMITED)
		text_add(&text, "no");
	else
		text_add_u64(&text, value);
	text_add(&text, what);
	text_add(&text, " (");
	text_add(&text, cgtune_source_name(source));
	text_add(&text, ")");
	env_warn(in->options, in->env, a, instead);
	env_warn(in->options, in->env, b, instead);
}

/* Every variable that was refused, with what decided in its place. */
static void warn_refused(const struct input *in, const struct cgtune_plan *plan)
{
	static const char *const roundings[] = {
		[CGTUNE_ROUND_CEIL] = "ceil", [CGTUNE_ROUND_FLOOR] = "floor", [CGTUNE_ROUND_NEAREST] = "nearest",
	};
	char instead[32];
	struct text text = TEXT(instead);

	if (!in->env->refused || !in->options->report)
		return;
	warn_refused_decision(in, ENV_THREADS, ENV_GOMAXPROCS, " threads", plan->threads, plan->threads_source);
	warn_refused_decision(in, ENV_BUDGET, ENV_GOMEMLIMIT,
			      plan->memory == CGTUNE_UNLIMITED ? " budget" : " bytes",
			      plan->memory, plan->memory_source);
	text_add_decimal(&text, ratio(in), 18);
	env_warn(in->options, in->env, ENV_RATIO, instead);
	env_warn(in->options, in->env, ENV_AUTOMEMLIMIT, instead);
	env_warn(in->options, in->env, ENV_MEMORY_RESERVE, "no reserve");
	env_warn(in->options, in->env, ENV_CPUS_RESERVE, "no reserve");
	env_warn(in->options, in->env, ENV_ROUND, roundings[rounding_of(in)]);
	env_warn(in->options, in->env, ENV_MULTIPLIER, "8");
	env_warn(in->options, in->env, ENV_RETRY_AFTER, "30");
}

/* A value that only a runtime's own variable gives is that runtime's affair. */
static uint32_t tuned(const struct cgtune_plan *plan)
{
	bool cpu = plan->limited & CGTUNE_CPU || plan->threads_source == CGTUNE_SOURCE_THREADS;
	bool memory = plan->limited & CGTUNE_MEMORY || plan->memory_source == CGTUNE_SOURCE_BUDGET;

	return (cpu && plan->threads < plan->cpus ? CGTUNE_CPU : 0) |
	       (memory && plan->memory != CGTUNE_UNLIMITED ? CGTUNE_MEMORY : 0);
}

void plan_make(const struct cgtune_options *options, const struct env *env,
	       const struct cgtune_limits *limits, struct cgtune_plan *ret)
{
	struct input in = { options, env, limits };

	*ret = (struct cgtune_plan){
		.size = sizeof(*ret), .cpus = limits->cpus, .flags = options->flags & CGTUNE_CALL_RUNTIMES,
	};
	if (env_is_off(env)) {
		decide_off(&in, ret);
		return;
	}
	decide_threads(&in, ret);
	decide_memory(&in, ret);
	decide_admission(&in, ret);
	if (quota_binds(&in))
		ret->limited |= CGTUNE_CPU;
	if (limits->memory != CGTUNE_UNLIMITED || limits->memory_high != CGTUNE_UNLIMITED)
		ret->limited |= CGTUNE_MEMORY;
	ret->tuned = tuned(ret);
	warn_refused(&in, ret);
}

_public_ int cgtune_plan(const struct cgtune_options *options, const struct cgtune_limits *limits,
			 struct cgtune_plan *ret)
{
	struct cgtune_options ours;
	struct cgtune_plan plan;
	struct env env;
	int r = util_struct_check(limits, sizeof(*limits));

	if (r == 0)
		r = util_struct_check(ret, sizeof(*ret));
	if (r == 0)
		r = options_take(options, &ours);
	if (r < 0)
		return r;
	if (!limits->cpus || !limits->cpu_period_us != !limits->cpu_quota_us)
		return -EINVAL;
	env_read(&ours, &env);
	plan_make(&ours, &env, limits, &plan);
	util_struct_out(ret, &plan, sizeof(plan));
	return 0;
}
