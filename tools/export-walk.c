/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * export-walk - all groups by the kernel's iterator, with names that are kept from pass to pass
 *
 * A pass gives numbers by the inode of a group's directory. Names come of reading all
 * directories, which takes far longer than the pass: that is done again when a number comes that has no name, or, as
 * cgroups of v1 can be renamed, when the names are old.
 */
#include "export.h"
#include "groups.h"
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_OLD_NS (60 * 1000000000ull)
#define ROOM_LEAST 16384

/* One hierarchy. */
struct pass {
	struct groups groups;
	struct cgtune_probe_walk *walk;
	struct cgtune_group_counters *counters;
	size_t count;
};

struct name {
	char *path;
	uint64_t ids[2];		/* in the hierarchies of cpu and of memory */
};

struct place {
	uint64_t id;
	size_t name;
};

/* By path; and where each number is among them. */
static struct names {
	struct name *names;
	size_t count;
	struct place *places[2];
	size_t placed[2];
	uint64_t read_ns;
} names;

enum { CPU, MEMORY };
static struct pass passes[2];
static bool is_one;			/* hierarchy, of both */
static size_t room;

/* ---- names */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->path, ((const struct name *)b)->path);
}

static int by_id(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void free_names(struct names *old)
{
	for (size_t i = 0; i < old->count; i++)
		free(old->names[i].path);
	free(old->names);
	free(old->places[CPU]);
	free(old->places[MEMORY]);
	*old = (struct names){ .names = NULL };
}

struct reading {
	struct names *to;
	int which;
	size_t known;			/* names of the hierarchy before, which are sorted */
};

static int take_name(uint64_t id, const char *path, void *user)
{
	struct reading *reading = user;
	struct names *to = reading->to;
	struct name key = { .path = (char *)path }, *found;

	found = reading->known ? bsearch(&key, to->names, reading->known, sizeof(key), by_path) : NULL;
	if (!found) {
		if ((to->count & (to->count + 1)) == 0) {	/* one below a power of two, and 0: room for twice as many */
			struct name *more = reallocarray(to->names, 2 * to->count + 1, sizeof(*more));

			if (!more)
				return -ENOMEM;
			to->names = more;
		}
		found = &to->names[to->count];
		*found = (struct name){ .path = strdup(path) };
		if (!found->path)
			return -ENOMEM;
		to->count++;
	}
	found->ids[reading->which] = id;
	return 0;
}

static int make_places(struct names *to, int which)
{
	size_t n = 0;

	to->places[which] = calloc(to->count ? to->count : 1, sizeof(struct place));
	if (!to->places[which])
		return -ENOMEM;
	for (size_t i = 0; i < to->count; i++)
		if (to->names[i].ids[which])
			to->places[which][n++] = (struct place){ to->names[i].ids[which], i };
	qsort(to->places[which], n, sizeof(struct place), by_id);
	to->placed[which] = n;
	return 0;
}

static int read_names(void)
{
	struct names new = { .read_ns = export_now_ns() };
	int r = 0;

	for (int which = CPU; r == 0 && which <= MEMORY; which++) {
		struct reading reading = { &new, which, new.count };

		if (!is_one || which == CPU)
			r = groups_walk(&passes[which].groups, take_name, &reading);
		qsort(new.names, new.count, sizeof(*new.names), by_path);
	}
	for (size_t i = 0; is_one && i < new.count; i++)
		new.names[i].ids[MEMORY] = new.names[i].ids[CPU];
	for (int which = CPU; r == 0 && which <= MEMORY; which++)
		r = make_places(&new, which);
	if (r == 0) {
		free_names(&names);
		names = new;
	} else {
		free_names(&new);
	}
	return r;
}

static size_t find_name(int which, uint64_t id)
{
	const struct place key = { .id = id };
	const struct place *found = names.placed[which] ?
		bsearch(&key, names.places[which], names.placed[which], sizeof(key), by_id) : NULL;

	return found ? found->name : SIZE_MAX;
}

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

/* Of one hierarchy, each row where its name is; -ESTALE: one has none. */
static int fill(int which, struct row *rows)
{
	const struct pass *pass = &passes[is_one ? CPU : which];

	for (size_t i = 0; i < pass->count; i++) {
		const struct cgtune_group_counters *c = &pass->counters[i];
		size_t at = find_name(which, c->cgroup);

		if (at == SIZE_MAX)
			return -ESTALE;
		if (which == CPU || !rows[at].has_cpu) {
			rows[at].id = c->cgroup;
			rows[at].hierarchy = c->hierarchy;
		}
		rows[at].path = names.names[at].path;
		if (which == CPU && c->flags & CGTUNE_GROUP_CPU)
			fill_cpu(c, &rows[at]);
		if (which == MEMORY && c->flags & CGTUNE_GROUP_MEMORY)
			fill_memory(c, &rows[at]);
	}
	return 0;
}

/* Rows by path; a name that no row came to is of a group that is gone. */
static int make_rows(struct rows *ret)
{
	struct row *rows = reallocarray(NULL, names.count + 1, sizeof(*rows));
	size_t n = 0;
	int r;

	if (!rows)
		return -ENOMEM;
	memset(rows, 0xff, names.count * sizeof(*rows));	/* CGTUNE_UNKNOWN in every number */
	for (size_t i = 0; i < names.count; i++) {
		rows[i].path = NULL;
		rows[i].has_cpu = rows[i].has_memory = false;
	}
	r = fill(CPU, rows);
	if (r == 0)
		r = fill(MEMORY, rows);
	if (r < 0) {
		free(rows);
		return r;
	}
	for (size_t i = 0; i < names.count; i++)
		if (rows[i].path)
			rows[n++] = rows[i];
	*ret = (struct rows){ rows, n };
	return 0;
}

int export_walk(struct rows *ret)
{
	int r;

	if (!passes[CPU].walk)
		return -EOPNOTSUPP;
	/* Names after numbers: one that was made in between has a name too many, and none has too few. */
	r = run_pass(&passes[CPU]);
	if (r == 0 && !is_one)
		r = run_pass(&passes[MEMORY]);
	if (r == 0 && (!names.names || export_now_ns() - names.read_ns > NAMES_OLD_NS))
		r = read_names();
	if (r == 0)
		r = make_rows(ret);
	if (r == -ESTALE) {
		r = read_names();
		if (r == 0)
			r = make_rows(ret);
	}
	return r;
}

/* ---- open */

static int count(uint64_t id, const char *path, void *user)
{
	(void)id;
	(void)path;
	++*(size_t *)user;
	return 0;
}

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
	int r = groups_find("cpu", &passes[CPU].groups);

	if (r == 0)
		r = groups_find("memory", &passes[MEMORY].groups);
	if (r < 0)
		return r;
	is_one = passes[CPU].groups.hierarchy == passes[MEMORY].groups.hierarchy;
	for (int which = CPU; which <= MEMORY; which++)
		groups_walk(&passes[which].groups, count, &n[which]);
	most = n[CPU] > n[MEMORY] ? n[CPU] : n[MEMORY];
	room = 2 * most > ROOM_LEAST ? 2 * most : ROOM_LEAST;
	room = room < CGTUNE_PROBE_MOST_GROUPS ? room : CGTUNE_PROBE_MOST_GROUPS;
	r = open_pass(&passes[CPU]);
	if (r == 0 && !is_one)
		r = open_pass(&passes[MEMORY]);
	if (r < 0)
		export_walk_close();
	return r;
}

void export_walk_close(void)
{
	for (int which = CPU; which <= MEMORY; which++) {
		cgtune_probe_walk_close(passes[which].walk);
		free(passes[which].counters);
		passes[which] = (struct pass){ .walk = NULL };
	}
	free_names(&names);
}
