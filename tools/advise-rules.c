/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* advise-rules - what should be changed, and why: facts to advice, each rule by itself */
#include "advise.h"
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOOKS_LEAST 5			/* of threads: fewer tell nothing */
#define STOPPED_SHARE 0.05		/* of periods: less is not worth a word */
#define STARVED_SHARE 0.10
#define FULL_USE 0.85			/* of the quota: it is used up, not only now and then */
#define IDLE_CPUS 0.02
#define TOO_LARGE 4			/* times what is used */
#define WASTE_BYTES (UINT64_C(128) << 20)
#define CONTENDED 0.20			/* of the time somebody waited for a CPU */
#define NEAR_MAX 0.90
#define NEAR_HIGH 0.95
#define COMFORT 0.75			/* what use is to be of a limit */
#define ARENAS_PER_THREAD 8		/* as glibc has for each CPU, and cgtune for each thread that the limit allows */

static double known(uint64_t n)
{
	return n == CGTUNE_UNKNOWN ? -1 : (double)n;
}

static void add_evidence(struct advice *advice, const char *name, double value)
{
	if (advice->evidences == ADVISE_EVIDENCE)
		return;
	advice->evidence[advice->evidences].name = name;
	advice->evidence[advice->evidences++].value = value;
}

static double round_up(double value, double step)
{
	double steps = value / step;
	double whole = (double)(uint64_t)steps;

	return (whole + (steps > whole)) * step;
}

/* In whole MiB, which systemd and Kubernetes write alike. */
static double round_bytes(double bytes)
{
	return round_up(bytes, 1 << 20);
}

double advise_quota(const struct advise_cpu *level)
{
	return level->after.quota_us == CGTUNE_UNKNOWN || !level->after.period_us ? -1 :
		(double)level->after.quota_us / (double)level->after.period_us;
}

/* Of its periods those in which its quota stopped it; below 0: not known, or there were none. */
static double stopped_share(const struct advise_cpu *level)
{
	uint64_t periods = rows_between(level->before.periods, level->after.periods);
	uint64_t throttled = rows_between(level->before.throttled, level->after.throttled);

	return periods == CGTUNE_UNKNOWN || throttled == CGTUNE_UNKNOWN || !periods ? -1 : (double)throttled / (double)periods;
}

static double stopped_ns(const struct advise_cpu *level)
{
	return known(rows_between(level->before.throttled_ns, level->after.throttled_ns));
}

const struct advise_cpu *advise_stopper(const struct advise_facts *facts)
{
	const struct advise_cpu *worst = NULL;

	for (size_t i = 0; i < facts->cpus; i++) {
		const struct advise_cpu *level = &facts->cpu[i];

		if (advise_quota(level) > 0 && stopped_share(level) > 0 && (!worst || stopped_share(level) > stopped_share(worst)))
			worst = level;
	}
	return worst;
}

bool advise_is_idle(const struct advise_facts *facts)
{
	return facts->use < IDLE_CPUS;
}

/* CPUs that a level used. Of those above the cgroup it may not be counted (v1). */
static double use_of(const struct advise_facts *facts, const struct advise_cpu *level)
{
	uint64_t used = rows_between(level->before.used_ns, level->after.used_ns);

	if (used != CGTUNE_UNKNOWN && facts->ns)
		return (double)used / (double)facts->ns;
	return level == facts->cpu ? facts->use : -1;
}

/* CPUs with which it would not have been stopped: what it used, and what its stopped CPUs would have; but no more than wanted to run. */
static double wanted(const struct advise_facts *facts, const struct advise_cpu *level)
{
	double use = use_of(facts, level), stopped = stopped_ns(level), quota = advise_quota(level), want;

	want = (use >= 0 ? use : quota * stopped_share(level)) + (stopped > 0 && facts->ns ? stopped / (double)facts->ns : 0);
	if (level == facts->cpu && facts->runnable >= quota && want > facts->runnable)
		want = facts->runnable;
	if (want > facts->limits.cpus)
		want = facts->limits.cpus;
	return round_up(want > quota * 1.1 ? want : quota * 1.25, 0.1);
}

