/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the libcgroup rows: cgroup_init() alone ("init"), and with the values of this process's cgroup. */
#include <libcgroup.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static bool init_only;

static int64_t value(const char *name, const char *v1, const char *v2)
{
	struct cgroup_controller *controller;
	struct cgroup *group;
	int64_t found = 0;
	char *path, *text;

	if (cgroup_get_current_controller_path(getpid(), name, &path) != 0)
		return 0;
	group = cgroup_new_cgroup(path);
	free(path);
	if (group != NULL && cgroup_get_cgroup(group) == 0) {
		controller = cgroup_get_controller(group, name);
		if (controller != NULL && cgroup_get_value_int64(controller, v1, &found) != 0 &&
		    cgroup_get_value_string(controller, v2, &text) == 0) {
			found = strtoll(text, NULL, 10);
			free(text);
		}
	}
	cgroup_free(&group);
	return found;
}

static void call(struct bench_answer *answer)
{
	int64_t quota, memory;

	if (cgroup_init() != 0 || init_only)
		return;
	quota = value("cpu", "cpu.cfs_quota_us", "cpu.max");
	memory = value("memory", "memory.limit_in_bytes", "memory.max");
	/* The period is the kernel's default in every scenario. */
	answer->threads = quota > 0 ? (unsigned long)((quota + 99999) / 100000) : 0;
	answer->memory = memory > 0 ? (uint64_t)memory : 0;
}

int main(int argc, char **argv)
{
	init_only = argc > 1 && strcmp(argv[1], "init") == 0;
	return bench_subject(call);
}
