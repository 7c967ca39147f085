/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * probe-rungs - for the probe's tests: a probe on each rung that this kernel has, all at the same time
 *
 *   BPFFS/fentry/cgtune-1
 *   BPFFS/kprobe/cgtune-1
 *   BPFFS/tracepoint/cgtune-1
 *   BPFFS/raw/cgtune-1
 *
 * So all of them see the same work, and what one says is what the other should have said.
 */
#ifndef CGTUNE_TESTS_PROBE_RUNGS_H
#define CGTUNE_TESTS_PROBE_RUNGS_H

#include <cgtune-probe.h>
#include <stdbool.h>

#define RUNGS (CGTUNE_PROBE_RAW + 1)

/* The sentence and the log of the last start. */
extern char rungs_text[1 << 16];

/* Of cgtune_probe_features(). */
int rungs_answer(const char *name);
/* As the probe names it in the memory controller's hierarchy. */
uint64_t rungs_memory_id(const char *group);
uint32_t rungs_memory_hierarchy(void);

/* What this kernel must be able to, by what it says. */
bool rungs_has(uint32_t rung);
/* Otherwise the test that asks is a skip, and is to return. */
bool rungs_skips(uint32_t rung);

/* Options for a probe in a folder of the BPF file system, which is made; rungs: a mask, 0: all. */
struct cgtune_probe_options rungs_options(const char *folder, uint32_t rungs);

/* Start all, and stop them. */
void rungs_start(void);
void rungs_stop(void);
/* A kernel that has a rung must have taken it. */
void rungs_check_started(void);
/* By the end of all tests: each had room for everything, and no end was without a beginning. */
void rungs_check_nothing_lost(void);
/* NULL where the kernel has no such rung. */
struct cgtune_probe *rungs_probe(uint32_t rung);
/* The best that sees the functions themselves, and so each stop: CGTUNE_PROBE_NONE where there is none. */
uint32_t rungs_exact(void);

/* The topmost that there is. */
uint32_t rungs_best(void);

struct rungs_counts {
	uint64_t kernel;			/* in its own unit */
	struct cgtune_stalls of[RUNGS];
};

/* A read now; zeros: nothing has happened to it. */
struct cgtune_stalls rungs_read(uint32_t rung, const char *group);

/*
 * Wait until no CPU of the group is stopped and each rung's sum is the kernel's.
 * Nobody may run in it any more. That the sum is more than the kernel's fails at once.
 */
struct rungs_counts rungs_settle(const char *group);
/* For so long; false: they are not, and it is what they are. */
bool rungs_try_settle(const char *group, uint64_t milliseconds, struct rungs_counts *ret);

/* Wait until a CPU of the group is stopped. */
void rungs_wait_stopped(const char *group);

/* What no work can make wrong: of each rung alone, kprobe's against fentry's, and that the tracepoints invent none. */
void rungs_check(const char *group, const struct rungs_counts *counts);
/* And that the tracepoint rungs saw each stop that was charged: where no task comes to a stopped queue unseen. */
void rungs_check_all_seen(const char *group, const struct rungs_counts *counts);
/* And, as there was one CPU, each length. */
void rungs_check_lengths(const char *group, const struct rungs_counts *counts);

#endif