static void add_stops(const struct advise_facts *facts, const struct advise_cpu *level, struct advice *advice)
{
	add_evidence(advice, "quota_cpus", advise_quota(level));
	add_evidence(advice, "used_cpus", use_of(facts, level));
	add_evidence(advice, "periods", known(rows_between(level->before.periods, level->after.periods)));
	add_evidence(advice, "throttled_periods", known(rows_between(level->before.throttled, level->after.throttled)));
	add_evidence(advice, "throttled_share", stopped_share(level));
	add_evidence(advice, "throttled_seconds", stopped_ns(level) < 0 ? -1 : stopped_ns(level) / 1e9);
}

/* More threads want to run than the quota has CPUs: they use it up at once, and then all of them stand. */
static bool threads_over_quota(const struct advise_facts *facts, struct advice *ret)
{
	const struct advise_cpu *stopper = advise_stopper(facts);

	if (!stopper || stopped_share(stopper) < STOPPED_SHARE || facts->looks < LOOKS_LEAST ||
	    facts->looks_above * 2 < facts->looks)
		return false;
	*ret = (struct advice){
		.rule = "threads-over-quota", .setting = ADVISE_THREADS, .value = facts->plan.threads, .path = facts->cpu[0].path,
	};
	snprintf(ret->what, sizeof(ret->what), "run %" PRIu32 " worker thread%s", facts->plan.threads,
		 facts->plan.threads == 1 ? "" : "s");
	snprintf(ret->why, sizeof(ret->why), "%.1f of %u threads want to run at once (%u at most), in a quota of %.2f CPUs: they use "
		 "it up early in a period, and stand for the rest of it, %.0f %% of the periods; with as many threads as the quota "
		 "has CPUs the same work is done, and no request waits for the next period", facts->runnable, facts->threads,
		 facts->runnable_most, advise_quota(stopper), stopped_share(stopper) * 100);
	add_evidence(ret, "threads", facts->threads);
	add_evidence(ret, "runnable_mean", facts->runnable);
	add_evidence(ret, "runnable_most", facts->runnable_most);
	add_evidence(ret, "looks", facts->looks);
	add_stops(facts, stopper, ret);
	return true;
}

/* Stopped again and again, and the quota is used up. */
static bool is_starved(const struct advise_facts *facts, const struct advise_cpu *level)
{
	double use = use_of(facts, level);

	return stopped_share(level) >= STARVED_SHARE &&
		(use >= 0 ? use >= FULL_USE * advise_quota(level) : stopped_share(level) >= 0.5);
}

static bool quota_too_small(const struct advise_facts *facts, struct advice *ret)
{
	const struct advise_cpu *stopper = advise_stopper(facts);
	double more;

	if (!stopper || stopper != facts->cpu || !is_starved(facts, stopper))
		return false;
	more = wanted(facts, stopper);
	*ret = (struct advice){
		.rule = "quota-too-small", .setting = ADVISE_CPUS, .value = more, .path = stopper->path,
		.period_us = stopper->after.period_us,
	};
	snprintf(ret->what, sizeof(ret->what), "raise the CPU quota from %.2f to %.1f", advise_quota(stopper), more);
	snprintf(ret->why, sizeof(ret->why), "the quota is used up, and stopped it in %.0f %% of the periods, for %.1f s in all over its CPUs; "
		 "that many CPUs it would have used, as far as they are there", stopped_share(stopper) * 100,
		 stopped_ns(stopper) / 1e9);
	add_stops(facts, stopper, ret);
	return true;
}

static bool ancestor_quota(const struct advise_facts *facts, struct advice *ret)
{
	const struct advise_cpu *stopper = advise_stopper(facts);

	if (!stopper || stopper == facts->cpu || stopped_share(stopper) < STOPPED_SHARE)
		return false;
	*ret = (struct advice){
		.rule = "ancestor-quota", .setting = ADVISE_CPUS, .value = wanted(facts, stopper), .path = stopper->path,
		.period_us = stopper->after.period_us,
	};
	snprintf(ret->what, sizeof(ret->what), "raise the CPU quota of %.100s from %.2f to %.1f, or use less beside it", stopper->path,
		 advise_quota(stopper), ret->value);
	snprintf(ret->why, sizeof(ret->why), "not its own quota stops it, but that of %.200s above it, which all below share: in %.0f %% of the "
		 "periods", stopper->path, stopped_share(stopper) * 100);
	add_evidence(ret, "own_quota_cpus", advise_quota(facts->cpu));
	add_evidence(ret, "own_used_cpus", facts->use);
	add_stops(facts, stopper, ret);
	return true;
}

