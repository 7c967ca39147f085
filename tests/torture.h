/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * torture - one allocation or one system call of a child fails, or all from it on
 *
 * The child is traced (ptrace(2)): every way into the kernel counts, whoever
 * takes it, the C library, libbpf, json-c, libcgroup or the program, in its
 * threads and in the processes that it forks until they execute another program.
 * It says itself from where to where: torture_arm(), torture_disarm(). With
 * allocations the program is to have fail.c in it, or preloaded.
 */
#ifndef CGTUNE_TESTS_TORTURE_H
#define CGTUNE_TESTS_TORTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum torture_kind { TORTURE_ALLOCATION, TORTURE_CALL };

/* Each system call has so many errors that it is made to fail with. */
#define TORTURE_VARIANTS 3

#define TORTURE_PATH 256

struct torture {
	enum torture_kind kind;
	long at;			/* the number of the one that fails; 0: none */
	bool from_then_on;
	int variant;
	long waits;			/* the system call in which it gets SIGINT, as by Ctrl-C, so that nothing is waited for; 0: none */
	/* What came of it: */
	int status;			/* as of waitpid(2) */
	bool fired, hung;
	long counted;			/* how many there were that could fail */
	long number;			/* the system call that failed first */
	int error;
	char path[TORTURE_PATH];	/* its first path, if it has one */
};

/* NULL; or why nobody can be traced here. */
const char *torture_why_not(void);

/* Run it in a child, which ends with what it returns, or executes another program. */
void torture_run(struct torture *torture, int (*child)(void *user), void *user);

/* In the child. A program that it executes has tests/torture-preload.so preloaded, which arms, and
 * TORTURE_ALLOCATION as of torture_environment(). */
void torture_environment(const struct torture *torture);
void torture_arm(const struct torture *torture);
void torture_disarm(void);

/* "call 12 (system call 257, /proc/self/cgroup) and all later EMFILE", in room. */
const char *torture_says(const struct torture *torture, char *room, size_t size);

/*
 * All points of a kind, as plan says in its members above, after a run without a fault, which counted: fn runs one
 * and judges it. The number of those that fired. With most 0 each system call fails in all of its ways; else in one
 * of them, and not more than about so many points are tried of each mode.
 */
unsigned torture_all(const struct torture *plan, long most, void (*fn)(struct torture *torture, void *user), void *user);

/* Memory that parents and children share, all 0; a failure ends the program. */
void *torture_shared(size_t size);

/* What the traced program and its tracer agree upon: prctl(TORTURE_MAGIC, one of these), which the kernel refuses. */
#define TORTURE_MAGIC 0x63677475
enum torture_word { TORTURE_ARM, TORTURE_DISARM, TORTURE_FIRED, TORTURE_COUNTED /* and how many */ };

#endif
