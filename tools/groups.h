/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* groups - cgroups by the numbers that the kernel's programs know them by: the directory's inode, the hierarchy */
#ifndef CGTUNE_GROUPS_H
#define CGTUNE_GROUPS_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct groups {
	char mount[4096];		/* where the controller's hierarchy is */
	int version;			/* of cgroups: 1 or 2 */
	uint32_t hierarchy;		/* first field of /proc/PID/cgroup */
};

/* cgroup_init(3) of libcgroup, quietly: its answer. */
int groups_begin(void);

/* Of a controller; 0; -ENODATA: no hierarchy has it; or -errno. */
int groups_find(const char *controller, struct groups *ret);

/* The same, where it may be missing. */
int groups_look_for(const char *controller, struct groups *ret, bool *has);

/* A group's own path, of that or of a directory below the mount point. */
const char *groups_path(const struct groups *groups, const char *path);

/* Of a path as in /proc/PID/cgroup, or of a directory below the mount point. */
int groups_id(const struct groups *groups, const char *path, uint64_t *ret);

/* Path of a group, in room for it unless that is NULL; -ENOENT: it is gone. */
int groups_path_of(const struct groups *groups, uint64_t id, char *ret, size_t size);

/* Path of a process's; in room for it. */
int groups_of_process(const struct groups *groups, int32_t pid, char *ret, size_t size);

/* A file of a group, by its path, as tool_read(). */
ssize_t groups_read(const struct groups *groups, const char *path, const char *file, char *text, size_t size);

/* How many there are. */
size_t groups_count(const struct groups *groups);

/* fn for each directory, those above first, until it returns something else than 0. */
int groups_walk(const struct groups *groups, int (*fn)(uint64_t id, const char *path, void *user), void *user);
/* The same of one group, by its path, and those below it. */
int groups_walk_below(const struct groups *groups, const char *path, int (*fn)(uint64_t id, const char *path, void *user),
		      void *user);

#endif