/* On average there is enough, and it is stopped all the same: it comes in bursts. */
static bool use_burst(const struct advise_facts *facts, struct advice *ret)
{
	const struct advise_cpu *stopper = advise_stopper(facts);
	double use = stopper ? use_of(facts, stopper) : -1;

	if (!stopper || stopped_share(stopper) < STOPPED_SHARE || use < 0 || use >= FULL_USE * advise_quota(stopper) ||
	    stopper->burst_us != 0)
		return false;
	*ret = (struct advice){
		.rule = "use-burst", .setting = ADVISE_BURST, .value = (double)stopper->after.quota_us, .path = stopper->path,
	};
	snprintf(ret->what, sizeof(ret->what), "let it save up one quota for bursts (%" PRIu64 " us)", stopper->after.quota_us);
	snprintf(ret->why, sizeof(ret->why), "it used %.2f of %.2f CPUs, and was stopped in %.0f %% of the periods: what it leaves in one "
		 "period is lost for the next, unless a burst is set", use, advise_quota(stopper), stopped_share(stopper) * 100);
	add_evidence(ret, "burst_us", (double)stopper->burst_us);
	add_stops(facts, stopper, ret);
	return true;
}

static bool quota_too_large(const struct advise_facts *facts, struct advice *ret)
{
	double quota = facts->cpus ? advise_quota(facts->cpu) : -1;

	if (quota <= 0 || advise_stopper(facts) || advise_is_idle(facts) || facts->use < 0 || facts->use_most * TOO_LARGE > quota)
		return false;
	*ret = (struct advice){
		.rule = "quota-too-large", .setting = ADVISE_CPUS, .value = round_up(facts->use_most * 1.5, 0.1),
		.path = facts->cpu[0].path, .period_us = facts->cpu[0].after.period_us,
	};
	snprintf(ret->what, sizeof(ret->what), "lower the CPU quota from %.2f to %.1f, if this was a busy time", quota, ret->value);
	snprintf(ret->why, sizeof(ret->why), "it used %.2f CPUs, at most %.2f for a moment, and was never stopped: others cannot be placed "
		 "where this quota is kept free for it", facts->use, facts->use_most);
	add_evidence(ret, "quota_cpus", quota);
	add_evidence(ret, "used_cpus", facts->use);
	add_evidence(ret, "used_cpus_most", facts->use_most);
	add_evidence(ret, "unused_cpus", quota - facts->use);
	return true;
}

/* The quota of the group itself: those above may be meant for many. */
static bool quota_above_cpus(const struct advise_facts *facts, struct advice *ret)
{
	double quota = facts->cpus ? advise_quota(facts->cpu) : -1;
	bool narrowed = facts->online && facts->limits.cpus < facts->online;

	if (quota <= facts->limits.cpus)
		return false;
	*ret = (struct advice){
		.rule = "quota-above-cpus", .setting = ADVISE_CPUS, .value = facts->limits.cpus, .path = facts->cpu[0].path,
		.period_us = facts->cpu[0].after.period_us,
	};
	snprintf(ret->what, sizeof(ret->what), "lower the CPU quota from %.2f to the %" PRIu32 " CPU%s that it may run on%s", quota,
		 facts->limits.cpus, facts->limits.cpus == 1 ? "" : "s", narrowed ? ", or widen its cpuset" : "");
	snprintf(ret->why, sizeof(ret->why), "%s: the rest of the quota cannot be used, and who asks for the quota alone starts too many threads",
		 narrowed ? "its cpuset or affinity mask has fewer CPUs than its quota" : "this machine has fewer CPUs than its quota");
	add_evidence(ret, "quota_cpus", quota);
	add_evidence(ret, "cpuset_cpus", facts->limits.cpus);
	add_evidence(ret, "online_cpus", facts->online);
	return true;
}

