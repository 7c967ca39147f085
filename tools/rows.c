/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rows - cgroups with what their files say: CPU and memory of one path in one row, whatever the hierarchies */
#include "rows.h"
#include "groups.h"
#include "parse.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number behind key, or with NULL the only one. */
static uint64_t number_in(const char *text, ssize_t n, const char *key)
{
	uint64_t value;

	if (n < 0 || (key ? parse_stat(text, (size_t)n, key, &value) : parse_number(text, (size_t)n, &value)) < 0)
		return CGTUNE_UNKNOWN;
	return value;
}

uint64_t rows_number(const struct groups *groups, const char *path, const char *file, const char *key)
{
	char text[8192];		/* memory.stat */

	return number_in(text, groups_read(groups, path, file, text, sizeof(text)), key);
}

static uint64_t us_to_ns(uint64_t us)
{
	return us < UINT64_MAX / 1000 ? us * 1000 : CGTUNE_UNKNOWN;
}

static uint64_t limit(const struct groups *groups, const char *path, const char *file)
{
	char text[64];
	ssize_t n = groups_read(groups, path, file, text, sizeof(text));
	uint64_t bytes;

	return n >= 0 && parse_memory_max(text, (size_t)n, &bytes) > 0 ? bytes : CGTUNE_UNKNOWN;
}

static void read_quota(const struct groups *groups, const char *path, struct row_cpu *cpu)
{
	uint64_t quota, period;
	char text[64];
	ssize_t n;

	cpu->quota_us = cpu->period_us = CGTUNE_UNKNOWN;
	if (groups->version == 2) {
		n = groups_read(groups, path, "cpu.max", text, sizeof(text));
		if (n < 0 || parse_cpu_max(text, (size_t)n, &quota, &period) <= 0)
			return;
	} else {
		n = groups_read(groups, path, "cpu.cfs_quota_us", text, sizeof(text));
		period = rows_number(groups, path, "cpu.cfs_period_us", NULL);
		if (n < 0 || parse_cfs_quota(text, (size_t)n, &quota) <= 0 || period == CGTUNE_UNKNOWN)
			return;
	}
	cpu->quota_us = quota;
	cpu->period_us = period;
}

/* v1 counts it in a controller of its own, perhaps in another hierarchy. */
static uint64_t read_used(const struct groups *cpu, const struct groups *cpuacct, const char *path)
{
	return cpu->version == 2 ? us_to_ns(rows_number(cpu, path, "cpu.stat", "usage_usec")) :
		cpuacct ? rows_number(cpuacct, path, "cpuacct.usage", NULL) : CGTUNE_UNKNOWN;
}

static void read_cpu(const struct groups *groups, const char *path, struct row_cpu *cpu)
{
	bool v2 = groups->version == 2;
	char text[4096];
	ssize_t n = groups_read(groups, path, "cpu.stat", text, sizeof(text));

	read_quota(groups, path, cpu);
	cpu->periods = number_in(text, n, "nr_periods");
	cpu->throttled = number_in(text, n, "nr_throttled");
	cpu->throttled_ns = v2 ? us_to_ns(number_in(text, n, "throttled_usec")) : number_in(text, n, "throttled_time");
	if (v2)
		cpu->used_ns = us_to_ns(number_in(text, n, "usage_usec"));
}

/* memory.events.local has the events of the group's own limits, memory.events those below it, too. */
static void read_memory(const struct groups *groups, const char *path, struct row_memory *memory)
{
	bool v2 = groups->version == 2;
	char text[4096];
	ssize_t n;

	memory->current = rows_number(groups, path, v2 ? "memory.current" : "memory.usage_in_bytes", NULL);
	memory->limit = limit(groups, path, v2 ? "memory.max" : "memory.limit_in_bytes");
	memory->high = v2 ? limit(groups, path, "memory.high") : CGTUNE_UNKNOWN;
	n = groups_read(groups, path, v2 ? "memory.events.local" : "memory.oom_control", text, sizeof(text));
	if (v2 && n == -ENOENT)
		n = groups_read(groups, path, "memory.events", text, sizeof(text));
	memory->high_events = v2 ? number_in(text, n, "high") : CGTUNE_UNKNOWN;
	memory->max_events = v2 ? number_in(text, n, "max") : CGTUNE_UNKNOWN;
	memory->oom_events = v2 ? number_in(text, n, "oom") : CGTUNE_UNKNOWN;
	memory->oom_kills = number_in(text, n, "oom_kill");
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->path, ((const struct row *)b)->path);
}

const struct row *rows_find(const struct rows *rows, const char *path)
{
	const struct row key = { .path = (char *)path };

	return rows->count ? bsearch(&key, rows->rows, rows->count, sizeof(key), by_path) : NULL;
}

