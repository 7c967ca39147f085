/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls - `cgtune stalls`: what limits did to the cgroups, counted by the probe, or else by their own files */
#include "stalls.h"
#include "names.h"
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_CGROUP = 256, KEY_PID, KEY_FOLLOW, KEY_JSON, KEY_BPFFS };

struct arguments {
	const char *cgroup, *bpffs;
	int32_t pid;
	bool follow, json;
};

static const struct argp_option options[] = {
	{ "cgroup", KEY_CGROUP, "PATH", 0, "of this cgroup only, as in /proc/PID/cgroup", 0 },
	{ "pid", KEY_PID, "PID", 0, "of this process's cgroup only", 0 },
	{ "follow", KEY_FOLLOW, NULL, 0, "print each stop when it has ended, until interrupted; without a probe what each second adds", 0 },
	{ "json", KEY_JSON, NULL, 0, "print one JSON object, or with --follow one for each stop", 0 },
	{ "bpffs", KEY_BPFFS, "DIR", 0, "the BPF file system that the probe is in; default /sys/fs/bpf", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_CGROUP:
		arguments->cgroup = tool_cgroup(argument);
		return 0;
	case KEY_PID:
		arguments->pid = tool_pid(argument);
		return 0;
	case KEY_FOLLOW:
		arguments->follow = true;
		return 0;
	case KEY_JSON:
		arguments->json = true;
		return 0;
	case KEY_BPFFS:
		arguments->bpffs = argument;
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "stalls takes no argument");
	case ARGP_KEY_END:
		tool_pid_or_cgroup(arguments->pid, arguments->cgroup);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct stalls_group *stalls_add(struct stalls_list *list, const char *path)
{
	struct stalls_group *more = reallocarray(list->groups, list->count + 1, sizeof(*more)), *group;

	if (!more)
		return NULL;
	list->groups = more;
	group = &more[list->count];
	memset(group, 0xff, sizeof(*group));	/* CGTUNE_UNKNOWN in every number */
	group->path = path ? strdup(path) : NULL;
	group->name = NULL;
	if (path && !group->path)
		return NULL;
	list->count++;
	return group;
}

struct stalls_group *stalls_find(const struct stalls_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->groups[i].path && strcmp(list->groups[i].path, path) == 0)
			return &list->groups[i];
	return NULL;
}

struct stalls_group *stalls_find_id(const struct stalls_list *list, uint64_t id, uint32_t hierarchy)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->groups[i].counts.cgroup == id && list->groups[i].counts.hierarchy == hierarchy)
			return &list->groups[i];
	return NULL;
}

static int by_time(const void *a, const void *b)
{
	const struct stalls_group *x = a, *y = b;
	uint64_t m = x->counts.throttled_ns + 1, n = y->counts.throttled_ns + 1;	/* unknown is last */

	return m < n ? 1 : -(m > n);
}

static void say_source(const struct arguments *arguments, bool probe, const char *why)
{
	if (arguments->json)
		return;
	if (probe)
		puts(arguments->follow ? "Each stop when it has ended, counted by the probe:" :
		     "Counted by the probe since it was started:");
	else
		printf("Counted by the cgroups' own files%s, as %s:\n",
		       arguments->follow ? ", looked at each second" : " since they were made", why);
	fflush(stdout);
}

static void print(const struct arguments *arguments, const struct stalls_list *list)
{
	if (arguments->json) {
		stalls_print_json(list);
		return;
	}
	stalls_print_table(list);
	stalls_print_histogram(list);
}

static void add_names(struct stalls_list *list)
{
	names_look();
	for (size_t i = 0; i < list->count; i++)
		list->groups[i].name = names_find(list->groups[i].counts.cgroup, list->groups[i].counts.hierarchy);
}

/* why: there is no probe. */
static int show(const struct arguments *arguments, const struct stalls_probe *probe, const char *why,
		const struct stalls_subject *subject)
{
	struct stalls_list list = { .rung = NULL };
	int r = probe ? probe->collect(probe->probe, subject, &list) : stalls_stat_collect(subject, &list);

	if (r == 0 && list.count)
		qsort(list.groups, list.count, sizeof(*list.groups), by_time);
	if (r == 0) {
		add_names(&list);
		say_source(arguments, probe, why);
		print(arguments, &list);
	}
	for (size_t i = 0; i < list.count; i++)
		free(list.groups[i].path);
	free(list.groups);
	return r < 0 ? tool_failed(subject->cpu_path ? subject->cpu_path : "the counts", r) : TOOL_DONE;
}

static int follow(const struct arguments *arguments, const struct stalls_probe *probe, const char *why,
		  const struct stalls_subject *subject)
{
	say_source(arguments, probe, why);
	return probe ? probe->follow(probe->probe, subject, arguments->json) :
		       stalls_stat_follow(subject, arguments->json);
}

/* The paths of a process are its own in each hierarchy; a path that was given is the same in both. */
static int find_subject(const struct arguments *arguments, const struct groups *cpu, struct stalls_subject *ret)
{
	static char paths[2][4096];
	struct groups memory;
	bool has_memory;
	int r;

	*ret = (struct stalls_subject){ arguments->cgroup, arguments->cgroup };
	if (!arguments->pid)
		return 0;
	r = groups_of_process(cpu, arguments->pid, paths[0], sizeof(paths[0]));
	if (r < 0)
		return r;
	ret->cpu_path = paths[0];
	r = groups_look_for("memory", &memory, &has_memory);
	if (has_memory &&
	    groups_of_process(&memory, arguments->pid, paths[1], sizeof(paths[1])) == 0)
		ret->memory_path = paths[1];
	return r;
}

int tool_stalls(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Print how often and for how long limits stopped each cgroup, since `cgtune probe start`; "
		"without a probe, what the kernel's own files tell.", NULL, NULL, NULL,
	};
	static char why[1024];
	static struct groups groups;
	struct arguments arguments = { .cgroup = NULL };
	struct stalls_probe opened, *probe = &opened;
	struct stalls_subject subject;
	int r;

	tool_parse(&argp, argc, argv, &arguments);
	r = groups_find("cpu", &groups);
	if (r < 0)
		return tool_failed("the cpu controller", r);
	r = find_subject(&arguments, &groups, &subject);
	if (r < 0)
		return tool_failed("--pid", r);
	if (stalls_probe_open(arguments.bpffs, probe, why, sizeof(why)) < 0)
		probe = NULL;
	r = (arguments.follow ? follow : show)(&arguments, probe, why, &subject);
	if (probe)
		probe->close(probe->probe);
	return r;
}
