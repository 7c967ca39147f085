/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls-print - the counts as a table, as a histogram and as JSON; events as lines */
#include "stalls.h"
#include "tool.h"
#include "tool-json.h"

#include <inttypes.h>
#include <stdio.h>

#define STARS 40

static const char *number(uint64_t value, char room[24])
{
	if (value == CGTUNE_UNKNOWN)
		return "-";
	snprintf(room, 24, "%" PRIu64, value);
	return room;
}

void stalls_print_table(const struct stalls_list *list)
{
	printf("%10s %12s %10s %12s %12s %10s  %s\n", "THROTTLES", "THROTTLED", "EPISODES", "WALL", "LONGEST", "UNCHARGED",
	       "CGROUP");
	for (size_t i = 0; i < list->count; i++) {
		const struct cgtune_stalls *c = &list->groups[i].counts;
		char ns[32], wall[32], most[32], uncharged[24];

		printf("%10" PRIu64 " %12s %10" PRIu64 " %12s %12s %10s  ", c->throttles, tool_seconds(c->throttled_ns, ns),
		       c->episodes, tool_seconds(c->wall_ns, wall), tool_seconds(c->max_ns, most),
		       number(c->uncharged, uncharged));
		if (list->groups[i].path)
			tool_print_safe(stdout, list->groups[i].path);
		else
			printf("removed, inode %" PRIu64, c->cgroup);
		putchar('\n');
	}
}

void stalls_print_histogram(const struct cgtune_stalls *counts)
{
	uint64_t most = 0;
	int last = -1;

	for (int i = 0; i < CGTUNE_PROBE_HIST; i++) {
		if (counts->hist[i])
			last = i;
		if (counts->hist[i] > most)
			most = counts->hist[i];
	}
	if (last < 0)
		return;
	printf("\n%24s               : count    distribution\n", "usecs");
	for (int i = 0; i <= last; i++) {
		int stars = (int)(counts->hist[i] * STARS / most);

		printf("%20llu -> %-10llu : %-8" PRIu64 "|", i ? 1ULL << i : 0, (2ULL << i) - 1, counts->hist[i]);
		for (int n = 0; n < STARS; n++)
			putchar(n < stars ? '*' : ' ');
		puts("|");
	}
}

static struct json_object *json_number(uint64_t value)
{
	return value == CGTUNE_UNKNOWN ? NULL : json_object_new_uint64(value);
}

static struct json_object *json_group(const struct stalls_group *group)
{
	struct json_object *object = json_object_new_object(), *hist = json_object_new_array();
	const struct cgtune_stalls *c = &group->counts;
	const struct {
		const char *name;
		uint64_t value;
	} members[] = {
		{ "id", c->cgroup }, { "hierarchy", c->hierarchy }, { "throttles", c->throttles },
		{ "throttled_ns", c->throttled_ns }, { "episodes", c->episodes }, { "wall_ns", c->wall_ns },
		{ "max_ns", c->max_ns }, { "uncharged", c->uncharged }, { "nr_periods", c->nr_periods },
		{ "nr_throttled", c->nr_throttled }, { "hits", c->hits },
	};

	json_object_object_add(object, "path", tool_json_string(group->path));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_object_object_add(object, members[i].name, json_number(members[i].value));
	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		json_object_array_add(hist, json_object_new_uint64(c->hist[i]));
	json_object_object_add(object, "hist", hist);
	json_object_object_add(object, "memory", NULL);
	return object;
}

void stalls_print_json(const struct stalls_list *list)
{
	struct json_object *object = json_object_new_object(), *groups = json_object_new_array();

	json_object_object_add(object, "rung", json_object_new_string(list->rung));
	for (size_t i = 0; i < list->count; i++)
		json_object_array_add(groups, json_group(&list->groups[i]));
	json_object_object_add(object, "groups", groups);
	tool_json_print(object);
}

void stalls_print_event(const struct cgtune_stall_event *event, const char *path, const char *leaf)
{
	char room[32];

	printf("%12.6f %10s  cpu %-3u limit ", (double)event->ended_ns / 1e9, tool_seconds(event->duration_ns, room),
	       event->cpu);
	tool_print_safe(stdout, path ? path : "(removed)");
	if (event->leaf) {
		printf("  victim %u/%u ", event->tgid, event->pid);
		tool_print_safe(stdout, event->comm);
		fputs(" of ", stdout);
		tool_print_safe(stdout, leaf ? leaf : "(removed)");
	}
	putchar('\n');
}

void stalls_print_event_json(const struct cgtune_stall_event *event, const char *path, const char *leaf)
{
	struct json_object *object = json_object_new_object();
	const struct {
		const char *name;
		uint64_t value;
	} members[] = {
		{ "number", event->number }, { "ended_ns", event->ended_ns }, { "duration_ns", event->duration_ns },
		{ "cpu", event->cpu }, { "limit_id", event->limit }, { "leaf_id", event->leaf ? event->leaf : CGTUNE_UNKNOWN },
		{ "hierarchy", event->hierarchy }, { "pid", event->leaf ? event->pid : CGTUNE_UNKNOWN },
		{ "tgid", event->leaf ? event->tgid : CGTUNE_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_object_object_add(object, members[i].name, json_number(members[i].value));
	json_object_object_add(object, "comm", event->leaf ? tool_json_string(event->comm) : NULL);
	json_object_object_add(object, "limit", tool_json_string(path));
	json_object_object_add(object, "leaf", tool_json_string(leaf));
	tool_json_print(object);
}
