/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top - `cgtune top`: what each cgroup may use, uses, and is kept from, over an interval */
#include "rows.h"
#include "tool.h"
#include "tool-json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LINES_NONE 0			/* of output that is no terminal: all */

enum { KEY_ONCE = 256, KEY_JSON, KEY_INTERVAL, KEY_FILES };

struct arguments {
	bool once, json, files;
	double interval;		/* seconds */
};

static const struct argp_option options[] = {
	{ "once", KEY_ONCE, NULL, 0, "print one table of one interval, and end", 0 },
	{ "json", KEY_JSON, NULL, 0, "print one JSON object for each interval", 0 },
	{ "files", KEY_FILES, NULL, 0, "by the cgroups' files, though the kernel could walk them (root, Linux 6.1)", 0 },
	{ "interval", KEY_INTERVAL, "SECONDS", 0, "0.1 to 3600; default 1", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	char *end;

	switch (key) {
	case KEY_ONCE:
		arguments->once = true;
		return 0;
	case KEY_JSON:
		arguments->json = true;
		return 0;
	case KEY_FILES:
		arguments->files = true;
		return 0;
	case KEY_INTERVAL:
		arguments->interval = strtod(argument, &end);
		if (end == argument || *end || !(arguments->interval >= 0.1 && arguments->interval <= 3600))
			tool_usage(argument, "--interval wants seconds from 0.1 to 3600");
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "top takes no argument");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A cgroup over the interval; a number below 0, or CGTUNE_UNKNOWN: not known. */
struct line {
	const struct row *row;
	double quota, use, share, throttled_s;
	uint64_t throttled_ns, high, max, kills;
};

static uint64_t between(uint64_t old, uint64_t new)
{
	return old == CGTUNE_UNKNOWN || new == CGTUNE_UNKNOWN || new < old ? CGTUNE_UNKNOWN : new - old;
}

static double ratio(uint64_t part, uint64_t whole)
{
	return part == CGTUNE_UNKNOWN || whole == CGTUNE_UNKNOWN || !whole ? -1 : (double)part / (double)whole;
}

/* A cgroup that was not there before has no interval. */
static void make_line(const struct row *old, const struct row *new, uint64_t ns, struct line *ret)
{
	static const struct row_cpu no_cpu = {
		CGTUNE_UNKNOWN, CGTUNE_UNKNOWN, CGTUNE_UNKNOWN, CGTUNE_UNKNOWN, CGTUNE_UNKNOWN, CGTUNE_UNKNOWN,
	};
	const struct row_cpu *before = old ? &old->cpu : &no_cpu, *now = &new->cpu;

	*ret = (struct line){
		.row = new, .quota = -1,
		.use = ratio(between(before->used_ns, now->used_ns), ns),
		.share = ratio(between(before->throttled, now->throttled), between(before->periods, now->periods)),
		.throttled_ns = between(before->throttled_ns, now->throttled_ns),
		.high = old ? between(old->memory.high_events, new->memory.high_events) : CGTUNE_UNKNOWN,
		.max = old ? between(old->memory.max_events, new->memory.max_events) : CGTUNE_UNKNOWN,
		.kills = old ? between(old->memory.oom_kills, new->memory.oom_kills) : CGTUNE_UNKNOWN,
	};
	if (now->quota_us != CGTUNE_UNKNOWN && now->period_us)
		ret->quota = ratio(now->quota_us, now->period_us);
}

static uint64_t or_zero(uint64_t n)
{
	return n == CGTUNE_UNKNOWN ? 0 : n;
}

/* Most stopped first, then who uses most. */
static int by_need(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	uint64_t m = or_zero(x->throttled_ns), n = or_zero(y->throttled_ns);

	if (m != n)
		return m < n ? 1 : -1;
	if (x->use < y->use || x->use > y->use)
		return x->use < y->use ? 1 : -1;
	return strcmp(x->row->path, y->row->path);
}

static const char *figure(double n, int decimals, char room[32])
{
	if (n < 0)
		return "-";
	snprintf(room, 32, "%.*f", decimals, n);
	return room;
}

static const char *bytes(uint64_t n, char room[32])
{
	return n == CGTUNE_UNKNOWN ? "-" : tool_bytes(n, room);
}

static const char *count(uint64_t n, char room[32])
{
	if (n == CGTUNE_UNKNOWN)
		return "-";
	snprintf(room, 32, "%" PRIu64, n);
	return room;
}

static void print_table(const struct line *lines, size_t n, unsigned most)
{
	char a[32], b[32], c[32], d[32], e[32], f[32], g[32], h[32], i[32], j[32];

	printf("%7s %7s %6s %9s %10s %10s %10s %6s %6s %5s  %s\n", "QUOTA", "USE", "THR%", "STOPPED", "MEMORY", "HIGH",
	       "LIMIT", "HIGHS", "MAXES", "KILLS", "CGROUP");
	for (size_t k = 0; k < n && (most == LINES_NONE || k < most); k++) {
		const struct line *l = &lines[k];
		const struct row_memory *m = &l->row->memory;

		printf("%7s %7s %6s %9s %10s %10s %10s %6s %6s %5s  ", figure(l->quota, 2, a), figure(l->use, 2, b),
		       figure(l->share * 100, 0, c), l->throttled_ns == CGTUNE_UNKNOWN ? "-" : tool_seconds(l->throttled_ns, d),
		       bytes(m->current, e), bytes(m->high, f), bytes(m->limit, g), count(l->high, h), count(l->max, i),
		       count(l->kills, j));
		tool_print_safe(stdout, l->row->path);
		putchar('\n');
	}
}

static struct json_object *json_fraction(double n)
{
	char text[32];

	if (n < 0)
		return NULL;
	snprintf(text, sizeof(text), "%.6g", n);
	return tool_json_decimal(text);
}

static struct json_object *json_line(const struct line *l)
{
	struct json_object *object = tool_json_object(), *memory = tool_json_object(),
		*events = tool_json_object();
	double seconds = l->throttled_ns == CGTUNE_UNKNOWN ? -1 : (double)l->throttled_ns / 1e9;

	tool_json_add(object, "path", tool_json_string(l->row->path));
	tool_json_add(object, "id", tool_json_number(l->row->id));
	tool_json_add(object, "hierarchy", tool_json_number(l->row->hierarchy));
	tool_json_add(object, "quota", json_fraction(l->quota));
	tool_json_add(object, "use", json_fraction(l->use));
	tool_json_add(object, "throttled_share", json_fraction(l->share));
	tool_json_add(object, "throttled_seconds", json_fraction(seconds));
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

static void print_json(const struct line *lines, size_t n, uint64_t ns, bool walked)
{
	struct json_object *object = tool_json_object(), *groups = tool_json_array();

	tool_json_add(object, "source", tool_json_string(walked ? "iter" : "stat"));
	tool_json_add(object, "interval", json_fraction((double)ns / 1e9));
	for (size_t i = 0; i < n; i++)
		tool_json_append(groups, json_line(&lines[i]));
	tool_json_add(object, "groups", groups);
	tool_json_print(object);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Rows that a terminal has for groups. */
static unsigned room_for_lines(void)
{
	struct winsize size;

	if (!isatty(1) || ioctl(1, TIOCGWINSZ, &size) < 0 || size.ws_row < 4)
		return LINES_NONE;
	return size.ws_row - 3u;
}

static void print(const struct arguments *arguments, const struct line *lines, size_t n, uint64_t ns, bool walked)
{
	bool screen = isatty(1) && !arguments->once && !arguments->json;

	if (arguments->json) {
		print_json(lines, n, ns, walked);
		return;
	}
	if (screen)
		fputs("\033[H\033[J", stdout);		/* home, and clear what is below */
	printf("%zu cgroups over %.1f s, from %s\n", n, (double)ns / 1e9,
	       walked ? "the kernel's iterator of cgroups" : "cpu.stat and memory's files");
	print_table(lines, n, screen ? room_for_lines() : LINES_NONE);
	if (!arguments->once && !screen)
		putchar('\n');
}

static int show(const struct arguments *arguments, const struct rows *old, const struct rows *new, uint64_t ns,
		bool walked)
{
	struct line *lines = calloc(new->count ? new->count : 1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < new->count; i++) {
		const struct row *before = rows_find(old, new->rows[i].path);

		make_line(before && before->id == new->rows[i].id ? before : NULL, &new->rows[i], ns, &lines[i]);
	}
	qsort(lines, new->count, sizeof(*lines), by_need);
	print(arguments, lines, new->count, ns, walked);
	free(lines);
	return tool_flush() == TOOL_DONE ? 0 : -EIO;
}

static int watch(const struct arguments *arguments)
{
	struct timespec interval = {
		(time_t)arguments->interval, (long)((arguments->interval - (double)(time_t)arguments->interval) * 1e9),
	};
	const struct rows_source *source = arguments->files ? NULL : rows_walk_open();
	struct rows old = { .rows = NULL }, new;
	uint64_t before = now_ns(), now;
	int r = rows_read(source, &old);

	while (r == 0) {
		nanosleep(&interval, NULL);
		now = now_ns();
		r = rows_read(source, &new);
		if (r < 0)
			break;
		r = show(arguments, &old, &new, now - before, source != NULL);
		rows_free(&old);
		old = new;
		before = now;
		if (arguments->once)
			break;
	}
	if (old.rows)
		rows_free(&old);
	return r;
}

int tool_top(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Print, at each interval, what each cgroup may use, uses, and for how long limits stopped "
		"it; those that were stopped longest first.", NULL, NULL, NULL,
	};
	struct arguments arguments = { .interval = 1 };
	int r;

	tool_parse(&argp, argc, argv, &arguments);
	r = watch(&arguments);
	return r < 0 && tool_flush() == TOOL_DONE ? tool_failed("the cgroups", r) : tool_flush();
}
