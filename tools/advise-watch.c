/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* advise-watch - what `cgtune advise` sees of a cgroup, those above it and its threads, for a while */
#include "advise.h"
#include "parse.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 50000000ull		/* between two looks at the threads, or more: */
#define LOOK_SHARE 20			/* one part in so many of a CPU is used for it */
#define USE_NS 200000000ull		/* between two looks at what was used */
#define PROCESSES 32			/* whose arenas are counted */

struct watch {
	const struct advise_subject *subject;
	struct advise_facts *facts;
	struct groups cpu, memory, cpuacct;
	bool has_cpuacct;
	struct advise_threads threads;	/* of the last look */
	uint64_t runnable;		/* sum over all looks */
	uint64_t used_ns;		/* by threads, since the first look */
	/*
	 * Who is kept from running between a clock and a counter would find more used than there are CPUs: times are
	 * taken so that they are too long rather than too short.
	 */
	uint64_t begin, first;		/* before the first reading; before the first look at what was used */
	uint64_t looked, looked_by;	/* before and after the last look at the threads */
	uint64_t use_at, use_then;	/* before the last look at what was used; and that */
	uint64_t cpu_stall_us, memory_stall_us;	/* at the beginning */
	int error;			/* of the threads */
};

void advise_unread(struct advise_facts *facts, const char *what, const char *why)
{
	struct advise_unread *unread = &facts->unread[facts->unread_count];

	if (facts->unread_count == ADVISE_UNREAD)
		return;
	unread->what = what;
	snprintf(unread->why, sizeof(unread->why), "%s", why);
	facts->unread_count++;
}

/* "some avg10=... total=N": microseconds in which somebody waited (Documentation/accounting/psi.rst). */
static uint64_t stall_us(const struct groups *groups, const char *path, const char *file)
{
	char text[512], *total;
	ssize_t n = groups_read(groups, path, file, text, sizeof(text));

	total = n > 0 && strncmp(text, "some ", 5) == 0 ? strstr(text, "total=") : NULL;
	return total ? strtoull(total + 6, NULL, 10) : CGTUNE_UNKNOWN;
}

static double pressure(uint64_t before, uint64_t after, uint64_t ns)
{
	return before == CGTUNE_UNKNOWN || after == CGTUNE_UNKNOWN || after < before || !ns ? -1 :
		(double)(after - before) * 1e3 / (double)ns;
}

static uint64_t used_ns(const struct watch *watch)
{
	const char *path = watch->subject->cpu_path;
	uint64_t us;

	if (!watch->facts->cpu_version)
		return CGTUNE_UNKNOWN;
	if (watch->cpu.version == 1)
		return watch->has_cpuacct ? rows_number(&watch->cpuacct, path, "cpuacct.usage", NULL) : CGTUNE_UNKNOWN;
	us = rows_number(&watch->cpu, path, "cpu.stat", "usage_usec");
	return us == CGTUNE_UNKNOWN ? us : us * 1000;
}

/* The path of the level above, in place; false: this was the top. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || !path[1])
		return false;
	slash[slash == path] = '\0';
	return true;
}

/* As those above may be, in a container. */
static bool is_out_of_sight(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ENODATA || r == -EACCES;
}

static int add_cpu_levels(struct watch *watch)
{
	struct advise_facts *facts = watch->facts;
	char path[4096];
	int r = 0;

	snprintf(path, sizeof(path), "%s", watch->subject->cpu_path);
	do {
		struct advise_cpu *level = &facts->cpu[facts->cpus];
		struct rows rows = { .rows = NULL };

		r = rows_read_one(path, NULL, &rows);
		if (r < 0)
			break;
		level->before = rows.rows[0].cpu;
		level->burst_us = rows_number(&watch->cpu, path, watch->cpu.version == 2 ? "cpu.max.burst" : "cpu.cfs_burst_us", NULL);
		level->path = strdup(path);
		rows_free(&rows);
		if (!level->path)
			return -ENOMEM;
		facts->cpus++;
	} while (go_up(path) && facts->cpus < ADVISE_LEVELS);
	return facts->cpus && is_out_of_sight(r) ? 0 : r;
}

static int add_memory_levels(struct watch *watch)
{
	struct advise_facts *facts = watch->facts;
	char path[4096];
	int r = 0;

	snprintf(path, sizeof(path), "%s", watch->subject->memory_path);
	do {
		struct advise_memory *level = &facts->memory[facts->memories];
		struct rows rows = { .rows = NULL };

		r = rows_read_one(NULL, path, &rows);
		if (r < 0)
			break;
		level->before = rows.rows[0].memory;
		level->unreclaimable = CGTUNE_UNKNOWN;
		level->path = strdup(path);
		rows_free(&rows);
		if (!level->path)
			return -ENOMEM;
		facts->memories++;
	} while (go_up(path) && facts->memories < ADVISE_LEVELS);
	return is_out_of_sight(r) ? 0 : r;
}

