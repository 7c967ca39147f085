/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls-probe - `cgtune stalls` by a started probe: its counts by group, and single stops as they end */
#include "stalls.h"
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_US 50000

/* The groups of the list, by id. */
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

static int collect_all(struct cgtune_probe *probe, const struct groups *groups, struct stalls_list *list)
{
	struct naming naming = { list, groups->hierarchy };
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	uint32_t cursor = 0;

	while (cgtune_probe_next(probe, &cursor, &counts) == 1) {
		struct stalls_group *group = stalls_add(list, NULL);

		if (!group)
			return -ENOMEM;
		group->counts = counts;
	}
	return groups_walk(groups, name_one, &naming);
}

/* One group; zeros where nothing has happened to it. */
static int collect_one(struct cgtune_probe *probe, const struct groups *groups, const char *path,
		       struct stalls_list *list)
{
	struct cgtune_stalls counts = { .size = sizeof(counts), .hierarchy = groups->hierarchy };
	struct stalls_group *group;
	int r = groups_id(groups, path, &counts.cgroup);

	if (r < 0)
		return r;
	r = cgtune_probe_read(probe, counts.cgroup, groups->hierarchy, &counts);
	if (r < 0 && r != -ENODATA)
		return r;
	group = stalls_add(list, groups_path(groups, path));
	if (!group)
		return -ENOMEM;
	group->counts = counts;
	return 0;
}

static int collect(struct cgtune_probe *probe, const struct groups *groups, const char *path,
		   struct stalls_list *list)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };

	cgtune_probe_state(probe, &state);
	list->rung = cgtune_probe_rung_name(state.rung);
	return path ? collect_one(probe, groups, path, list) : collect_all(probe, groups, list);
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

int stalls_probe_open(const char *bpffs, struct stalls_probe *ret, char *why, size_t size)
{
	struct cgtune_probe_options options = {
		.size = sizeof(options), .bpffs = bpffs, .text = why, .text_size = size,
	};
	int r = cgtune_probe_open(&options, &ret->probe);

	ret->collect = collect;
	ret->follow = follow;
	ret->close = cgtune_probe_close;
	if (r == -ENOENT)
		snprintf(why, size, "no probe is started (`cgtune probe start`, as root)");
	else if (r < 0 && !*why)
		snprintf(why, size, "%s", cgtune_strerror(r));
	why[strcspn(why, "\n")] = '\0';
	return r;
}
