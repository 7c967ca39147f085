/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture-lib - every public function of libcgtune as an operation for test-torture.c */
#ifndef CGTUNE_TESTS_TORTURE_LIB_H
#define CGTUNE_TESTS_TORTURE_LIB_H

#include "machine.h"

#include <stdbool.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What an operation fills; first member of the structs is their size. */
union result {
	size_t size;
	struct cgtune_limits limits;
	struct cgtune_plan plan;
	struct cgtune_usage usage;
	struct cgtune_throttle throttle;
	uint64_t left;
	struct cgtune_limiter *limiter;
};

enum operation_flag {
	KEEPS = 1,			/* on success descriptors and blocks */
	STEADY = 2,			/* always the same result, */
	REPORTS = 4,			/* or another one, and says so: test-faults.c has that */
	WATCHED = 8,			/* a thread opens and closes files meanwhile */
};

struct operation {
	const char *name;
	void (*before)(void);
	int (*run)(void);
	bool (*after)(int r);		/* whether what it left behind is right; what it made is given back. Or NULL */
	size_t size;			/* of its result */
	unsigned flags;			/* enum operation_flag */
};
extern const struct operation operations[];
extern const size_t operations_count;

/* Of the caller: what is read, and where results go. */
extern struct machine machine;
extern union result result;
/* The child's first complaint is kept; false. */
bool complain(const char *what);

#endif