static void look_at_memory(struct watch *watch)
{
	bool v2 = watch->memory.version == 2;

	for (size_t i = 0; i < watch->facts->memories; i++) {
		struct advise_memory *level = &watch->facts->memory[i];
		uint64_t current, inactive;

		if (level->before.limit == CGTUNE_UNKNOWN && level->before.high == CGTUNE_UNKNOWN)
			continue;
		current = rows_number(&watch->memory, level->path, v2 ? "memory.current" : "memory.usage_in_bytes", NULL);
		inactive = rows_number(&watch->memory, level->path, "memory.stat", v2 ? "inactive_file" : "total_inactive_file");
		if (current == CGTUNE_UNKNOWN || inactive == CGTUNE_UNKNOWN)
			continue;
		current -= inactive < current ? inactive : current;
		if (level->unreclaimable == CGTUNE_UNKNOWN || level->unreclaimable < current)
			level->unreclaimable = current;
	}
}

static void look_at_threads(struct watch *watch)
{
	struct advise_facts *facts = watch->facts;
	struct advise_threads now;
	unsigned runnable = 0;
	int r;

	watch->looked = tool_now_ns();
	r = advise_threads_read(watch->subject, &watch->cpu, &now);
	watch->looked_by = tool_now_ns();
	if (r < 0) {
		watch->error = r;
		return;
	}
	for (size_t i = 0; i < now.count; i++)
		runnable += now.threads[i].runnable;
	if (facts->looks)
		watch->used_ns += advise_threads_used(&watch->threads, &now);
	free(watch->threads.threads);
	watch->threads = now;
	watch->runnable += runnable;
	facts->looks++;
	facts->looks_above += runnable > facts->plan.threads;
	facts->threads = (unsigned)now.count;
	if (runnable > facts->runnable_most)
		facts->runnable_most = runnable;
}

/* What was used since the last look at that, which follows one at the threads; first: there was none. */
static void look_at_use(struct watch *watch, bool first)
{
	bool threads = watch->facts->use_by_threads;
	uint64_t before = threads ? watch->looked : tool_now_ns();
	uint64_t used = threads ? watch->used_ns : used_ns(watch);
	uint64_t after = threads ? watch->looked_by : tool_now_ns();
	double use;

	if (!first && used != CGTUNE_UNKNOWN && used >= watch->use_then) {
		use = (double)(used - watch->use_then) / (double)(after - watch->use_at);
		if (use > watch->facts->use_most)
			watch->facts->use_most = use;
	}
	watch->use_at = before;
	watch->use_then = used;
}

static void sleep_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) }, NULL);
}

/* A look costs what there is to look at: with many threads there are fewer. */
static void watch_for(struct watch *watch, uint64_t begin, uint64_t end, const volatile int *stop)
{
	uint64_t now = begin, cost = 0;

	while (now < end && !*stop && !watch->error) {
		uint64_t pause = cost * LOOK_SHARE > LOOK_NS ? cost * LOOK_SHARE : LOOK_NS;

		sleep_ns(now + pause < end ? pause : end - now);
		cost = tool_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		look_at_threads(watch);
		now = tool_now_ns();
		if (now - watch->use_at >= USE_NS || now >= end) {
			look_at_use(watch, false);
			look_at_memory(watch);
		}
		cost = tool_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cost;
	}
}

static void end_levels(struct watch *watch)
{
	struct advise_facts *facts = watch->facts;
	bool v2 = watch->memory.version == 2;
	struct rows rows;

	for (size_t i = 0; i < facts->cpus; i++) {
		facts->cpu[i].after = facts->cpu[i].before;
		if (rows_read_one(facts->cpu[i].path, NULL, &rows) < 0)
			continue;
		facts->cpu[i].after = rows.rows[0].cpu;
		rows_free(&rows);
	}
	for (size_t i = 0; i < facts->memories; i++) {
		struct advise_memory *level = &facts->memory[i];

		level->after = level->before;
		level->peak = rows_number(&watch->memory, level->path, v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL);
		if (rows_read_one(NULL, level->path, &rows) < 0)
			continue;
		level->after = rows.rows[0].memory;
		rows_free(&rows);
	}
}

/* Of the process, or of the first ones of the cgroup: of many that are alike it is enough to see some. */
static void count_arenas(struct watch *watch)
{
	struct advise_facts *facts = watch->facts;
	int error = 0, tried = 0;

	for (size_t i = 0; i < watch->threads.count && tried < PROCESSES; i++) {
		int32_t pid = watch->subject->pid ? watch->subject->pid : watch->threads.threads[i].tid;
		char path[64];
		int n;

		snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, pid);
		if (access(path, F_OK) < 0)
			continue;
		n = advise_arenas(pid);
		tried++;
		if (n < 0 && n != -ESRCH)
			error = n;
		if (n >= 0 && (!facts->arenas_pid || (unsigned)n > facts->arenas)) {
			facts->arenas = (unsigned)n;
			facts->arenas_pid = pid;
		}
		if (watch->subject->pid)
			break;
	}
	if (error && !facts->arenas_pid)
		advise_unread(facts, "arenas of malloc", cgtune_strerror(error));
}

