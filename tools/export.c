/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * export - the program behind `cgtune export`: metrics of all cgroups for Prometheus
 *
 * It is a program of its own as libmicrohttpd brings ten libraries, whose loading would treble the time that each
 * other subcommand takes to start.
 */
#include "export.h"
#include "notify.h"
#include "privilege.h"
#include "tool.h"


enum {
	KEY_LISTEN = 256, KEY_TEXTFILE, KEY_ONCE, KEY_INTERVAL, KEY_CGROUP, KEY_DEPTH, KEY_NAME, KEY_EXCEPT, KEY_USER,
	KEY_FILES, KEY_CREATED, KEY_BPFFS, KEY_TIMEOUT,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Where to:", 1 },
	{ "listen", KEY_LISTEN, "ADDR:PORT", 0, "serve /metrics by HTTP, to Prometheus; [ADDR]:PORT for IPv6, without ADDR "
	  "127.0.0.1, port 0: a free one, which is printed; or unix:PATH", 1 },
	{ "textfile", KEY_TEXTFILE, "FILE", 0, "write a file for node_exporter's textfile collector, again every --interval; "
	  "its name ends in .prom", 1 },
	{ "once", KEY_ONCE, NULL, 0, "write the file once, and end", 1 },
	{ "interval", KEY_INTERVAL, "SECONDS", 0, "1 to 86400; default 15", 1 },
	{ NULL, 0, NULL, 0, "Of which cgroups, all of these to hold:", 2 },
	{ "cgroup", KEY_CGROUP, "PATH", 0, "this one, as in /proc/PID/cgroup, and those below", 2 },
	{ "depth", KEY_DEPTH, "N", 0, "at most N levels below it, or below the root", 2 },
	{ "name", KEY_NAME, "REGEX", 0, "whose path matches, by an extended regular expression (regex(7))", 2 },
	{ "except", KEY_EXCEPT, "REGEX", 0, "whose path does not match", 2 },
	{ NULL, 0, NULL, 0, "How:", 3 },
	{ "user", KEY_USER, "NAME", 0, "become this user when what needs privilege is open: the socket, the kernel's iterator "
	  "of cgroups, the probe, so start that first; default with --listen, for root: nobody", 3 },
	{ "files", KEY_FILES, NULL, 0, "by the cgroups' files, though the kernel could walk them (root, Linux 6.1)", 3 },
	{ "created", KEY_CREATED, NULL, 0, "in OpenMetrics tell since when counters count, where that is known: one more sample "
	  "each, which is a series of its own to a Prometheus without created-timestamp-zero-ingestion", 3 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "for a client to ask, and again to take the answer, 1 to 3600; default 10", 3 },
	{ "bpffs", KEY_BPFFS, "DIR", 0, "the BPF file system that the probe is in; default /sys/fs/bpf", 3 },
	{ 0 },
};

static const char doc[] =
	"Tell Prometheus what CPU quotas and memory limits do to each cgroup: by HTTP, as text 0.0.4, OpenMetrics 1.0 or "
	"protocol buffers, whichever it asks for, or by a file. With a started probe (`cgtune probe start`) there is a "
	"histogram of the lengths of stops, too."
	"\v"
	"GET /metrics?cgroup=PATH&depth=N tells of fewer groups than there are. The metric cgtune_source_info says what the "
	"counters are read from. A native histogram goes by protocol buffers alone, to a Prometheus that asks for them: "
	"with --enable-feature=native-histograms from 2.40, scrape_native_histograms from 3.8. From the others, which are "
	"exact, Prometheus 3 makes native ones with convert_classic_histograms_to_nhcb."
	"\n\n"
	"It ends by SIGTERM, and tells systemd when it is ready and that it lives (Type=notify, WatchdogSec=).";

static const regex_t *compile(const char *text, regex_t *regex)
{
	if (regcomp(regex, text, REG_EXTENDED | REG_NOSUB) != 0)
		tool_usage(text, "is no extended regular expression");
	return regex;
}