static bool cpu_contention(const struct advise_facts *facts, struct advice *ret)
{
	if (facts->cpu_pressure < CONTENDED || advise_stopper(facts))
		return false;
	*ret = (struct advice){ .rule = "cpu-contention", .value = -1, .path = facts->cpu[0].path };
	snprintf(ret->what, sizeof(ret->what), "run fewer threads than its CPUs, or place it elsewhere: the CPUs are busy, the quota is not the limit");
	snprintf(ret->why, sizeof(ret->why), "in %.0f %% of the time some of its threads waited for a CPU (cpu.pressure), and no quota stopped it",
		 facts->cpu_pressure * 100);
	add_evidence(ret, "cpu_pressure", facts->cpu_pressure);
	add_evidence(ret, "used_cpus", facts->use);
	add_evidence(ret, "runnable_mean", facts->runnable);
	add_evidence(ret, "cpus", facts->limits.cpus);
	return true;
}

static void add_memory(const struct advise_facts *facts, const struct advise_memory *level, struct advice *advice)
{
	add_evidence(advice, "current_bytes", known(level->after.current));
	add_evidence(advice, "unreclaimable_bytes", known(level->unreclaimable));
	add_evidence(advice, "peak_bytes", known(level->peak));
	add_evidence(advice, "max_bytes", known(level->after.limit));
	add_evidence(advice, "high_bytes", known(level->after.high));
	add_evidence(advice, "max_events", known(rows_between(level->before.max_events, level->after.max_events)));
	add_evidence(advice, "high_events", known(rows_between(level->before.high_events, level->after.high_events)));
	add_evidence(advice, "memory_pressure", facts->memory_pressure);
}

/* The limit that is closest: the smallest of the cgroup and those above it. */
static const struct advise_memory *limiting(const struct advise_facts *facts)
{
	const struct advise_memory *level = NULL;

	for (size_t i = 0; i < facts->memories; i++)
		if (facts->memory[i].after.limit != CGTUNE_UNKNOWN && (!level || facts->memory[i].after.limit < level->after.limit))
			level = &facts->memory[i];
	return level;
}

static bool oom_kills(const struct advise_facts *facts, struct advice *ret)
{
	const struct advise_memory *own = facts->memory, *limit = limiting(facts);
	uint64_t kills = facts->memories ? own->after.oom_kills : 0;
	char room[32], more[32];

	if (!kills || kills == CGTUNE_UNKNOWN)
		return false;
	*ret = (struct advice){ .rule = "oom-kills", .value = -1, .path = own->path };
	if (limit) {
		ret->setting = ADVISE_MEMORY_MAX;
		ret->value = round_bytes((double)limit->after.limit * 1.5);
		ret->path = limit->path;
		snprintf(ret->what, sizeof(ret->what), "raise the memory limit of %.80s from %s to %s, or use less", limit->path,
			 tool_bytes(limit->after.limit, room), tool_bytes((uint64_t)ret->value, more));
	} else {
		snprintf(ret->what, sizeof(ret->what), "use less memory: no limit of a cgroup was seen, so that the machine itself ran out of it");
	}
	snprintf(ret->why, sizeof(ret->why), "%" PRIu64 " of its processes were killed for want of memory since it was made", kills);
	add_evidence(ret, "oom_kills", (double)kills);
	add_evidence(ret, "oom_kills_now", known(rows_between(own->before.oom_kills, own->after.oom_kills)));
	add_memory(facts, limit ? limit : own, ret);
	return true;
}

/* How near use that cannot be reclaimed came to a limit. */
static double nearness(uint64_t use, uint64_t limit)
{
	return use == CGTUNE_UNKNOWN || limit == CGTUNE_UNKNOWN || !limit ? -1 : (double)use / (double)limit;
}

static bool memory_near_max(const struct advise_facts *facts, struct advice *ret)
{
	const struct advise_memory *level = limiting(facts);
	double near = level ? nearness(level->unreclaimable, level->after.limit) : -1;
	char room[32], use[32], more[32];

	if (!level || near < NEAR_MAX)
		return false;
	*ret = (struct advice){
		.rule = "memory-near-max", .setting = ADVISE_MEMORY_MAX, .path = level->path,
		.value = round_bytes((double)level->unreclaimable / COMFORT),
	};
	snprintf(ret->what, sizeof(ret->what), "raise the memory limit of %.80s from %s to %s, or use less", level->path,
		 tool_bytes(level->after.limit, room), tool_bytes((uint64_t)ret->value, more));
	snprintf(ret->why, sizeof(ret->why), "%s of it, %.0f %%, cannot be reclaimed easily: a little more, and it is slowed by reclaim and then killed",
		 tool_bytes(level->unreclaimable, use), near * 100);
	add_memory(facts, level, ret);
	return true;
}

