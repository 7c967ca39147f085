/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan - limits, options and environment to decisions: arithmetic only */
#ifndef CGTUNE_PLAN_H
#define CGTUNE_PLAN_H

#include "cgtune.h"
#include "env.h"

/* cgtune_plan() with options that are complete and an environment that was read. */
void plan_make(const struct cgtune_options *options, const struct env *env,
	       const struct cgtune_limits *limits, struct cgtune_plan *ret);

/* CGTUNE_THROTTLE_MULTIPLIER, or its default; 0 or less: admit everything. */
int64_t plan_multiplier(const struct env *env);

#endif
