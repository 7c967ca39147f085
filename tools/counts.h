/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* counts - what a started probe counts, by cgroup: a copy of all of it at one time */
#ifndef CGTUNE_COUNTS_H
#define CGTUNE_COUNTS_H

#include "cgtune-probe.h"

#include <stdbool.h>
#include <stddef.h>

struct counts {
	struct cgtune_stalls *groups;	/* by number and hierarchy */
	size_t count;
	bool known;			/* a probe counted when this was read */
	bool all;			/* of all groups: one that is missing has met nothing */
	uint64_t since_ns;		/* CLOCK_MONOTONIC: another probe's counts begin again */
};

struct counts_source {
	struct cgtune_probe *probe;	/* NULL: none */
	const char *rung;
	char why[256];			/* there is none: half a sentence */
};

/* There is none: half a sentence. bpffs: NULL: the usual place. */
void counts_say_none(const char *bpffs, char *why, size_t size);
/* What is said of one that may not be read. */
#define COUNTS_READERS "`cgtune probe start --readers` says who besides root may read it"

/* Find the started one. 0 or -errno: why has half a sentence. */
int counts_open(const char *bpffs, struct cgtune_probe **ret, char *why, size_t size);

/* counts.c, or in a build without BPF probe-none.c. A probe that is started or stopped meanwhile is seen. 0; -ENOMEM. */
int counts_read(struct counts_source *source, const char *bpffs, struct counts *ret);
void counts_close(struct counts_source *source);

/* As cgtune_probe_next(); while a CPU changes a group's counts it waits, at last -EAGAIN. */
int counts_next(struct cgtune_probe *probe, uint32_t *cursor, struct cgtune_stalls *ret);
int counts_next_memory(struct cgtune_probe *probe, uint32_t *cursor, struct cgtune_memory_stalls *ret);

/* Of a group of the cpu hierarchy; NULL: nothing is known. Zeroes where it has met nothing. */
const struct cgtune_stalls *counts_find(const struct counts *counts, uint64_t id, uint32_t hierarchy);

#endif
