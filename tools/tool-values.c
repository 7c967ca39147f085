/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tool-values - what the values of options may be that several subcommands have */
#include "tool.h"

#include <stdlib.h>

int32_t tool_pid(const char *argument)
{
	char *end;
	long pid = strtol(argument, &end, 10);

	if (*end || end == argument || pid <= 0 || pid > INT32_MAX)
		tool_usage(argument, "--pid wants the number of a process");
	return (int32_t)pid;
}

const char *tool_cgroup(const char *argument)
{
	if (*argument != '/')
		tool_usage(argument, "is not the absolute path of a cgroup");
	return argument;
}

void tool_pid_or_cgroup(bool pid, bool cgroup)
{
	if (pid && cgroup)
		tool_usage("--pid and --cgroup", "only one of them");
}

double tool_number(const char *argument, double least, double most, const char *wants)
{
	char *end;
	double number = strtod(argument, &end);

	if (*end || end == argument || !(number >= least && number <= most))
		tool_usage(argument, wants);
	return number;
}
