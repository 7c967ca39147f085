/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top - `cgtune top`: what each cgroup may use, uses, and is kept from, over an interval */
#include "top.h"
#include "tool.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KEY_ONCE = 256, KEY_JSON, KEY_INTERVAL, KEY_FILES, KEY_SORT, KEY_FILTER, KEY_TREE, KEY_BPFFS, KEY_PLAIN };

static const struct argp_option options[] = {
	{ "once", KEY_ONCE, NULL, 0, "print one table of one interval, and end", 0 },
	{ "json", KEY_JSON, NULL, 0, "print one JSON object for each interval", 0 },
	{ "plain", KEY_PLAIN, NULL, 0, "print a table at each interval, on a terminal, too", 0 },
	{ "interval", KEY_INTERVAL, "SECONDS", 0, "0.1 to 3600; default 1. It is stretched so that at most 5 % of a CPU is used", 0 },
	{ "sort", KEY_SORT, "COLUMN", 0, "by this column, largest first; -COLUMN: the other way round. Default: STOPPED, and what is equal by USE", 0 },
	{ "filter", KEY_FILTER, "TEXT", 0, "only cgroups with TEXT in their path or name, in any case", 0 },
	{ "tree", KEY_TREE, NULL, 0, "each cgroup below its parent", 0 },
	{ "files", KEY_FILES, NULL, 0, "by the cgroups' files, though the kernel could walk them (root, Linux 6.1)", 0 },
	{ "bpffs", KEY_BPFFS, "DIR", 0, "the BPF file system that the probe is in; default /sys/fs/bpf", 0 },
	{ 0 },
};

struct input {
	struct top_arguments arguments;
	bool plain;
};

static void take_sort(const char *argument, struct top_view *view)
{
	view->reverse = *argument == '-';
	view->sort = top_column_find(argument + view->reverse);
	if (view->sort < 0)
		tool_usage(argument, "--sort wants QUOTA, USE, THR%, STOPPED, WALL, STALLS, MEMORY, MEM%, HIGH, LIMIT, HIGHS, "
			   "MAXES, KILLS or CGROUP");
}

static void take_filter(const char *argument, struct top_view *view)
{
	if (strlen(argument) >= sizeof(view->filter))
		tool_usage(argument, "--filter wants at most 255 bytes");
	snprintf(view->filter, sizeof(view->filter), "%s", argument);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct input *input = state->input;
	struct top_arguments *arguments = &input->arguments;

	switch (key) {
	case KEY_ONCE:
		arguments->once = true;
		return 0;
	case KEY_JSON:
		arguments->json = true;
		return 0;
	case KEY_PLAIN:
		input->plain = true;
		return 0;
	case KEY_FILES:
		arguments->files = true;
		return 0;
	case KEY_TREE:
		arguments->view.tree = true;
		return 0;
	case KEY_SORT:
		take_sort(argument, &arguments->view);
		return 0;
	case KEY_FILTER:
		take_filter(argument, &arguments->view);
		return 0;
	case KEY_BPFFS:
		arguments->bpffs = argument;
		return 0;
	case KEY_INTERVAL:
		arguments->interval = tool_number(argument, 0.1, 3600, "--interval wants seconds from 0.1 to 3600");
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "top takes no argument");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int print(const struct top_sampler *sampler)
{
	const struct top_arguments *arguments = sampler->arguments;
	struct top_table table;
	int r = top_table_make(&sampler->old, &sampler->new, &arguments->view, &table);

	if (r < 0)
		return r;
	(arguments->json ? top_print_json : top_print_table)(sampler, &table);
	top_table_free(&table);
	if (!arguments->json && !arguments->once)
		putchar('\n');
	return tool_flush() == TOOL_DONE ? 0 : -EIO;
}

static void sleep_until(uint64_t ns)
{
	const struct timespec due = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		;
}

static int watch(struct top_sampler *sampler)
{
	int r = 0;

	while (r == 0) {
		sleep_until(sampler->arguments->once ? sampler->new.taken_ns + sampler->interval_ns : top_sampler_due(sampler));
		r = top_sampler_take(sampler);
		if (r == 0)
			r = print(sampler);
		if (sampler->arguments->once)
			break;
	}
	return r;
}

/* As the shell is told of a program that did not care for the signal. */
static int die_of(int number)
{
	signal(number, SIG_DFL);
	raise(number);
	return 128 + number;
}

static int show(struct top_sampler *sampler, bool plain)
{
	char why[256];
	int r = -ENOTTY;

	if (!plain && !sampler->arguments->once && !sampler->arguments->json && isatty(1)) {
		r = top_screen(sampler, why, sizeof(why));
		if (r == -ENOTTY)
			fprintf(stderr, "cgtune: top: no screen, as %s: a table at each interval\n", why);
	}
	return r == -ENOTTY ? watch(sampler) : r;
}

int tool_top(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Show what each cgroup may use, uses, and for how long limits stopped it: on a terminal as a "
		"live screen, of which h is the help; else as a table at each interval.\v"
		"QUOTA, USE: CPUs; on v1 cpuacct counts USE: - where only the cpu controller has the cgroup. THR%: periods in which it was stopped by its own quota, of all. STOPPED: time of that, summed over "
		"CPUs. WALL: time in which a CPU of it was stopped at all; STALLS: its stops by length, below 256 us, 512 us, 1 ms and "
		"so on to above 262 ms; both by `cgtune probe start`. MEM%: of HIGH or LIMIT, whichever is lower. HIGHS, MAXES, "
		"KILLS: reclaims because of memory.high, because of the limit, and OOM kills.\n\n"
		"What is not known is -. Behind a path is the name that `cgtune probe register` was told, unless the path has it. NO_COLOR turns colours off. Keys are in the help of the screen.", NULL, NULL, NULL,
	};
	struct input input = { .arguments = { .interval = 1, .view.sort = TOP_STOPPED } };
	struct top_sampler sampler;
	int r;

	tool_parse(&argp, argc, argv, &input);
	setlocale(LC_CTYPE, "");
	r = top_sampler_open(&sampler, &input.arguments);
	if (r == 0) {
		r = show(&sampler, input.plain);
		top_sampler_close(&sampler);
	}
	if (r > 0)
		return die_of(r);
	return r < 0 && tool_flush() == TOOL_DONE ? tool_failed("the cgroups", r) : tool_flush();
}
