/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limit - the smallest limit over a cgroup and its visible ancestors */
#include "levels.h"
#include "host.h"
#include "util.h"

#include <errno.h>
#include <string.h>

#define TRIES 3				/* while the cgroup is removed under us */

void limit_report(const struct limit_pass *pass, uint32_t kind, uint32_t resource,
		   const char *file, const char *value, const char *sentence)
{
	if (pass->options->report)
		pass->options->report(&(struct cgtune_report){
			.size = sizeof(struct cgtune_report), .kind = kind, .resource = resource,
			.file = file, .value = value, .text = sentence,
		}, pass->options->report_user);
}

void limit_warn_unreadable(void *user, const char *file, int error)
{
	char sentence[256];
	struct text text = TEXT(sentence);

	text_add(&text, "cannot be read: ");
	text_add(&text, cgtune_strerror(error));
	text_add(&text, "; the other files are used");
	limit_report(user, CGTUNE_REPORT_WARNING, 0, file, NULL, sentence);
}

bool limit_path(struct limit_pass *pass, const struct cgroup *cgroup, size_t length, const char *name)
{
	struct text text = TEXT(pass->path);

	if (length + 1 + strlen(name) >= sizeof(pass->path))
		return false;
	memcpy(pass->path, cgroup->dir, length);
	text.length = length;
	text_add(&text, "/");
	text_add(&text, name);
	return true;
}

/* CPUs of the mask of the cgroup that the options name: its cpuset's. */
static int cpuset_cpus(struct limit_pass *pass)
{
	struct cgroup cpuset = { .controller = "cpuset" };
	struct cgroup_search search = {
		.files = &pass->files, .scratch = &pass->scratch, .path = pass->options->cgroup,
		.warn = limit_warn_unreadable, .user = pass,
	};
	int n = cgroup_find(&search, &cpuset, 1);

	if (n < 0 || !cpuset.version)
		return -ENOENT;
	for (size_t length = cpuset.length; length; length = cgroup_parent(&cpuset, length)) {
		if (!limit_path(pass, &cpuset, length, cpuset.version == 2 ?
				 "cpuset.cpus.effective" : "cpuset.effective_cpus"))
			continue;
		n = file_text(&pass->files, -1, pass->path, pass->scratch.text, sizeof(pass->scratch.text));
		if (n >= 0 && (n = parse_cpu_list(pass->scratch.text, (size_t)n)) > 0)
			return n;
	}
	return -ENOENT;
}

static void read_cpus(struct limit_pass *pass, struct cgtune_limits *limits)
{
	int cpus = -ENOENT, online = -ENODATA;
	bool decided;

	if (pass->options->cgroup)
		cpus = cpuset_cpus(pass);
	else if (pass->files.real)
		cpus = host_affinity(pass->options->pid);
	decided = cpus > 0 && limits->cpu_period_us && !host_is_unbound(limits->scheduler) &&
		  util_fraction_less(limits->cpu_quota_us, limits->cpu_period_us, (uint64_t)cpus, 1);
	if (!decided)
		online = host_online(&pass->files, LIMIT_HELD_ONLINE, pass->scratch.text,
				     sizeof(pass->scratch.text));
	if (cpus <= 0 && online <= 0)
		limit_report(pass, CGTUNE_REPORT_WARNING, CGTUNE_CPU, "/sys/devices/system/cpu/online",
			      NULL, "cannot be read; one CPU is assumed");
	limits->cpus = cpus > 0 ? (uint32_t)cpus : online > 0 ? (uint32_t)online : 1;
	limits->cpus_source = decided ? CGTUNE_SOURCE_NONE :
			      (int)limits->cpus < online ? CGTUNE_SOURCE_AFFINITY : CGTUNE_SOURCE_HOST;
}

/* A quota given by hand, in micro-CPUs, stands in for the cgroup's in both directions. */
static void override_cpu(struct limit_pass *pass, struct cgtune_limits *limits)
{
	bool option = pass->options->cpu_milli != 0;

	if (!option && (env_is_off(pass->env) || !env_has(pass->env, ENV_CPUS)))
		return;
	limits->cpu_quota_us = option ? pass->options->cpu_milli * 1000 : pass->env->value[ENV_CPUS];
	limits->cpu_period_us = UTIL_MICRO;
	limits->cpu_source = option ? CGTUNE_SOURCE_OPTION : CGTUNE_SOURCE_CPUS;
	limits->cpu_from[0] = '\0';
}

static void override_memory(struct limit_pass *pass, struct cgtune_limits *limits)
{
	bool option = pass->options->memory != 0;

	if (!option && (env_is_off(pass->env) || !env_has(pass->env, ENV_MEMORY)))
		return;
	limits->memory = option ? pass->options->memory : pass->env->value[ENV_MEMORY];
	limits->memory_source = option ? CGTUNE_SOURCE_OPTION : CGTUNE_SOURCE_MEMORY;
	limits->memory_from[0] = '\0';
}

static void copy_from(struct limit_pass *pass, const struct walk *walk, size_t at, const char *name, char *ret)
{
	if (name && limit_path(pass, walk->cgroup, at, name) && strlen(pass->path) < CGTUNE_PATH_SIZE)
		memcpy(ret, pass->path, strlen(pass->path) + 1);
}

