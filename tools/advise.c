/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* advise - `cgtune advise`: watch a cgroup for a while, and say what should be changed, and why */
#include "advise.h"
#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_PID = 256, KEY_CGROUP, KEY_DURATION, KEY_JSON };

struct arguments {
	const char *cgroup;
	int32_t pid;
	double seconds;
	bool json;
};

static volatile int stop;

static const struct argp_option options[] = {
	{ "pid", KEY_PID, "PID", 0, "of this process's threads, and of its cgroup", 0 },
	{ "cgroup", KEY_CGROUP, "PATH", 0, "of this cgroup and those below, as in /proc/PID/cgroup; default: that of the shell", 0 },
	{ "duration", KEY_DURATION, "SECONDS", 0, "0.5 to 3600; default 10. Ctrl-C: until now", 0 },
	{ "json", KEY_JSON, NULL, 0, "print one JSON object", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_PID:
		arguments->pid = tool_pid(argument);
		return 0;
	case KEY_CGROUP:
		arguments->cgroup = tool_cgroup(argument);
		return 0;
	case KEY_DURATION:
		arguments->seconds = tool_number(argument, 0.5, 3600, "--duration wants seconds from 0.5 to 3600");
		return 0;
	case KEY_JSON:
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		tool_usage(argument, "advise takes no argument");
	case ARGP_KEY_END:
		tool_pid_or_cgroup(arguments->pid, arguments->cgroup);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A process of a cgroup; 0: there is none. */
static int32_t first_process(const struct groups *groups, const char *path)
{
	char file[2 * 4096 + 32];
	int32_t pid = 0;
	FILE *processes;

	snprintf(file, sizeof(file), "%s%s/cgroup.procs", groups->mount, path);
	processes = fopen(file, "re");
	if (!processes)
		return 0;
	if (fscanf(processes, "%d", &pid) != 1)
		pid = 0;
	fclose(processes);
	return pid;
}

static struct groups cpu, memory;

/* The memory cgroup of the same name; where there is none, that of a process. NULL where neither is. */
static int find_memory(struct advise_subject *subject)
{
	static char path[4096];
	uint64_t id;
	bool has;
	int r = groups_look_for("memory", &memory, &has);

	if (r < 0 || !has)
		return r;
	if (!subject->member && groups_id(&memory, subject->cpu_path, &id) == 0) {
		subject->memory_path = subject->cpu_path;
		return 0;
	}
	if (!subject->member)
		subject->member = first_process(&cpu, subject->cpu_path);
	r = subject->member > 0 ? groups_of_process(&memory, subject->member, path, sizeof(path)) : -ENODATA;
	if (r == 0)
		subject->memory_path = path;
	return r == -ENODATA || r == -ESRCH ? 0 : r;
}

static int find_subject(const struct arguments *arguments, struct advise_subject *ret)
{
	static char path[4096];
	uint64_t id;
	int r = groups_find("cpu", &cpu);

	*ret = (struct advise_subject){
		.pid = arguments->pid, .member = arguments->cgroup ? 0 : arguments->pid ? arguments->pid : getpid(),
		.seconds = arguments->seconds,
	};
	if (r < 0)
		return r;
	if (arguments->cgroup) {
		ret->cpu_path = groups_path(&cpu, arguments->cgroup);
		r = groups_id(&cpu, ret->cpu_path, &id);
	} else {
		ret->cpu_path = path;
		r = groups_of_process(&cpu, ret->member, path, sizeof(path));
	}
	if (r == 0)
		r = find_memory(ret);
	return r;
}

/* The limits as cgtune sees them for the subject, and what it would make of them. */
static int read_plan(const struct advise_subject *subject, struct advise_facts *facts)
{
	struct cgtune_options from = {
		.size = sizeof(from), .pid = subject->member, .cgroup = subject->member ? NULL : subject->cpu_path, .flags = CGTUNE_NO_ENV,
	};
	int r;

	facts->limits.size = sizeof(facts->limits);
	facts->plan.size = sizeof(facts->plan);
	r = cgtune_read(&from, &facts->limits);
	if (r == -ESRCH && !subject->pid) {		/* the member has ended since, the cgroup has not */
		from.pid = 0;
		from.cgroup = subject->cpu_path;
		r = cgtune_read(&from, &facts->limits);
	}
	return r < 0 ? r : cgtune_plan(&from, &facts->limits, &facts->plan);
}

static void end_now(int number)
{
	stop = number;
}

static int advise(const struct arguments *arguments, const struct advise_subject *subject)
{
	static struct advise_facts facts;
	static struct advice advice[ADVISE_MOST];
	struct sigaction act = { .sa_handler = end_now };
	size_t n;
	int r = read_plan(subject, &facts);

	if (r < 0)
		return r;
	sigaction(SIGINT, &act, NULL);
	facts.online = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	r = advise_watch(subject, &stop, &facts);
	if (r == 0) {
		n = advise_rules(&facts, advice, ADVISE_MOST);
		(arguments->json ? advise_print_json : advise_print)(subject, &facts, advice, n);
		r = tool_flush() == TOOL_DONE ? 0 : -EIO;
	}
	advise_free(&facts);
	return r;
}

int tool_advise(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Watch a cgroup for a while, and say what should be changed and why: threads against the CPU quota, "
		"the quota against use, burst, cpuset, memory against its limits, malloc arenas, with the evidence and the command "
		"that sets it.\v"
		"Rules: oom-kills, threads-over-quota, quota-too-small, ancestor-quota, use-burst, memory-near-max, memory-near-high, "
		"cpu-contention, quota-above-cpus, quota-too-large, malloc-arenas, memory-too-large. Nothing is changed. What could not be "
		"read is said. What is seen holds for the time of the watch: watch while there is work.", NULL, NULL, NULL,
	};
	struct arguments arguments = { .seconds = 10 };
	struct advise_subject subject;
	int r;

	tool_parse(&argp, argc, argv, &arguments);
	r = find_subject(&arguments, &subject);
	if (r == 0)
		r = advise(&arguments, &subject);
	if (r == 0 || tool_flush() != TOOL_DONE)
		return tool_flush();
	if (r == -ENOENT && arguments.cgroup && cpu.version == 1)
		return tool_failed_as(arguments.cgroup, "no such cgroup of the cpu controller; --pid finds a process's of each controller");
	return tool_failed(arguments.pid ? "--pid" : arguments.cgroup ? arguments.cgroup : "the cgroup", r);
}
