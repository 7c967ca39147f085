/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stop.bpf - in the programs: what is counted when a CPU's run queue of a group is stopped, and when it runs again */
#ifndef CGTUNE_PROBES_STOP_H
#define CGTUNE_PROBES_STOP_H

#include "slot.bpf.h"

/* Who was stopped, until it is known for how long. Allocated at load: this runs under the run queue's lock. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);			/* CPU << 32 | css id */
	__type(value, struct victim);
} victims SEC(".maps");

static inline struct probe_slot *slot_of_tg(struct task_group *tg)
{
	union probe_element *e = slot_of(__builtin_preserve_access_index(&tg->css));

	return e ? &e->slot : 0;
}

static inline void note_victim(struct task_group *tg, struct task_struct *task, __u32 cpu)
{
	struct task_group *leaf = READ(task, se.cfs_rq, tg);
	__u64 key = (__u64)cpu << 32 | (__u32)READ(tg, css.id);
	struct probe_slot *slot = slot_of_tg(leaf);
	struct victim victim = {
		.leaf = slot ? slot->owner.cgroup : 0,
		.pid = READ(task, pid),
		.tgid = READ(task, tgid),
	};

	bpf_get_current_comm(victim.comm, sizeof(victim.comm));
	if (slot)
		add(&slot->hits, 1);
	if (bpf_map_update_elem(&victims, &key, &victim, BPF_ANY) < 0)
		COUNT(lost);
}

/* task: who was on the CPU, the current task; NULL: the stop was found when a task woke. */
static inline void stop_begins(struct task_group *tg, __u64 clock, __u32 cpu, struct task_struct *task)
{
	struct probe_slot *slot = slot_of_tg(tg);

	if (!slot)
		return;
	slot->owner.updated_ns = bpf_ktime_get_ns();
	if (fetch_add(&slot->throttles, 1) == 0)
		slot->kernel_base_ns = READ(tg, cfs_bandwidth.throttled_time);
	if (fetch_add(&slot->open, 1) == 0) {
		add(&slot->episodes, 1);
		slot->open_since = clock;
	}
	if (task)
		note_victim(tg, task, cpu);
	else
		add(&slot->enqueue, 1);
}

/* One CPU less is stopped. The programs may have come while it was. */
static inline void close(struct probe_slot *slot, __u64 clock)
{
	__u64 since = slot->open_since, open;

	open = fetch_add(&slot->open, -1);
	if (open == 1 && clock > since)
		add(&slot->wall_ns, clock - since);
	if (open != 0 && open <= 1ULL << 32)
		return;
	fetch_add(&slot->open, 1);
	COUNT(unpaired);
}

static inline void stop_ends(struct task_group *tg, __u64 clock, __u32 cpu, __u64 ns, bool charged)
{
	struct probe_slot *slot = slot_of_tg(tg);
	__u64 key = (__u64)cpu << 32 | (__u32)READ(tg, css.id);

	if (!slot)
		return;
	add(&slot->ended, 1);
	if (charged) {
		add(&slot->ns, ns);
		raise_to(&slot->max_ns, ns);
		count_length(slot->hist, ns);
	} else {
		add(&slot->uncharged, 1);
	}
	close(slot, clock);
	slot->nr_periods = (__u32)READ(tg, cfs_bandwidth.nr_periods);
	slot->nr_throttled = (__u32)READ(tg, cfs_bandwidth.nr_throttled);
	slot->kernel_ns = READ(tg, cfs_bandwidth.throttled_time);
	slot->owner.updated_ns = bpf_ktime_get_ns();
	tell(PROBE_THROTTLE, &slot->owner, ns, bpf_map_lookup_elem(&victims, &key), cpu);
	bpf_map_delete_elem(&victims, &key);
}

#endif
