/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls-probe - `cgtune stalls` by a started probe: its counts by group, and single stops as they end */
#include "counts.h"
#include "names.h"
#include "stalls.h"
#include "tool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define POLL_US 50000

/* The hierarchies that the probe's numbers are of; on v2 the same. */
static struct groups cpu, memory;
static bool has_memory;

static int find_hierarchies(void)
{
	int r = groups_find("cpu", &cpu);

	return r < 0 ? r : groups_look_for("memory", &memory, &has_memory);
}

/* Nothing has happened to the memory of a group; what is not counted on this kernel is not known. */
static void no_memory(const struct cgtune_probe_state *state, struct stalls_memory *ret)
{
	bool sleeps = state->memory_sleeps != CGTUNE_PROBE_SLEEPS_UNKNOWN || memory.version == 1;

	*ret = (struct stalls_memory){
		.high_sleeps = sleeps ? 0 : CGTUNE_UNKNOWN, .high_sleep_ns = sleeps ? 0 : CGTUNE_UNKNOWN,
	};
}

static void to_memory(const struct cgtune_memory_stalls *counts, struct stalls_memory *ret)
{
	*ret = (struct stalls_memory){
		counts->high_reclaims, counts->max_reclaims, counts->high_sleeps, counts->high_sleep_ns, counts->oom_kills,
	};
}

/* One group's counts, zeros where nothing has happened to it, to those of its path; or a group more. */
static int take_memory(struct cgtune_probe *probe, uint64_t id, const char *path, bool always, struct stalls_list *list)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct cgtune_memory_stalls counts = { .size = sizeof(counts) };
	struct stalls_group *group = stalls_find(list, path);
	int r = cgtune_probe_read_memory(probe, id, memory.hierarchy, &counts);

	if (!group && (r == 0 || always)) {
		group = stalls_add(list, path);
		if (!group)
			return -ENOMEM;
		group->counts.cgroup = id;
		group->counts.hierarchy = memory.hierarchy;
	}
	cgtune_probe_state(probe, &state);
	if (group && r == 0)
		to_memory(&counts, &group->memory);
	else if (group && r == -ENODATA)
		no_memory(&state, &group->memory);
	return 0;
}

struct walk {
	struct cgtune_probe *probe;
	struct stalls_list *list;
};

static int name_one(uint64_t id, const char *path, void *user)
{
	struct walk *walk = user;

	for (size_t i = 0; i < walk->list->count; i++) {
		struct stalls_group *group = &walk->list->groups[i];

		if (group->counts.cgroup == id && group->counts.hierarchy == cpu.hierarchy && !group->path)
			if (!(group->path = strdup(path)))
				return -ENOMEM;
	}
	return 0;
}

static int memory_of_one(uint64_t id, const char *path, void *user)
{
	struct walk *walk = user;

	return take_memory(walk->probe, id, path, false, walk->list);
}

/* Memory's of groups that are gone are told of where they had no CPU counts, too: each is a row. */
static int add_removed(struct cgtune_probe *probe, struct stalls_list *list)
{
	struct cgtune_memory_stalls counts = { .size = sizeof(counts) };
	uint32_t cursor = 0;
	int r;

	while ((r = counts_next_memory(probe, &cursor, &counts)) == 1) {
		struct stalls_group *group = stalls_find_id(list, counts.cgroup, counts.hierarchy);

		if (has_memory && counts.hierarchy == memory.hierarchy &&
		    groups_path_of(&memory, counts.cgroup, NULL, 0) == 0)
			continue;
		if (!group)
			group = stalls_add(list, NULL);
		if (!group)
			return -ENOMEM;
		group->counts.cgroup = counts.cgroup;
		group->counts.hierarchy = counts.hierarchy;
		to_memory(&counts, &group->memory);
	}
	return r;
}

static int collect_all(struct cgtune_probe *probe, struct stalls_list *list)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct walk walk = { probe, list };
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	uint32_t cursor = 0;
	int r;

	cgtune_probe_state(probe, &state);
	while ((r = counts_next(probe, &cursor, &counts)) == 1) {
		struct stalls_group *group = stalls_add(list, NULL);

		if (!group)
			return -ENOMEM;
		group->counts = counts;
		if (has_memory && memory.hierarchy == counts.hierarchy && state.memory_rung != CGTUNE_PROBE_NONE)
			no_memory(&state, &group->memory);
	}
	if (r == 0)
		r = groups_walk(&cpu, name_one, &walk);
	if (r == 0 && has_memory)
		r = groups_walk(&memory, memory_of_one, &walk);
	return r < 0 ? r : add_removed(probe, list);
}

