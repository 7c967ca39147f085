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

struct torture {
	enum torture_kind kind;
	long at;			/* the number of the one that fails; 0: none */
	bool from_then_on;
	int variant;
	/* What came of it: */
	int status;			/* as of waitpid(2) */
	bool fired, hung;
	long number;			/* the system call that failed first */
	int error;
	char path[256];			/* its first path, if it has one */
};

/* NULL; or why nobody can be traced here. */
const char *torture_why_not(void);

/* Run it in a child, which ends with what it returns, or executes another program. */
void torture_run(struct torture *torture, int (*child)(void *user), void *user);

/* In the child. A program that is executed does so by itself: torture_preloaded() says what to put into its environment. */
void torture_arm(const struct torture *torture);
void torture_disarm(void);

/* "call 12 (system call 257, /proc/self/cgroup) and all later EMFILE", in room. */
const char *torture_says(const struct torture *torture, char *room, size_t size);

/* All points of a kind: fn runs one, judges it, and says whether to go on. The number of those that fired. */
unsigned torture_all(enum torture_kind kind, bool every_error, void (*fn)(struct torture *torture, void *user), void *user);

/* What the traced program and its tracer agree upon: prctl(TORTURE_MAGIC, one of these), which the kernel refuses. */
#define TORTURE_MAGIC 0x63677475
enum torture_word { TORTURE_ARM, TORTURE_DISARM, TORTURE_FIRED };

#endif
