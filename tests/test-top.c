/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-top - the table of `cgtune top`: what came between two readings, sorted, filtered, as a tree, as text */
#include "suite.h"
#include "tool.h"
#include "top.h"

#include <string.h>

#define UNKNOWN CGTUNE_UNKNOWN
#define SECOND UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)

/* Sorted by path, as rows_read() gives them. */
static struct row before[] = {
	{ .path = (char *)"/", .id = 1, .hierarchy = 4, .has_cpu = true },
	{ .path = (char *)"/Web", .id = 2, .hierarchy = 4, .has_cpu = true },
	{ .path = (char *)"/Web.old", .id = 5, .hierarchy = 4, .has_cpu = true },
	{ .path = (char *)"/Web/a", .id = 3, .hierarchy = 4, .has_cpu = true },
	{ .path = (char *)"/Web/b", .id = 4, .hierarchy = 4, .has_cpu = true },
	{ .path = (char *)"/db", .id = 6, .hierarchy = 4, .has_cpu = true },
};
enum { WEB_A = 3, WEB_B, DB, ROWS };
static struct row after[ROWS];
static struct cgtune_stalls stalls_before[1], stalls_after[2];
static struct top_reading old, new;

/* One second: /Web/a used half a CPU, its whole quota, /Web/b and /db a tenth, others nothing that is known. */
static void setup(void)
{
	const struct row_cpu no_cpu = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };
	const struct row_memory no_memory = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };

	for (int i = 0; i < ROWS; i++) {
		before[i].cpu = no_cpu;
		before[i].memory = no_memory;
	}
	before[WEB_A].cpu = (struct row_cpu){ 50000, 100000, SECOND, 100, 10, 3 * SECOND };
	before[WEB_B].cpu = (struct row_cpu){ UNKNOWN, UNKNOWN, SECOND, UNKNOWN, UNKNOWN, UNKNOWN };
	before[DB].cpu = (struct row_cpu){ 100000, 100000, SECOND, 0, 0, 0 };
	before[DB].memory = (struct row_memory){ 60 * MIB, 100 * MIB, 80 * MIB, 5, 6, 1, 1 };
	memcpy(after, before, sizeof(after));
	after[WEB_A].cpu = (struct row_cpu){ 50000, 100000, SECOND * 3 / 2, 110, 18, 4 * SECOND };
	after[WEB_B].cpu.used_ns += SECOND / 10;
	after[DB].cpu.used_ns += SECOND / 10;
	after[DB].cpu.periods = 2;
	after[DB].memory.high_events = 7;
	after[DB].memory.oom_kills = 2;
	old = (struct top_reading){ .rows = { before, ROWS }, .taken_ns = 7 * SECOND };
	new = (struct top_reading){ .rows = { after, ROWS }, .taken_ns = 8 * SECOND };
}

/* "PATH PATH ..." of what is shown. */
static const char *order(const struct top_view *view)
{
	static char text[512], name[NAMES_SHOWN];
	struct top_table table;

	*text = '\0';
	ck_assert_int_eq(top_table_make(&old, &new, view, &table), 0);
	ck_assert_uint_eq(table.total, ROWS);
	for (size_t i = 0; i < table.count; i++)
		sprintf(text + strlen(text), "%s%.*s%s", i ? " " : "", (int)table.lines[i].depth, "......",
			top_name(&table.lines[i], view->tree, name));
	top_table_free(&table);
	return text;
}

static struct top_line line_of(const char *path)
{
	const struct top_view view = { .sort = TOP_CGROUP };
	struct top_line line = { .row = NULL };
	struct top_table table;

	ck_assert_int_eq(top_table_make(&old, &new, &view, &table), 0);
	for (size_t i = 0; i < table.count; i++)
		if (strcmp(table.lines[i].row->path, path) == 0)
			line = table.lines[i];
	top_table_free(&table);
	ck_assert_ptr_nonnull(line.row);
	return line;
}

START_TEST(test_between)
{
	struct top_line line = line_of("/Web/a");

	ck_assert_double_eq_tol(line.quota, 0.5, 1e-9);
	ck_assert_double_eq_tol(line.use, 0.5, 1e-9);
	ck_assert_double_eq_tol(line.share, 0.8, 1e-9);
	ck_assert_uint_eq(line.throttled_ns, SECOND);
	ck_assert_double_lt(line.memory_share, 0);
	line = line_of("/db");
	ck_assert_double_eq_tol(line.memory_share, 0.75, 1e-9);
	ck_assert_uint_eq(line.high, 2);
	ck_assert_uint_eq(line.max, 0);
	ck_assert_uint_eq(line.kills, 1);
	ck_assert_double_eq_tol(line.share, 0, 1e-9);
}
END_TEST

