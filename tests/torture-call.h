/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * torture-call - functions of a library are tortured: how each point is run, and what every one is judged by
 *
 * In a child: what it needs is made, the call is made with a fault, and looked
 * at: a documented error, no descriptor more or less, no block either, and what
 * comes after it is as it should be. The program says what else there is to see.
 */
#ifndef CGTUNE_TESTS_TORTURE_CALL_H
#define CGTUNE_TESTS_TORTURE_CALL_H

#include "torture.h"

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum call_flag {
	KEEPS = 1,			/* on success descriptors and blocks */
	GIVES_BACK = 2,			/* every block at once when it fails; the others when after() is done */
	WATCHED = 4,			/* a thread opens and closes files meanwhile */
	LACKS = 8,			/* it may fail without a fault */
	CALL_FLAGS = 16,		/* the program's own begin here */
};

struct call {
	const char *name;
	void (*before)(void);
	int (*run)(void);
	const char *(*after)(int r);	/* what is wrong with what it left, or NULL; what it made is given back. Or NULL */
	size_t size;			/* of its result */
	unsigned flags;			/* enum call_flag */
};

/* What a program has besides its calls; each may be NULL. */
struct call_suite {
	const char *name;
	const struct call *calls;
	size_t count;
	long most;			/* points: see torture_all() */
	void (*begin)(void), (*end)(void);			/* of each test */
	void (*before)(const struct call *call);		/* of all points of one */
	void (*before_point)(const struct call *call), (*after_point)(const struct call *call);
	void (*prepare)(const struct call *call);		/* in the child, first of all */
	const char *(*judge)(const struct call *call, const struct torture *t, int r);	/* there, after it: what is wrong, or NULL */
	bool (*is_documented)(int r, const struct torture *t);
};

/* The exit status. The number of points is printed. */
int call_suite_run(const struct call_suite *suite);

/* The first complaint about a point is kept. */
void complain(const char *what);

#endif
