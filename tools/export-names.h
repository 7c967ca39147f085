/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-names - the paths of cgroups by their numbers, kept from pass to pass */
#ifndef CGTUNE_EXPORT_NAMES_H
#define CGTUNE_EXPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum export_which { EXPORT_CPU, EXPORT_MEMORY };	/* hierarchy */

struct export_name {
	char *path;
	uint64_t ids[2];		/* inode numbers of its directories; 0: not in that hierarchy */
	unsigned read[2];		/* the pass in which they were read last for what is in them */
	bool seen;			/* in this pass */
	size_t at;			/* among all by path, in this pass */
};

/* A pass begins: none is seen yet. */
void export_names_begin(void);
/* NULL: not known. */
struct export_name *export_names_find(enum export_which which, uint64_t id);
/* The root's number. 0 or -ENOMEM. */
int export_names_root(enum export_which which, uint64_t id);
/* Read the directory of above for what is in it, unless this pass has done so. 0 or -ENOMEM. */
int export_names_read(enum export_which which, const char *mount, struct export_name *above);
/* Number all by their paths; returns how many there are. */
size_t export_names_order(void);
/* Forget those that were not seen. */
void export_names_prune(void);
void export_names_free(void);

#endif