/* A name that was given to another group meanwhile has no interval; nor has what went back. */
START_TEST(test_not_between)
{
	struct top_line line;

	((struct row *)rows_find(&new.rows, "/Web/a"))->id = 99;
	line = line_of("/Web/a");
	ck_assert_double_eq_tol(line.quota, 0.5, 1e-9);
	ck_assert_double_lt(line.use, 0);
	ck_assert_uint_eq(line.throttled_ns, UNKNOWN);
	((struct row *)rows_find(&new.rows, "/db"))->cpu.used_ns = 0;
	ck_assert_double_lt(line_of("/db").use, 0);
	ck_assert_uint_eq(line_of("/").stops, UNKNOWN);
}
END_TEST

START_TEST(test_probe)
{
	struct top_line line;

	stalls_before[0] = (struct cgtune_stalls){ .cgroup = 3, .hierarchy = 4, .throttles = 5, .wall_ns = 50, .hist[10] = 5 };
	stalls_after[0] = (struct cgtune_stalls){ .cgroup = 3, .hierarchy = 4, .throttles = 9, .wall_ns = 90, .hist[10] = 6, .hist[12] = 3 };
	stalls_after[1] = (struct cgtune_stalls){ .cgroup = 6, .hierarchy = 4, .throttles = 2, .wall_ns = 20, .hist[0] = 2 };
	old.counts = (struct counts){ stalls_before, 1, true, true, 1 };
	new.counts = (struct counts){ stalls_after, 2, true, true, 1 };
	line = line_of("/Web/a");
	ck_assert_uint_eq(line.stops, 4);
	ck_assert_uint_eq(line.wall_ns, 40);
	ck_assert_uint_eq(line.hist[10], 1);
	ck_assert_uint_eq(line.hist[12], 3);
	ck_assert_uint_eq(line_of("/db").stops, 2);	/* the first that it met */
	ck_assert_uint_eq(line_of("/Web/b").stops, 0);
	old.counts.all = new.counts.all = false;	/* of a subtree: others are not known */
	ck_assert_uint_eq(line_of("/Web/a").stops, 4);
	ck_assert_uint_eq(line_of("/Web/b").stops, UNKNOWN);
	new.counts.since_ns = 2;			/* another probe, which began anew */
	ck_assert_uint_eq(line_of("/Web/a").stops, UNKNOWN);
	new.counts.known = false;
	ck_assert_uint_eq(line_of("/Web/a").stops, UNKNOWN);
}
END_TEST

START_TEST(test_sort)
{
	struct top_view view = { .sort = TOP_STOPPED };

	ck_assert_str_eq(order(&view), "/Web/a /db /Web/b / /Web /Web.old");
	view.sort = TOP_USE;
	ck_assert_str_eq(order(&view), "/Web/a /Web/b /db / /Web /Web.old");
	view.sort = TOP_QUOTA;
	ck_assert_str_eq(order(&view), "/db /Web/a / /Web /Web.old /Web/b");
	view.sort = TOP_MEMORY;
	ck_assert_str_eq(order(&view), "/db / /Web /Web.old /Web/a /Web/b");
	view.sort = TOP_CGROUP;
	ck_assert_str_eq(order(&view), "/ /Web /Web.old /Web/a /Web/b /db");
	view.reverse = true;
	ck_assert_str_eq(order(&view), "/db /Web/b /Web/a /Web.old /Web /");
	view.sort = TOP_QUOTA;
	ck_assert_str_eq(order(&view), "/Web/b /Web.old /Web / /Web/a /db");
}
END_TEST

START_TEST(test_filter)
{
	struct top_view view = { .sort = TOP_CGROUP, .filter = "wEB" };

	ck_assert_str_eq(order(&view), "/Web /Web.old /Web/a /Web/b");
	strcpy(view.filter, "/b");
	ck_assert_str_eq(order(&view), "/Web/b");
	strcpy(view.filter, "nothing");
	ck_assert_str_eq(order(&view), "");
}
END_TEST

/* '/' sorts after '.': "/Web.old" stands between "/Web" and what is below that. */
START_TEST(test_tree)
{
	struct top_view view = { .sort = TOP_CGROUP, .tree = true };

	ck_assert_str_eq(order(&view), "/ .Web ..a ..b .Web.old .db");
	view.reverse = true;
	ck_assert_str_eq(order(&view), "/ .db .Web.old .Web ..b ..a");
	view.reverse = false;
	view.sort = TOP_STOPPED;
	ck_assert_str_eq(order(&view), "/ .db .Web ..a ..b .Web.old");
	strcpy(view.filter, "/a");
	ck_assert_str_eq(order(&view), "/ .Web ..a");
	strcpy(view.filter, "nothing");
	ck_assert_str_eq(order(&view), "");
	new.rows.rows++;		/* no root to be seen: each is at the top */
	new.rows.count--;
	*view.filter = '\0';
	{
		struct top_table table;

		ck_assert_int_eq(top_table_make(&old, &new, &view, &table), 0);
		ck_assert_uint_eq(table.count, ROWS - 1);
		ck_assert_uint_eq(table.lines[0].depth, 0);
		top_table_free(&table);
	}
}
END_TEST

