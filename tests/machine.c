/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* machine - small fake roots that a test builds line by line, and what is reported of them */
#include "machine.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void machine_write(const struct machine *machine, const char *path, const char *text)
{
	ck_assert_int_eq(tree_write(machine->root, path, text, strlen(text)), 0);
}

void machine_make(struct machine *machine)
{
	static const char *const files[][2] = {
		{ "/proc/self/cgroup", "0::/a\n" },
		{ "/proc/self/mountinfo",
		  "22 1 8:1 / / rw - ext4 /dev/root rw\n"
		  "25 22 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n" },
		{ "/proc/meminfo", "MemTotal:       67108864 kB\n" },
		{ "/sys/devices/system/cpu/online", "0-7\n" },
		{ "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n" },
	};

	ck_assert_int_eq(tree_make(machine->root, sizeof(machine->root)), 0);
	machine->options = (struct cgtune_options){ .size = sizeof(machine->options), .root = machine->root };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		machine_write(machine, files[i][0], files[i][1]);
}

void machine_limit(const struct machine *machine)
{
	machine_write(machine, CPU_MAX, "250000 100000\n");
	machine_write(machine, MEMORY_MAX, "1073741824\n");
}

void machine_remove(const struct machine *machine)
{
	ck_assert_int_eq(tree_remove(machine->root), 0);
}

static void keep(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

void heard_report(const struct cgtune_report *report, void *user)
{
	struct heard *heard = user;

	ck_assert_uint_eq(report->size, sizeof(*report));
	ck_assert_ptr_nonnull(report->text);
	heard->levels += report->kind == CGTUNE_REPORT_LEVEL;
	heard->notes += report->kind == CGTUNE_REPORT_NOTE;
	if (report->kind != CGTUNE_REPORT_WARNING)
		return;
	heard->warnings++;
	keep(heard->file, sizeof(heard->file), report->file);
	keep(heard->variable, sizeof(heard->variable), report->variable);
	keep(heard->value, sizeof(heard->value), report->value);
	keep(heard->text, sizeof(heard->text), report->text);
}

void environment_clear(void)
{
	static const char *const names[] = {
		"CGTUNE", "CGTUNE_CPUS", "CGTUNE_MEMORY", "CGTUNE_THREADS", "CGTUNE_BUDGET",
		"CGTUNE_MEMORY_RATIO", "CGTUNE_MEMORY_RESERVE", "CGTUNE_CPUS_RESERVE", "CGTUNE_ROUND",
		"CGTUNE_THROTTLE_MULTIPLIER", "CGTUNE_THROTTLE_RETRY_AFTER", "CGTUNE_LOG", "CGTUNE_SET", "GOMAXPROCS", "GOMEMLIMIT",
		"AUTOMEMLIMIT", "OMP_NUM_THREADS",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

unsigned descriptors_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}
