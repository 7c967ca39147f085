/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tuning - what a program that is started here is to be told: limits, plan, and the runtimes' variables */
#ifndef CGTUNE_TUNING_H
#define CGTUNE_TUNING_H

#include "cgtune.h"
#include "table.h"

#include <stdbool.h>

struct tuning {
	struct cgtune_limits limits;
	struct cgtune_plan plan;
	struct table table;		/* its changes point into it: not to be copied */
	uint64_t groups;		/* of variables, that are wanted */
	bool off;			/* CGTUNE=off: nothing is to be done at all */
	const char *runtime;		/* the list of groups that was gone by; NULL: the default */
};

/* Look at a list of groups as --runtime has it: wrong usage ends the command. */
const char *tuning_runtime(const char *list);

/* Limits that are not there yet, which tighten those that are. */
struct tuning_limits {
	uint64_t quota_us, period_us;	/* both 0: none */
	uint64_t memory, memory_high;	/* CGTUNE_UNLIMITED: none */
	uint32_t cpus;			/* 0: the affinity mask stays */
};

/*
 * Read, plan, and compare with the environment; warnings go to stderr. runtime: the groups,
 * as tuning_runtime() has seen them; NULL: as CGTUNE_ENV says. assumed: NULL, or limits to come. 0; or why the limits cannot be read.
 */
int tuning_read(const char *runtime, const struct tuning_limits *assumed, struct tuning *ret);

/*
 * The variable that tells the preload object of the same groups: it would take back those
 * of others, as nobody asked it for them.
 */
#define TUNING_RUNTIME "CGTUNE_ENV"

/* The marker as it is to be, changed or not; NULL: none. */
const char *tuning_marker(const struct tuning *tuning);

#endif
