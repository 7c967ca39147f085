/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usage - what a cgroup uses, what is left of its memory, what its quota did to it */
#ifndef CGTUNE_USAGE_H
#define CGTUNE_USAGE_H

#include "pass.h"
#include "published.h"

/*
 * Bytes left below a limit at one level of the memory cgroup, length of its path: limit - (use -
 * inactive_file), at least 0; CGTUNE_UNKNOWN. enough: with so much left all the same, inactive_file
 * is not looked up, as memory.stat first gathers what all CPUs have counted.
 */
uint64_t usage_left(struct pass *pass, size_t length, uint64_t limit, uint64_t enough);

/* cpu.stat of the level whose quota decides, and which group that is, for a probe; its cgroup 0: not known. */
int usage_throttle_read(const struct cgtune_options *options, struct cgtune_throttle *ret, struct published_group *group);

/*
 * What the level whose quota decides has used, and what the quota did to it; CGTUNE_UNKNOWN in a
 * member that is not counted. In v1 use is counted where cpuacct is mounted together with cpu: in a
 * hierarchy of its own it may be that of other processes.
 */
struct usage_cpu {
	uint64_t periods, throttled, throttled_ns, used_ns;
	struct published_group group;	/* as above */
};
int usage_cpu_read(const struct cgtune_options *options, struct usage_cpu *ret);

#endif
