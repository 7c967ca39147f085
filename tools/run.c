/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run - `cgtune run`: a command in its limits, with what tells it of them */
#include "run.h"
#include "grammar.h"
#include "names.h"
#include "register.h"
#include "run-cpus.h"
#include "tool.h"
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	KEY_CPUS = 256, KEY_MEMORY, KEY_HIGH, KEY_CPUSET, KEY_NAME, KEY_SUMMARY, KEY_WHY, KEY_DRY_RUN, KEY_RUNTIME,
	KEY_GC, KEY_IN_SCOPE,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Limits, in a cgroup of its own that is removed when the command ends:", 1 },
	{ "cpus", KEY_CPUS, "N", 0, "CPU time of so many CPUs, such as 1.5 or 1500m", 1 },
	{ "memory", KEY_MEMORY, "SIZE", 0, "most memory, such as 512M; beyond it something is killed", 1 },
	{ "memory-high", KEY_HIGH, "SIZE", 0, "memory from which on it is slowed and reclaimed (cgroup v2)", 1 },
	{ "cpuset", KEY_CPUSET, "LIST", 0, "CPUs that it may run on, such as 0-3,8", 1 },
	{ "name", KEY_NAME, "NAME", 0, "name of the cgroup, which must not exist; default: cgtune-PID", 1 },
	{ NULL, 0, NULL, 0, "What the command is told:", 2 },
	{ "runtime", KEY_RUNTIME, "LIST", 0, "variables to set, as in cgtune env", 2 },
	{ NULL, 0, NULL, 0, "What you are told:", 3 },
	{ "summary", KEY_SUMMARY, NULL, 0, "at the end say on standard error what the limits did", 3 },
	{ "why", KEY_WHY, NULL, 0, "say what the program is, what reaches it and what does not, and what is set", 3 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "print every write, the environment and the command, and do nothing", 3 },
	{ NULL, 0, NULL, 0, "Instead of a command:", 4 },
	{ "gc", KEY_GC, NULL, 0, "remove what runs that were killed have left", 4 },
	{ "in-scope", KEY_IN_SCOPE, NULL, OPTION_HIDDEN, NULL, 4 },
	{ 0 },
};

struct arguments {
	struct run_options run;
	bool gc, others;		/* others: options that --gc does not go with */
};

int run_failed(const char *what, const char *format, ...)
{
	va_list list;

	fputs("cgtune: ", stderr);
	tool_print_safe(stderr, what);
	fputs(": ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return RUN_FAILED;
}

void run_print_command(FILE *out, char *const *argv)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/@%+-=";

	for (char *const *word = argv; *word; word++) {
		if (word != argv)
			fputc(' ', out);
		if (**word && !(*word)[strspn(*word, plain)]) {
			fputs(*word, out);
			continue;
		}
		fputc('\'', out);
		for (const char *p = *word; *p; p++)
			fputs(*p == '\'' ? "'\\''" : (char[]){ *p, '\0' }, out);
		fputc('\'', out);
	}
	fputc('\n', out);
}

bool run_wants_group(const struct run_options *o)
{
	return o->cpus_micro || o->memory != CGTUNE_UNLIMITED || o->memory_high != CGTUNE_UNLIMITED || o->cpuset;
}

/* 64 pages, of which the kernel charges a cgroup at once (MEMCG_CHARGE_BATCH): with less our child does not come as far as
 * execve(2) (Linux 6.18: killed with 200 KiB). */
#define MEMORY_LEAST (256 * 1024)

/* A unit as docker has it, or the SI: the size in ours, where it is one, in room. */
static bool respell(const char *text, char room[32], uint64_t *bytes)
{
	static const char *const rests[] = { "", "b", "i", "ib" };
	size_t n = strspn(text, "0123456789.");

	for (size_t i = 0; text[n] && i < ARRAY_SIZE(rests); i++)
		if (strcasecmp(text + n + 1, rests[i]) == 0)
			return snprintf(room, 32, "%.*s%c", (int)n, text, toupper((unsigned char)text[n])) < 32 &&
				grammar_size(room, bytes) == 0 && *bytes;
	return false;
}

