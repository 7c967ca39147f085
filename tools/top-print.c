/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top-print - `cgtune top` without a screen: a table at each interval, or a JSON object */
#include "top.h"
#include "tool.h"
#include "tool-json.h"

#include <langinfo.h>
#include <string.h>

const char *top_source_of_rows(const struct top_sampler *sampler)
{
	return sampler->walk ? "the kernel's iterator of cgroups" : "cpu.stat and memory's files";
}

const char *top_source_of_stops(const struct top_sampler *sampler, char *room, size_t size)
{
	if (sampler->new.counts.known)
		snprintf(room, size, "single stops from the probe (%s)", sampler->probe.rung);
	else
		snprintf(room, size, "no single stops, as %s", sampler->probe.why);
	return room;
}

void top_print_table(const struct top_sampler *sampler, const struct top_table *table)
{
	bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	char room[320], cell[TOP_CELL], name[NAMES_SHOWN];

	if (*sampler->arguments->view.filter)
		printf("%zu of ", table->count);
	printf("%zu cgroups over %.1f s, from %s; %s\n", table->total, (double)table->ns / 1e9, top_source_of_rows(sampler),
	       top_source_of_stops(sampler, room, sizeof(room)));
	for (int c = 0; c < TOP_CGROUP && table->count; c++)
		printf("%*s ", (int)top_column_width(c), top_column_title(c));
	if (table->count)
		printf(" %s\n", top_column_title(TOP_CGROUP));
	for (size_t i = 0; i < table->count; i++) {
		for (int c = 0; c < TOP_CGROUP; c++)
			printf("%s ", top_column_text(c, &table->lines[i], utf8, cell));
		printf(" %*s", 2 * (int)table->lines[i].depth, "");
		tool_print_safe(stdout, top_name(&table->lines[i], sampler->arguments->view.tree, name));
		putchar('\n');
	}
}

static struct json_object *json_seconds(uint64_t ns)
{
	return tool_json_fraction(ns == CGTUNE_UNKNOWN ? -1 : (double)ns / 1e9);
}

static struct json_object *json_stalls(const struct top_line *l)
{
	struct json_object *object = tool_json_object(), *hist = tool_json_array();

	tool_json_add(object, "count", tool_json_number(l->stops));
	tool_json_add(object, "wall_seconds", json_seconds(l->wall_ns));
	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		tool_json_append(hist, tool_json_number(l->hist[i]));
	tool_json_add(object, "hist", hist);
	return object;
}

static struct json_object *json_line(const struct top_line *l)
{
	struct json_object *object = tool_json_object(), *memory = tool_json_object(),
		*events = tool_json_object();

	tool_json_add(object, "path", tool_json_string(l->row->path));
	tool_json_add(object, "name", tool_json_string(l->name));
	tool_json_add(object, "id", tool_json_number(l->row->id));
	tool_json_add(object, "hierarchy", tool_json_number(l->row->hierarchy));
	tool_json_add(object, "quota", tool_json_fraction(l->quota));
	tool_json_add(object, "use", tool_json_fraction(l->use));
	tool_json_add(object, "throttled_share", tool_json_fraction(l->share));
	tool_json_add(object, "throttled_seconds", json_seconds(l->throttled_ns));
	tool_json_add(object, "stalls", l->stops == CGTUNE_UNKNOWN ? NULL : json_stalls(l));
	tool_json_add(memory, "current", tool_json_number(l->row->memory.current));
	tool_json_add(memory, "limit", tool_json_number(l->row->memory.limit));
	tool_json_add(memory, "high", tool_json_number(l->row->memory.high));
	tool_json_add(object, "memory", memory);
	tool_json_add(events, "high", tool_json_number(l->high));
	tool_json_add(events, "max", tool_json_number(l->max));
	tool_json_add(events, "oom_kill", tool_json_number(l->kills));
	tool_json_add(object, "events", events);
	return object;
}

void top_print_json(const struct top_sampler *sampler, const struct top_table *table)
{
	struct json_object *object = tool_json_object(), *groups = tool_json_array();
	bool probe = sampler->new.counts.known;

	tool_json_add(object, "source", tool_json_string(sampler->walk ? "iter" : "stat"));
	tool_json_add(object, "probe", probe ? tool_json_string(sampler->probe.rung) : NULL);
	tool_json_add(object, "interval", tool_json_fraction((double)table->ns / 1e9));
	for (size_t i = 0; i < table->count; i++)
		tool_json_append(groups, json_line(&table->lines[i]));
	tool_json_add(object, "groups", groups);
	tool_json_print(object);
}
