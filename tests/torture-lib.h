/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture-lib - every public function of libcgtune as an operation for test-torture.c */
#ifndef CGTUNE_TESTS_TORTURE_LIB_H
#define CGTUNE_TESTS_TORTURE_LIB_H

#include "machine.h"
#include "torture-call.h"

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

enum result_flag {
	STEADY = CALL_FLAGS,		/* always the same result, */
	REPORTS = CALL_FLAGS * 2,	/* or another one, and says so: test-faults.c has that */
};

extern const struct call operations[];
extern const size_t operations_count;

/* Of the caller: what is read, and where results go. */
extern struct machine machine;
extern union result result;

#endif