static void refuse_size(const char *option, const char *text)
{
	char why[160], ours[32], room[32];
	uint64_t bytes;
	int n = snprintf(why, sizeof(why), "%s wants a size above 0, such as 512M, 512MiB or 1G", option);

	if (respell(text, ours, &bytes))
		snprintf(why + n, sizeof(why) - (size_t)n, "; write %s for %s", ours, tool_bytes(bytes, room));
	tool_usage(text, why);
}

static uint64_t parse_size(const char *option, const char *text)
{
	char why[128], room[32];
	uint64_t bytes;
	int n;

	if (grammar_size(text, &bytes) < 0 || !bytes)
		refuse_size(option, text);
	if (bytes >= MEMORY_LEAST)
		return bytes;
	n = snprintf(why, sizeof(why), "is %s, with which no command can start", tool_bytes(bytes, room));
	if (bytes < 65536 && !text[strspn(text, "0123456789")])
		snprintf(why + n, sizeof(why) - (size_t)n, "; %" PRIu64 "M is %s", bytes, tool_bytes(bytes << 20, room));
	tool_warn(option, NULL, text, why);
	return bytes;
}

/* The least that the kernel takes is 1 ms in 1 s. */
static uint64_t parse_cpus(const char *text)
{
	uint64_t micro;

	if (grammar_cpus(text, &micro) < 0 || micro < 1000)
		tool_usage(text, "--cpus wants a number of CPUs from 0.001 on, such as 1.5 or 1500m");
	return micro;
}

static const char *parse_cpuset(const char *text)
{
	static struct cpus cpus;

	if (strchr(text, '\n') || !cpus_parse(text, &cpus))
		tool_usage(text, "--cpuset wants a list of CPUs, such as 0-3,8");
	return text;
}

/* One path component: nothing may lead elsewhere. */
static const char *parse_name(const char *text)
{
	if (!*text || *text == '.' || strpbrk(text, "/\n") || strlen(text) > NAME_MAX)
		tool_usage(text, "--name wants the name of a new cgroup, without a slash or a dot in front");
	return text;
}

