/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the interface of scene.c: real cgroups with limits, and a number of mounts, to run subjects in. */
#ifndef BENCH_SCENE_H
#define BENCH_SCENE_H

#include <limits.h>
#include <stdbool.h>

/* One controller's hierarchy: where it is mounted, and the cgroups made below that. */
struct scene_tree {
	const char *controller;
	int version;
	char mount[PATH_MAX];
	bool enabled_here;	/* version 2: the top's subtree_control was changed, and has to be changed back */
};

/*
 * cgtune-bench-PID                 1.25 ... CPUs, 512 MiB ...   only with every_level; memory is tightest here
 *   level-2 ... level-DEPTH        1 CPU, 512 MiB               the leaf; CPU is tightest here
 */
struct scene {
	unsigned depth;
	unsigned mounts;
	bool every_level;
	struct scene_tree trees[2];
	char directory[PATH_MAX];	/* where the mounts go */
};

/* Makes the cgroups. False: not possible on this machine, said on stderr; scene_close() in any case. */
bool scene_open(struct scene *scene);

/* Moves the caller into the leaf and into a mount namespace of its own with the mounts. */
bool scene_enter(const struct scene *scene);

/* Removes all of it; nobody may be left inside. */
void scene_close(struct scene *scene);

#endif
