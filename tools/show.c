/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show - `cgtune show`: limits, where they come from, and what is made of them */
#include "show.h"
#include "tool.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { KEY_JSON = 256, KEY_WHY, KEY_ROOT, KEY_PID, KEY_CGROUP };

static const struct argp_option options[] = {
	{ "json", KEY_JSON, NULL, 0, "print one JSON object", 0 },
	{ "why", KEY_WHY, NULL, 0, "also print every file that was looked at, its text, and what it means", 0 },
	{ "root", KEY_ROOT, "DIR", 0, "read below DIR, which holds proc/ and sys/", 0 },
	{ "pid", KEY_PID, "PID", 0, "show another process; the environment does not count", 0 },
	{ "cgroup", KEY_CGROUP, "PATH", 0, "show a cgroup, by its path as in /proc/PID/cgroup or below "
	  "/sys/fs/cgroup; the environment does not count", 0 },
	{ 0 },
};

static char *copy(const char *text)
{
	char *ours = text ? strdup(text) : NULL;

	if (text && !ours)
		err(TOOL_FAILED, "show");
	return ours;
}

static void add_line(struct show *show, const struct show_line *line)
{
	show->lines = reallocarray(show->lines, show->count + 1, sizeof(*line));
	if (!show->lines)
		err(TOOL_FAILED, "show");
	show->lines[show->count++] = *line;
}

static void take_report(const struct cgtune_report *report, void *user)
{
	add_line(user, &(struct show_line){
		report->kind, report->resource, copy(report->file), copy(report->variable),
		copy(report->value), copy(report->text),
	});
}

/*
 * A path that a person copied out of /sys/fs/cgroup, to the cgroup's own. Where
 * v1 hierarchies are mounted, the first component names one of them.
 */
static const char *cgroup_of(const char *root, const char *path)
{
	static const char mount[] = "/sys/fs/cgroup";
	size_t n = strlen(mount);
	char v2[PATH_MAX];

	if (strncmp(path, mount, n) != 0 || (path[n] != '/' && path[n]))
		return path;
	path += n;
	snprintf(v2, sizeof(v2), "%s%s/cgroup.controllers", root ? root : "", mount);
	if (*path && access(v2, F_OK) != 0)
		path = strchrnul(path + 1, '/');
	return *path ? path : "/";
}

/* A directory of something else would show no limits. */
static void check_root(const char *root)
{
	int fd = root ? open(root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (faccessat(fd, "proc", F_OK, 0) < 0 && errno == ENOENT && faccessat(fd, "sys", F_OK, 0) < 0 && errno == ENOENT)
		exit(tool_failed_as(root, "--root wants a directory that holds proc/ and sys/"));
	close(fd);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct show *show = state->input;

	switch (key) {
	case KEY_JSON:
		show->json = true;
		return 0;
	case KEY_WHY:
		show->why = true;
		return 0;
	case KEY_ROOT:
		show->options.root = argument;
		return 0;
	case KEY_PID:
		show->options.pid = tool_pid(argument);
		return 0;
	case KEY_CGROUP:
		show->options.cgroup = tool_cgroup(argument);
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "show takes no argument");
	case ARGP_KEY_END:
		check_root(show->options.root);
		tool_pid_or_cgroup(show->options.pid, show->options.cgroup);
		if (show->options.cgroup)
			show->options.cgroup = cgroup_of(show->options.root, show->options.cgroup);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Limits that cgtune shows but does not use. */
static void add_rlimit(struct show *show)
{
	struct rlimit limit;
	char *text;

	if (show->options.root || show->options.pid || show->options.cgroup ||
	    getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
	if (asprintf(&text, "RLIMIT_AS is %llu bytes: address space, not memory, so it is not counted",
		     (unsigned long long)limit.rlim_cur) < 0)
		err(TOOL_FAILED, "show");
	add_line(show, &(struct show_line){ .kind = CGTUNE_REPORT_NOTE, .resource = CGTUNE_MEMORY, .text = text });
}

const char *show_hint(const struct show *show)
{
	const struct cgtune_throttle *t = &show->throttle;

	if (show->limits.cpu_period_us)
		return NULL;
	if (t->local_ns != CGTUNE_UNKNOWN && t->local_ns > 0)
		return "throttled though no quota is visible: an ancestor outside of this namespace has one, "
		       "or there was one before";
	if (t->throttled != CGTUNE_UNKNOWN && t->throttled > 0)
		return "throttled before, though no quota is visible now";
	return NULL;
}

static int read_all(struct show *show)
{
	struct cgtune_options quiet = show->options;
	const char *what = show->options.root ? show->options.root :
			   show->options.cgroup ? show->options.cgroup : "the limits";
	char pid[32];
	int r;

	if (show->options.pid) {
		snprintf(pid, sizeof(pid), "process %d", (int)show->options.pid);
		what = pid;
	}
	r = cgtune_read(&show->options, &show->limits);
	if (r == 0)
		r = cgtune_plan(&show->options, &show->limits, &show->plan);
	if (r < 0)
		return tool_failed(what, r);
	quiet.report = NULL;
	if (cgtune_memory_available_of(&quiet, &show->available) < 0)
		show->available = CGTUNE_UNKNOWN;
	show->throttle.size = sizeof(show->throttle);
	if ((show->json && !show->why) || cgtune_throttle_read(&quiet, &show->throttle) < 0)
		show->throttle = (struct cgtune_throttle){
			.size = sizeof(show->throttle), .periods = CGTUNE_UNKNOWN, .throttled = CGTUNE_UNKNOWN,
			.throttled_ns = CGTUNE_UNKNOWN, .local_ns = CGTUNE_UNKNOWN, .throttles = CGTUNE_UNKNOWN,
		};
	add_rlimit(show);
	return TOOL_DONE;
}

int tool_show(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Print limits, where they come from, and what is made of them.",
		NULL, NULL, NULL,
	};
	struct show show = {
		.options = { .size = sizeof(show.options), .report = take_report, .report_user = &show },
		.limits.size = sizeof(show.limits), .plan.size = sizeof(show.plan),
	};
	int r;

	tool_parse(&argp, argc, argv, &show);
	r = read_all(&show);
	if (r != TOOL_DONE)
		return r;
	if (show.json)
		show_json(&show);
	else
		show_plain(&show);
	for (size_t i = 0; i < show.count; i++) {
		free(show.lines[i].file);
		free(show.lines[i].variable);
		free(show.lines[i].value);
		free(show.lines[i].text);
	}
	free(show.lines);
	return tool_flush();
}
