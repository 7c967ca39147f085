/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* read-memory - what memory limits did, from the mapped array */
#include "read.h"

#include <errno.h>
#include <string.h>

static void to_stalls(const struct cgtune_probe *probe, const struct probe_memory *memory,
		      struct cgtune_memory_stalls *ret)
{
	/* v1, whose hierarchies begin with 1, has no memory.high: nobody sleeps. */
	bool sleeps = probe->memory_sleeps != PROBE_SLEEPS_UNKNOWN || memory->owner.hierarchy;

	*ret = (struct cgtune_memory_stalls){
		.size = sizeof(*ret), .cgroup = memory->owner.cgroup, .hierarchy = memory->owner.hierarchy,
		.level = memory->owner.level, .updated_ns = memory->owner.updated_ns,
		.high_reclaims = memory->high_reclaims, .max_reclaims = memory->max_reclaims,
		.high_sleeps = sleeps ? memory->high_sleeps : CGTUNE_UNKNOWN,
		.high_sleep_ns = sleeps ? memory->high_sleep_ns : CGTUNE_UNKNOWN,
		.high_sleep_max_ns = sleeps ? memory->high_sleep_max_ns : CGTUNE_UNKNOWN,
		.oom_kills = memory->oom_kills, .oom_victims = memory->oom_victims,
	};
	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		ret->hist[i] = sleeps ? memory->hist[i] : CGTUNE_UNKNOWN;
}

/* A slot may hold but what the kernel had counted before the start. */
static bool has_any(const struct probe_memory *memory)
{
	return memory->high_reclaims || memory->max_reclaims || memory->high_sleeps || memory->oom_kills ||
		memory->oom_victims;
}

_public_ int cgtune_probe_read_memory(struct cgtune_probe *probe, uint64_t cgroup, uint32_t hierarchy,
				      struct cgtune_memory_stalls *ret)
{
	union probe_element element;
	struct cgtune_memory_stalls stalls;
	int r;

	if (util_struct_check(ret, sizeof(stalls)) < 0)
		return -EINVAL;
	if (probe->memory_rung == PROBE_NONE)
		return -EOPNOTSUPP;
	r = probe_find(probe, cgroup, hierarchy, true, &element);
	if (r < 0)
		return r;
	if (!has_any(&element.memory))
		return -ENODATA;
	to_stalls(probe, &element.memory, &stalls);
	util_struct_out(ret, &stalls, sizeof(stalls));
	return 0;
}

_public_ int cgtune_probe_next_memory(struct cgtune_probe *probe, uint32_t *cursor, struct cgtune_memory_stalls *ret)
{
	union probe_element element;
	struct cgtune_memory_stalls stalls;

	if (util_struct_check(ret, sizeof(stalls)) < 0)
		return -EINVAL;
	for (uint32_t i = *cursor; i < probe->slots; i++) {
		int r = probe_copy(probe, probe->slots + i, &element);

		if (r < 0)
			return r;
		if (r == 0 || !has_any(&element.memory))
			continue;
		to_stalls(probe, &element.memory, &stalls);
		util_struct_out(ret, &stalls, sizeof(stalls));
		*cursor = i + 1;
		return 1;
	}
	return 0;
}
