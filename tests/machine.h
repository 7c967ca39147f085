/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * machine - small fake roots that a test builds line by line, and what is reported of them
 *
 * A new machine has 8 CPUs, 64 GiB and cgroup v2; its process is in /a. Files
 * of limits are written by the test. Every function fails the test by itself.
 */
#ifndef CGTUNE_TESTS_MACHINE_H
#define CGTUNE_TESTS_MACHINE_H

#include "cgtune.h"
#include "tree.h"

#include <stddef.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define MACHINE_CPUS 8
#define MACHINE_MEMORY (64 * GIB)

/* The files of the process's cgroup and of the mount point above it. */
#define CPU_MAX "/sys/fs/cgroup/a/cpu.max"
#define MEMORY_MAX "/sys/fs/cgroup/a/memory.max"
#define MEMORY_HIGH "/sys/fs/cgroup/a/memory.high"
#define TOP_CPU_MAX "/sys/fs/cgroup/cpu.max"
#define TOP_MEMORY_MAX "/sys/fs/cgroup/memory.max"

struct machine {
	char root[TREE_PATH_SIZE];
	struct cgtune_options options;		/* read of this machine */
};

void machine_make(struct machine *machine);
void machine_write(const struct machine *machine, const char *path, const char *text);
void machine_remove(const struct machine *machine);

/* Limits that bind: 2.5 CPUs, 1 GiB. */
void machine_limit(const struct machine *machine);

/* What was reported, warnings in full. */
struct heard {
	unsigned warnings, levels, notes;
	char file[512], variable[128], value[512], text[512];	/* of the last warning; "": was NULL */
};
void heard_report(const struct cgtune_report *report, void *heard);

/* Unset every variable that cgtune reads or writes. */
void environment_clear(void);

/* Descriptors of this process that are open. */
unsigned descriptors_open(void);

#endif