START_TEST(test_nothing)
{
	struct top_view view = { .sort = TOP_USE };
	struct top_table table;

	new.rows.count = 0;
	for (int tree = 0; tree < 2; tree++) {
		view.tree = tree;
		ck_assert_int_eq(top_table_make(&old, &new, &view, &table), 0);
		ck_assert_uint_eq(table.count, 0);
		top_table_free(&table);
	}
}
END_TEST

static const char *text(int column, const struct top_line *line, bool utf8)
{
	static char room[TOP_CELL];

	return top_column_text(column, line, utf8, room);
}

START_TEST(test_text)
{
	struct top_line line = line_of("/Web/a");

	ck_assert_str_eq(text(TOP_QUOTA, &line, false), "   0.50");
	ck_assert_str_eq(text(TOP_SHARE, &line, false), "   80");
	ck_assert_str_eq(text(TOP_STOPPED, &line, false), "    1.0 s");
	ck_assert_str_eq(text(TOP_MEMORY, &line, false), "         -");
	ck_assert_str_eq(text(TOP_STALLS, &line, false), "           -");
	line.use = 1e9;
	ck_assert_str_eq(text(TOP_USE, &line, false), "      >");
	line.stops = 10;
	line.hist[0] = line.hist[7] = 4;	/* below 256 us: the first cell */
	line.hist[8] = 1;
	line.hist[17] = 2;
	line.hist[18] = line.hist[31] = 1;	/* above 262 ms: the last one */
	ck_assert_str_eq(text(TOP_STALLS, &line, false), "#_        ..");
	ck_assert_str_eq(text(TOP_STALLS, &line, true), "█▁        ▂▂");
	memset(line.hist, 0, sizeof(line.hist));
	ck_assert_str_eq(text(TOP_STALLS, &line, true), "            ");
}
END_TEST

START_TEST(test_alarm)
{
	struct top_line line = line_of("/Web/a");

	ck_assert_int_eq(top_column_alarm(TOP_SHARE, &line), TOP_BAD);
	ck_assert_int_eq(top_column_alarm(TOP_STOPPED, &line), TOP_WARN);
	ck_assert_int_eq(top_column_alarm(TOP_KILLS, &line), TOP_CALM);
	ck_assert_int_eq(top_column_alarm(TOP_USE, &line), TOP_CALM);
	line = line_of("/db");
	ck_assert_int_eq(top_column_alarm(TOP_SHARE, &line), TOP_CALM);
	ck_assert_int_eq(top_column_alarm(TOP_KILLS, &line), TOP_BAD);
	ck_assert_int_eq(top_column_alarm(TOP_HIGHS, &line), TOP_WARN);
}
END_TEST

START_TEST(test_name)
{
	const struct row row = { .path = (char *)"/a/pod1/box" };
	struct top_line line = { .row = &row, .name = "default/web", .depth = 2 };
	char room[NAMES_SHOWN];

	ck_assert_str_eq(top_name(&line, false, room), "/a/pod1/box = default/web");
	ck_assert_str_eq(top_name(&line, true, room), "box = default/web");
	line.name = "pod1";		/* the path has it */
	ck_assert_str_eq(top_name(&line, false, room), "/a/pod1/box");
	ck_assert_str_eq(top_name(&line, true, room), "box");
	line.name = NULL;
	ck_assert_str_eq(top_name(&line, true, room), "box");
}
END_TEST

START_TEST(test_columns)
{
	for (int i = 0; i < TOP_COLUMNS; i++) {
		ck_assert_int_eq(top_column_find(top_column_title(i)), i);
		ck_assert_uint_le(top_column_rank(i), TOP_COLUMNS - 1);
		for (int k = 0; k < i; k++)
			ck_assert_uint_ne(top_column_rank(i), top_column_rank(k));
	}
	ck_assert_int_eq(top_column_find("mem%"), TOP_MEMORY_SHARE);
	ck_assert_int_eq(top_column_find("nothing"), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("top");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, NULL);
	tcase_add_test(all, test_between);
	tcase_add_test(all, test_not_between);
	tcase_add_test(all, test_probe);
	tcase_add_test(all, test_sort);
	tcase_add_test(all, test_filter);
	tcase_add_test(all, test_tree);
	tcase_add_test(all, test_nothing);
	tcase_add_test(all, test_text);
	tcase_add_test(all, test_alarm);
	tcase_add_test(all, test_name);
	tcase_add_test(all, test_columns);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