static void check(struct export_options *to)
{
	size_t n = to->textfile ? strlen(to->textfile) : 0;

	if (!to->listen == !to->textfile)
		tool_usage("export", to->listen ? "--listen or --textfile, only one of them" :
			   "--listen ADDR:PORT or --textfile FILE is missing");
	if (to->listen && (to->once || to->interval_s > 0))
		tool_usage(to->once ? "--once" : "--interval", "goes with --textfile");
	if (to->textfile && (to->timeout_s || to->created))
		tool_usage(to->created ? "--created" : "--timeout", "goes with --listen");
	if (to->textfile && (n < 5 || strcmp(to->textfile + n - 5, ".prom") != 0))
		tool_warn(to->textfile, NULL, NULL, "does not end in .prom, and node_exporter reads no other files");
	to->interval_s = to->interval_s > 0 ? to->interval_s : 15;
	to->timeout_s = to->timeout_s ? to->timeout_s : 10;
}

/* One that comes later is told of then. */
static void warn_of_cgroup(const struct export_options *to, const struct export_table *table)
{
	const struct export_filter any = { .cgroup = to->filter.cgroup, .depth = EXPORT_DEPTH_ALL };

	for (size_t i = 0; i < table->count; i++)
		if (export_filter_takes(&any, table->groups[i].path))
			return;
	if (to->filter.cgroup)
		tool_warn("--cgroup", NULL, to->filter.cgroup, "is not there now, so no cgroup is told of");
}

static error_t parse_filter(int key, const char *argument, struct export_filter *filter)
{
	static regex_t name, except;

	switch (key) {
	case KEY_CGROUP:
		filter->cgroup = tool_cgroup(argument);
		return 0;
	case KEY_DEPTH:
		if (export_request_depth(argument, &filter->depth) < 0)
			tool_usage(argument, "--depth wants a number of levels");
		return 0;
	case KEY_NAME:
		filter->name = compile(argument, &name);
		return 0;
	case KEY_EXCEPT:
		filter->except = compile(argument, &except);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct export_options *to = state->input;

	switch (key) {
	case KEY_LISTEN:
		to->listen = argument;
		return 0;
	case KEY_TEXTFILE:
		if (!*argument)
			tool_usage("--textfile", "wants the name of a file");
		to->textfile = argument;
		return 0;
	case KEY_ONCE:
		to->once = true;
		return 0;
	case KEY_INTERVAL:
		to->interval_s = tool_number(argument, 1, 86400, "--interval wants seconds from 1 to 86400");
		return 0;
	case KEY_TIMEOUT:
		to->timeout_s = (unsigned)tool_number(argument, 1, 3600, "--timeout wants seconds from 1 to 3600");
		return 0;
	case KEY_USER:
		to->user = argument;
		return 0;
	case KEY_FILES:
		to->files = true;
		return 0;
	case KEY_CREATED:
		to->created = true;
		return 0;
	case KEY_BPFFS:
		to->bpffs = argument;
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "export takes no argument");
	case ARGP_KEY_END:
		check(to);
		return 0;
	default:
		return parse_filter(key, argument, &to->filter);
	}
}

int export_prepare(const struct export_options *to, struct export_table *table)
{
	int r;

	notify_open();
	if (!to->files)
		export_walk_open();
	r = export_table_refresh(table, to);
	if (r < 0) {
		tool_failed("the cgroups", r);
		return -1;
	}
	warn_of_cgroup(to, table);
	/* A file is for its owner's folder, which nobody's is not. */
	return (to->listen || to->user) && privilege_drop(to->user) ? -1 : 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, doc, NULL, NULL, NULL };
	struct export_options to = { .filter = { .depth = EXPORT_DEPTH_ALL } };
	static char name[] = "cgtune export", version[64];
	int status;

	snprintf(version, sizeof(version), "cgtune %s", cgtune_version());
	argp_program_version = version;
	argv[0] = name;
	tool_parse(&argp, argc, argv, &to);
	status = to.listen ? export_serve(&to) : export_write_file(&to);
	export_stalls_close();
	export_walk_close();
	return status;
}
