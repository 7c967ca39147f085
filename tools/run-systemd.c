/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run-systemd - where systemd is, it alone makes cgroups: a transient scope, in which we run again */
#include "run.h"
#include "tool.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROPERTY_SIZE (GROUP_TEXT + 32)

/* sd_booted(3) */
bool systemd_is_here(void)
{
	struct stat st;

	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

struct command {
	char **argv;
	unsigned count;
	char text[8][PROPERTY_SIZE];
	unsigned texts;
};

static void add(struct command *command, const char *argument)
{
	command->argv[command->count++] = (char *)argument;
}

static void add_property(struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_property(struct command *command, const char *format, ...)
{
	char *text = command->text[command->texts++];
	va_list list;

	va_start(list, format);
	vsnprintf(text, PROPERTY_SIZE, format, list);
	va_end(list);
	add(command, "-p");
	add(command, text);
}

/* CPUQuota= is in percent, of which systemd takes two decimals; never more than asked for, and never 0. */
static void add_quota(struct command *command, const struct tuning_limits *limits)
{
	uint64_t hundredths = util_mul_div(limits->quota_us, 10000, limits->period_us);

	if (!hundredths)
		hundredths = 1;
	if (hundredths % 100)
		add_property(command, "CPUQuota=%" PRIu64 ".%02" PRIu64 "%%", hundredths / 100, hundredths % 100);
	else
		add_property(command, "CPUQuota=%" PRIu64 "%%", hundredths / 100);
}

static void add_properties(struct command *command, const struct group *group)
{
	const struct tuning_limits *limits = &group->limits;

	if (limits->period_us)
		add_quota(command, limits);
	if (limits->memory != CGTUNE_UNLIMITED)
		add_property(command, "MemoryMax=%" PRIu64, limits->memory);
	if (limits->memory_high != CGTUNE_UNLIMITED)
		add_property(command, "MemoryHigh=%" PRIu64, limits->memory_high);
	if (group->cpuset[0])
		add_property(command, "AllowedCPUs=%s", group->cpuset);
}

static unsigned length_of(char *const *argv)
{
	unsigned n = 0;

	while (argv[n])
		n++;
	return n;
}

static void build(const struct run_options *options, const struct group *group, const char *self,
		  struct command *command)
{
	add(command, "systemd-run");
	add(command, "--scope");
	add(command, "--quiet");
	add(command, "--slice-inherit");	/* what limits the caller's slice limits the command, too */
	add(command, "--collect");	/* a scope in which something was killed would stay, as failed */
	if (geteuid() != 0)
		add(command, "--user");
	if (options->name) {
		snprintf(command->text[command->texts], PROPERTY_SIZE, "--unit=%s", options->name);
		add(command, command->text[command->texts++]);
	}
	add_properties(command, group);
	if (options->summary)
		add_property(command, "CPUAccounting=yes");	/* v1: a CPU cgroup of its own without a quota, too */
	add(command, "--");
	add(command, self);
	add(command, "run");
	add(command, "--in-scope");
	if (options->summary)
		add(command, "--summary");
	if (options->why)
		add(command, "--why");
	if (options->runtime) {
		add(command, "--runtime");
		add(command, options->runtime);
	}
	add(command, "--");
	for (char **argument = options->argv; *argument; argument++)
		add(command, *argument);
}

int systemd_run(const struct run_options *options)
{
	static struct command command;
	static struct group group;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r = group_limits(options, &group);

	if (r)
		return r;
	if (n < 0)
		return run_failed("/proc/self/exe", "%s", strerror(errno));
	self[n] = '\0';
	command.argv = calloc(length_of(options->argv) + 32, sizeof(*command.argv));
	if (!command.argv)
		return run_failed("run", "%s", strerror(errno));
	build(options, &group, self, &command);
	if (options->dry_run) {
		run_print_command(stdout, command.argv);
		return 0;
	}
	if (options->why) {
		fputs("cgtune: cgroup: made by systemd: ", stderr);
		run_print_command(stderr, command.argv);
	}
	execvp(command.argv[0], command.argv);
	return run_failed(command.argv[0], "%s; systemd runs here, and makes the cgroups", strerror(errno));
}
