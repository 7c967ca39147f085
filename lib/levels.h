/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * levels - what each level of a hierarchy limits, from the cgroup up to the mount point
 *
 * The mount point is a level too: in a cgroup namespace it is the container's
 * own cgroup. The kernel enforces every level, so the tightest counts.
 */
#ifndef CGTUNE_LEVELS_H
#define CGTUNE_LEVELS_H

#include "pass.h"

/* One walk from a cgroup up to its mount point, and the tightest that it met. */
struct walk {
	struct pass *pass;
	const struct cgroup *cgroup;
	uint32_t resource;
	unsigned level;			/* 0: the cgroup itself */
	bool seen;			/* a level that is there was met */
	bool stat_read;			/* memory.stat of v1: of the first level that has one */
	size_t length;			/* of the level's path in cgroup->dir */

	uint64_t quota, period;		/* period 0: no quota met */
	uint64_t memory, high;		/* CGTUNE_UNLIMITED: none met */
	const char *name, *high_name;	/* the file that decided, and its level */
	size_t at, high_at;
};

/* Walk up from one cgroup of the pass, PASS_CPU or PASS_MEMORY. 0; or a fatal error. */
int levels_walk(struct pass *pass, unsigned which, struct walk *ret);

#endif
