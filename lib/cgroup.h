/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup - where the cgroups of a process lie
 *
 * One struct cgroup for each controller that is asked for: on a hybrid machine
 * each is in a hierarchy, and perhaps a cgroup, of its own.
 */
#ifndef CGTUNE_CGROUP_H
#define CGTUNE_CGROUP_H

#include "cgtune.h"
#include "file.h"

/* The most cgroups of one search. */
#define CGROUP_MOST 4

struct cgroup {
	const char *controller;		/* "cpu", "memory", "cpuacct", "cpuset" */
	int version;			/* of the hierarchy that holds it; 0: not visible */
	uint32_t hierarchy;		/* its number; 0: that of v2 */
	bool placed;			/* dir is known */
	bool has_root;			/* the mount point is the root of the hierarchy */
	size_t top;			/* length of the mount point in dir: the highest visible level */
	size_t length;			/* length of dir */
	char *dir;			/* its directory, below the root: behind path, so that a short one
					   costs no further page of the stack */
	char names[128];		/* v1: the controllers of that hierarchy, as the kernel lists them */
	char path[2 * CGTUNE_PATH_SIZE];	/* as in /proc/PID/cgroup */
};

/* Room that a search needs, and that a caller may use between searches. */
union scratch {
	struct file_lines lines;
	char text[FILE_LINE];
};

/* What went wrong with which file; never the end of the search. */
typedef void cgroup_warn_fn(void *user, const char *file, int error);

struct cgroup_search {
	struct file_set *files;
	union scratch *scratch;
	int32_t pid;			/* 0: this process */
	const char *path;		/* look for this cgroup instead of the process's; or NULL */
	cgroup_warn_fn *warn;
	void *user;
};

/*
 * Find the n cgroups whose controller is set. 0, also when some are not
 * visible; -ESRCH; or why /proc/PID/cgroup could not be read.
 */
int cgroup_find(const struct cgroup_search *search, struct cgroup *cgroups, size_t n);

/* Read /proc/PID/cgroup only: version, names and path of each. */
int cgroup_read_paths(const struct cgroup_search *search, struct cgroup *cgroups, size_t n);

/* Set version, names and path of those cgroups that this line of /proc/PID/cgroup is for. */
void cgroup_take_line(struct slice line, struct cgroup *cgroups, size_t n);

/* Length of the parent's path within dir[0..length), or 0 above the top. */
size_t cgroup_parent(const struct cgroup *cgroup, size_t length);

#endif
