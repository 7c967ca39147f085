/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table - the variables of language runtimes: which, with what value, and which of them are ours
 *
 * A variable is given a value only where it is unset, or holds one that cgtune
 * wrote: the marker CGTUNE_SET lists those. Never in it, as they would raise a
 * default or cap an explicit choice: OMP_THREAD_LIMIT, GHCRTS, ZSTD_NBTHREADS,
 * JULIA_NUM_THREADS, MAKEFLAGS, XZ_DEFAULTS, UV_THREADPOOL_SIZE.
 */
#ifndef CGTUNE_TABLE_H
#define CGTUNE_TABLE_H

#include "cgtune.h"
#include "env.h"

#define TABLE_VARIABLES 22
#define TABLE_ENTRY_SIZE 112
#define TABLE_MARKER_SIZE 4096

/* What values are made of. */
struct table_input {
	const struct cgtune_plan *plan;
	uint64_t memory;		/* the limit, not the budget; CGTUNE_UNLIMITED: none */
	uint64_t groups;		/* mask of ENV_GROUP_BIT(): those that are given a value */
	uint64_t known;			/* those that are looked at; all others stay as they are */
};

#define TABLE_ALL_GROUPS UINT64_MAX

struct table_change {
	const char *name;
	const char *value;		/* NULL: it is to be unset */
	char *entry;			/* "NAME=value", of which value is the end */
};

/* What is to be changed in the environment; the marker comes last. */
struct table {
	unsigned count;
	struct table_change changes[TABLE_VARIABLES + 1];
	const char *values[TABLE_VARIABLES];	/* what is ours, changed or not; NULL: nothing is */
	char entries[TABLE_VARIABLES][TABLE_ENTRY_SIZE];
	char marker[TABLE_MARKER_SIZE];
};

/*
 * Compare the environment with what it should hold. What is already as it
 * should be is no change. Values and entries are the table's.
 */
void table_make(const struct table_input *input, struct table *ret);

/* The name of the variable that values[i] is for. */
const char *table_name(unsigned i);

/* The memory that a program has: the limit, or memory.high where that is alone. */
uint64_t table_memory(const struct cgtune_limits *limits);

#endif
