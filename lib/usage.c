/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usage - what a cgroup uses, what is left of its memory, what its quota did to it */
#include "usage.h"
#include "levels.h"
#include "options.h"
#include "host.h"
#include "sys.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>

/* One reading for the public functions below. */
struct reading {
	struct cgtune_options options;
	struct env env;
	struct pass pass;
	bool warned;			/* where the cgroups lie is a guess, or not known */
	int (*then)(struct pass *, void *);
	void *user;
};

static void take_warning(const struct cgtune_report *report, void *user)
{
	struct reading *reading = user;

	reading->warned |= report->kind == CGTUNE_REPORT_WARNING;
}

/* Do it, and look whether it was done to a cgroup that is still there. */
static int then_look(struct pass *pass, void *user)
{
	struct reading *reading = user;
	int r = reading->warned ? -ENODATA : reading->then(pass, reading->user);

	return r == 0 && pass->retry && pass_leaf_is_gone(pass) ? -ENODEV : r;
}

/* Open, find, do something, close. */
static int reading_do(const struct cgtune_options *options, int (*then)(struct pass *, void *), void *user)
{
	struct reading reading;
	int r = options_take(options, &reading.options);

	if (r < 0)
		return r;
	env_read(&reading.options, &reading.env);
	reading.options.report = take_warning;
	reading.options.report_user = &reading;
	reading.warned = false;
	r = pass_open(&reading.pass, &reading.options, &reading.env);
	if (r < 0)
		return r;
	reading.then = then;
	reading.user = user;
	r = pass_find_and(&reading.pass, then_look, &reading);
	pass_close(&reading.pass);
	return r;
}

/* A file of a level into the scratch text. Its length; < 0: not known. */
static int level_text(struct pass *pass, const struct cgroup *cgroup, size_t length, const char *name)
{
	if (!cgroup->version || !pass_path(pass, cgroup, length, name))
		return -ENOENT;
	return file_text(&pass->files, -1, pass->path, pass->scratch.text, sizeof(pass->scratch.text));
}

/* The number that a text of n bytes is, or with a key the one behind it; CGTUNE_UNKNOWN. */
static uint64_t number_in(const struct pass *pass, int n, const char *key)
{
	const char *text = pass->scratch.text;
	uint64_t value;

	if (n < 0 || (key ? parse_stat(text, (size_t)n, key, &value) : parse_number(text, (size_t)n, &value)) < 0)
		return CGTUNE_UNKNOWN;
	return value;
}

static uint64_t level_number(struct pass *pass, const struct cgroup *cgroup, size_t length,
			     const char *name, const char *key)
{
	return number_in(pass, level_text(pass, cgroup, length, name), key);
}

static uint64_t us_to_ns(uint64_t us)
{
	return us < UINT64_MAX / 1000 ? us * 1000 : CGTUNE_UNKNOWN;
}

/* Length of a file that need not be there: -ENOENT; -ENODATA: it is, but cannot be read; or
 * a fatal error. */
static int optional_text(struct pass *pass, const struct cgroup *cgroup, size_t length, const char *name)
{
	int n = level_text(pass, cgroup, length, name);

	if (n == -ENOTDIR)
		return -ENOENT;
	return n >= 0 || n == -ENOENT || file_error_is_fatal(n) ? n : -ENODATA;
}

/* memory.current, of all below a level too. */
static uint64_t memory_current(struct pass *pass, const struct cgroup *cgroup, size_t length)
{
	return level_number(pass, cgroup, length,
			    cgroup->version == 1 ? "memory.usage_in_bytes" : "memory.current", NULL);
}

/* The inactive page cache, of all below a level too (cgroup-v2.rst "memory.stat"; v1 counts
 * descendants in total_inactive_file). */
static uint64_t memory_inactive(struct pass *pass, const struct cgroup *cgroup, size_t length)
{
	return level_number(pass, cgroup, length, "memory.stat",
			    cgroup->version == 1 ? "total_inactive_file" : "inactive_file");
}

/* CPU time: in v1 of a controller of its own, perhaps in another hierarchy. */
static uint64_t cpu_use(struct pass *pass)
{
	const struct cgroup *cpu = &pass->cgroups[PASS_CPU];
	struct cgroup cpuacct = { .controller = "cpuacct" };
	struct cgroup_search search = {
		.files = &pass->files, .scratch = &pass->scratch, .pid = pass->options->pid,
		.path = pass->options->cgroup, .warn = pass_warn_unreadable, .user = pass,
	};

	if (cpu->version == 2)
		return us_to_ns(level_number(pass, cpu, cpu->length, "cpu.stat", "usage_usec"));
	if (cgroup_find(&search, &cpuacct, 1) < 0)
		return CGTUNE_UNKNOWN;
	return level_number(pass, &cpuacct, cpuacct.length, "cpuacct.usage", NULL);
}

