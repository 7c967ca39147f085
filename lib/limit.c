/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limit - the smallest limit over a cgroup and its visible ancestors */
#include "limit.h"
#include "host.h"
#include "levels.h"
#include "options.h"
#include "util.h"

#include <errno.h>
#include <string.h>

/* CPUs of the mask of the cgroup that the options name: its cpuset's. */
static int cpuset_cpus(struct pass *pass)
{
	struct cgroup cpuset = { .controller = "cpuset" };
	struct cgroup_search search = {
		.files = &pass->files, .scratch = &pass->scratch, .path = pass->options->cgroup,
		.warn = pass_warn_unreadable, .user = pass,
	};
	int n = cgroup_find(&search, &cpuset, 1);

	if (n < 0 || !cpuset.version)
		return n < 0 ? n : -ENOENT;
	for (size_t length = cpuset.length; length; length = cgroup_parent(&cpuset, length)) {
		if (!pass_path(pass, &cpuset, length, cpuset.version == 2 ?
				 "cpuset.cpus.effective" : "cpuset.effective_cpus"))
			continue;
		n = file_text(&pass->files, -1, pass->path, pass->scratch.text, sizeof(pass->scratch.text));
		if (n >= 0)
			n = parse_cpu_list(pass->scratch.text, (size_t)n);
		if (n > 0 || file_error_is_fatal(n))
			return n;
		if (n < 0 && n != -ENOENT && n != -ENOTDIR)
			pass_warn_unreadable(pass, pass->path, n);
	}
	return -ENOENT;
}

/* What the host says, read before anything is written into a result. */
struct facts {
	uint32_t cpus, cpus_source, scheduler;
	uint64_t physical;
};

/* What the host does not say is left out, and reported unless it is just not there. */
static int host_error(struct pass *pass, const char *file, int error)
{
	if (error >= 0 || file_error_is_fatal(error))
		return error < 0 ? error : 0;
	if (error != -ENOENT && error != -ENOTDIR && error != -ENODATA)
		pass_warn_unreadable(pass, file, error);
	return 0;
}

/* The mask, and whether it is all that is online: not looked up where a quota below it decides. */
static int read_cpus(struct pass *pass, const struct walk *cpu, struct facts *facts)
{
	static const char online_file[] = "/sys/devices/system/cpu/online";
	int cpus = -ENODATA, online = -ENODATA, r;
	bool decided;

	if (pass->options->cgroup)
		cpus = cpuset_cpus(pass);
	else if (pass->files.real)
		cpus = host_affinity(pass->options->pid);
	decided = cpus > 0 && cpu->period && !host_is_unbound(facts->scheduler) &&
		  util_fraction_less(cpu->quota, cpu->period, (uint64_t)cpus, 1);
	if (!decided)
		online = host_online(&pass->files, PASS_HELD_ONLINE, pass->scratch.text,
				     sizeof(pass->scratch.text));
	r = host_error(pass, "/proc/self/cgroup", pass->options->cgroup ? cpus : 0);
	if (r == 0)
		r = file_error_is_fatal(cpus) ? cpus : host_error(pass, online_file, online);
	if (r < 0)
		return r;
	facts->cpus = cpus > 0 ? (uint32_t)cpus : online > 0 ? (uint32_t)online : 1;
	facts->cpus_source = decided ? CGTUNE_SOURCE_NONE :
			     (int)facts->cpus < online ? CGTUNE_SOURCE_AFFINITY : CGTUNE_SOURCE_HOST;
	return 0;
}

static int read_host(struct pass *pass, const struct walk *cpu, struct facts *facts)
{
	int r;

	facts->scheduler = 0;
	if (cpu->period && pass->files.real && !pass->options->cgroup)
		facts->scheduler = host_scheduler(pass->options->pid);
	r = read_cpus(pass, cpu, facts);
	if (r < 0)
		return r;
	return host_error(pass, "/proc/meminfo",
			  host_memory(&pass->files, &pass->scratch.lines, &facts->physical));
}

/* A limit given by hand stands in for the cgroup's, in both directions. Returns who gave it. */
static uint32_t override_cpu(const struct pass *pass, struct walk *cpu)
{
	bool option = pass->options->cpu_milli != 0;

	if (!option && !env_has(pass->env, ENV_CPUS))
		return CGTUNE_SOURCE_CGROUP;
	cpu->quota = option ? pass->options->cpu_milli * 1000 : pass->env->value[ENV_CPUS];
	cpu->period = UTIL_MICRO;
	cpu->name = NULL;
	return option ? CGTUNE_SOURCE_OPTION : CGTUNE_SOURCE_CPUS;
}

static uint32_t override_memory(const struct pass *pass, struct walk *memory)
{
	bool option = pass->options->memory != 0;

	if (!option && !env_has(pass->env, ENV_MEMORY))
		return CGTUNE_SOURCE_CGROUP;
	memory->memory = option ? pass->options->memory : pass->env->value[ENV_MEMORY];
	memory->name = NULL;
	return option ? CGTUNE_SOURCE_OPTION : CGTUNE_SOURCE_MEMORY;
}

