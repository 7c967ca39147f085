/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rows - cgroups with what their files say: CPU and memory of one path in one row, whatever the hierarchies */
#ifndef CGTUNE_ROWS_H
#define CGTUNE_ROWS_H

#include "cgtune.h"
#include "groups.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CGTUNE_UNKNOWN in every member below: not counted, or not to be read; of a limit: none. */
struct row_cpu {
	uint64_t quota_us, period_us;
	uint64_t used_ns;
	uint64_t periods, throttled, throttled_ns;	/* cpu.stat */
};

struct row_memory {
	uint64_t current, limit, high;
	uint64_t high_events, max_events, oom_events, oom_kills;	/* memory.events.local, or what v1 has of it */
};

struct row {
	char *path;
	uint64_t id;			/* inode number of the directory, in the cpu hierarchy where it is there */
	uint32_t hierarchy;		/* first field of /proc/PID/cgroup */
	bool has_cpu, has_memory;
	struct row_cpu cpu;
	struct row_memory memory;
};

struct rows {
	struct row *rows;		/* by path */
	size_t count;
};

/* What was counted between two readings; CGTUNE_UNKNOWN where one of both is not known. */
static inline uint64_t rows_between(uint64_t old, uint64_t new)
{
	return old == CGTUNE_UNKNOWN || new == CGTUNE_UNKNOWN || new < old ? CGTUNE_UNKNOWN : new - old;
}

/* What tells the numbers of a group, by its inode number, other than its files; false: nothing of that group. */
struct rows_source {
	int (*refresh)(void);
	bool (*cpu)(uint64_t id, struct row_cpu *ret);	/* all but used_ns */
	bool (*memory)(uint64_t id, struct row_memory *ret);
};

/* rows-walk.c, or in a build without BPF probe-none.c: an iterator of the kernel; NULL: none here. */
const struct rows_source *rows_walk_open(void);

/* All cgroups that can be seen; source: NULL: by their files. 0 or -errno. */
int rows_read(const struct rows_source *source, struct rows *ret);
/* One, which is so named in the cpu hierarchy, and so in memory's; NULL: none. -ENOENT: neither is there. */
int rows_read_one(const char *cpu_path, const char *memory_path, struct rows *ret);
/* The row of a path, or NULL. */
const struct row *rows_find(const struct rows *rows, const char *path);
void rows_free(struct rows *rows);

/* The number behind key in a file of a group, or with NULL the only one in it; CGTUNE_UNKNOWN: none. */
uint64_t rows_number(const struct groups *groups, const char *path, const char *file, const char *key);

#endif
