/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top-lines - the table of `cgtune top`: what came between two readings, filtered, sorted, or as a tree */
#include "top.h"

#include "cgtune.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double ratio(uint64_t part, uint64_t whole)
{
	return part == CGTUNE_UNKNOWN || whole == CGTUNE_UNKNOWN || !whole ? -1 : (double)part / (double)whole;
}

/* Of the lower of high and limit: CGTUNE_UNKNOWN, which is none, is the largest. */
static double memory_share(const struct row_memory *memory)
{
	return ratio(memory->current, memory->high < memory->limit ? memory->high : memory->limit);
}

/* A cgroup that was not there before has no interval. */
static void take_row(const struct row *old, const struct row *new, uint64_t ns, struct top_line *line)
{
	const struct row_cpu *now = &new->cpu;

	*line = (struct top_line){
		.row = new, .quota = -1, .use = -1, .share = -1, .memory_share = memory_share(&new->memory),
		.throttled_ns = CGTUNE_UNKNOWN, .high = CGTUNE_UNKNOWN, .max = CGTUNE_UNKNOWN, .kills = CGTUNE_UNKNOWN,
	};
	if (now->quota_us != CGTUNE_UNKNOWN && now->period_us)
		line->quota = ratio(now->quota_us, now->period_us);
	if (!old)
		return;
	line->use = ratio(rows_between(old->cpu.used_ns, now->used_ns), ns);
	line->share = ratio(rows_between(old->cpu.throttled, now->throttled), rows_between(old->cpu.periods, now->periods));
	line->throttled_ns = rows_between(old->cpu.throttled_ns, now->throttled_ns);
	line->high = rows_between(old->memory.high_events, new->memory.high_events);
	line->max = rows_between(old->memory.max_events, new->memory.max_events);
	line->kills = rows_between(old->memory.oom_kills, new->memory.oom_kills);
}

static void take_counts(const struct cgtune_stalls *old, const struct cgtune_stalls *new, struct top_line *line)
{
	line->stops = line->wall_ns = CGTUNE_UNKNOWN;
	memset(line->hist, 0, sizeof(line->hist));
	if (!old || !new)
		return;
	line->stops = rows_between(old->throttles, new->throttles);
	line->wall_ns = rows_between(old->wall_ns, new->wall_ns);
	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		line->hist[i] = new->hist[i] >= old->hist[i] ? new->hist[i] - old->hist[i] : 0;
}

static void take_line(const struct top_reading *old, const struct top_reading *new, const struct row *row,
		      struct top_line *line)
{
	const struct row *before = rows_find(&old->rows, row->path);
	bool same = before && before->id == row->id, probed = same && row->has_cpu && old->counts.since_ns == new->counts.since_ns;

	take_row(same ? before : NULL, row, new->taken_ns - old->taken_ns, line);
	line->name = names_find(row->id, row->hierarchy);
	take_counts(probed ? counts_find(&old->counts, row->id, row->hierarchy) : NULL,
		    probed ? counts_find(&new->counts, row->id, row->hierarchy) : NULL, line);
}

/* Largest first, and what is not known last; what is equal by use, then by path. */
static int compare(const struct top_line *x, const struct top_line *y, const struct top_view *view)
{
	double a = top_column_value(view->sort, x), b = top_column_value(view->sort, y);
	int r = a < b ? 1 : a > b ? -1 : 0;

	if (r == 0 && view->sort == TOP_STOPPED)
		r = x->use < y->use ? 1 : x->use > y->use ? -1 : 0;
	if (r == 0)
		r = strcmp(x->row->path, y->row->path);
	return view->reverse ? -r : r;
}

static int by_view(const void *a, const void *b, void *user)
{
	return compare(a, b, user);
}

static bool is_wanted(const struct top_line *line, const struct top_view *view)
{
	return !*view->filter || strcasestr(line->row->path, view->filter) || (line->name && strcasestr(line->name, view->filter));
}

/* A line of a tree: its parent, by place in the table of all, and the first below it, as they come. */
struct node {
	struct top_line *line;
	struct node *parent, *below, *next;
	bool wanted;
};

/* The node of a path's directory; all of it is sorted by path. */
static struct node *find_parent(struct node *nodes, const struct rows *rows, const char *path)
{
	char above[2 * 4096];
	const struct row *row;
	char *slash;

