/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* change - what differs between two readings, and when the callback is told of it */
#ifndef CGTUNE_CHANGE_H
#define CGTUNE_CHANGE_H

#include "process.h"

#define CHANGE_SECOND_NS UINT64_C(1000000000)

/* CLOCK_MONOTONIC. */
uint64_t change_now_ns(void);

/* What differs from the process's limits and plan, as a mask; the exact pairs are
 * compared, not their milli-CPUs. */
int change_compare(const struct process *p, const struct cgtune_limits *limits, const struct cgtune_plan *plan);

/* Make live.reread and this plan the process's, and note the change for the callback. */
void change_take_over(struct process *p, int changed, const struct cgtune_plan *plan);

/* Take out the changes that may be told now, at most one a second of each resource;
 * with nobody to tell, all go. Their number. */
int change_take_due(struct live *live, bool told, struct cgtune_change ret[2]);

#endif
