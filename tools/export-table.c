/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-table - the groups from look to look: which are new, which are gone, and what the limits above make of each */
#include "export.h"
#include "groups.h"
#include "names.h"
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void free_group(struct export_group *group)
{
	free(group->path);
	free(group->name);
	export_labels_free(&group->labels);
}

/* ---- one look after the other */

/* Whether it is the same directory, and not a new one of that name. */
static bool is_same(const struct export_group *old, const struct row *row)
{
	return old->id == row->id && strcmp(old->path, row->path) == 0;
}

static bool same_memory(const struct row_memory *old, const struct row_memory *new)
{
	return old->limit == new->limit && old->high == new->high;
}

static void take_row(const struct row *row, struct export_group *group)
{
	if (group->has_cpu && row->has_cpu)
		group->cpu_changes += row->cpu.quota_us != group->cpu.quota_us || row->cpu.period_us != group->cpu.period_us;
	if (group->has_memory && row->has_memory)
		group->memory_changes += !same_memory(&group->memory, &row->memory);
	group->has_cpu = row->has_cpu;
	group->has_memory = row->has_memory;
	group->cpu = row->cpu;
	group->memory = row->memory;
}

static bool is_named(const struct export_group *group, const char *name)
{
	return name && group->name ? strcmp(name, group->name) == 0 : name == group->name;
}

/* The labels by the name that it has now. */
static int label(uint64_t id, uint32_t hierarchy, struct export_group *group)
{
	const char *name = names_find(id, hierarchy);
	struct export_labels labels;
	char *copy = NULL;

	if (group->labels.text.size && is_named(group, name))
		return 0;
	if ((name && !(copy = strdup(name))) || !export_labels_make(group->path, name, &labels)) {
		free(copy);
		return -ENOMEM;
	}
	free(group->name);
	export_labels_free(&group->labels);
	group->name = copy;
	group->labels = labels;
	return 0;
}

/* before_ms: of the look before, in which it was not there; 0: there was none. */
static int make_group(const struct row *row, const struct export_filter *filter, uint64_t before_ms,
		      struct export_group *ret)
{
	*ret = (struct export_group){
		.id = row->id, .since_ms = before_ms, .parent = SIZE_MAX,
		.sleeps = CGTUNE_UNKNOWN, .sleep_ns = CGTUNE_UNKNOWN,
	};
	ret->stalls.size = sizeof(ret->stalls);
	ret->shown = export_filter_takes(filter, row->path);
	ret->path = strdup(row->path);
	if (!ret->path || (ret->shown && label(row->id, row->hierarchy, ret) < 0)) {
		free_group(ret);
		return -ENOMEM;
	}
	take_row(row, ret);
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct export_group *)a)->path, ((const struct export_group *)b)->path);
}

/* The nearest group above that is seen. */
static size_t find_parent(const struct export_group *groups, size_t count, const char *path)
{
	char room[4096];
	struct export_group key = { .path = room }, *found;

	if (!path[1] || strlen(path) >= sizeof(room))
		return SIZE_MAX;
	strcpy(room, path);
	while (room[1]) {
		char *slash = strrchr(room, '/');

		slash[slash == room] = '\0';
		found = bsearch(&key, groups, count, sizeof(key), by_path);
		if (found)
			return (size_t)(found - groups);
	}
	return SIZE_MAX;
}

/* Those of before that are there still are moved to the new table, the others freed. */
static int merge(struct export_table *table, const struct rows *rows, const struct export_filter *filter)
{
	struct export_group *groups = calloc(rows->count ? rows->count : 1, sizeof(*groups));
	size_t old = 0, n = 0;
	int r = groups ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < rows->count; i++) {
		while (old < table->count && strcmp(table->groups[old].path, rows->rows[i].path) < 0)
			free_group(&table->groups[old++]);
		if (old < table->count && is_same(&table->groups[old], &rows->rows[i])) {
			groups[n] = table->groups[old++];
			take_row(&rows->rows[i], &groups[n]);
		} else {
			r = make_group(&rows->rows[i], filter, table->taken_ms, &groups[n]);
		}
		n += r == 0;
	}
	while (old < table->count)
		free_group(&table->groups[old++]);
	free(table->groups);
	table->groups = groups;
	table->count = n;
	for (size_t i = 0; i < n; i++)
		groups[i].parent = find_parent(groups, n, groups[i].path);
	return r;
}

static bool is_as_before(const struct export_table *table, const struct rows *rows)
{
	if (table->count != rows->count)
		return false;
	for (size_t i = 0; i < rows->count; i++)
		if (!is_same(&table->groups[i], &rows->rows[i]))
			return false;
	return true;
}

static int take_rows(struct export_table *table, const struct rows *rows, const struct export_filter *filter)
{
	bool renamed = names_look();
	int r = 0;

	if (!is_as_before(table, rows)) {
		r = merge(table, rows, filter);
	} else {
		for (size_t i = 0; i < rows->count; i++)
			take_row(&rows->rows[i], &table->groups[i]);
	}
	for (size_t i = 0; r == 0 && renamed && i < table->count; i++)
		if (table->groups[i].shown)
			r = label(rows->rows[i].id, rows->rows[i].hierarchy, &table->groups[i]);
	return r;
}

/* ---- what limits above a group make of it */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;			/* CGTUNE_UNKNOWN, no limit, is the most */
}