static int read_usage(struct pass *pass, void *user)
{
	struct cgtune_usage *usage = user;
	const struct cgroup *memory = &pass->cgroups[PASS_MEMORY];

	usage->memory = memory_current(pass, memory, memory->length);
	usage->memory_inactive_file = memory_inactive(pass, memory, memory->length);
	usage->cpu_ns = cpu_use(pass);
	return 0;
}

_public_ int cgtune_usage_read(const struct cgtune_options *options, struct cgtune_usage *ret)
{
	struct cgtune_usage usage = { .size = sizeof(usage) };
	int r = util_struct_check(ret, sizeof(*ret));

	if (r == 0)
		r = reading_do(options, read_usage, &usage);
	if (r == 0)
		util_struct_out(ret, &usage, sizeof(usage));
	return r;
}

/* cpu.stat has microseconds on v2 and nanoseconds on v1 (kernel/sched/core.c, cpu_extra_stat_show()
 * and cpu_cfs_stat_show()). */
static uint64_t throttled_ns(const struct pass *pass, int n)
{
	uint64_t us = number_in(pass, n, "throttled_usec");

	return us != CGTUNE_UNKNOWN ? us_to_ns(us) : number_in(pass, n, "throttled_time");
}

/* The level as BPF programs know it. */
static void find_group(struct pass *pass, size_t length, struct published_group *ret)
{
	const struct cgroup *cpu = &pass->cgroups[PASS_CPU];
	struct statx stx;

	ret->cgroup = 0;
	if (!pass->files.real || !cpu->version || !pass_path(pass, cpu, length, "") ||
	    sys5(SYS_statx, AT_FDCWD, pass->path, AT_NO_AUTOMOUNT, STATX_INO, &stx) < 0)
		return;
	ret->cgroup = stx.stx_ino;
	ret->hierarchy = cpu->hierarchy;
}

struct throttle_reading {
	struct cgtune_throttle *throttle;
	struct published_group *group;
};

static int read_throttle(struct pass *pass, void *user)
{
	struct throttle_reading *reading = user;
	struct cgtune_throttle *throttle = reading->throttle;
	const struct cgroup *cpu = &pass->cgroups[PASS_CPU];
	struct walk walk;
	int n, r = levels_walk(pass, PASS_CPU, &walk);

	if (r < 0)
		return r;
	n = level_text(pass, cpu, walk.period ? walk.at : cpu->length, "cpu.stat");
	throttle->periods = number_in(pass, n, "nr_periods");
	throttle->throttled = number_in(pass, n, "nr_throttled");
	throttle->throttled_ns = throttled_ns(pass, n);
	n = level_text(pass, cpu, cpu->length, "cpu.stat.local");
	throttle->local_ns = throttled_ns(pass, n);
	find_group(pass, walk.period ? walk.at : cpu->length, reading->group);
	return 0;
}

int usage_throttle_read(const struct cgtune_options *options, struct cgtune_throttle *ret, struct published_group *group)
{
	struct throttle_reading reading = { ret, group };

	return reading_do(options, read_throttle, &reading);
}

static int read_cpu(struct pass *pass, void *user)
{
	struct usage_cpu *usage = user;
	const struct cgroup *cpu = &pass->cgroups[PASS_CPU];
	struct walk walk;
	int n, r = levels_walk(pass, PASS_CPU, &walk);
	size_t level;

	if (r < 0)
		return r;
	level = walk.period ? walk.at : cpu->length;
	n = level_text(pass, cpu, level, "cpu.stat");
	usage->periods = number_in(pass, n, "nr_periods");
	usage->throttled = number_in(pass, n, "nr_throttled");
	usage->throttled_ns = throttled_ns(pass, n);
	usage->used_ns = us_to_ns(number_in(pass, n, "usage_usec"));
	if (cpu->version == 1)
		usage->used_ns = level_number(pass, cpu, level, "cpuacct.usage", NULL);
	find_group(pass, level, &usage->group);
	return 0;
}

int usage_cpu_read(const struct cgtune_options *options, struct usage_cpu *ret)
{
	return reading_do(options, read_cpu, ret);
}

/* The least that is left, while the levels are walked. */
struct left {
	uint64_t physical, bytes, tightest;
	bool unknown;			/* there is a limit whose use cannot be read */
};