static error_t parse_limit(int key, char *argument, struct run_options *run)
{
	switch (key) {
	case KEY_CPUS:
		run->cpus_micro = parse_cpus(argument);
		return 0;
	case KEY_MEMORY:
		run->memory = parse_size("--memory", argument);
		return 0;
	case KEY_HIGH:
		run->memory_high = parse_size("--memory-high", argument);
		return 0;
	case KEY_CPUSET:
		run->cpuset = parse_cpuset(argument);
		return 0;
	case KEY_NAME:
		run->name = parse_name(argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void check(const struct arguments *arguments)
{
	if (arguments->gc && (arguments->others || arguments->run.argv))
		tool_usage("--gc", "takes no other option, and no command");
	if (!arguments->gc && !arguments->run.argv)
		tool_usage("run", "no command is given; try cgtune run --help");
	if (arguments->run.name && !run_wants_group(&arguments->run))
		tool_usage("--name", "there is no cgroup to name without a limit");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	struct run_options *run = &arguments->run;

	if (key >= KEY_CPUS && key <= KEY_IN_SCOPE && key != KEY_GC)
		arguments->others = true;
	switch (key) {
	case KEY_SUMMARY:
		run->summary = true;
		return 0;
	case KEY_WHY:
		run->why = true;
		return 0;
	case KEY_DRY_RUN:
		run->dry_run = true;
		return 0;
	case KEY_IN_SCOPE:
		run->in_scope = true;
		return 0;
	case KEY_RUNTIME:
		run->runtime = tuning_runtime(argument);
		return 0;
	case KEY_GC:
		arguments->gc = true;
		return 0;
	case ARGP_KEY_ARGS:
		run->argv = state->argv + state->next;
		return 0;
	case ARGP_KEY_END:
		check(arguments);
		return 0;
	default:
		return parse_limit(key, argument, run);
	}
}

/* 0; or the exit status, and it has been said why. */
static int find_command(struct run_options *run)
{
	int r = inspect_find(run->argv[0], run->path, sizeof(run->path));

	if (r == 0) {
		inspect_program(run->path, &run->inspect);
		return 0;
	}
	run_failed(run->argv[0], "%s", strerror(-r));
	return r == -ENOENT || r == -ENOTDIR ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE;
}

static void print_writes(const struct group *group)
{
	for (unsigned i = 0; i < group->controllers; i++)
		if (group_is_first(group, i))
			printf("mkdir %s\n", group->controller[i].dir);
	for (unsigned i = 0; i < group->controllers; i++)
		if (group->controller[i].version == 2)
			printf("%s/cgroup.subtree_control = +%s\n", group->controller[i].parent, group->controller[i].name);
	for (unsigned i = 0; i < group->values; i++)
		printf("%s/%s = %s\n", group->controller[group->value[i].controller].dir, group->value[i].file,
		       group->value[i].text);
	for (unsigned i = 0; i < group->controllers; i++)
		if (group_is_first(group, i))
			printf("%s/%s = its process id\n", group->controller[i].dir,
			       group->controller[i].version == 2 ? "cgroup.procs" : "tasks");
}

static int dry_run(const struct run_options *run, const struct group *group)
{
	char object[PATH_MAX];
	int r;

	print_writes(group);
	environment_object(run, object);
	r = environment_print(run, object, &group->limits);
	if (r)
		return r;
	fputs("exec ", stdout);
	run_print_command(stdout, run->argv);
	for (unsigned i = 0; i < group->controllers; i++)
		if (group_is_first(group, i))
			printf("rmdir %s\n", group->controller[i].dir);
	return tool_flush();
}

static bool exists(const struct group *group)
{
	for (unsigned i = 0; i < group->controllers; i++)
		if (access(group->controller[i].dir, F_OK) == 0)
			return true;
	return false;
}

/* A process id may be that of a run whose cgroup is still there: then another name is taken. error: why there is no record. */
static int name_and_record(const struct run_options *run, struct group *group, struct record *record, int *error)
{
	char name[NAME_MAX + 1];
	int r = -EEXIST;

	for (unsigned i = 0; i < 100 && r == -EEXIST; i++) {
		snprintf(name, sizeof(name), i ? "cgtune-%d-%u" : "cgtune-%d", (int)getpid(), i);
		group_name(group, run->name ? run->name : name);
		if (exists(group) || (!run->dry_run && (r = record_make(group, record)) == -EEXIST)) {
			if (run->name)
				return run_failed(run->name, "there is such a cgroup already, or its record (cgtune run --gc)");
			continue;
		}
		if (run->dry_run)
			return 0;
	}
	*error = r;
	return 0;
}

static void explain_group(const struct group *group)
{
	for (unsigned i = 0; i < group->controllers; i++)
		if (group_is_first(group, i))
			fprintf(stderr, "cgtune: cgroup: %s\n", group->controller[i].dir);
	for (unsigned i = 0; i < group->values; i++)
		fprintf(stderr, "cgtune: cgroup: %s = %s\n", group->value[i].file, group->value[i].text);
}

/* What a probe has counted of the group is told of for longer than there is a path. */
static void leave_name(const struct run_options *run, const struct group *group)
{
	static const char *const controllers[] = { "cpu", "memory" };
	const char *paths[2] = { NULL, NULL }, *last = NULL;
	char name[NAMES_LENGTH + 1];

	for (int k = 0; k < 2; k++) {
		int i = group_find(group, controllers[k]);

		if (i < 0)
			continue;
		paths[k] = group->controller[i].dir + group->controller[i].mount;
		last = strrchr(group->controller[i].dir, '/');
	}
	if (!last)
		return;
	snprintf(name, sizeof(name), "%s (%s)", last + 1, basename(run->argv[0]));
	register_removed(paths, name);
}

static int run_in_group(const struct run_options *run, struct group *group, const char *object)
{
	struct record record;
	struct run_result result;
	struct summary after;
	int r, no_record;

	run_block_signals();
	r = name_and_record(run, group, &record, &no_record);
	if (r)
		return r;
	r = group_make(group);
	if (r) {
		if (!exists(group))
			record_remove(&record);
		return r;
	}
	if (no_record < 0)
		fprintf(stderr, "cgtune: warning: no record of the cgroup can be made (%s): should this run be killed, "
			"cgtune run --gc does not know of it\n", strerror(-no_record));
	if (run->why)
		explain_group(group);
	run_child(run, group, object, &result);
	if (run->summary && result.started) {
		summary_read(group, false, &after);
		summary_print(NULL, &after, &result);
	} else {
		summary_print_kill(group, run->argv[0], &result);
	}
	leave_name(run, group);
	if (group_remove(group))
		record_remove(&record);
	return result.status;
}

/* Whether the group is the scope that systemd made: on v1 a controller's may be a slice above that. */
static bool is_scope(const struct run_options *run, const struct group *group)
{
	for (unsigned i = 0; i < group->controllers; i++)
		if (group->controller[i].version != 2)
			return false;
	return run->in_scope && group->controllers;
}

static int run_here(const struct run_options *run, struct group *group, const char *object)
{
	struct run_result result;
	struct summary before, after;
	bool own = (run->summary || run->in_scope) && group_own(run, group) == 0, summary = own && run->summary,
	     alone = own && is_scope(run, group);

	run_block_signals();
	if (summary)
		summary_read(group, true, &before);
	run_child(run, NULL, object, &result);
	if (summary && result.started) {
		summary_read(group, !run->in_scope, &after);
		summary_print(run->in_scope ? NULL : &before, &after, &result);
	} else if (alone) {
		summary_print_kill(group, run->argv[0], &result);
	}
	if (alone)
		leave_name(run, group);
	return result.status;
}

static int run(const struct run_options *run)
{
	static struct group group = { .limits = { .memory = CGTUNE_UNLIMITED, .memory_high = CGTUNE_UNLIMITED } };
	char object[PATH_MAX];
	bool limited = run_wants_group(run);
	struct record none;
	int r, no_record;

	if (limited && systemd_is_here())
		return systemd_run(run);
	r = limited ? group_place(run, &group) : 0;
	if (r == 0 && run->dry_run && limited)
		r = name_and_record(run, &group, &none, &no_record);
	if (r)
		return r;
	if (run->why)
		inspect_explain(&run->inspect, run->path);
	if (run->dry_run)
		return dry_run(run, &group);
	environment_object(run, object);
	return limited ? run_in_group(run, &group, object) : run_here(run, &group, object);
}

int tool_run(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "-- COMMAND [ARGUMENT...]\n--gc",
		"Run a command in its limits, with the preload object and the variables that tell it of them.\v"
		"Where systemd runs, it makes the cgroup (systemd-run --scope).\n\n"
		"Exit status: the command's; 128 + the signal that ended it; 125 when cgtune failed, 126 when the command "
		"cannot be executed, 127 when it is not found.",
		NULL, NULL, NULL,
	};
	static struct arguments arguments = {
		.run = { .memory = CGTUNE_UNLIMITED, .memory_high = CGTUNE_UNLIMITED },
	};
	int r;

	tool_usage_status = RUN_FAILED;
	if (getuid() != geteuid() || getgid() != getegid())
		return run_failed("run", "this is a setuid program, and the command would have its rights");
	tool_parse(&argp, argc, argv, &arguments);
	if (arguments.gc)
		return record_gc();
	run_ignore_pipe();
	r = find_command(&arguments.run);
	return r ? r : run(&arguments.run);
}
