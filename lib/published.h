/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * published - the array in which a started probe counts (cgtune-probe.h), mapped read-only by this process
 *
 * One mapping at a time, kept for the life of the process, and no descriptor of it.
 * Readers take no lock and enter the kernel not at all; a mapping that was replaced
 * is unmapped once nobody reads it. Zeroes are the initial state: this lies in the
 * process's state, which a forked child finds empty, and so maps its own.
 */
#ifndef CGTUNE_PUBLISHED_H
#define CGTUNE_PUBLISHED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

union probe_element;

struct published_view {
	const union probe_element *elements;
	size_t bytes;
	uint32_t slots;
	uint32_t major, minor;		/* of the pin: another is another probe */
	uint64_t inode;
};

/* A group of processes as the kernel knows it: the number of its directory, and of its hierarchy. */
struct published_group {
	uint64_t cgroup;
	uint32_t hierarchy;
};

/* What the probe counts of a group. The kernel's own are as of the last stop that ended, or CGTUNE_UNKNOWN. */
struct published_counts {
	uint64_t throttles, episodes, wall_ns, max_ns, since_ns, updated_ns;
	uint64_t periods, throttled, throttled_ns;
};

struct published {
	struct published_view *_Atomic current;	/* of views; NULL: none */
	atomic_uint readers;
	/* The process's own group: its slot, whose it is, and with none how many were taken by then. */
	_Atomic uint64_t serial, epoch;
	_Atomic uint32_t slot;
	_Atomic bool known;
	pthread_mutex_t lock;		/* over all that follows */
	struct published_view views[2];
	struct published_group own;
};

/*
 * Map what is published in this BPF file system, or keep what is mapped. The only caller of
 * bpf(2): where something is pinned that this user can reach, and either no seccomp(2) filter
 * is in force or any.
 */
void published_map(struct published *published, const char *bpffs, bool any);

/* Counts of a group by looking through the array. 0; -ENODATA: nothing is mapped, it counts no longer, or not all. */
int published_find(struct published *published, const struct published_group *group, struct published_counts *ret);

/* Remember the group of the process; NULL: it is not known any more. */
void published_remember(struct published *published, const struct published_group *own);

/* Counts of that group: no lock, no call. 0; -ENODATA, too, where it must be looked for again. */
int published_own(struct published *published, struct published_counts *ret);

#endif
