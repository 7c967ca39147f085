/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls-stat - `cgtune stalls` without a probe: what cpu.stat and the memory events of the groups tell */
#include "stalls.h"
#include "names.h"
#include "tool.h"

#include <errno.h>
#include <unistd.h>

#define POLL_S 1

static int read_subject(const struct stalls_subject *subject, struct rows *ret)
{
	if (!subject->cpu_path && !subject->memory_path)
		return rows_read(NULL, ret);
	return rows_read_one(subject->cpu_path, subject->memory_path, ret);
}

static bool counted(uint64_t n)
{
	return n && n != CGTUNE_UNKNOWN;
}

static bool has_stalls(const struct row *row)
{
	return counted(row->cpu.throttled) || counted(row->memory.high_events) || counted(row->memory.max_events) ||
		counted(row->memory.oom_kills);
}

int stalls_stat_collect(const struct stalls_subject *subject, struct stalls_list *list)
{
	bool all = !subject->cpu_path && !subject->memory_path;
	struct rows rows = { .rows = NULL };
	int r = read_subject(subject, &rows);

	list->rung = "stat";
	for (size_t i = 0; r == 0 && i < rows.count; i++) {
		const struct row *row = &rows.rows[i];
		struct stalls_group *group = all && !has_stalls(row) ? NULL : stalls_add(list, row->path);

		if (!group) {
			r = all && !has_stalls(row) ? 0 : -ENOMEM;
			continue;
		}
		group->counts.cgroup = row->id;
		group->counts.hierarchy = row->hierarchy;
		group->counts.nr_periods = row->cpu.periods;
		group->counts.nr_throttled = row->cpu.throttled;
		group->counts.throttled_ns = row->cpu.throttled_ns;
		group->memory.high_reclaims = row->memory.high_events;
		group->memory.max_reclaims = row->memory.max_events;
		group->memory.oom_kills = row->memory.oom_kills;
	}
	if (rows.count)
		rows_free(&rows);
	return r;
}

static bool has_changed(const struct row *old, const struct row *new)
{
	return old->cpu.throttled != new->cpu.throttled || old->cpu.throttled_ns != new->cpu.throttled_ns ||
		old->memory.high_events != new->memory.high_events ||
		old->memory.max_events != new->memory.max_events || old->memory.oom_kills != new->memory.oom_kills;
}

/* A group that is new has all its counters since it was made: it is told of from the next look on. */
int stalls_stat_follow(const struct stalls_subject *subject, bool json)
{
	struct rows old, new;
	uint64_t before = tool_now_ns(), now;
	int r = read_subject(subject, &old);

	while (r == 0 && fflush(stdout) == 0) {
		sleep(POLL_S);
		now = tool_now_ns();
		r = read_subject(subject, &new);
		if (r < 0)
			break;
		names_look();
		for (size_t i = 0; i < new.count; i++) {
			const struct row *known = rows_find(&old, new.rows[i].path);

			if (known && known->id == new.rows[i].id && has_changed(known, &new.rows[i]))
				stalls_print_delta(known, &new.rows[i], now - before, json);
		}
		rows_free(&old);
		old = new;
		before = now;
	}
	return r < 0 ? tool_failed("the files of the cgroups", r) : TOOL_FAILED;
}
