/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top-draw - what the screen of `cgtune top` looks like */
#include "top-draw.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#define PATH_WIDTH 24			/* least that is left for the paths, while there are columns to leave out */
#define HEAD 3				/* rows above the table: what it is, where from, the titles */
#define FOOT 1

static const char *const help[] = {
	"Left, Right, < >  sort by the column to the left, to the right",
	"r                 the other way round",
	"S U M N           sort by STOPPED, USE, MEMORY, CGROUP",
	"/                 filter by a part of the path or name; Enter keeps it, Esc ends it",
	"t                 tree",
	"p, space          pause: nothing is read, all else goes on",
	"c                 since top was started, or over the last interval",
	"+ -               half or twice the interval",
	"Up Down PgUp PgDn Home End, j k   scroll; [ ] the paths",
	"h, ?              this help; q, Ctrl-C ends",
	"",
	"QUOTA USE         CPUs that it may use, and uses",
	"THR% STOPPED      periods in which its own quota stopped it, and the time, summed over CPUs",
	"WALL STALLS       with a probe: time in which a CPU was stopped at all; stops by length: the",
	"                  first cell is below 256 us, each further one twice as long, the last above 262 ms",
	"MEM%              MEMORY of HIGH or LIMIT, whichever is lower",
	"HIGHS MAXES KILLS reclaims because of memory.high, of the limit; OOM kills",
	"-                 not known, or no such limit",
};
enum { HELP = sizeof(help) / sizeof(help[0]) };

void top_draw_colours(void)
{
	const char *no = getenv("NO_COLOR");

	if ((no && *no) || !has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(TOP_WARN, COLOR_YELLOW, -1);
	init_pair(TOP_BAD, COLOR_RED, -1);
}

size_t top_draw_room(void)
{
	return LINES > HEAD + FOOT ? (size_t)(LINES - HEAD - FOOT) : 0;
}

/* Width of a character of the text, and its bytes; what would not be one cell or two is taken for a '?'. */
static int character(const char *text, size_t *bytes, bool *fits)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t n = mbrtowc(&wide, text, strlen(text), &state);
	int width;

	*bytes = n && n <= MB_CUR_MAX ? n : 1;
	width = n == *bytes && iswprint((wint_t)wide) ? wcwidth(wide) : 0;
	*fits = width > 0;
	return width > 0 ? width : 1;
}

/* As much of a text as there is room for from column x on, at most width cells, its first skip ones left out. The end. */
static int put(int y, int x, int width, size_t skip, const char *text)
{
	int end = x + width < COLS ? x + width : COLS;
	size_t bytes;
	bool fits;

	if (y < 0 || y >= LINES || x < 0)
		return x;
	for (; *text; text += bytes) {
		int cells = character(text, &bytes, &fits);

		if (skip) {
			skip--;
			continue;
		}
		if (x + cells > end)
			break;
		if (fits)
			mvaddnstr(y, x, text, (int)bytes);
		else
			mvaddch(y, x, '?');
		x += cells;
	}
	return x;
}

/* Which columns there is room for. */
static void choose(bool shown[TOP_COLUMNS])
{
	int left = COLS - PATH_WIDTH;

	for (int c = 0; c < TOP_COLUMNS; c++)
		shown[c] = c == TOP_CGROUP;
	for (unsigned rank = 1; rank < TOP_COLUMNS; rank++)
		for (int c = 0; c < TOP_CGROUP; c++)
			if (top_column_rank(c) == rank) {
				left -= (int)top_column_width(c) + 1;
				shown[c] = left >= 0;
			}
}

static void draw_titles(const struct top_screen *screen, const bool shown[TOP_COLUMNS])
{
	char text[TOP_CELL];
	int x = 0;

	for (int c = 0; c < TOP_COLUMNS; c++) {
		bool sorted = c == screen->view.sort;

		if (!shown[c])
			continue;
		attrset(sorted ? A_BOLD | A_REVERSE : A_BOLD);
		snprintf(text, sizeof(text), "%*s", (int)top_column_width(c), top_column_title(c));
		x = put(HEAD - 1, x + (c == TOP_CGROUP), COLS, 0, text) + 1;
	}
	attrset(A_NORMAL);
}

static void draw_line(const struct top_screen *screen, int y, const struct top_line *line, const bool shown[TOP_COLUMNS])
{
	char text[TOP_CELL], name[NAMES_SHOWN];
	int x = 0;

	for (int c = 0; c < TOP_CGROUP; c++) {
		enum top_alarm alarm = top_column_alarm(c, line);

		if (!shown[c])
			continue;
		attrset(alarm ? COLOR_PAIR(alarm) | A_BOLD : A_NORMAL);
		x = put(y, x, COLS, 0, top_column_text(c, line, screen->utf8, text)) + 1;
	}
	attrset(A_NORMAL);
	x += 1 + 2 * (int)line->depth;
	put(y, x, COLS, screen->shift, top_name(line, screen->view.tree, name));
}

/* What the user has set, in words. */
static void draw_state(const struct top_screen *screen)
{
	const struct top_view *view = &screen->view;
	double interval = (double)screen->sampler->interval_ns / 1e9, over = (double)screen->table.ns / 1e9;
	char text[1024];
	int n = 0;

	n += snprintf(text, sizeof(text), "cgtune top: %zu of %zu cgroups, %s %.1f s, sort %s%s", screen->table.count,
		      screen->table.total, screen->since_start ? "since" : "over", over, view->reverse ? "-" : "",
		      top_column_title(view->sort));
	if (view->tree)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", tree");
	if (*view->filter)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", filter %s", view->filter);
	if (screen->paused)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", PAUSED");
	else if (!screen->since_start && over > 1.5 * interval)
		snprintf(text + n, sizeof(text) - (size_t)n, ", not every %.1f s: to use at most %d %% of a CPU", interval,
			 TOP_SHARE_PERCENT);
	attrset(A_BOLD);
	put(0, 0, COLS, 0, text);
	attrset(A_NORMAL);
}

static void draw_sources(const struct top_screen *screen)
{
	char stops[256], text[512];

	snprintf(text, sizeof(text), "from %s; %s", top_source_of_rows(screen->sampler),
		 top_source_of_stops(screen->sampler, stops, sizeof(stops)));
	put(1, 0, COLS, 0, text);
}

static void draw_foot(const struct top_screen *screen)
{
	int x;

	if (!screen->typing) {
		attrset(A_DIM);
		put(LINES - 1, 0, COLS, 0, "q quit  < > sort  r reverse  / filter  t tree  p pause  c since start  h help");
		attrset(A_NORMAL);
		return;
	}
	x = put(LINES - 1, 0, COLS, 0, "Filter: ");
	x = put(LINES - 1, x, COLS, 0, screen->view.filter);
	attrset(A_REVERSE);
	put(LINES - 1, x, COLS, 0, " ");
	attrset(A_NORMAL);
}

void top_draw(struct top_screen *screen)
{
	size_t room = top_draw_room(), most = screen->table.count > room ? screen->table.count - room : 0;
	bool shown[TOP_COLUMNS];

	if (screen->first > most)
		screen->first = most;
	erase();
	choose(shown);
	draw_state(screen);
	draw_sources(screen);
	if (screen->help) {
		for (int i = 0; i < HELP && (size_t)i < room; i++)
			put(HEAD + i, 1, COLS, 0, help[i]);
	} else {
		draw_titles(screen, shown);
		for (size_t i = 0; i < room && screen->first + i < screen->table.count; i++)
			draw_line(screen, HEAD + (int)i, &screen->table.lines[screen->first + i], shown);
	}
	draw_foot(screen);
	refresh();
}
