/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stop.bpf - in the programs: what is counted when a CPU's run queue of a group is stopped, and when it runs again */
#ifndef CGTUNE_PROBES_STOP_H
#define CGTUNE_PROBES_STOP_H

#include "slot.bpf.h"

/*
 * The stops that have begun, and who was stopped, until it is known for how long: an
 * end without a beginning is found out by that. Allocated at load: this runs under
 * the run queue's lock.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);			/* CPU << 32 | css id */
	__type(value, struct victim);
} victims SEC(".maps");

#define RAISE(index, member, value) raise_word(index, __builtin_offsetof(struct probe_slot, member), value)

static inline struct probe_slot *slot_of_tg(struct task_group *tg, __u32 *index)
{
	union probe_element *e;

	*index = index_of(__builtin_preserve_access_index(&tg->css), 0, subtree);
	e = *index ? element(*index) : 0;
	return e ? &e->slot : 0;
}

static inline void note_victim(struct task_struct *task, struct victim *victim)
{
	struct task_group *leaf = READ(task, se.cfs_rq, tg);
	__u32 index;
	struct probe_slot *slot = slot_of_tg(leaf, &index);

	victim->leaf = slot ? slot->owner.cgroup : 0;
	victim->pid = READ(task, pid);
	victim->tgid = READ(task, tgid);
	bpf_get_current_comm(victim->comm, sizeof(victim->comm));
	if (slot)
		add(&slot->hits, 1);
}

/*
 * What the kernel had charged the group before the probe began. No stop that was missed is
 * in it where the group is younger: serial numbers only grow.
 */
static inline __u64 base_of(struct task_group *tg)
{
	union probe_element *header = element(0);
	__u64 born = header ? *(volatile __u64 *)&header->header.born : 0;

	return born && READ(tg, css.serial_nr) > born ? 0 : READ(tg, cfs_bandwidth.throttled_time);
}

static inline void count_begin(struct probe_slot *slot, struct task_group *tg, __u64 clock, bool enqueue, bool open)
{
	begin_change(&slot->owner);
	if (!*(volatile __u64 *)&slot->throttles)	/* first stops at the same time write the same */
		*(volatile __u64 *)&slot->kernel_base_ns = base_of(tg);
	add(&slot->throttles, 1);
	if (enqueue)
		add(&slot->enqueue, 1);
	if (open && fetch_add(&slot->open, 1) == 0) {
		add(&slot->episodes, 1);
		slot->open_since = clock;
	}
	end_change(&slot->owner);
}

/* task: who was on the CPU, the current task; NULL: the stop was found when a task woke. */
static inline void stop_begins(struct task_group *tg, __u64 clock, __u32 cpu, struct task_struct *task)
{
	__u64 key = (__u64)cpu << 32 | (__u32)READ(tg, css.id);
	struct victim victim = { 0 };
	struct probe_slot *slot;
	__u32 index;
	bool noted;

	if (only_tgid && (!task || READ(task, tgid) != (int)only_tgid))
		return;
	slot = slot_of_tg(tg, &index);
	if (!slot)
		return;
	if (task)
		note_victim(task, &victim);
	noted = bpf_map_update_elem(&victims, &key, &victim, BPF_ANY) == 0;
	if (!noted)
		COUNT(lost);
	count_begin(slot, tg, clock, !task, noted);
}

/* One CPU less is stopped: since is of this episode, as whoever began it is through with that. */
static inline void close(struct probe_slot *slot, __u64 clock)
{
	__u64 since = *(volatile __u64 *)&slot->open_since;

	if (fetch_add(&slot->open, -1) == 1 && clock > since)
		add(&slot->wall_ns, clock - since);
}

/* Inline, as a function of BPF has five arguments at most. */
static __always_inline void count_end(struct probe_slot *slot, __u32 index, struct task_group *tg, __u64 clock, __u64 ns,
				      bool charged, bool open)
{
	begin_change(&slot->owner);
	add(&slot->ended, 1);
	if (charged) {
		add(&slot->ns, ns);
		RAISE(index, max_ns, ns);
		count_length(slot->hist, ns);
	} else {
		add(&slot->uncharged, 1);
	}
	if (open)
		close(slot, clock);
	RAISE(index, nr_periods, (__u32)READ(tg, cfs_bandwidth.nr_periods));
	RAISE(index, nr_throttled, (__u32)READ(tg, cfs_bandwidth.nr_throttled));
	RAISE(index, kernel_ns, READ(tg, cfs_bandwidth.throttled_time));
	end_change(&slot->owner);
}

static inline void stop_ends(struct task_group *tg, __u64 clock, __u32 cpu, __u64 ns, bool charged)
{
	__u64 key = (__u64)cpu << 32 | (__u32)READ(tg, css.id);
	struct victim *victim = bpf_map_lookup_elem(&victims, &key);
	struct probe_slot *slot;
	__u32 index;

	if (only_tgid && !victim)
		return;
	slot = slot_of_tg(tg, &index);
	if (!slot)
		return;
	if (!victim)
		COUNT(unpaired);		/* it began before the programs were there */
	count_end(slot, index, tg, clock, ns, charged, victim != 0);
	tell(PROBE_THROTTLE, &slot->owner, ns, victim && victim->pid ? victim : 0, cpu);
	bpf_map_delete_elem(&victims, &key);
}

#endif