static void fill_cpu(struct limit_pass *pass, const struct walk *walk, struct cgtune_limits *limits)
{
	limits->cpu_quota_us = walk->quota;
	limits->cpu_period_us = walk->period;
	limits->cpu_source = CGTUNE_SOURCE_CGROUP;
	limits->cpu_hierarchy = (uint32_t)walk->cgroup->version;
	limits->reserved = 0;
	limits->cpu_from[0] = '\0';
	copy_from(pass, walk, walk->at, walk->name, limits->cpu_from);
	override_cpu(pass, limits);
	limits->scheduler = 0;
	if (limits->cpu_period_us && pass->files.real && !pass->options->cgroup)
		limits->scheduler = host_scheduler(pass->options->pid);
	read_cpus(pass, limits);
	if (!limits->cpu_period_us)
		limits->cpu_source = limits->cpus_source;
}

/* A limit that is not below physical memory does not bind. */
static void fill_memory(struct limit_pass *pass, const struct walk *walk, struct cgtune_limits *limits)
{
	uint64_t physical = host_memory(&pass->files, &pass->scratch.lines);
	uint64_t bound = physical ? physical : CGTUNE_UNLIMITED;

	limits->memory_physical = physical;
	limits->memory = walk->memory;
	limits->memory_source = CGTUNE_SOURCE_CGROUP;
	limits->memory_hierarchy = (uint32_t)walk->cgroup->version;
	limits->memory_from[0] = '\0';
	copy_from(pass, walk, walk->at, walk->name, limits->memory_from);
	override_memory(pass, limits);
	limits->memory_high = walk->high < bound ? walk->high : CGTUNE_UNLIMITED;
	if (limits->memory < bound)
		return;
	limits->memory = CGTUNE_UNLIMITED;
	limits->memory_from[0] = '\0';
	limits->memory_source = CGTUNE_SOURCE_HOST;
	if (limits->memory_high == CGTUNE_UNLIMITED)
		return;
	limits->memory_source = CGTUNE_SOURCE_CGROUP;
	copy_from(pass, walk, walk->high_at, walk->high_name, limits->memory_from);
}

int limit_options(const struct cgtune_options *theirs, struct cgtune_options *ours)
{
	int r = util_struct_in(ours, sizeof(*ours), theirs, sizeof(*ours));

	if (r < 0)
		return r;
	if (ours->permille > 1000 || ours->rounding > CGTUNE_ROUND_NEAREST || ours->pid < 0 ||
	    ours->cpu_milli > UINT64_MAX / 1000 || ours->memory == CGTUNE_UNLIMITED ||
	    ours->flags & ~(uint32_t)(CGTUNE_NO_ENV | CGTUNE_NO_APPLY | CGTUNE_CALL_RUNTIMES) ||
	    (ours->cgroup && *ours->cgroup != '/'))
		return -EINVAL;
	return 0;
}

int limit_open(struct limit_pass *pass, const struct cgtune_options *options, const struct env *env)
{
	pass->options = options;
	pass->env = env;
	pass->whole = options->report != NULL;	/* to show them */
	pass->cgroups[LIMIT_CPU].controller = "cpu";
	pass->cgroups[LIMIT_MEMORY].controller = "memory";
	return file_set_open(&pass->files, options->root);
}

void limit_close(struct limit_pass *pass)
{
	file_set_close(&pass->files);
}

int limit_find(struct limit_pass *pass)
{
	struct cgroup_search search = {
		.files = &pass->files, .scratch = &pass->scratch, .pid = pass->options->pid,
		.path = pass->options->cgroup, .warn = limit_warn_unreadable, .user = pass,
	};
	int r = cgroup_find(&search, pass->cgroups, LIMIT_CGROUPS);

	if (r < 0 || !pass->options->cgroup)
		return r;
	for (int i = 0; i < LIMIT_CGROUPS; i++)
		if (pass->cgroups[i].version && file_exists(&pass->files, pass->cgroups[i].dir))
			return 0;
	return -ENOENT;
}

int limit_walk(struct limit_pass *pass, struct cgtune_limits *ret)
{
	struct walk cpu, memory;
	int r = levels_walk(pass, LIMIT_CPU, &cpu);

	if (r == 0)
		r = levels_walk(pass, LIMIT_MEMORY, &memory);
	if (r < 0)
		return r;
	fill_cpu(pass, &cpu, ret);
	fill_memory(pass, &memory, ret);
	return 0;
}

int limit_read(struct limit_pass *pass, struct cgtune_limits *ret)
{
	int r = -ENODEV;

	for (int i = 0; i < TRIES && r == -ENODEV; i++) {
		r = limit_find(pass);
		if (r == 0)
			r = limit_walk(pass, ret);
	}
	return r;
}

_public_ int cgtune_read(const struct cgtune_options *options, struct cgtune_limits *ret)
{
	struct cgtune_options ours;
	struct limit_pass pass;
	struct env env;
	int r = util_struct_check(ret, sizeof(*ret));

	if (r == 0)
		r = limit_options(options, &ours);
	if (r < 0)
		return r;
	env_read(&ours, ENV_FOR_LIMITS, &env);
	r = limit_open(&pass, &ours, &env);
	if (r < 0)
		return r;
	r = limit_read(&pass, ret);
	limit_close(&pass);
	if (r == 0)
		memset((char *)ret + sizeof(*ret), 0, ret->size - sizeof(*ret));
	return r;
}
