/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch.bpf - in the programs: stops of run queues as seen from switches, wakeups, timers and calls of other CPUs
 *
 * The queues of a CPU that are stopped are in its list. One is put there by
 * whoever holds the CPU's run queue lock, and taken out, once the kernel has
 * ended its stop, by whoever swaps its clock: the programs at timers and calls
 * do not hold the lock, and leave a stop alone that is just being ended by another
 * CPU, which has not charged it yet.
 */
#ifndef CGTUNE_PROBES_WATCH_H
#define CGTUNE_PROBES_WATCH_H

#include "stop.bpf.h"

#define MOST_STOPPED 64			/* of one CPU at a time */

struct stopped {
	__u64 clock;			/* throttled_clock: no two stops of a CPU have the same; 0: free */
	__u64 queue;
	__u64 group;
	__u64 serial;			/* of the group: a new one may be where an old one was */
	__u64 charged;			/* throttled_time of the group when the stop was seen */
};

struct stopped_list {
	__u64 count;
	__u64 number;			/* a typed pointer on its way to one */
	struct stopped stopped[MOST_STOPPED];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);		/* the loader sets the number of possible CPUs */
	__type(key, __u32);
	__type(value, struct stopped_list);
} lists SEC(".maps");

/* A global function takes no typed pointer: the verifier forgets the type of what goes through a map. */
static inline __u64 number_of(struct stopped_list *list, const void *pointer)
{
	volatile __u64 *number = &list->number;

	*number = (__u64)pointer;
	return *number;
}

/* Whether the stop that began at that clock is over, or the queue is gone. */
static inline bool is_over(struct cfs_rq *queue, struct task_group *group, __u64 clock)
{
	return !READ_BITS(queue, throttled) || READ(queue, throttled_clock) != clock || READ(queue, tg) != group;
}

static inline bool is_locked(struct rq *rq)
{
	__u32 lock = 0;

	if (bpf_core_field_exists(((struct rq *)0)->__lock))
		READ_AT(&lock, rq, bpf_core_field_offset(struct rq, __lock));
	else
		READ_AT(&lock, rq, bpf_core_field_offset(struct rq___before_5_14, lock));
	return lock != 0;
}

/*
 * Global, so that the verifier looks at them once: their arguments are plain numbers.
 * The clock is read first and swapped last: all between was that stop's.
 */
__noinline int end_stop(__u32 cpu, __u64 i, __u32 locked)
{
	struct stopped_list *list = bpf_map_lookup_elem(&lists, &cpu);
	volatile struct stopped *s;
	struct cfs_rq *queue;
	struct task_group *group;
	__u64 clock, charged, serial, now, ns;

	if (!list || i >= MOST_STOPPED)
		return 0;
	s = &list->stopped[i];
	clock = s->clock;
	queue = (struct cfs_rq *)s->queue;
	group = (struct task_group *)s->group;
	serial = s->serial;
	charged = s->charged;
	if (!clock || !is_over(queue, group, clock) || (!locked && is_locked(READ(queue, rq))))
		return 0;
	if (!swap(&list->stopped[i].clock, clock, 0))
		return 0;
	add(&list->count, -1);
	if (READ(queue, tg) != group || READ(group, css.serial_nr) != serial) {
		COUNT(unpaired);
		return 0;
	}
	/* What is noticed late was not that long: the kernel has charged no more. */
	now = READ(queue, rq, clock);
	ns = READ(group, cfs_bandwidth.throttled_time) - charged;
	if (now - clock < ns)
		ns = now - clock;
	stop_ends(group, clock + ns, cpu, ns, true);
	return 0;
}

/*
 * Where a stop is in the list, or with clock 0 where one can be put; MOST_STOPPED: nowhere.
 * Without a branch, as the verifier follows each of each round.
 */
