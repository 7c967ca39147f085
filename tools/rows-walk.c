/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rows-walk - what the kernel counts of all cgroups in one pass, by BPF, in place of most of their files */
#include "rows.h"
#include "groups.h"
#include "cgtune-probe.h"

#include <errno.h>
#include <stdlib.h>

/* Of one hierarchy; the counters by cgroup id. */
struct walk {
	struct groups groups;
	struct cgtune_probe_walk *walk;
	struct cgtune_group_counters *counters;
	size_t count;
};

static struct walk cpu, memory;
static size_t room;			/* counters that each of them has room for */

static int by_id(const void *a, const void *b)
{
	const struct cgtune_group_counters *x = a, *y = b;

	return x->cgroup < y->cgroup ? -1 : x->cgroup > y->cgroup;
}

static int open_one(struct walk *walk, const char *controller, size_t most)
{
	struct cgtune_probe_options options = { .size = sizeof(options) };
	int r = groups_find(controller, &walk->groups);

	if (r == 0)
		r = cgtune_probe_walk_open(&options, walk->groups.mount, (uint32_t)most, &walk->walk);
	if (r < 0)
		return r;
	walk->counters = calloc(most, sizeof(*walk->counters));
	return walk->counters ? 0 : -ENOMEM;
}

static void close_one(struct walk *walk)
{
	cgtune_probe_walk_close(walk->walk);
	free(walk->counters);
	*walk = (struct walk){ .walk = NULL };
}

static int pass(struct walk *walk)
{
	int n;

	walk->counters[0].size = sizeof(walk->counters[0]);
	n = cgtune_probe_walk(walk->walk, walk->counters, room);
	if (n < 0)
		return n;
	walk->count = (size_t)n < room ? (size_t)n : room;
	qsort(walk->counters, walk->count, sizeof(*walk->counters), by_id);
	return 0;
}

static const struct cgtune_group_counters *find(const struct walk *walk, uint64_t id, uint64_t flag)
{
	const struct cgtune_group_counters key = { .cgroup = id }, *found;

	found = walk->count ? bsearch(&key, walk->counters, walk->count, sizeof(key), by_id) : NULL;
	return found && found->flags & flag ? found : NULL;
}

static bool take_cpu(uint64_t id, struct row_cpu *ret)
{
	const struct cgtune_group_counters *c = find(&cpu, id, CGTUNE_GROUP_CPU);

	if (!c)
		return false;
	ret->quota_us = c->quota_us;
	ret->period_us = c->quota_us == CGTUNE_UNLIMITED ? CGTUNE_UNKNOWN : c->period_us;
	ret->periods = c->nr_periods;
	ret->throttled = c->nr_throttled;
	ret->throttled_ns = c->throttled_ns;
	return true;
}

static bool take_memory(uint64_t id, struct row_memory *ret)
{
	const struct cgtune_group_counters *c = find(memory.walk ? &memory : &cpu, id, CGTUNE_GROUP_MEMORY);

	if (!c)
		return false;
	ret->current = c->memory;
	ret->limit = c->memory_max;
	ret->high = c->memory_high;
	ret->high_events = c->memory_events_local[CGTUNE_MEMORY_HIGH];
	ret->max_events = c->memory_events_local[CGTUNE_MEMORY_MAX];
	ret->oom_events = c->memory_events_local[CGTUNE_MEMORY_OOM];
	ret->oom_kills = c->memory_events_local[CGTUNE_MEMORY_OOM_KILL];
	return true;
}

static int refresh(void)
{
	int r = pass(&cpu);

	return r == 0 && memory.walk ? pass(&memory) : r;
}

static const struct rows_source source = { .refresh = refresh, .cpu = take_cpu, .memory = take_memory };

/* Room for twice as many as there are: others are read by their files. */
static size_t room_for(const char *controller)
{
	static struct groups groups;
	size_t n = 0;

	if (groups_find(controller, &groups) == 0)
		n = groups_count(&groups);
	return n < CGTUNE_PROBE_MOST_GROUPS / 2 - 256 ? 2 * n + 256 : CGTUNE_PROBE_MOST_GROUPS;
}

/* Where both controllers share a hierarchy, one walk is enough. */
const struct rows_source *rows_walk_open(void)
{
	static struct groups of_memory;
	size_t of_cpu = room_for("cpu");

	room = room_for("memory");
	if (room < of_cpu)
		room = of_cpu;
	if (open_one(&cpu, "cpu", room) < 0 ||
	    (groups_find("memory", &of_memory) == 0 && of_memory.hierarchy != cpu.groups.hierarchy &&
	     open_one(&memory, "memory", room) < 0) ||
	    refresh() < 0) {
		close_one(&cpu);
		close_one(&memory);
		return NULL;
	}
	return &source;
}