uint64_t usage_left(struct pass *pass, size_t length, uint64_t limit, uint64_t enough)
{
	const struct cgroup *cgroup = &pass->cgroups[PASS_MEMORY];
	uint64_t current = memory_current(pass, cgroup, length), inactive;

	if (current == CGTUNE_UNKNOWN)
		return CGTUNE_UNKNOWN;
	if (util_sub(limit, current) >= enough)
		return util_sub(limit, current);
	inactive = memory_inactive(pass, cgroup, length);
	/* Without memory.stat nothing can be reclaimed; with one that cannot be read, who knows. */
	if (inactive == CGTUNE_UNKNOWN && optional_text(pass, cgroup, length, "memory.stat") != -ENODATA)
		inactive = 0;
	if (inactive == CGTUNE_UNKNOWN)
		return CGTUNE_UNKNOWN;
	return util_sub(limit, util_sub(current, inactive));
}

static void take_left(struct left *left, struct pass *pass, size_t length, uint64_t limit)
{
	uint64_t bytes;

	if (left->physical && limit >= left->physical)
		return;
	left->tightest = util_min(left->tightest, limit);
	bytes = usage_left(pass, length, limit, CGTUNE_UNLIMITED);
	if (bytes == CGTUNE_UNKNOWN)
		left->unknown = true;
	else
		left->bytes = util_min(left->bytes, bytes);
}

/* 1: a level's limit; 0: it has none; -ENODATA: not known; or a fatal error. */
static int level_limit(struct pass *pass, const struct cgroup *memory, size_t length, uint64_t *ret)
{
	int n = optional_text(pass, memory, length,
			      memory->version == 1 ? "memory.limit_in_bytes" : "memory.max");

	if (n < 0)
		return n == -ENOENT ? 0 : n;
	n = parse_memory_max(pass->scratch.text, (size_t)n, ret);
	return n < 0 ? 0 : n;
}

static int walk_left(struct left *left, struct pass *pass)
{
	const struct cgroup *memory = &pass->cgroups[PASS_MEMORY];
	bool v1 = memory->version == 1;
	size_t length = memory->length;
	uint64_t limit;
	bool alone;
	int r;

	for (;; length = cgroup_parent(memory, length)) {
		/* As memory_v1() has it: 0 of a level binds nobody below, and is bound by nobody. */
		r = v1 ? optional_text(pass, memory, length, "memory.use_hierarchy") : -ENOENT;
		if (r < 0 && r != -ENOENT)
			return r;
		alone = number_in(pass, r, NULL) == 0;
		if (alone && length < memory->length)
			break;
		r = level_limit(pass, memory, length, &limit);
		if (r < 0)
			return r;
		if (r > 0)
			take_left(left, pass, length, limit);
		if (alone || length <= memory->top)
			break;
	}
	if (!v1)
		return 0;
	/* An ancestor that cannot be seen uses at least what the highest visible level does. */
	r = optional_text(pass, memory, memory->length, "memory.stat");
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	limit = number_in(pass, r, "hierarchical_memory_limit");
	if (!parse_is_unlimited(limit) && limit < left->tightest)
		take_left(left, pass, length, limit);
	return 0;
}

static int read_left(struct pass *pass, void *user)
{
	struct left *left = user;
	const struct cgroup *memory = &pass->cgroups[PASS_MEMORY];
	int r;

	*left = (struct left){ .bytes = CGTUNE_UNLIMITED, .tightest = CGTUNE_UNLIMITED };
	r = host_memory(&pass->files, &pass->scratch.lines, &left->physical);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)	/* whether a limit binds is not known */
		return file_error_is_fatal(r) ? r : -ENODATA;
	r = 0;
	if (pass->options->memory)
		take_left(left, pass, memory->length, pass->options->memory);
	else if (env_has(pass->env, ENV_MEMORY))
		take_left(left, pass, memory->length, pass->env->value[ENV_MEMORY]);
	else if (memory->version)
		r = walk_left(left, pass);
	return r < 0 ? r : left->unknown && left->bytes != 0 ? -ENODATA : 0;
}

_public_ int cgtune_memory_available_of(const struct cgtune_options *options, uint64_t *ret)
{
	struct left left;
	int r = ret ? reading_do(options, read_left, &left) : -EINVAL;

	if (r == 0)
		*ret = left.bytes;
	return r;
}

_public_ int cgtune_memory_available(uint64_t *ret)
{
	return cgtune_memory_available_of(NULL, ret);
}
