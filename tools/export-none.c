/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* export-none - in a build without BPF: no iterator and no probe, files have to do */
#include "export.h"

#include <errno.h>

int export_walk_open(void)
{
	return -EOPNOTSUPP;
}

int export_walk(struct rows *ret)
{
	(void)ret;
	return -EOPNOTSUPP;
}

void export_walk_close(void)
{
}

void export_stalls_look(const char *bpffs, struct export_table *table)
{
	(void)bpffs;
	table->has_state = false;
	table->rung = "none";
}

void export_stalls_take(const struct export_table *table, struct export_group *group)
{
	(void)table;
	group->has_histogram = false;
	group->sleeps = group->sleep_ns = CGTUNE_UNKNOWN;
}

void export_stalls_close(void)
{
}