static struct row *add(struct rows *rows, const char *path)
{
	struct row *more = reallocarray(rows->rows, rows->count + 1, sizeof(*more)), *row;

	if (!more)
		return NULL;
	rows->rows = more;
	row = &more[rows->count];
	memset(row, 0xff, sizeof(*row));	/* CGTUNE_UNKNOWN in every number */
	row->has_cpu = row->has_memory = false;
	row->path = strdup(path);
	if (!row->path)
		return NULL;
	rows->count++;
	return row;
}

/* One hierarchy's walk; known: the rows of the walks before, which are sorted. */
struct walk {
	const struct groups *groups, *cpuacct;
	const struct rows_source *source;
	struct rows *rows, known;
	bool memory;
};

static int take(uint64_t id, const char *path, void *user)
{
	struct walk *walk = user;
	struct row *row = (struct row *)rows_find(&walk->known, path);

	if (!row) {
		row = add(walk->rows, path);
		if (!row)
			return -ENOMEM;
		walk->known.rows = walk->rows->rows;	/* it may have moved */
		row->id = id;
		row->hierarchy = walk->groups->hierarchy;
	}
	if (walk->memory) {
		row->has_memory = true;
		if (!walk->source || !walk->source->memory(id, &row->memory))
			read_memory(walk->groups, path, &row->memory);
	} else {
		row->has_cpu = true;
		if (!walk->source || !walk->source->cpu(id, &row->cpu))
			read_cpu(walk->groups, path, &row->cpu);
		if (row->cpu.used_ns == CGTUNE_UNKNOWN)
			row->cpu.used_ns = read_used(walk->groups, walk->cpuacct, path);
	}
	return 0;
}

/* The hierarchies, found. */
struct places {
	struct groups cpu, memory, cpuacct;
	bool has_cpu, has_memory, has_cpuacct;
};

static int find_places(struct places *ret)
{
	int r = groups_look_for("cpu", &ret->cpu, &ret->has_cpu);

	if (r == 0)
		r = groups_look_for("memory", &ret->memory, &ret->has_memory);
	ret->has_cpuacct = false;
	if (r == 0 && ret->has_cpu && ret->cpu.version == 1)
		r = groups_look_for("cpuacct", &ret->cpuacct, &ret->has_cpuacct);
	return r < 0 || ret->has_cpu || ret->has_memory ? r : -ENODATA;
}

static int walk_one(const struct places *places, bool memory, const struct rows_source *source, const char *only,
		    struct rows *rows)
{
	struct walk walk = {
		.groups = memory ? &places->memory : &places->cpu, .cpuacct = places->has_cpuacct ? &places->cpuacct : NULL,
		.source = source, .rows = rows, .known = *rows, .memory = memory,
	};
	uint64_t id;
	int r;

	if (!only)
		return groups_walk(walk.groups, take, &walk);
	only = groups_path(walk.groups, only);
	r = groups_id(walk.groups, only, &id);
	return r < 0 ? r : take(id, only, &walk);
}

int rows_read(const struct rows_source *source, struct rows *ret)
{
	struct rows rows = { .rows = NULL };
	static struct places places;
	int r = find_places(&places);

	if (source && source->refresh() < 0)
		source = NULL;
	if (r == 0 && places.has_cpu)
		r = walk_one(&places, false, source, NULL, &rows);
	if (rows.count)
		qsort(rows.rows, rows.count, sizeof(*rows.rows), by_path);
	if (r == 0 && places.has_memory)
		r = walk_one(&places, true, source, NULL, &rows);
	if (rows.count)
		qsort(rows.rows, rows.count, sizeof(*rows.rows), by_path);
	if (r < 0)
		rows_free(&rows);
	else
		*ret = rows;
	return r;
}

int rows_read_one(const char *cpu_path, const char *memory_path, struct rows *ret)
{
	struct rows rows = { .rows = NULL };
	static struct places places;
	int r = find_places(&places), cpu = -ENOENT, memory = -ENOENT;

	if (r < 0)
		return r;
	if (cpu_path && places.has_cpu)
		cpu = walk_one(&places, false, NULL, cpu_path, &rows);
	if (memory_path && places.has_memory)
		memory = walk_one(&places, true, NULL, memory_path, &rows);
	r = cpu == 0 || memory == 0 ? 0 : cpu == -ENOENT ? memory : cpu;
	if (r < 0)
		rows_free(&rows);
	else
		*ret = rows;
	return r;
}

void rows_free(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->rows[i].path);
	free(rows->rows);
	*rows = (struct rows){ .rows = NULL };
}
