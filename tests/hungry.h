/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hungry - for tests: processes that want memory in a group, and what /proc tells of one that sleeps for it */
#ifndef CGTUNE_TESTS_HUNGRY_H
#define CGTUNE_TESTS_HUNGRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HUNGRY_CHUNK ((size_t)4 << 20)
#define HUNGRY_SLEEPS 3

/* Private and zero. */
char *hungry_map(size_t size);

/* One that fills so many chunks, each of which the kernel may take back then, and ends. */
pid_t hungry_churn(const char *name, unsigned chunks);
/* One that fills its memory, writes a byte, and keeps it until it is killed. */
pid_t hungry_hog(const char *name, size_t size, int ready);

/* One that wants page after page until it is told to stop; shared with it. */
struct hungry_sleeper {
	volatile bool stop;
	uint64_t wall_ns;
	long switches;				/* voluntary */
};
pid_t hungry_sleeper(const char *name, struct hungry_sleeper *sleeper);

/*
 * Sleeps over memory.high as /proc shows them: between two looks that find the same
 * one it was asleep all the time. Until there were HUNGRY_SLEEPS of them, for 100 s.
 */
struct hungry_seen {
	uint64_t sleeps, ns, longest_ns;	/* at least */
};
struct hungry_seen hungry_watch(pid_t pid);

#endif
