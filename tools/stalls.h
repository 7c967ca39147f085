/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stalls - what the parts of `cgtune stalls` share: the groups that have counts, with their paths */
#ifndef CGTUNE_STALLS_H
#define CGTUNE_STALLS_H

#include "cgtune-probe.h"

#include <stddef.h>

struct stalls_group {
	char *path;			/* NULL: the cgroup is gone */
	struct cgtune_stalls counts;
};

struct stalls_list {
	const char *rung;
	struct stalls_group *groups;
	size_t count;
};

void stalls_print_table(const struct stalls_list *list);
/* Of one group, as the tools of bcc draw them. */
void stalls_print_histogram(const struct cgtune_stalls *counts);
void stalls_print_json(const struct stalls_list *list);
/* path and leaf: names of the groups of the event. */
void stalls_print_event(const struct cgtune_stall_event *event, const char *path, const char *leaf);
void stalls_print_event_json(const struct cgtune_stall_event *event, const char *path, const char *leaf);

#endif
