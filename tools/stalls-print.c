/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls-print - the counts as a table, as a histogram and as JSON; events as lines */
#include "stalls.h"
#include "names.h"
#include "tool.h"
#include "tool-json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *number(uint64_t value, char room[24])
{
	if (value == CGTUNE_UNKNOWN)
		return "-";
	snprintf(room, 24, "%" PRIu64, value);
	return room;
}

static const char *seconds(uint64_t ns, char room[32])
{
	return ns == CGTUNE_UNKNOWN ? "-" : tool_seconds(ns, room);
}

/* One that is gone by its name and its number, which other tools have seen, too. */
static void print_place(const struct stalls_place *place, uint64_t id)
{
	char room[NAMES_SHOWN];

	if (place->path) {
		tool_print_safe(stdout, names_show(place->path, place->name, room));
		return;
	}
	if (place->name) {
		tool_print_safe(stdout, place->name);
		putchar(' ');
	}
	printf("(removed, inode %" PRIu64 ")", id);
}

static void print_group(const struct stalls_group *group)
{
	print_place(&(struct stalls_place){ group->path, group->name }, group->counts.cgroup);
	putchar('\n');
}

static void print_cpu(const struct stalls_group *group)
{
	const struct cgtune_stalls *c = &group->counts;
	char throttles[24], episodes[24], uncharged[24], throttled[24], periods[24], both[64], ns[32], wall[32], most[32];

	snprintf(both, sizeof(both), "%s/%s", number(c->nr_throttled, throttled), number(c->nr_periods, periods));
	printf("%10s %10s %10s %10s %10s %10s %14s  ", number(c->throttles, throttles), seconds(c->throttled_ns, ns),
	       number(c->episodes, episodes), seconds(c->wall_ns, wall), seconds(c->max_ns, most),
	       number(c->uncharged, uncharged), both);
	print_group(group);
}

static bool has_memory(const struct stalls_group *group)
{
	const struct stalls_memory *m = &group->memory;
	const uint64_t counts[] = { m->high_reclaims, m->max_reclaims, m->high_sleeps, m->oom_kills };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i] && counts[i] != CGTUNE_UNKNOWN)
			return true;
	return false;
}

static void print_memory(const struct stalls_group *group)
{
	const struct stalls_memory *m = &group->memory;
	char high[24], max[24], sleeps[24], kills[24], slept[32];

	printf("%10s %10s %10s %10s %10s  ", number(m->high_reclaims, high), number(m->max_reclaims, max),
	       number(m->high_sleeps, sleeps), seconds(m->high_sleep_ns, slept), number(m->oom_kills, kills));
	print_group(group);
}

static bool has_cpu(const struct stalls_group *group)
{
	return group->counts.nr_throttled != CGTUNE_UNKNOWN || group->counts.throttles != CGTUNE_UNKNOWN;
}

static size_t count(const struct stalls_list *list, bool (*has)(const struct stalls_group *group))
{
	size_t n = 0;

	for (size_t i = 0; i < list->count; i++)
		n += has(&list->groups[i]);
	return n;
}

/* Two tables, as few groups have both, and a line for a terminal. */
void stalls_print_table(const struct stalls_list *list)
{
	bool cpu = count(list, has_cpu), memory = count(list, has_memory);

	if (!cpu && !memory)
		puts("No cgroup has met a limit.");
	if (cpu)
		printf("%10s %10s %10s %10s %10s %10s %14s  %s\n", "THROTTLES", "THROTTLED", "EPISODES", "WALL", "LONGEST",
		       "UNCHARGED", "OF PERIODS", "CGROUP");
	for (size_t i = 0; i < list->count; i++)
		if (has_cpu(&list->groups[i]))
			print_cpu(&list->groups[i]);
	if (!memory)
		return;
	printf("%s%10s %10s %10s %10s %10s  %s\n", cpu ? "\n" : "", "HIGH", "MAX", "SLEEPS", "SLEPT", "OOM KILLS", "CGROUP");
	for (size_t i = 0; i < list->count; i++)
		if (has_memory(&list->groups[i]))
			print_memory(&list->groups[i]);
}

void stalls_print_histogram(const struct stalls_list *list)
{
	uint64_t hist[CGTUNE_PROBE_HIST] = { 0 };

	for (size_t i = 0; i < list->count; i++)
		for (int k = 0; k < CGTUNE_PROBE_HIST && list->groups[i].counts.hist[k] != CGTUNE_UNKNOWN; k++)
			hist[k] += list->groups[i].counts.hist[k];
	tool_histogram("usecs", hist, CGTUNE_PROBE_HIST);
}

static struct json_object *json_hist(const uint64_t *hist)
{
	struct json_object *array;

	if (hist[0] == CGTUNE_UNKNOWN)
		return NULL;
	array = tool_json_array();
	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		tool_json_append(array, tool_json_number(hist[i]));
	return array;
}

struct member {
	const char *name;
	uint64_t value;
};

static void add_members(struct json_object *object, const struct member *members, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tool_json_add(object, members[i].name, tool_json_number(members[i].value));
}
#define ADD(object, members) add_members(object, members, sizeof(members) / sizeof((members)[0]))