/* One group; zeros where nothing has happened to it. */
static int collect_one(struct cgtune_probe *probe, const struct stalls_subject *subject, struct stalls_list *list)
{
	struct cgtune_stalls counts = { .size = sizeof(counts), .hierarchy = cpu.hierarchy };
	struct stalls_group *group;
	uint64_t id;
	int r = groups_id(&cpu, subject->cpu_path, &counts.cgroup), m = -ENOENT;

	if (has_memory && subject->memory_path)
		m = groups_id(&memory, subject->memory_path, &id);
	if (r < 0 && m < 0)
		return r;
	if (r == 0) {
		r = cgtune_probe_read(probe, counts.cgroup, cpu.hierarchy, &counts);
		if (r < 0 && r != -ENODATA)
			return r;
		group = stalls_add(list, groups_path(&cpu, subject->cpu_path));
		if (!group)
			return -ENOMEM;
		group->counts = counts;
	}
	return m < 0 ? 0 : take_memory(probe, id, groups_path(&memory, subject->memory_path), true, list);
}

static int collect(struct cgtune_probe *probe, const struct stalls_subject *subject, struct stalls_list *list)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	int r = find_hierarchies();

	cgtune_probe_state(probe, &state);
	list->rung = cgtune_probe_rung_name(state.rung);
	if (r < 0)
		return r;
	return subject->cpu_path ? collect_one(probe, subject, list) : collect_all(probe, list);
}

/* A group of an event. */
static struct stalls_place place_of(uint64_t id, uint32_t hierarchy, char room[4096])
{
	const struct groups *groups = hierarchy == cpu.hierarchy ? &cpu : has_memory ? &memory : NULL;
	bool there = id && groups && groups->hierarchy == hierarchy && groups_path_of(groups, id, room, 4096) == 0;

	return (struct stalls_place){ there ? room : NULL, names_find(id, hierarchy) };
}

static void print_event(const struct cgtune_stall_event *event, bool json)
{
	char rooms[2][4096];
	struct stalls_place limit = place_of(event->limit, event->hierarchy, rooms[0]),
		leaf = place_of(event->leaf, event->hierarchy, rooms[1]);

	(json ? stalls_print_event_json : stalls_print_event)(event, &limit, &leaf);
}

struct only {
	bool all;
	uint64_t cpu, memory;		/* 0: none */
};

static bool is_wanted(const struct only *only, const struct cgtune_stall_event *event)
{
	uint64_t id = event->kind == CGTUNE_STALL_THROTTLE ? only->cpu : only->memory;

	return only->all || (id && (event->limit == id || event->leaf == id));
}

static int find_only(const struct stalls_subject *subject, struct only *ret)
{
	int r, m = -ENOENT;

	*ret = (struct only){ .all = !subject->cpu_path };
	if (ret->all)
		return 0;
	r = groups_id(&cpu, subject->cpu_path, &ret->cpu);
	if (has_memory && subject->memory_path)
		m = groups_id(&memory, subject->memory_path, &ret->memory);
	return r < 0 && m < 0 ? r : 0;
}

static int follow(struct cgtune_probe *probe, const struct stalls_subject *subject, bool json)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct cgtune_stall_event event = { .size = sizeof(event) };
	uint64_t cursor;
	struct only only;
	int r = find_hierarchies();

	if (r == 0)
		r = find_only(subject, &only);
	if (r < 0)
		return tool_failed(subject->cpu_path ? subject->cpu_path : "the cpu controller", r);
	cgtune_probe_state(probe, &state);
	cursor = state.events;
	while (!state.stopped_ns) {
		names_look();
		while (cgtune_probe_next_event(probe, &cursor, &event) == 1)
			if (is_wanted(&only, &event))
				print_event(&event, json);
		if (fflush(stdout) != 0)
			return TOOL_FAILED;
		usleep(POLL_US);
		cgtune_probe_state(probe, &state);
	}
	fputs("cgtune: stalls: the probe was stopped\n", stderr);
	return TOOL_DONE;
}

int stalls_probe_open(const char *bpffs, struct stalls_probe *ret, char *why, size_t size)
{
	ret->collect = collect;
	ret->follow = follow;
	ret->close = cgtune_probe_close;
	return counts_open(bpffs, &ret->probe, why, size);
}