static bool memory_near_high(const struct advise_facts *facts, struct advice *ret)
{
	const struct advise_memory *level = NULL, *limit = limiting(facts);
	char room[32], use[32], more[32], max[32], with[80] = "";

	for (size_t i = 0; i < facts->memories && !level; i++)
		if (nearness(facts->memory[i].unreclaimable, facts->memory[i].after.high) >= NEAR_HIGH)
			level = &facts->memory[i];
	if (!level)
		return false;
	*ret = (struct advice){
		.rule = "memory-near-high", .setting = ADVISE_MEMORY_HIGH, .path = level->path,
		.value = round_bytes((double)level->unreclaimable / COMFORT),
	};
	if (limit && ret->value >= (double)limit->after.limit)
		snprintf(with, sizeof(with), ", and the limit of %s above it", tool_bytes(limit->after.limit, max));
	snprintf(ret->what, sizeof(ret->what), "raise memory.high of %.80s from %s to %s%s, or use less", level->path,
		 tool_bytes(level->after.high, room), tool_bytes((uint64_t)ret->value, more), with);
	snprintf(ret->why, sizeof(ret->why), "%s cannot be reclaimed easily: above memory.high each allocation reclaims, and sleeps when that does not help; "
		 "%" PRIu64 " reclaims meanwhile", tool_bytes(level->unreclaimable, use),
		 rows_between(level->before.high_events, level->after.high_events));
	add_memory(facts, level, ret);
	return true;
}

static bool memory_too_large(const struct advise_facts *facts, struct advice *ret)
{
	const struct advise_memory *own = facts->memory;
	uint64_t limit = facts->memories ? own->after.limit : CGTUNE_UNKNOWN;
	char room[32], most[32], less[32];

	if (limit == CGTUNE_UNKNOWN || own->peak == CGTUNE_UNKNOWN || advise_is_idle(facts) || facts->use < 0 ||
	    own->peak > limit / TOO_LARGE || limit - own->peak < WASTE_BYTES)
		return false;
	*ret = (struct advice){
		.rule = "memory-too-large", .setting = ADVISE_MEMORY_MAX, .value = round_bytes((double)own->peak * 1.5), .path = own->path,
	};
	snprintf(ret->what, sizeof(ret->what), "lower the memory limit from %s to %s, if it was busy before", tool_bytes(limit, room),
		 tool_bytes((uint64_t)ret->value, less));
	snprintf(ret->why, sizeof(ret->why), "since it was made it never used more than %s", tool_bytes(own->peak, most));
	add_memory(facts, own, ret);
	return true;
}

static bool malloc_arenas(const struct advise_facts *facts, struct advice *ret)
{
	unsigned most = facts->plan.threads * ARENAS_PER_THREAD;
	const struct advise_memory *limit = limiting(facts);

	if (!limit || !facts->arenas_pid || facts->arenas < most)
		return false;
	*ret = (struct advice){
		.rule = "malloc-arenas", .setting = ADVISE_ARENAS, .value = most, .path = facts->cpu[0].path,
	};
	snprintf(ret->what, sizeof(ret->what), "let malloc have at most %u arenas (process %d)", most, facts->arenas_pid);
	snprintf(ret->why, sizeof(ret->why), "it has %u beside the main one, by the CPUs of the machine: each keeps what was freed in it, which "
		 "counts against the memory limit", facts->arenas);
	add_evidence(ret, "arenas", facts->arenas + 1);
	add_evidence(ret, "threads", facts->threads);
	add_evidence(ret, "current_bytes", known(limit->after.current));
	add_evidence(ret, "max_bytes", known(limit->after.limit));
	return true;
}

size_t advise_rules(const struct advise_facts *facts, struct advice *ret, size_t n)
{
	static bool (*const rules[])(const struct advise_facts *facts, struct advice *ret) = {
		oom_kills, threads_over_quota, quota_too_small, ancestor_quota, use_burst, memory_near_max, memory_near_high,
		cpu_contention, quota_above_cpus, quota_too_large, malloc_arenas, memory_too_large,
	};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && count < n; i++)
		count += rules[i](facts, &ret[count]);
	return count;
}
