/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* read - a mapped array, and the slots in it */
#ifndef CGTUNE_PROBES_READ_H
#define CGTUNE_PROBES_READ_H

#include "probe.h"

struct cgtune_probe {
	const union probe_element *elements;
	size_t bytes;			/* of the mapping */
	uint32_t slots, rung;
	uint32_t memory_rung, memory_sleeps;
	uint64_t epoch;			/* of the index */
	size_t index_bytes;
	uint32_t mask;
	char path[PROBE_PATH];		/* of the pin of the array, */
	uint64_t inode;			/* and which one it was */
	uint32_t index[];		/* hash of cgroup and hierarchy -> slot; 0: free */
};

/* Slot i, from slots on of the memory controller, of one owner and of one moment: 1; 0: nobody's; -EAGAIN. */
int probe_copy(const struct cgtune_probe *probe, uint32_t i, union probe_element *ret);
/* That of a group: 0; -ENODATA: it has none; -EAGAIN. */
int probe_find(struct cgtune_probe *probe, uint64_t cgroup, uint32_t hierarchy, bool memory, union probe_element *ret);

#endif
