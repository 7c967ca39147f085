/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls - `cgtune stalls`: what the probe counts, by cgroup, and single stops as they end */
#include "stalls.h"
#include "groups.h"
#include "tool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_US 50000

enum { KEY_CGROUP = 256, KEY_PID, KEY_FOLLOW, KEY_JSON, KEY_BPFFS };

struct arguments {
	const char *cgroup, *bpffs;
	int32_t pid;
	bool follow, json;
};

static const struct argp_option options[] = {
	{ "cgroup", KEY_CGROUP, "PATH", 0, "of this cgroup only, as in /proc/PID/cgroup", 0 },
	{ "pid", KEY_PID, "PID", 0, "of this process's cgroup only", 0 },
	{ "follow", KEY_FOLLOW, NULL, 0, "print each stop when it has ended, until interrupted", 0 },
	{ "json", KEY_JSON, NULL, 0, "print one JSON object, or with --follow one for each stop", 0 },
	{ "bpffs", KEY_BPFFS, "DIR", 0, "the BPF file system that the probe is in; default /sys/fs/bpf", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	char *end;

	switch (key) {
	case KEY_CGROUP:
		arguments->cgroup = argument;
		return 0;
	case KEY_PID:
		arguments->pid = (int32_t)strtol(argument, &end, 10);
		if (*end || arguments->pid <= 0)
			tool_usage(argument, "--pid wants the number of a process");
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
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The groups of the list, or of one event, by id. */
struct naming {
	struct stalls_list *list;
	uint32_t hierarchy;
};

static int name_one(uint64_t id, const char *path, void *user)
{
	struct naming *naming = user;

	for (size_t i = 0; i < naming->list->count; i++) {
		struct stalls_group *group = &naming->list->groups[i];

		if (group->counts.cgroup == id && group->counts.hierarchy == naming->hierarchy && !group->path)
			group->path = strdup(path);
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct stalls_group *x = a, *y = b;

	return x->counts.throttled_ns < y->counts.throttled_ns ? 1 : -(x->counts.throttled_ns > y->counts.throttled_ns);
}

static int collect(struct cgtune_probe *probe, const struct groups *groups, struct stalls_list *list)
{
	struct naming naming = { list, groups->hierarchy };
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	uint32_t cursor = 0;

	while (cgtune_probe_next(probe, &cursor, &counts) == 1) {
		struct stalls_group *more = reallocarray(list->groups, list->count + 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->groups = more;
		list->groups[list->count++] = (struct stalls_group){ NULL, counts };
	}
	if (list->count)
		qsort(list->groups, list->count, sizeof(*list->groups), by_time);
	return groups_walk(groups, name_one, &naming);
}

/* One group; zeros where nothing has happened to it. */
static int collect_one(struct cgtune_probe *probe, const struct groups *groups, const char *path,
		       struct stalls_list *list)
{
	struct cgtune_stalls counts = { .size = sizeof(counts), .hierarchy = groups->hierarchy };
	uint64_t id;
	int r = groups_id(groups, path, &id);

	if (r < 0)
		return r;
	counts.cgroup = id;
	r = cgtune_probe_read(probe, id, groups->hierarchy, &counts);
	if (r < 0 && r != -ENODATA)
		return r;
	list->groups = calloc(1, sizeof(*list->groups));
	if (!list->groups)
		return -ENOMEM;
	list->groups[0] = (struct stalls_group){ strdup(path), counts };
	list->count = 1;
	return 0;
}

struct name {
	uint64_t id;
	char path[4096];
};

static int take_name(uint64_t id, const char *path, void *user)
{
	struct name *name = user;

	if (id != name->id)
		return 0;
	snprintf(name->path, sizeof(name->path), "%s", path);
	return 1;
}

static const char *name_of(const struct groups *groups, uint64_t id, struct name *room)
{
	room->id = id;
	return id && groups_walk(groups, take_name, room) == 1 ? room->path : NULL;
}

static int follow(struct cgtune_probe *probe, const struct groups *groups, uint64_t only, bool json)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct cgtune_stall_event event = { .size = sizeof(event) };
	struct name limit, leaf;
	uint64_t cursor;

	cgtune_probe_state(probe, &state);
	cursor = state.events;
	while (!state.stopped_ns) {
		while (cgtune_probe_next_event(probe, &cursor, &event) == 1) {
			if (only && event.limit != only && event.leaf != only)
				continue;
			(json ? stalls_print_event_json : stalls_print_event)(&event, name_of(groups, event.limit, &limit),
									      name_of(groups, event.leaf, &leaf));
		}
		if (fflush(stdout) != 0)
			return TOOL_FAILED;
		usleep(POLL_US);
		cgtune_probe_state(probe, &state);
	}
	fputs("cgtune: stalls: the probe was stopped\n", stderr);
	return TOOL_DONE;
}

static void print(const struct arguments *arguments, const struct stalls_list *list)
{
	if (arguments->json) {
		stalls_print_json(list);
		return;
	}
	stalls_print_table(list);
	if (list->count == 1)
		stalls_print_histogram(&list->groups[0].counts);
}

static int show(const struct arguments *arguments, struct cgtune_probe *probe, const struct groups *groups,
		const char *path)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct stalls_list list = { .rung = NULL };
	uint64_t only = 0;
	int r = path ? groups_id(groups, path, &only) : 0;

	if (r < 0)
		return tool_failed(path, r);
	if (arguments->follow)
		return follow(probe, groups, only, arguments->json);
	cgtune_probe_state(probe, &state);
	list.rung = cgtune_probe_rung_name(state.rung);
	r = path ? collect_one(probe, groups, path, &list) : collect(probe, groups, &list);
	if (r == 0)
		print(arguments, &list);
	for (size_t i = 0; i < list.count; i++)
		free(list.groups[i].path);
	free(list.groups);
	return r < 0 ? tool_failed("the counts", r) : TOOL_DONE;
}

int tool_stalls(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Print how often and for how long limits stopped each cgroup since `cgtune probe start`.",
		NULL, NULL, NULL,
	};
	static char text[1024], path[4096];
	struct arguments arguments = { .cgroup = NULL };
	struct cgtune_probe_options o = { .size = sizeof(o), .text = text, .text_size = sizeof(text) };
	struct cgtune_probe *probe;
	struct groups groups;
	int r;

	tool_parse(&argp, argc, argv, &arguments);
	o.bpffs = arguments.bpffs;
	r = groups_find("cpu", &groups);
	if (r < 0)
		return tool_failed("the cpu controller", r);
	if (arguments.pid) {
		r = groups_of_process(&groups, arguments.pid, path, sizeof(path));
		if (r < 0)
			return tool_failed("--pid", r);
		arguments.cgroup = path;
	}
	r = cgtune_probe_open(&o, &probe);
	if (r == -ENOENT) {
		fputs("cgtune: stalls: nothing is counted: `cgtune probe start`, as root\n", stderr);
		return TOOL_FAILED;
	}
	if (r < 0) {
		text[strcspn(text, "\n")] = '\0';
		tool_usage_status = TOOL_FAILED;
		tool_usage("stalls", *text ? text : cgtune_strerror(r));
	}
	r = show(&arguments, probe, &groups, arguments.cgroup);
	cgtune_probe_close(probe);
	return r;
}