/* Whether a's quota is tighter: both are below 2^52. */
static bool is_tighter(const struct row_cpu *a, const struct row_cpu *b)
{
	if (a->quota_us == CGTUNE_UNKNOWN || b->quota_us == CGTUNE_UNKNOWN)
		return a->quota_us != CGTUNE_UNKNOWN;
	return (unsigned __int128)a->quota_us * b->period_us < (unsigned __int128)b->quota_us * a->period_us;
}

/* Those above come first. */
static void inherit(struct export_table *table)
{
	static const struct row_cpu no_quota = { .quota_us = CGTUNE_UNKNOWN, .period_us = CGTUNE_UNKNOWN };

	for (size_t i = 0; i < table->count; i++) {
		struct export_group *group = &table->groups[i];
		const struct export_group *above = group->parent == SIZE_MAX ? NULL : &table->groups[group->parent];

		group->cpu_least = group->has_cpu ? group->cpu : no_quota;
		group->memory_least = group->has_memory ? group->memory.limit : CGTUNE_UNKNOWN;
		group->high_least = group->has_memory ? group->memory.high : CGTUNE_UNKNOWN;
		if (!above)
			continue;
		if (is_tighter(&above->cpu_least, &group->cpu_least))
			group->cpu_least = above->cpu_least;
		group->memory_least = least(group->memory_least, above->memory_least);
		group->high_least = least(group->high_least, above->high_least);
	}
}

/* What cgtune_plan() decides for a process in the group that no affinity mask and no variable binds. */
static void plan(const struct cgtune_limits *host, struct export_group *group)
{
	const struct cgtune_options options = { .size = sizeof(options), .flags = CGTUNE_NO_ENV };
	struct cgtune_limits limits = *host;
	struct cgtune_plan plan = { .size = sizeof(plan) };
	bool quota = group->cpu_least.quota_us != CGTUNE_UNKNOWN && group->cpu_least.period_us;

	limits.cpu_quota_us = quota ? group->cpu_least.quota_us : 0;
	limits.cpu_period_us = quota ? group->cpu_least.period_us : 0;
	limits.memory = group->memory_least < host->memory_physical ? group->memory_least : CGTUNE_UNLIMITED;
	limits.memory_high = group->high_least < host->memory_physical ? group->high_least : CGTUNE_UNLIMITED;
	if (cgtune_plan(&options, &limits, &plan) < 0)
		plan = (struct cgtune_plan){ .memory = CGTUNE_UNKNOWN };
	group->threads = group->has_cpu && plan.threads ? plan.threads : CGTUNE_UNKNOWN;
	group->budget = group->has_memory ? plan.memory : CGTUNE_UNKNOWN;
}

/* CPUs and memory of the machine: the root's limits are those. */
static void read_host(struct cgtune_limits *ret)
{
	const struct cgtune_options options = { .size = sizeof(options), .flags = CGTUNE_NO_ENV, .cgroup = "/" };

	*ret = (struct cgtune_limits){ .size = sizeof(*ret), .cpus = 1, .memory_physical = CGTUNE_UNLIMITED };
	cgtune_read(&options, ret);
}

/* ---- a look */

static int look(struct rows *ret, bool files, bool *walked)
{
	*walked = !files && export_walk(ret) == 0;
	return *walked ? 0 : rows_read(NULL, ret);
}

static void find_ids(struct export_table *table)
{
	static struct groups cpu, memory;
	static bool found;

	if (!found) {
		found = groups_find("cpu", &cpu) == 0 && groups_find("memory", &memory) == 0;
		if (!found)
			return;
	}
	table->cpu_hierarchy = cpu.hierarchy;
	table->memory_hierarchy = memory.hierarchy;
	for (size_t i = 0; i < table->count; i++)
		if (table->groups[i].has_memory && !table->groups[i].memory_id && table->groups[i].shown &&
		    groups_id(&memory, table->groups[i].path, &table->groups[i].memory_id) < 0)
			table->groups[i].memory_id = 0;
}

static void fill(struct export_table *table)
{
	struct cgtune_limits host;

	read_host(&host);
	inherit(table);
	table->shown = 0;
	for (size_t i = 0; i < table->count; i++) {
		if (!table->groups[i].shown)
			continue;
		table->shown++;
		plan(&host, &table->groups[i]);
		export_stalls_take(table, &table->groups[i]);
	}
	table->hidden = table->count - table->shown;
}

int export_table_refresh(struct export_table *table, const struct export_options *options)
{
	uint64_t now_ns = tool_now_ns(), now_ms = tool_clock_ns(CLOCK_REALTIME) / 1000000;
	struct rows rows = { .rows = NULL };
	bool walked;
	int r = look(&rows, options->files, &walked);

	if (r < 0)
		return r;
	r = take_rows(table, &rows, &options->filter);
	if (walked)
		free(rows.rows);
	else
		rows_free(&rows);
	table->source = walked ? "iterator" : "files";
	table->taken_ns = now_ns;
	table->taken_ms = now_ms;
	find_ids(table);
	export_stalls_look(options->bpffs, table);
	fill(table);
	return r;
}

void export_table_free(struct export_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free_group(&table->groups[i]);
	free(table->groups);
	*table = (struct export_table){ .groups = NULL };
}
