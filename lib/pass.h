/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pass - one reading of the limits: its options, its open files, its cgroups, its reports
 *
 * What a pass found can be kept, so that the next walk neither searches nor opens.
 */
#ifndef CGTUNE_PASS_H
#define CGTUNE_PASS_H

#include "cgroup.h"
#include "env.h"

enum { PASS_CPU, PASS_MEMORY, PASS_CGROUPS };

/* Levels of which descriptors are kept, and files kept of each. */
#define PASS_HELD_LEVELS 64
#define PASS_HELD_FILES 3
#define PASS_HELD_ONLINE (PASS_CGROUPS * PASS_HELD_LEVELS * PASS_HELD_FILES)
#define PASS_HELD (PASS_HELD_ONLINE + 1)

struct pass {
	const struct cgtune_options *options;	/* complete: as of options_take() */
	const struct env *env;
	struct file_set files;
	bool leaf_seen[PASS_CGROUPS];	/* since the search, a file of the cgroup itself was read */
	bool explain;			/* report every file that is looked at, not just warnings */
	bool retry;			/* another try follows when the cgroup turns out to be gone */
	bool whole;			/* read also the levels that another file answers for */
	/* Small before large: what is used of them shares a few pages. */
	char text[256];
	char path[CGTUNE_PATH_SIZE + 64];
	struct cgroup cgroups[PASS_CGROUPS];
	union scratch scratch;
};

/* Open the root. 0, and pass_close() is due; or why it cannot be opened. */
int pass_open(struct pass *pass, const struct cgtune_options *options, const struct env *env);
void pass_close(struct pass *pass);

/* Find the cgroups. 0; -ESRCH; -ENOENT: no such cgroup; or -errno. */
int pass_find(struct pass *pass);

/* Whether a cgroup was removed after its path was read, which looks like one without
 * limits: the process has been moved, and must be looked for again. */
bool pass_leaf_is_gone(struct pass *pass);

/* How often to look for a process that is moved while its cgroup is removed. */
#define PASS_TRIES 3

/* Find, and do something, again where that says that the cgroup was removed (-ENODEV). The
 * last answer stands: there are directories that this process cannot see. */
int pass_find_and(struct pass *pass, int (*then)(struct pass *, void *), void *user);

/* The path of a file at a level of a cgroup, in pass->path; false: too long. */
bool pass_path(struct pass *pass, const struct cgroup *cgroup, size_t length, const char *name);

/* Report a file that cannot be read; user is the pass. */
void pass_warn_unreadable(void *user, const char *file, int error);

/* Tell the caller's report function, if there is one. */
void pass_report(const struct pass *pass, uint32_t kind, uint32_t resource,
		   const char *file, const char *value, const char *sentence);

#endif
