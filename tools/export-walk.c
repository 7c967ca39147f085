/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * export-walk - all groups by the kernel's iterator, with their names
 *
 * Where the kernel has both controllers in one hierarchy a pass of that is enough.
 */
#include "export.h"
#include "export-names.h"
#include "groups.h"
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Cgroups of v1 can be renamed: names that old are read again. */
#define NAMES_OLD_NS (600 * 1000000000ull)
#define ROOM_LEAST 16384

/* One hierarchy. */
struct pass {
	struct groups groups;
	struct cgtune_probe_walk *walk;
	struct cgtune_group_counters *counters;
	size_t count;
};

static struct pass passes[2];
static bool is_one;			/* hierarchy, of both */
static size_t room;
static uint64_t named_ns;		/* since when names are kept */

/* ---- passes */

static int run_pass(struct pass *pass)
{
	int n;

	pass->counters[0].size = sizeof(pass->counters[0]);
	n = cgtune_probe_walk(pass->walk, pass->counters, room);
	if (n < 0)
		return n;
	if ((size_t)n > room)
		return -ENOSPC;
	pass->count = (size_t)n;
	return 0;
}

static void fill_cpu(const struct cgtune_group_counters *c, struct row *row)
{
	row->has_cpu = true;
	row->cpu.quota_us = c->quota_us;	/* CGTUNE_UNLIMITED is CGTUNE_UNKNOWN */
	row->cpu.period_us = c->quota_us == CGTUNE_UNLIMITED ? CGTUNE_UNKNOWN : c->period_us;
	row->cpu.periods = c->nr_periods;
	row->cpu.throttled = c->nr_throttled;
	row->cpu.throttled_ns = c->throttled_ns;
}

static void fill_memory(const struct cgtune_group_counters *c, struct row *row)
{
	row->has_memory = true;
	row->memory.current = c->memory;
	row->memory.limit = c->memory_max;
	row->memory.high = c->memory_high;
	row->memory.high_events = c->memory_events_local[CGTUNE_MEMORY_HIGH];
	row->memory.max_events = c->memory_events_local[CGTUNE_MEMORY_MAX];
	row->memory.oom_events = c->memory_events_local[CGTUNE_MEMORY_OOM];
	row->memory.oom_kills = c->memory_events_local[CGTUNE_MEMORY_OOM_KILL];
}

/*
 * The names of all that the pass found. It gives those above before those below, so the group that
 * a new one is in is the last one before it of the level above.
 */
static int name_all(int which)
{
	static uint64_t above[4096];		/* by level */
	const struct pass *pass = &passes[which];
	int r = pass->count ? export_names_root(which, pass->counters[0].cgroup) : 0;

	for (size_t i = 0; r == 0 && i < pass->count; i++) {
		const struct cgtune_group_counters *c = &pass->counters[i];
		struct export_name *name = export_names_find(which, c->cgroup);

		if (c->level >= sizeof(above) / sizeof(above[0]))
			return -ENAMETOOLONG;
		above[c->level] = c->cgroup;
		if (!name && c->level) {
			struct export_name *parent = export_names_find(which, above[c->level - 1]);

			r = parent ? export_names_read(which, pass->groups.mount, parent) : 0;
			name = export_names_find(which, c->cgroup);
		}
		if (name)			/* else it is gone already */
			name->seen = true;
	}
	return r;
}

/* Of one hierarchy, each row where its name is. */
static void fill(int which, bool cpu, bool memory, struct row *rows)
{
	const struct pass *pass = &passes[which];

	for (size_t i = 0; i < pass->count; i++) {
		const struct cgtune_group_counters *c = &pass->counters[i];
		const struct export_name *name = export_names_find(which, c->cgroup);
		struct row *row;

		if (!name)
			continue;
		row = &rows[name->at];
		if (!row->path) {
			row->path = name->path;
			row->id = c->cgroup;
			row->hierarchy = c->hierarchy;
		}
		if (cpu && c->flags & CGTUNE_GROUP_CPU)
			fill_cpu(c, row);
		if (memory && c->flags & CGTUNE_GROUP_MEMORY)
			fill_memory(c, row);
	}
}

static int make_rows(struct rows *ret)
{
	size_t n = export_names_order();
	struct row *rows = reallocarray(NULL, n + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	memset(rows, 0xff, n * sizeof(*rows));	/* CGTUNE_UNKNOWN in every number */
	for (size_t i = 0; i < n; i++) {
		rows[i].path = NULL;
		rows[i].has_cpu = rows[i].has_memory = false;
	}
	fill(EXPORT_CPU, true, is_one, rows);
	if (!is_one)
		fill(EXPORT_MEMORY, false, true, rows);
	*ret = (struct rows){ rows, n };	/* each has its path: who was not seen has no name any more */
	return 0;
}

int export_walk(struct rows *ret)
{
	int r;

	if (!passes[EXPORT_CPU].walk)
		return -EOPNOTSUPP;
	if (tool_now_ns() - named_ns > NAMES_OLD_NS) {
		export_names_free();
		named_ns = tool_now_ns();
	}
	r = run_pass(&passes[EXPORT_CPU]);
	if (r == 0 && !is_one)
		r = run_pass(&passes[EXPORT_MEMORY]);
	if (r < 0)
		return r;
	export_names_begin();
	r = name_all(EXPORT_CPU);
	if (r == 0 && !is_one)
		r = name_all(EXPORT_MEMORY);
	if (r < 0)
		return r;
	export_names_prune();
	return make_rows(ret);
}

/* ---- open */

static int open_pass(struct pass *pass)
{
	struct cgtune_probe_options options = { .size = sizeof(options) };
	int r = cgtune_probe_walk_open(&options, pass->groups.mount, (uint32_t)room, &pass->walk);

	if (r < 0)
		return r;
	pass->counters = calloc(room, sizeof(*pass->counters));
	return pass->counters ? 0 : -ENOMEM;
}

/* Room for twice as many groups as there are, as there may be no privilege to make more: else files have to do. */
int export_walk_open(void)
{
	size_t n[2] = { 0, 0 }, most;
	int r = groups_find("cpu", &passes[EXPORT_CPU].groups);

	if (r == 0)
		r = groups_find("memory", &passes[EXPORT_MEMORY].groups);
	if (r < 0)
		return r;
	is_one = passes[EXPORT_CPU].groups.hierarchy == passes[EXPORT_MEMORY].groups.hierarchy;
	for (int which = EXPORT_CPU; which <= EXPORT_MEMORY; which++)
		n[which] = groups_count(&passes[which].groups);
	most = n[EXPORT_CPU] > n[EXPORT_MEMORY] ? n[EXPORT_CPU] : n[EXPORT_MEMORY];
	room = 2 * most > ROOM_LEAST ? 2 * most : ROOM_LEAST;
	room = room < CGTUNE_PROBE_MOST_GROUPS ? room : CGTUNE_PROBE_MOST_GROUPS;
	r = open_pass(&passes[EXPORT_CPU]);
	if (r == 0 && !is_one)
		r = open_pass(&passes[EXPORT_MEMORY]);
	if (r < 0)
		export_walk_close();
	return r;
}

void export_walk_close(void)
{
	for (int which = EXPORT_CPU; which <= EXPORT_MEMORY; which++) {
		cgtune_probe_walk_close(passes[which].walk);
		free(passes[which].counters);
		passes[which] = (struct pass){ .walk = NULL };
	}
	export_names_free();
}
