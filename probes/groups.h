/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * groups - what the program of a walk writes: the kernel's own counters of each cgroup of a subtree
 *
 *   element 0      struct groups_header
 *   the rest       struct groups_row of each group, those above first
 */
#ifndef CGTUNE_PROBES_GROUPS_H
#define CGTUNE_PROBES_GROUPS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define GROUPS_CPU 1
#define GROUPS_MEMORY 2

struct groups_header {
	__u64 count;			/* groups that were met, rows or not */
	__u64 rows;
};

struct groups_row {
	__u64 cgroup;
	__u32 hierarchy, level;
	__u64 has;			/* GROUPS_CPU | GROUPS_MEMORY: the group's own, not the one of a group above */
	__u64 nr_periods, nr_throttled, throttled_ns;
	__u64 quota_ns, period_ns;	/* ~0: no quota */
	__u64 usage, max, high;		/* pages */
	__u64 events[5], local[5];	/* low, high, max, oom, oom_kill: with those of groups below, and its own */
};

union groups_element {
	struct groups_header header;
	struct groups_row row;
};

#endif
