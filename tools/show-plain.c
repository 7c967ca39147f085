/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show-plain - `cgtune show` for a person: aligned, and coloured on a terminal */
#include "show.h"
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One row: its name, the figure, and where that came from. */
static void row(const char *name, const char *figure, const char *origin)
{
	printf("%s%-10s%s %-16s %s", tool_style(1, TOOL_BOLD), name, tool_style(1, TOOL_RESET), figure, tool_style(1, TOOL_DIM));
	tool_print_safe(stdout, origin);
	printf("%s\n", tool_style(1, TOOL_RESET));
}

static void origin(char *room, size_t size, const char *file, uint32_t source, uint32_t version)
{
	if (!*file) {
		snprintf(room, size, "%s", source == CGTUNE_SOURCE_HOST ? "no limit was found" :
			 source == CGTUNE_SOURCE_AFFINITY ? "no quota; the affinity mask decides" :
			 cgtune_source_name(source));
		return;
	}
	snprintf(room, size, "%s (cgroup v%" PRIu32 ")", file, version);
}

static void limit_rows(const struct show *show)
{
	const struct cgtune_limits *l = &show->limits;
	char from[CGTUNE_PATH_SIZE + 32], figure[64], room[32];

	snprintf(figure, sizeof(figure), "%" PRIu32, l->cpus);
	row("CPUs", figure, l->cpus_source == CGTUNE_SOURCE_AFFINITY ? "the affinity mask, fewer than are online" :
	    "the affinity mask");
	row("RAM", l->memory_physical ? tool_bytes(l->memory_physical, room) : "unknown", "of the host");
	origin(from, sizeof(from), l->cpu_from, l->cpu_source, l->cpu_hierarchy);
	if (l->cpu_period_us)
		snprintf(figure, sizeof(figure), "%.6g CPU%s", (double)l->cpu_quota_us / (double)l->cpu_period_us,
			 l->cpu_quota_us == l->cpu_period_us ? "" : "s");
	row("CPU limit", l->cpu_period_us ? figure : "none", from);
	origin(from, sizeof(from), l->memory_from, l->memory_source, l->memory_hierarchy);
	row("memory", l->memory == CGTUNE_UNLIMITED ? "none" : tool_bytes(l->memory, room),
	    l->memory == CGTUNE_UNLIMITED && l->memory_high != CGTUNE_UNLIMITED ? "" : from);
	if (l->memory_high != CGTUNE_UNLIMITED)
		row("  high", tool_bytes(l->memory_high, room), l->memory == CGTUNE_UNLIMITED ? from : "");
	if (show->available != CGTUNE_UNKNOWN)
		row("  left", tool_bytes(show->available, room), "limit minus use that cannot be reclaimed");
}

static void decision_rows(const struct show *show)
{
	const struct cgtune_plan *p = &show->plan;
	char figure[32], from[64], room[32];

	snprintf(figure, sizeof(figure), "%" PRIu32, p->threads);
	snprintf(from, sizeof(from), "from %s", cgtune_source_name(p->threads_source));
	row("threads", figure, from);
	snprintf(from, sizeof(from), "from %s", cgtune_source_name(p->memory_source));
	row("budget", p->memory == CGTUNE_UNLIMITED ? "none" : tool_bytes(p->memory, room), from);
	if (p->threads_source == CGTUNE_SOURCE_OFF)
		printf("\nCGTUNE is off: nothing is changed.\n");
	else if (!p->limited && p->threads_source <= CGTUNE_SOURCE_HOST && p->memory_source <= CGTUNE_SOURCE_HOST)
		printf("\nNo limits: nothing is changed.\n");
}

static void throttle_rows(const struct show *show)
{
	const struct cgtune_throttle *t = &show->throttle;
	const char *hint = show_hint(show);
	char room[32];

	if (t->periods != CGTUNE_UNKNOWN && t->throttled != CGTUNE_UNKNOWN && (show->why || t->throttled)) {
		printf("\nthrottled %" PRIu64 " of %" PRIu64 " periods", t->throttled, t->periods);
		if (t->throttled_ns != CGTUNE_UNKNOWN)
			printf(", %s in all", tool_seconds(t->throttled_ns, room));
		if (show->why && *show->limits.cpu_from) {
			fputs(", by ", stdout);
			tool_print_safe(stdout, show->limits.cpu_from);
		}
		printf("\n");
	}
	if (show->why && t->throttles != CGTUNE_UNKNOWN) {
		printf("  stopped %" PRIu64 " times for %s", t->throttles, tool_seconds(t->wall_ns, room));
		printf(", at most %s at once, by the probe since it was started\n", tool_seconds(t->max_ns, room));
	}
	if (hint)
		printf("%s%s%s\n", tool_style(1, TOOL_YELLOW), hint, tool_style(1, TOOL_RESET));
}

static bool decided(const struct show *show, const struct show_line *line)
{
	return line->file && (strcmp(line->file, show->limits.cpu_from) == 0 ||
			      strcmp(line->file, show->limits.memory_from) == 0);
}

static void level_rows(const struct show *show)
{
	printf("\n%sEvery file that was looked at%s (* decided)\n", tool_style(1, TOOL_BOLD), tool_style(1, TOOL_RESET));
	for (size_t i = 0; i < show->count; i++) {
		const struct show_line *line = &show->lines[i];

		if (line->kind == CGTUNE_REPORT_WARNING)
			continue;
		printf("%c ", decided(show, line) ? '*' : ' ');
		if (line->file) {
			tool_print_safe(stdout, line->file);
			printf(": ");
			tool_print_safe(stdout, line->value ? line->value : "");
			printf("  ");
		}
		printf("%s%s%s\n", tool_style(1, TOOL_DIM), line->text, tool_style(1, TOOL_RESET));
	}
}

static void warnings(const struct show *show)
{
	for (size_t i = 0; i < show->count; i++) {
		const struct show_line *line = &show->lines[i];

		if (line->kind == CGTUNE_REPORT_WARNING)
			tool_warn(line->file, line->variable, line->value, line->text);
	}
}

void show_plain(const struct show *show)
{
	limit_rows(show);
	decision_rows(show);
	throttle_rows(show);
	if (show->why)
		level_rows(show);
	fflush(stdout);
	warnings(show);
}
