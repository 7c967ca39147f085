/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe-work - for the probe's tests: known work in a group, and what makes every CPU look at its run queues */
#ifndef CGTUNE_TESTS_PROBE_WORK_H
#define CGTUNE_TESTS_PROBE_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WORK_MOST_CPUS 8

/* CPUs that this process may use; at most WORK_MOST_CPUS, and their numbers. */
int work_cpus(int ret[WORK_MOST_CPUS]);

uint64_t work_now_ms(void);

/*
 * A process that computes in a group, until it has seen that often that the
 * throttled time of the limit's group had grown. Where it is alone, each time is
 * of another stop, as it has run between them; others may use the CPUs, too.
 */
struct work {
	const char *group;
	const char *limited;		/* NULL: group */
	unsigned stops;			/* 0: until it is killed */
	unsigned threads;		/* 0: one */
	int cpu;			/* the only one that it uses, which is filled; WORK_ANY: all */
};
#define WORK_ANY (-1)
/* It is in the group then. Who sets the quota after that sees no task come to a queue that is stopped already. */
pid_t work_start(struct work work);
/*
 * Have something else to do for a CPU, until this process ends. A CPU that has
 * nothing else when it stops a queue gives up the queue's lock while it looks for
 * something elsewhere, before it switches: if the stop ends meanwhile, which it may
 * where CPUs are not always running, no tracepoint has seen it.
 */
void work_fill(int cpu);
void work_wait(void);			/* all that were started */
void work_kill(void);

/* A process sleeps on each CPU in turn: each of them switches, and a probe on tracepoints sees what has ended there. */
void work_kick(void);

/*
 * In each group one process, until it was stopped twice.
 *
 * On the tracepoint rungs the sum is what the kernel had charged when the end of
 * a stop was last seen, from the beginning of the first one that was seen. An end
 * is seen at the CPU's next switch, wakeup, timer or call, which work_kick() brings
 * about. A beginning is seen when the task that was stopped switches, or when one
 * wakes. Nothing tells of a task that is brought to a queue which is stopped by its
 * coming (by the balancer, or by a move to another group), nor of a stop that is over
 * before the switch (see work_fill()): its time is in the sum if a stop was seen
 * before, and once one is seen after. So: one before and one after such work, on a
 * CPU that nobody is moved to or from, seen to its end before the process ends.
 */
#define WORK_NAME 32
void work_close(char groups[][WORK_NAME], int n, pid_t pids[]);

/* The cpu controller's: as the probe names groups. */
uint32_t work_hierarchy(void);
uint64_t work_id(const char *group);

/* What the kernel says, in its own unit, and that many nanoseconds in that unit. */
uint64_t work_throttled(const char *group);
uint64_t work_unit(uint64_t ns);

#endif
