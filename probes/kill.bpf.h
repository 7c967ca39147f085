/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill.bpf - in the programs: out of memory as seen from the functions of mm/oom_kill.c
 *
 *   oom_kill_process(oc)		oc->memcg: whose limit it is, none: the machine's memory
 *     __oom_kill_process(task)		the victim, then with memory.oom.group each other one of the group
 *       mark_oom_victim(task)		just after the kernel has counted it, in the group of the task
 *
 * mark_oom_victim() is called for who is found dying as well, and __oom_kill_process()
 * for who is gone already: only one in the other is a kill. oom_lock is held all the
 * time, so that there is one on the whole machine.
 */
#ifndef CGTUNE_PROBES_KILL_H
#define CGTUNE_PROBES_KILL_H

#include "memory.bpf.h"

struct killing {
	__u64 control;			/* oom_kill_process()'s argument: a kretprobe has none */
	__u64 limit;			/* cgroup */
	__u64 kills;
	__u64 marks;			/* in __oom_kill_process(), before mark_oom_victim() */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct killing);
} killings SEC(".maps");

static inline struct killing *killing(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&killings, &zero);
}

static inline struct cgroup_subsys_state *css_of_memcg(struct mem_cgroup *memcg)
{
	return __builtin_preserve_access_index(&memcg->css);
}

static inline int kill_begins(struct oom_control *control)
{
	struct killing *k = killing();
	struct mem_cgroup *memcg = READ(control, memcg);
	struct probe_memory *limit = memcg ? memory_of(css_of_memcg(memcg)) : 0;

	if (k) {
		k->limit = limit ? limit->owner.cgroup : 0;
		k->kills = 0;
		k->marks = 0;
	}
	return 0;
}

static inline int kill_marks(void)
{
	struct killing *k = killing();

	if (k)
		k->marks = 1;
	return 0;
}

static inline int kill_marked(struct task_struct *task)
{
	struct killing *k = killing();
	struct probe_memory *leaf;

	if (!k || !k->marks)
		return 0;
	k->marks = 0;
	k->kills++;
	leaf = memory_of(css_of(task));
	if (leaf)
		count_victim(leaf, 1, k->limit, task);
	return 0;
}

static inline int kill_ends(struct oom_control *control)
{
	struct killing *k = killing();
	struct mem_cgroup *memcg = READ(control, memcg);
	struct probe_memory *limit = memcg ? memory_of(css_of_memcg(memcg)) : 0;

	if (!k)
		return 0;
	k->marks = 0;
	if (limit && k->kills)
		count_kills(limit, k->kills);
	return 0;
}

#endif
