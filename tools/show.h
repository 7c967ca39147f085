/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show - what `cgtune show` has found, for the two ways to print it */
#ifndef CGTUNE_SHOW_H
#define CGTUNE_SHOW_H

#include "cgtune.h"

#include <stdbool.h>
#include <stddef.h>

/* A struct cgtune_report of which every string is ours; NULL where there was none. */
struct show_line {
	uint32_t kind, resource;
	char *file, *variable, *value, *text;
};

struct show {
	struct cgtune_options options;
	bool json, why;
	struct cgtune_limits limits;
	struct cgtune_plan plan;
	struct cgtune_throttle throttle;
	uint64_t available;		/* CGTUNE_UNKNOWN: none, or not known */
	struct show_line *lines;
	size_t count;
};

void show_json(const struct show *show);
void show_plain(const struct show *show);

/* "throttled though no quota is visible" and the like; NULL: nothing of the kind. */
const char *show_hint(const struct show *show);

#endif
