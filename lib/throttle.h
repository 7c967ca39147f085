/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* throttle - what the CPU quota has done: cpu.stat, and a probe where one is published */
#ifndef CGTUNE_THROTTLE_H
#define CGTUNE_THROTTLE_H

#include "published.h"
#include "cgtune.h"

/* What a started probe counts of a group, mapped first if need be. 0; -ENODATA: none does, or it is not asked. */
int throttle_counts(const struct cgtune_options *options, const struct published_group *group,
		    struct published_counts *ret);

/* This process's own nr_throttled and throttled time were read: tell who traces of what is new. */
void throttle_trace(uint64_t throttled, uint64_t throttled_ns);

#endif
