/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.bpf - in the programs: what is counted of a group of the memory controller
 *
 * The kernel counts by itself how often a limit made it reclaim, in
 * memory_events_local[] of the group that has the limit (mm/memcontrol.c raises the
 * event, then reclaims): where v2 shows it in memory.events.local, v1 shows it
 * nowhere. So the programs count no calls, which other causes have as well (a write
 * to memory.max, memory.reclaim): they add by how much that counter has grown since
 * it was looked at last, and look whenever a reclaim begins.
 */
#ifndef CGTUNE_PROBES_MEMORY_H
#define CGTUNE_PROBES_MEMORY_H

#include "slot.bpf.h"

#define LOOK_TRIES 32

/* Never by a plain load: the verifier of 6.1 does not look through the typedef that the array is of. */
#define KERNEL_COUNT(memcg, event) ({ \
	__u64 count_ = 0; \
	bpf_probe_read_kernel(&count_, sizeof(count_), (char *)(memcg) + \
		bpf_core_field_offset(struct mem_cgroup, memory_events_local) + \
		sizeof(__u64) * bpf_core_enum_value(enum memcg_memory_event, event)); \
	count_; })

static inline struct probe_memory *memory_of(struct cgroup_subsys_state *css)
{
	union probe_element *e = slot_of(css, slots, memory_subtree);

	return e ? &e->memory : 0;
}

static inline struct cgroup_subsys_state *css_of(struct task_struct *task)
{
	struct css_set *set = READ(task, cgroups);
	struct cgroup_subsys_state *css = 0;

	READ_AT(&css, set, bpf_core_field_offset(struct css_set, subsys) +
		sizeof(css) * bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
	return css;
}

/* By how much a counter of the kernel's has grown; each part of it is given to one caller only. */
static inline __u64 grown(__u64 *seen, __u64 now)
{
	for (int i = 0; i < LOOK_TRIES; i++) {
		__u64 old = *(volatile __u64 *)seen;

		if (now <= old)
			return 0;
		if (swap(seen, old, now))
			return now - old;
	}
	COUNT(lost);
	return 0;
}

static inline void count_reclaims(struct probe_memory *memory, __u64 high, __u64 max)
{
	begin_change(&memory->owner);
	add(&memory->high_reclaims, grown(&memory->seen.high, high));
	add(&memory->max_reclaims, grown(&memory->seen.max, max));
	end_change(&memory->owner);
}

/* A thread that mem_cgroup_handle_over_high() makes sleep. */
struct sleeper {
	__u64 since;			/* CLOCK_MONOTONIC; 0: it does not sleep */
	__u64 limit;			/* the group that was over its memory.high; 0: unknown */
	struct victim victim;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);	/* allocated at load: a sleep may begin under the run queue's lock */
	__uint(max_entries, 4096);
	__type(key, __u32);			/* pid of the thread */
	__type(value, struct sleeper);
} sleepers SEC(".maps");

static inline struct sleeper *sleeper_of(__u32 pid)
{
	return bpf_map_lookup_elem(&sleepers, &pid);
}

/* Of the current thread. */
static inline void note_sleeper(struct probe_memory *leaf, __u64 limit, __u64 since)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = (__u32)id;
	struct sleeper sleeper = {
		.since = since, .limit = limit,
		.victim = { .leaf = leaf->owner.cgroup, .pid = pid, .tgid = id >> 32 },
	};

	bpf_get_current_comm(sleeper.victim.comm, sizeof(sleeper.victim.comm));
	if (bpf_map_update_elem(&sleepers, &pid, &sleeper, BPF_ANY) < 0)
		COUNT(lost);
}

static inline void count_sleep(struct probe_memory *leaf, struct sleeper *sleeper)
{
	__u64 ns = bpf_ktime_get_ns() - sleeper->since;
	struct probe_owner limit = { .cgroup = sleeper->limit, .hierarchy = leaf->owner.hierarchy };

	begin_change(&leaf->owner);
	add(&leaf->high_sleeps, 1);
	add(&leaf->high_sleep_ns, ns);
	raise_to(&leaf->high_sleep_max_ns, ns);
	count_length(leaf->hist, ns);
	end_change(&leaf->owner);
	tell(PROBE_HIGH_SLEEP, &limit, ns, &sleeper->victim, bpf_get_smp_processor_id());
}

/* limit: the group whose it was; 0: it is not known, or the whole machine was out of memory. */
static inline void count_victim(struct probe_memory *leaf, __u64 kills, __u64 limit, struct task_struct *task)
{
	struct probe_owner owner = { .cgroup = limit, .hierarchy = leaf->owner.hierarchy };
	struct victim victim = { .leaf = leaf->owner.cgroup, .pid = READ(task, pid), .tgid = READ(task, tgid) };

	for (int i = 0; i < PROBE_COMM; i++)
		READ_AT(&victim.comm[i], task, bpf_core_field_offset(struct task_struct, comm) + i);
	begin_change(&leaf->owner);
	add(&leaf->oom_victims, kills);
	end_change(&leaf->owner);
	tell(PROBE_OOM_KILL, &owner, 0, &victim, bpf_get_smp_processor_id());
}

static inline void count_kills(struct probe_memory *limit, __u64 kills)
{
	begin_change(&limit->owner);
	add(&limit->oom_kills, kills);
	end_change(&limit->owner);
}

#endif