static void say_unread(struct watch *watch)
{
	struct advise_facts *facts = watch->facts;

	if (facts->use_by_threads)
		advise_unread(facts, "CPU time of the cgroup", watch->subject->pid ?
			      "not counted (v1: cpuacct); taken from the threads of the process" :
			      "not counted (v1: cpuacct); taken from the threads that live");
	if (watch->error)
		advise_unread(facts, "threads", cgtune_strerror(watch->error));
	if (facts->cpu_pressure < 0)
		advise_unread(facts, "cpu.pressure", facts->cpu_version == 2 ? "PSI is off here" : "cgroup v1 has none");
	if (facts->memory_pressure < 0)
		advise_unread(facts, "memory.pressure", facts->memory_version == 2 ? "PSI is off here" : "cgroup v1 has none");
	if (facts->memories && facts->memory[0].peak == CGTUNE_UNKNOWN)
		advise_unread(facts, "memory.peak", "this kernel has none (Linux 5.19)");
	if (facts->cpus && facts->cpu[0].before.quota_us != CGTUNE_UNKNOWN && facts->cpu[0].burst_us == CGTUNE_UNKNOWN)
		advise_unread(facts, "burst", "this kernel has none (Linux 5.14)");
	if (!facts->memories)
		advise_unread(facts, "memory", "no memory controller holds this cgroup");
}

static int begin(struct watch *watch)
{
	struct advise_facts *facts = watch->facts;
	bool has_cpu = false, has_memory = false;
	int r = groups_look_for("cpu", &watch->cpu, &has_cpu);

	if (r == 0)
		r = groups_look_for("memory", &watch->memory, &has_memory);
	if (r == 0 && has_cpu && watch->cpu.version == 1)
		r = groups_look_for("cpuacct", &watch->cpuacct, &watch->has_cpuacct);
	if (r < 0)
		return r;
	if (has_cpu && watch->subject->cpu_path)
		facts->cpu_version = watch->cpu.version;
	if (has_memory && watch->subject->memory_path)
		facts->memory_version = watch->memory.version;
	snprintf(facts->cpu_mount, sizeof(facts->cpu_mount), "%s", watch->cpu.mount);
	snprintf(facts->memory_mount, sizeof(facts->memory_mount), "%s", watch->memory.mount);
	r = facts->cpu_version ? add_cpu_levels(watch) : -ENODATA;
	if (r == 0 && facts->memory_version)
		r = add_memory_levels(watch);
	if (r < 0)
		return r;
	facts->use_by_threads = used_ns(watch) == CGTUNE_UNKNOWN;
	watch->cpu_stall_us = stall_us(&watch->cpu, watch->subject->cpu_path, "cpu.pressure");
	watch->memory_stall_us = facts->memories ? stall_us(&watch->memory, watch->subject->memory_path, "memory.pressure") : CGTUNE_UNKNOWN;
	look_at_threads(watch);
	look_at_use(watch, true);
	watch->first = watch->use_at;
	look_at_memory(watch);
	return watch->error;
}

static void end(struct watch *watch, uint64_t used_before)
{
	struct advise_facts *facts = watch->facts;
	bool threads = facts->use_by_threads;
	uint64_t used = threads ? watch->used_ns : used_ns(watch), ns;
	uint64_t until = threads ? watch->looked_by : tool_now_ns();

	end_levels(watch);
	ns = facts->ns = tool_now_ns() - watch->begin;
	facts->use = used == CGTUNE_UNKNOWN || used < used_before ? -1 :
		(double)(used - used_before) / (double)(until - watch->first);
	if (facts->use > facts->use_most)
		facts->use_most = facts->use;
	facts->runnable = facts->looks ? (double)watch->runnable / facts->looks : -1;
	facts->cpu_pressure = pressure(watch->cpu_stall_us, stall_us(&watch->cpu, watch->subject->cpu_path, "cpu.pressure"), ns);
	facts->memory_pressure = facts->memories ? pressure(watch->memory_stall_us,
		stall_us(&watch->memory, watch->subject->memory_path, "memory.pressure"), ns) : -1;
	count_arenas(watch);
	say_unread(watch);
}

int advise_watch(const struct advise_subject *subject, const volatile int *stop, struct advise_facts *ret)
{
	struct watch watch = { .subject = subject, .facts = ret, .begin = tool_now_ns() };
	uint64_t since, used_before;
	int r = begin(&watch);

	if (r == 0) {
		used_before = watch.use_then;
		since = tool_now_ns();
		watch_for(&watch, since, since + (uint64_t)(subject->seconds * 1e9), stop);
		end(&watch, used_before);
	}
	free(watch.threads.threads);
	return r;
}

void advise_free(struct advise_facts *facts)
{
	for (size_t i = 0; i < facts->cpus; i++)
		free(facts->cpu[i].path);
	for (size_t i = 0; i < facts->memories; i++)
		free(facts->memory[i].path);
}