__noinline int find_stop(__u32 cpu, __u64 clock, __u64 queue)
{
	struct stopped_list *list = bpf_map_lookup_elem(&lists, &cpu);
	__u64 found = MOST_STOPPED, any_queue = clock ? 0 : -1ULL;

	for (__u64 i = 0; list && i < MOST_STOPPED; i++) {
		volatile struct stopped *s = &list->stopped[i];
		__u64 other = (s->clock ^ clock) | ((s->queue ^ queue) & ~any_queue);
		__u64 same = ((other | -other) >> 63) - 1;

		found = (found & ~same) | (i & same);
	}
	return found;
}

__noinline int begin_stop(__u64 queue_at, __u64 task_at, __u32 cpu)
{
	struct cfs_rq *queue = (struct cfs_rq *)queue_at;
	struct stopped_list *list = bpf_map_lookup_elem(&lists, &cpu);
	struct task_group *group = READ(queue, tg);
	__u64 clock = READ(queue, throttled_clock);
	struct stopped *room;
	__u64 free;

	if (!list || !clock || find_stop(cpu, clock, queue_at) != MOST_STOPPED)	/* clock 0: nobody is kept waiting */
		return 0;
	free = (__u32)find_stop(cpu, 0, 0);
	if (free >= MOST_STOPPED) {
		COUNT(lost);
		return 0;
	}
	MASK(free, 63);
	room = &list->stopped[free];
	room->queue = queue_at;
	room->group = (__u64)group;
	room->serial = READ(group, css.serial_nr);
	room->charged = READ(group, cfs_bandwidth.throttled_time);
	if (!swap(&room->clock, 0, clock))
		return 0;
	add(&list->count, 1);
	stop_begins(group, clock, cpu, (struct task_struct *)task_at);
	return 0;
}

/* The queues above a task that are stopped themselves. */
__noinline int begin_stops(__u64 task_at, __u32 cpu, __u32 is_victim)
{
	struct sched_entity *entity = __builtin_preserve_access_index(&((struct task_struct *)task_at)->se);
	struct stopped_list *list = bpf_map_lookup_elem(&lists, &cpu);

	for (int i = 0; list && i < MOST_LEVELS && entity; i++) {
		struct cfs_rq *queue = READ(entity, cfs_rq);

		if (READ_BITS(queue, throttled))
			begin_stop(number_of(list, queue), is_victim ? task_at : 0, cpu);
		entity = READ(entity, parent);
	}
	return 0;
}

__noinline int end_stops(__u32 cpu, __u32 locked)
{
	struct stopped_list *list = bpf_map_lookup_elem(&lists, &cpu);

	for (__u32 i = 0; list && i < MOST_STOPPED; i++)
		if (list->stopped[i].clock)
			end_stop(cpu, i, locked);
	return 0;
}

enum where { AT_SWITCH, AT_WAKEUP, ELSEWHERE };

/*
 * argument: which of the tracepoint's is the task, pid: its number. Who finds that it need
 * not sleep after all wakes itself, and holds no lock (try_to_wake_up()). Inline, as a
 * function of BPF has five arguments at most.
 */
static __always_inline int watch(unsigned long long *ctx, int argument, int pid, int throttle_count, __u32 cpu, enum where where)
{
	struct stopped_list *list = bpf_map_lookup_elem(&lists, &cpu);
	bool locked = where != ELSEWHERE;

	if (!list || (!list->count && !throttle_count))
		return 0;
	if (where == AT_WAKEUP && pid == (int)bpf_get_current_pid_tgid())
		locked = false;
	if (list->count)
		end_stops(cpu, locked);
	if (throttle_count && locked)
		begin_stops(number_of(list, (void *)ctx[argument]), cpu, where == AT_SWITCH);
	return 0;
}

/* A group was made. Its css of the controller is younger than it is itself. */
static inline int note_birth(__u64 serial)
{
	union probe_element *header = element(0);

	if (header && !*(volatile __u64 *)&header->header.born)
		swap(&header->header.born, 0, serial);
	return 0;
}

#endif
