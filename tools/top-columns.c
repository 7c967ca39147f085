/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top-columns - the columns of `cgtune top`: names, widths, figures, text */
#include "top.h"
#include "tool.h"

#include <inttypes.h>
#include <string.h>

/* Cells of a histogram: stops below 256 us, each cell twice as long ones, and from 262 ms on the last. */
#define CELLS 12
#define CELL_FIRST 7

/* rank: what goes first where the screen is narrow. */
static const struct {
	const char *title;
	unsigned width, rank;
} columns[TOP_COLUMNS] = {
	[TOP_QUOTA] = { "QUOTA", 7, 2 }, [TOP_USE] = { "USE", 7, 1 }, [TOP_SHARE] = { "THR%", 5, 4 },
	[TOP_STOPPED] = { "STOPPED", 9, 3 }, [TOP_WALL] = { "WALL", 9, 10 }, [TOP_STALLS] = { "STALLS", CELLS, 7 },
	[TOP_MEMORY] = { "MEMORY", 10, 5 }, [TOP_MEMORY_SHARE] = { "MEM%", 5, 6 }, [TOP_HIGH] = { "HIGH", 10, 11 },
	[TOP_LIMIT] = { "LIMIT", 10, 8 }, [TOP_HIGHS] = { "HIGHS", 6, 12 }, [TOP_MAXES] = { "MAXES", 6, 13 },
	[TOP_KILLS] = { "KILLS", 5, 9 }, [TOP_CGROUP] = { "CGROUP", 0, 0 },
};

const char *top_column_title(int column)
{
	return columns[column].title;
}

unsigned top_column_width(int column)
{
	return columns[column].width;
}

unsigned top_column_rank(int column)
{
	return columns[column].rank;
}

int top_column_find(const char *name)
{
	for (int i = 0; i < TOP_COLUMNS; i++)
		if (strcasecmp(name, columns[i].title) == 0)
			return i;
	return -1;
}

static double known(uint64_t n)
{
	return n == CGTUNE_UNKNOWN ? -1 : (double)n;
}

double top_column_value(int column, const struct top_line *line)
{
	const struct row_memory *m = &line->row->memory;

	switch (column) {
	case TOP_QUOTA:
		return line->quota;
	case TOP_USE:
		return line->use;
	case TOP_SHARE:
		return line->share;
	case TOP_STOPPED:
		return known(line->throttled_ns);
	case TOP_WALL:
		return known(line->wall_ns);
	case TOP_STALLS:
		return known(line->stops);
	case TOP_MEMORY:
		return known(m->current);
	case TOP_MEMORY_SHARE:
		return line->memory_share;
	case TOP_HIGH:
		return known(m->high);
	case TOP_LIMIT:
		return known(m->limit);
	case TOP_HIGHS:
		return known(line->high);
	case TOP_MAXES:
		return known(line->max);
	case TOP_KILLS:
		return known(line->kills);
	default:
		return -1;
	}
}

enum top_alarm top_column_alarm(int column, const struct top_line *line)
{
	double value = top_column_value(column, line);

	switch (column) {
	case TOP_SHARE:
		return value >= 0.5 ? TOP_BAD : value > 0 ? TOP_WARN : TOP_CALM;
	case TOP_MEMORY_SHARE:
		return value >= 0.95 ? TOP_BAD : value >= 0.8 ? TOP_WARN : TOP_CALM;
	case TOP_KILLS:
		return value > 0 ? TOP_BAD : TOP_CALM;
	case TOP_STOPPED:
	case TOP_WALL:
	case TOP_STALLS:
	case TOP_HIGHS:
	case TOP_MAXES:
		return value > 0 ? TOP_WARN : TOP_CALM;
	default:
		return TOP_CALM;
	}
}

/* One character for each cell, as high as it has stops of the fullest; none where nothing was stopped. */
static void draw_stalls(const uint64_t *hist, bool utf8, char room[TOP_CELL])
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const ascii[] = { " ", "_", ".", ":", "-", "=", "+", "*", "#" };
	uint64_t cells[CELLS] = { 0 }, most = 0;
	char *end = room;

	for (int i = 0; i < CGTUNE_PROBE_HIST; i++) {
		int cell = i - CELL_FIRST < 0 ? 0 : i - CELL_FIRST >= CELLS ? CELLS - 1 : i - CELL_FIRST;

		cells[cell] += hist[i];
		if (cells[cell] > most)
			most = cells[cell];
	}
	for (int i = 0; i < CELLS; i++) {
		unsigned height = cells[i] ? 1 + (unsigned)((double)cells[i] / (double)most * 7.0) : 0;

		end = stpcpy(end, (utf8 ? blocks : ascii)[height]);
	}
}

static void write_cell(int column, const struct top_line *line, bool utf8, char room[TOP_CELL])
{
	double value = top_column_value(column, line);

	switch (column) {
	case TOP_QUOTA:
	case TOP_USE:
		snprintf(room, TOP_CELL, "%.2f", value);
		return;
	case TOP_SHARE:
	case TOP_MEMORY_SHARE:
		snprintf(room, TOP_CELL, "%.0f", value * 100);
		return;
	case TOP_STOPPED:
	case TOP_WALL:
		tool_seconds((uint64_t)value, room);
		return;
	case TOP_STALLS:
		draw_stalls(line->hist, utf8, room);
		return;
	case TOP_MEMORY:
	case TOP_HIGH:
	case TOP_LIMIT:
		tool_bytes((uint64_t)value, room);
		return;
	default:
		snprintf(room, TOP_CELL, "%.0f", value);
		return;
	}
}

/* A figure that does not fit would shift the others: it is said to be large. */
const char *top_column_text(int column, const struct top_line *line, bool utf8, char room[TOP_CELL])
{
	unsigned width = columns[column].width;
	char text[TOP_CELL] = "-";
	size_t length;

	if (top_column_value(column, line) >= 0)
		write_cell(column, line, utf8, text);
	length = column == TOP_STALLS && strcmp(text, "-") != 0 ? CELLS : strlen(text);
	if (length > width)
		length = (size_t)snprintf(text, sizeof(text), ">");
	snprintf(room, TOP_CELL, "%*s%s", (int)(width - length), "", text);
	return room;
}
