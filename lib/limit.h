/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit - the smallest limit over a cgroup and its visible ancestors
 *
 * One pass: find the cgroups, walk up from each, ask the host. What a pass
 * found can be kept, so that the next walk neither searches nor opens.
 */
#ifndef CGTUNE_LIMIT_H
#define CGTUNE_LIMIT_H

#include "cgroup.h"
#include "env.h"

enum { LIMIT_CPU, LIMIT_MEMORY, LIMIT_CGROUPS };

/* Levels of which descriptors are kept, and files kept of each. */
#define LIMIT_HELD_LEVELS 16
#define LIMIT_HELD_FILES 3
#define LIMIT_HELD_ONLINE (LIMIT_CGROUPS * LIMIT_HELD_LEVELS * LIMIT_HELD_FILES)
#define LIMIT_HELD (LIMIT_HELD_ONLINE + 1)

struct limit_pass {
	const struct cgtune_options *options;	/* complete: as of util_struct_in() */
	const struct env *env;
	struct file_set files;
	bool leaf_seen[LIMIT_CGROUPS];	/* the last walk read a file of the cgroup itself */
	bool whole;			/* read also the levels that another file answers for */
	/* Small before large: what is used of them shares a few pages. */
	char text[256];
	char path[CGTUNE_PATH_SIZE + 64];
	struct cgroup cgroups[LIMIT_CGROUPS];
	union scratch scratch;
};

/* Take options by the rule of their size, with bounds checked. 0; -EINVAL; -E2BIG. */
int limit_options(const struct cgtune_options *theirs, struct cgtune_options *ours);

/* Open the root. 0, and limit_close() is due; or why it cannot be opened. */
int limit_open(struct limit_pass *pass, const struct cgtune_options *options, const struct env *env);
void limit_close(struct limit_pass *pass);

/* Find the cgroups. 0; -ESRCH; -ENOENT: no such cgroup; or -errno. */
int limit_find(struct limit_pass *pass);

/* Read every level and the host. 0; -ENODEV: the cgroup was removed, find again; or -errno. */
int limit_walk(struct limit_pass *pass, struct cgtune_limits *ret);

/* Whether a cgroup was removed after its path was read, which looks like one without
 * limits: the process has been moved, and must be looked for again. */
bool limit_leaf_is_gone(struct limit_pass *pass);

/* How often to look for a process that is moved while its cgroup is removed. */
#define LIMIT_TRIES 3

/* Find, and do something, again where that says that the cgroup was removed (-ENODEV). */
int limit_find_and(struct limit_pass *pass, int (*then)(struct limit_pass *, void *), void *user);
/* The same with limit_walk(). */
int limit_read(struct limit_pass *pass, struct cgtune_limits *ret);

/* The path of a file at a level of a cgroup, in pass->path; false: too long. */
bool limit_path(struct limit_pass *pass, const struct cgroup *cgroup, size_t length, const char *name);

/* Report a file that cannot be read; user is the pass. */
void limit_warn_unreadable(void *user, const char *file, int error);

/* Tell the caller's report function, if there is one. */
void limit_report(const struct limit_pass *pass, uint32_t kind, uint32_t resource,
		   const char *file, const char *value, const char *sentence);

#endif