	snprintf(above, sizeof(above), "%s", path);
	slash = strrchr(above, '/');
	if (!slash || strcmp(path, "/") == 0)
		return NULL;
	slash[slash == above] = '\0';
	row = rows_find(rows, above);
	return row ? &nodes[row - rows->rows] : NULL;
}

static int by_line(const void *a, const void *b, void *user)
{
	return compare((*(struct node *const *)a)->line, (*(struct node *const *)b)->line, user);
}

/* Link the nodes so that each list below one is in order; what is wanted brings what is above it. */
static struct node *link_nodes(struct node *nodes, struct node **order, size_t n, const struct rows *rows,
			       const struct top_view *view)
{
	struct node *top = NULL;

	for (size_t i = 0; i < n; i++) {
		order[i] = &nodes[i];
		nodes[i].parent = find_parent(nodes, rows, nodes[i].line->row->path);
		if (is_wanted(nodes[i].line, view))
			for (struct node *at = &nodes[i]; at && !at->wanted; at = at->parent)
				at->wanted = true;
	}
	qsort_r(order, n, sizeof(*order), by_line, (void *)view);
	for (size_t i = n; i-- > 0;) {
		struct node **list = order[i]->parent ? &order[i]->parent->below : &top;

		order[i]->next = *list;
		*list = order[i];
	}
	return top;
}

static void take_in_order(struct node *top, struct top_line *lines, size_t *count)
{
	struct node *at = top;
	unsigned depth = 0;

	while (at) {
		if (at->wanted) {
			at->line->depth = depth;
			lines[(*count)++] = *at->line;
		}
		if (at->wanted && at->below) {
			at = at->below;
			depth++;
			continue;
		}
		while (at && !at->next) {
			at = at->parent;
			depth -= at != NULL;
		}
		at = at ? at->next : NULL;
	}
}

/* The lines are those of all rows, in their order: parents are found by path before any is known to be wanted. */
static int make_tree(const struct rows *rows, const struct top_view *view, struct top_table *table)
{
	size_t n = table->total;
	struct node *nodes = calloc(n + 1, sizeof(*nodes)), **order = calloc(n + 1, sizeof(*order));
	struct top_line *lines = calloc(n + 1, sizeof(*lines));
	int r = nodes && order && lines ? 0 : -ENOMEM;

	if (r == 0) {
		for (size_t i = 0; i < n; i++)
			nodes[i].line = &table->lines[i];
		table->count = 0;
		take_in_order(link_nodes(nodes, order, n, rows, view), lines, &table->count);
		free(table->lines);
		table->lines = lines;
		lines = NULL;
	}
	free(nodes);
	free(order);
	free(lines);
	return r;
}

static void make_list(const struct top_view *view, struct top_table *table)
{
	table->count = 0;
	for (size_t i = 0; i < table->total; i++)
		if (is_wanted(&table->lines[i], view))
			table->lines[table->count++] = table->lines[i];
	qsort_r(table->lines, table->count, sizeof(*table->lines), by_view, (void *)view);
}

int top_table_make(const struct top_reading *old, const struct top_reading *new, const struct top_view *view,
		   struct top_table *ret)
{
	struct top_table table = { .total = new->rows.count, .ns = new->taken_ns - old->taken_ns };
	int r = 0;

	table.lines = calloc(table.total + 1, sizeof(*table.lines));
	if (!table.lines)
		return -ENOMEM;
	for (size_t i = 0; i < table.total; i++)
		take_line(old, new, &new->rows.rows[i], &table.lines[i]);
	if (view->tree)
		r = make_tree(&new->rows, view, &table);
	else
		make_list(view, &table);
	if (r < 0)
		top_table_free(&table);
	else
		*ret = table;
	return r;
}

void top_table_free(struct top_table *table)
{
	free(table->lines);
	*table = (struct top_table){ .lines = NULL };
}

const char *top_name(const struct top_line *line, bool tree, char room[NAMES_SHOWN])
{
	const char *path = line->row->path, *slash = tree && line->depth ? strrchr(path, '/') : NULL;

	return names_show(path, line->name, room) + (slash ? slash + 1 - path : 0);
}