static struct json_object *json_group(const struct stalls_group *group)
{
	struct json_object *object = tool_json_object(), *memory = tool_json_object();
	const struct cgtune_stalls *c = &group->counts;
	const struct stalls_memory *m = &group->memory;
	const struct member members[] = {
		{ "id", c->cgroup }, { "hierarchy", c->hierarchy }, { "throttles", c->throttles },
		{ "throttled_ns", c->throttled_ns }, { "episodes", c->episodes }, { "wall_ns", c->wall_ns },
		{ "max_ns", c->max_ns }, { "uncharged", c->uncharged }, { "nr_periods", c->nr_periods },
		{ "nr_throttled", c->nr_throttled }, { "hits", c->hits },
	}, memories[] = {
		{ "high_reclaims", m->high_reclaims }, { "max_reclaims", m->max_reclaims },
		{ "high_sleeps", m->high_sleeps }, { "high_sleep_ns", m->high_sleep_ns }, { "oom_kills", m->oom_kills },
	};

	tool_json_add(object, "path", tool_json_string(group->path));
	tool_json_add(object, "name", tool_json_string(group->name));
	ADD(object, members);
	tool_json_add(object, "hist", json_hist(c->hist));
	ADD(memory, memories);
	tool_json_add(object, "memory", memory);
	return object;
}

void stalls_print_json(const struct stalls_list *list)
{
	struct json_object *object = tool_json_object(), *groups = tool_json_array();

	tool_json_add(object, "rung", tool_json_string(list->rung));
	for (size_t i = 0; i < list->count; i++)
		tool_json_append(groups, json_group(&list->groups[i]));
	tool_json_add(object, "groups", groups);
	tool_json_print(object);
}

static const char *kind_name(uint32_t kind)
{
	return kind == CGTUNE_STALL_HIGH_SLEEP ? "high sleep" : kind == CGTUNE_STALL_OOM_KILL ? "OOM kill" : "throttle";
}

void stalls_print_event(const struct cgtune_stall_event *event, const struct stalls_place *limit, const struct stalls_place *leaf)
{
	char room[32];

	printf("%12.6f %-10s %10s  cpu %-3u limit ", (double)event->ended_ns / 1e9, kind_name(event->kind),
	       tool_seconds(event->duration_ns, room), event->cpu);
	if (event->limit)
		print_place(limit, event->limit);
	else
		fputs("(unknown)", stdout);
	if (event->leaf) {
		printf("  victim %u/%u ", event->tgid, event->pid);
		tool_print_safe(stdout, event->comm);
		fputs(" of ", stdout);
		print_place(leaf, event->leaf);
	}
	putchar('\n');
}

void stalls_print_event_json(const struct cgtune_stall_event *event, const struct stalls_place *limit,
			     const struct stalls_place *leaf)
{
	struct json_object *object = tool_json_object();
	const struct member members[] = {
		{ "number", event->number }, { "ended_ns", event->ended_ns }, { "duration_ns", event->duration_ns },
		{ "cpu", event->cpu }, { "limit_id", event->limit ? event->limit : CGTUNE_UNKNOWN }, { "leaf_id", event->leaf ? event->leaf : CGTUNE_UNKNOWN },
		{ "hierarchy", event->hierarchy }, { "pid", event->leaf ? event->pid : CGTUNE_UNKNOWN },
		{ "tgid", event->leaf ? event->tgid : CGTUNE_UNKNOWN },
	};

	ADD(object, members);
	tool_json_add(object, "kind", tool_json_string(kind_name(event->kind)));
	tool_json_add(object, "comm", event->leaf ? tool_json_string(event->comm) : NULL);
	tool_json_add(object, "limit", tool_json_string(limit->path));
	tool_json_add(object, "limit_name", tool_json_string(limit->name));
	tool_json_add(object, "leaf", tool_json_string(leaf->path));
	tool_json_add(object, "leaf_name", tool_json_string(leaf->name));
	tool_json_print(object);
}

static void print_count(uint64_t n, const char *what)
{
	if (n && n != CGTUNE_UNKNOWN)
		printf("%" PRIu64 " %s, ", n, what);
}

static void print_delta_plain(const struct row *row, const struct member *m)
{
	char room[NAMES_SHOWN];

	if (m[1].value != CGTUNE_UNKNOWN && m[1].value)
		printf("throttled in %" PRIu64 " of %" PRIu64 " periods, ", m[1].value, m[0].value);
	if (m[2].value != CGTUNE_UNKNOWN && m[2].value)
		printf("stopped for %s, ", tool_seconds(m[2].value, room));
	print_count(m[3].value, "reclaims for memory.high");
	print_count(m[4].value, "reclaims for memory.max");
	print_count(m[5].value, "OOM kills");
	tool_print_safe(stdout, names_show(row->path, names_find(row->id, row->hierarchy), room));
	putchar('\n');
}

void stalls_print_delta(const struct row *old, const struct row *new, uint64_t ns, bool json)
{
	const struct member members[] = {
		{ "nr_periods", rows_between(old->cpu.periods, new->cpu.periods) },
		{ "nr_throttled", rows_between(old->cpu.throttled, new->cpu.throttled) },
		{ "throttled_ns", rows_between(old->cpu.throttled_ns, new->cpu.throttled_ns) },
		{ "high_reclaims", rows_between(old->memory.high_events, new->memory.high_events) },
		{ "max_reclaims", rows_between(old->memory.max_events, new->memory.max_events) },
		{ "oom_kills", rows_between(old->memory.oom_kills, new->memory.oom_kills) },
		{ "id", new->id }, { "hierarchy", new->hierarchy }, { "interval_ns", ns },
	};
	struct json_object *object;

	if (!json) {
		print_delta_plain(new, members);
		return;
	}
	object = tool_json_object();
	tool_json_add(object, "path", tool_json_string(new->path));
	tool_json_add(object, "name", tool_json_string(names_find(new->id, new->hierarchy)));
	ADD(object, members);
	tool_json_print(object);
}