static void set_from(struct pass *pass, const struct walk *walk, size_t at, const char *name,
		     char ret[CGTUNE_PATH_SIZE])
{
	ret[0] = '\0';
	if (name && pass_path(pass, walk->cgroup, at, name) && strlen(pass->path) < CGTUNE_PATH_SIZE)
		memcpy(ret, pass->path, strlen(pass->path) + 1);
}

static void fill_cpu(struct pass *pass, const struct walk *cpu, const struct facts *facts,
		     uint32_t source, struct cgtune_limits *limits)
{
	limits->cpu_quota_us = cpu->quota;
	limits->cpu_period_us = cpu->period;
	limits->cpu_source = cpu->period ? source : facts->cpus_source;
	limits->cpu_hierarchy = (uint32_t)cpu->cgroup->version;
	limits->cpus = facts->cpus;
	limits->cpus_source = facts->cpus_source;
	limits->scheduler = facts->scheduler;
	limits->reserved = 0;
	set_from(pass, cpu, cpu->at, cpu->name, limits->cpu_from);
}

/* A limit that is not below physical memory does not bind. */
static void fill_memory(struct pass *pass, const struct walk *memory, const struct facts *facts,
			uint32_t source, struct cgtune_limits *limits)
{
	uint64_t bound = facts->physical ? facts->physical : CGTUNE_UNLIMITED;
	bool limited = memory->memory < bound, high = memory->high < bound;

	limits->memory = limited ? memory->memory : CGTUNE_UNLIMITED;
	limits->memory_high = high ? memory->high : CGTUNE_UNLIMITED;
	limits->memory_physical = facts->physical;
	limits->memory_hierarchy = (uint32_t)memory->cgroup->version;
	limits->memory_source = limited ? source : high ? CGTUNE_SOURCE_CGROUP : CGTUNE_SOURCE_HOST;
	if (limited || !high)
		set_from(pass, memory, memory->at, limited ? memory->name : NULL, limits->memory_from);
	else
		set_from(pass, memory, memory->high_at, memory->high_name, limits->memory_from);
}

static void warn_refused_limit(const struct pass *pass, enum env_variable variable, bool limited,
			       uint64_t value, unsigned decimals, uint32_t source)
{
	char instead[64];
	struct text text = TEXT(instead);

	if (!limited)
		text_add(&text, "no limit");
	else {
		text_add_decimal(&text, value, decimals);
		text_add(&text, decimals ? " CPUs (" : " bytes (");
		text_add(&text, cgtune_source_name(source));
		text_add(&text, ")");
	}
	env_warn(pass->options, pass->env, variable, instead);
}

/* Variables that were to stand in for a limit, and the limit that was used instead. */
static void warn_refused(const struct pass *pass, const struct cgtune_limits *limits)
{
	bool quota = limits->cpu_period_us != 0;

	if (!pass->env->refused)
		return;
	env_warn(pass->options, pass->env, ENV_SWITCH, "on");
	env_warn(pass->options, pass->env, ENV_LOG, "off");
	warn_refused_limit(pass, ENV_CPUS, quota, quota ? util_mul_div(limits->cpu_quota_us, UTIL_MICRO,
			   limits->cpu_period_us) : 0, 6, limits->cpu_source);
	warn_refused_limit(pass, ENV_MEMORY, limits->memory != CGTUNE_UNLIMITED, limits->memory, 0,
			   limits->memory_source);
}

int limit_walk(struct pass *pass, struct cgtune_limits *ret)
{
	struct walk cpu, memory;
	struct facts facts;
	uint32_t cpu_source, memory_source;
	int r;

	/* When every file is told of, before any is. */
	if (pass->explain && pass->retry && pass_leaf_is_gone(pass))
		return -ENODEV;
	r = levels_walk(pass, PASS_CPU, &cpu);
	if (r == 0)
		r = levels_walk(pass, PASS_MEMORY, &memory);
	if (r == 0 && pass->retry && pass_leaf_is_gone(pass))
		r = -ENODEV;
	if (r < 0)
		return r;
	cpu_source = override_cpu(pass, &cpu);
	memory_source = override_memory(pass, &memory);
	r = read_host(pass, &cpu, &facts);
	if (r < 0)
		return r;
	fill_cpu(pass, &cpu, &facts, cpu_source, ret);
	fill_memory(pass, &memory, &facts, memory_source, ret);
	warn_refused(pass, ret);
	return 0;
}

static int walk_into(struct pass *pass, void *limits)
{
	return limit_walk(pass, limits);
}

int limit_read(struct pass *pass, struct cgtune_limits *ret)
{
	return pass_find_and(pass, walk_into, ret);
}

_public_ int cgtune_read(const struct cgtune_options *options, struct cgtune_limits *ret)
{
	struct cgtune_options ours;
	struct pass pass;
	struct env env;
	int r = util_struct_check(ret, sizeof(*ret));

	if (r == 0)
		r = options_take(options, &ours);
	if (r < 0)
		return r;
	env_read(&ours, &env);
	r = pass_open(&pass, &ours, &env);
	if (r < 0)
		return r;
	pass.explain = pass.whole = ours.report != NULL;
	r = limit_read(&pass, ret);
	pass_close(&pass);
	if (r == 0)
		memset((char *)ret + sizeof(*ret), 0, ret->size - sizeof(*ret));
	return r;
}
