/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * top - what the parts of `cgtune top` share
 *
 *   cgroups' files, the kernel, a probe -top-sample-> two readings -top-lines-> a table -top-print, top-screen-> a person
 */
#ifndef CGTUNE_TOP_H
#define CGTUNE_TOP_H

#include "counts.h"
#include "names.h"
#include "rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is asked for. */
struct top_view {
	int sort;			/* enum top_column */
	bool reverse, tree;
	char filter[256];		/* part of the path or of the name; "": all */
};

struct top_arguments {
	bool once, json, files;
	double interval;		/* seconds */
	const char *bpffs;
	struct top_view view;
};

/* top-sample.c: all that is known at one time. */
struct top_reading {
	struct rows rows;
	struct counts counts;
	uint64_t taken_ns;		/* CLOCK_MONOTONIC */
};

struct top_sampler {
	const struct top_arguments *arguments;
	const struct rows_source *walk;	/* NULL: the cgroups are read by their files */
	struct counts_source probe;
	struct top_reading first, old, new;
	uint64_t interval_ns, cpu_ns;	/* as asked; CPU time of this process when new was begun */
};

/* Take the first reading. 0 or -errno. */
int top_sampler_open(struct top_sampler *sampler, const struct top_arguments *arguments);
/* Take another one; the one before is old. */
int top_sampler_take(struct top_sampler *sampler);
void top_sampler_close(struct top_sampler *sampler);

/* When to take the next one: after the interval, or later where this process would use too much CPU time. */
uint64_t top_sampler_due(const struct top_sampler *sampler);
/* What of one CPU this process uses at most. */
#define TOP_SHARE_PERCENT 5

/* A cgroup between two readings; a number below 0, or CGTUNE_UNKNOWN: not known. */
struct top_line {
	const struct row *row;
	const char *name;		/* that a container engine gave it; NULL: none */
	double quota, use, share, memory_share;
	uint64_t throttled_ns, high, max, kills;
	uint64_t stops, wall_ns, hist[CGTUNE_PROBE_HIST];	/* by the probe */
	unsigned depth;			/* below the line that it belongs to, in a tree */
};

struct top_table {
	struct top_line *lines;
	size_t count, total;		/* lines that are wanted; cgroups that there are */
	uint64_t ns;			/* between the readings */
};

/* top-lines.c: compare two readings, and sort out what is wanted. 0; -ENOMEM. */
int top_table_make(const struct top_reading *old, const struct top_reading *new, const struct top_view *view,
		   struct top_table *ret);
void top_table_free(struct top_table *table);
/* Its path, in a tree its last part, as the others are above it; and its name. */
const char *top_name(const struct top_line *line, bool tree, char room[NAMES_SHOWN]);

/* top-columns.c: in the order of the table. */
enum top_column {
	TOP_QUOTA, TOP_USE, TOP_SHARE, TOP_STOPPED, TOP_WALL, TOP_STALLS, TOP_MEMORY, TOP_MEMORY_SHARE, TOP_HIGH, TOP_LIMIT,
	TOP_HIGHS, TOP_MAXES, TOP_KILLS, TOP_CGROUP, TOP_COLUMNS
};

enum top_alarm { TOP_CALM, TOP_WARN, TOP_BAD };

const char *top_column_title(int column);
unsigned top_column_width(int column);
/* Number of the column of that name, in any case; -1: none. */
int top_column_find(const char *name);
/* The more columns are left out, the lower: 0 is never. */
unsigned top_column_rank(int column);
/* Its figure, by which lines are sorted; below 0: not known. The path has none. */
double top_column_value(int column, const struct top_line *line);
enum top_alarm top_column_alarm(int column, const struct top_line *line);
/* As text, as wide as the column and not wider; not of the path. utf8: a histogram may be drawn in block elements. */
#define TOP_CELL 64
const char *top_column_text(int column, const struct top_line *line, bool utf8, char room[TOP_CELL]);

/* top-print.c */
void top_print_table(const struct top_sampler *sampler, const struct top_table *table);
void top_print_json(const struct top_sampler *sampler, const struct top_table *table);
/* Where the figures are from, in two halves of a sentence. */
const char *top_source_of_rows(const struct top_sampler *sampler);
const char *top_source_of_stops(const struct top_sampler *sampler, char *room, size_t size);

/*
 * top-screen.c, or in a build without ncurses top-screen-none.c: the live table. 0: the user has ended it; a signal's number:
 * that came; -errno; -ENOTTY: no screen can be had, why says so.
 */
int top_screen(struct top_sampler *sampler, char *why, size_t size);

#endif
