/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sleep.bpf - in the programs: sleeps over memory.high as seen at context switches
 *
 * Where the program for quotas is at every switch already it looks for these, too:
 * another one there would cost several times what this looks at.
 */
#ifndef CGTUNE_PROBES_SLEEP_H
#define CGTUNE_PROBES_SLEEP_H

#include "memory.bpf.h"
#include "watch.bpf.h"

#define PF_MEMALLOC 0x800
#define TASK_KILLABLE 0x102

static inline struct mem_cgroup *memcg_of(struct cgroup_subsys_state *css)
{
	return (struct mem_cgroup *)((char *)css - bpf_core_field_offset(struct mem_cgroup, css));
}

/*
 * Static, so that the verifier does not look at them where they are not called: a
 * kernel may have no such members. Pointers come as plain numbers, which are no types.
 */
/* The lowest group above the memory.high of which there is more: reclaim_high() asks the same. */
static __noinline __u64 limit_of_sleep(__u64 css_at)
{
	struct cgroup_subsys_state *css = (struct cgroup_subsys_state *)css_at;

	for (int i = 0; i < MOST_LEVELS && css; i++) {
		struct mem_cgroup *memcg = memcg_of(css);

		if (READ(memcg, memory.usage.counter) > (__s64)READ(memcg, memory.high))
			return READ(css, cgroup, kn, id);
		css = READ(css, parent);
	}
	return 0;
}

static inline long state_of(struct task_struct *task)
{
	struct task_struct___5_13 *old = (void *)task;

	return bpf_core_field_exists(task->__state) ? READ(task, __state) : READ(old, state);
}

/*
 * The current thread is stalled for memory (PSI) and waits neither for a page nor in a
 * reclaim, until it is killed: mem_cgroup_handle_over_high() alone does so.
 */
static __noinline int sleep_begins(__u64 task_at)
{
	struct task_struct *task = (struct task_struct *)task_at;
	struct probe_memory *leaf;
	__u64 css;

	if (READ_BITS(task, in_iowait) || READ(task, flags) & PF_MEMALLOC)
		return 0;
	css = (__u64)css_of(task);
	leaf = memory_of((struct cgroup_subsys_state *)css);
	if (leaf)
		note_sleeper(leaf, limit_of_sleep(css), bpf_ktime_get_ns());
	return 0;
}

static __noinline int sleep_ends(__u64 task_at)
{
	struct task_struct *task = (struct task_struct *)task_at;
	__u32 pid = READ(task, pid);
	struct sleeper *sleeper = sleeper_of(pid);
	struct probe_memory *leaf = sleeper ? memory_of(css_of(task)) : 0;

	if (leaf)
		count_sleep(leaf, sleeper);
	if (sleeper)
		bpf_map_delete_elem(&sleepers, &pid);
	return 0;
}

/* Whoever is taken off the CPU before it sleeps is not asleep. Only a bit is looked at of every other switch. */
static inline int switched(unsigned long long *ctx, bool begins, bool ends)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct stopped_list *list = begins || ends ? bpf_map_lookup_elem(&lists, &cpu) : 0;
	__u64 prev, after;			/* who was and who will be on the CPU */

	if (!list)
		return 0;
	prev = number_of(list, (void *)ctx[1]);
	after = number_of(list, (void *)ctx[2]);
	if (begins && (state_of((struct task_struct *)prev) & TASK_KILLABLE) == TASK_KILLABLE)
		sleep_begins(prev);
	if (ends)
		sleep_ends(after);
	return 0;
}

#endif
