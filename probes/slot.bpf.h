/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* slot.bpf - in the programs: the shared array, whose slot is whose, the ring of events */
#ifndef CGTUNE_PROBES_SLOT_H
#define CGTUNE_PROBES_SLOT_H

#include "kernel.h"
#include "shared.h"

#ifndef FIRST_SLOT
#define FIRST_SLOT 0				/* of the slots, that of css id 0 */
#endif

#define CLAIM_SPINS 200
#define MOST_LEVELS 24

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);			/* the loader sets PROBE_ELEMENTS */
	__type(key, __u32);
	__type(value, union probe_element);
} shared SEC(".maps");

/* Set before load, so that the verifier knows them. */
const volatile __u32 slots = 0;
const volatile __u64 subtree = 0;
const volatile __u64 min_event_ns = 0;

static inline union probe_element *element(__u32 index)
{
	return bpf_map_lookup_elem(&shared, &index);
}

static inline void add(__u64 *counter, __u64 n)
{
	__sync_fetch_and_add(counter, n);
}

#ifndef NO_FETCH
static inline __u64 fetch_add(__u64 *value, __u64 n)
{
	return __sync_fetch_and_add(value, n);
}

/* Whether it was old; it is new then. */
static inline bool swap(__u64 *value, __u64 old, __u64 new)
{
	return __sync_val_compare_and_swap(value, old, new) == old;
}
#else
/*
 * Before Linux 5.12 no atomic operation of BPF gives the old value back, and a
 * spin lock is not for tracing: a queue that holds one token is the lock.
 */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} token SEC(".maps");

static __noinline int lock(void)
{
	__u32 held;

	for (int i = 0; i < CLAIM_SPINS; i++)
		if (bpf_map_pop_elem(&token, &held) == 0)
			return 1;
	return 0;
}

static inline void unlock(void)
{
	__u32 held = 1;

	bpf_map_push_elem(&token, &held, BPF_ANY);
}

static inline __u64 fetch_add(__u64 *value, __u64 n)
{
	bool locked = lock();
	__u64 old = *(volatile __u64 *)value;

	*(volatile __u64 *)value = old + n;
	if (locked)
		unlock();
	return old;
}

static inline bool swap(__u64 *value, __u64 old, __u64 new)
{
	bool locked = lock(), same = *(volatile __u64 *)value == old;

	if (same)
		*(volatile __u64 *)value = new;
	if (locked)
		unlock();
	return same;
}
#endif

static inline void count_in_header(__u64 offset)
{
	union probe_element *e = element(0);

	if (e)
		add((__u64 *)(e->bytes + offset), 1);
}
#define COUNT(member) count_in_header(__builtin_offsetof(struct probe_header, member))

static inline bool in_subtree(struct cgroup_subsys_state *css)
{
	if (!subtree)
		return true;
	for (int i = 0; i < MOST_LEVELS && css; i++) {
		if (READ(css, cgroup, kn, id) == subtree)
			return true;
		css = READ(css, parent);
	}
	return false;
}

static inline void clear(union probe_element *e)
{
	__u64 *words = (__u64 *)e;

	for (unsigned i = sizeof(struct probe_owner) / sizeof(__u64); i < PROBE_ELEMENT / sizeof(__u64); i++)
		*(volatile __u64 *)(words + i) = 0;
}

/*
 * The element of that group, cleared if it was another's; NULL: none. A css id
 * is given again after its group is gone, serial_nr never (kernel/cgroup/cgroup.c).
 */
static inline union probe_element *slot_of(struct cgroup_subsys_state *css)
{
	struct cgroup *cgroup = READ(css, cgroup);
	__u32 id = READ(css, id);
	__u64 serial = READ(css, serial_nr), old;
	union probe_element *e;
	struct probe_owner *owner;

	if (!cgroup || !in_subtree(css))		/* an autogroup has no cgroup */
		return 0;
	e = id < slots ? element(1 + FIRST_SLOT + id) : 0;
	if (!e) {
		COUNT(overflow);
		return 0;
	}
	owner = &e->slot.owner;
	old = *(volatile __u64 *)&owner->claim;
	if (*(volatile __u64 *)&owner->serial == serial)
		return e;
	if (old < serial && swap(&owner->claim, old, serial)) {
		*(volatile __u64 *)&owner->serial = 0;
		clear(e);
		owner->cgroup = READ(cgroup, kn, id);
		owner->hierarchy = READ(cgroup, root, hierarchy_id);
		owner->level = READ(cgroup, level);
		swap(&owner->serial, 0, serial);
		COUNT(epoch);
		return e;
	}
	for (int i = 0; i < CLAIM_SPINS; i++)		/* another CPU is at it */
		if (*(volatile __u64 *)&owner->serial == serial)
			return e;
	COUNT(lost);
	return 0;
}

static inline void raise_to(__u64 *most, __u64 value)
{
	for (int i = 0; i < 4; i++) {
		__u64 old = *(volatile __u64 *)most;

		if (value <= old || swap(most, old, value))
			return;
	}
}

static inline void count_length(__u64 *hist, __u64 ns)
{
	__u64 us = ns / 1000;
	__u32 bucket = 0;

	for (int step = 16; step; step /= 2)
		if (us >> step) {
			us >>= step;
			bucket += step;
		}
	asm volatile("%0 &= 31" : "+r"(bucket));	/* the register that the verifier looks at */
	add(hist + bucket, 1);
}

struct victim {
	__u64 leaf;
	__u32 pid, tgid;
	char comm[PROBE_COMM];
};

static inline void tell(enum probe_kind kind, struct probe_owner *limit, __u64 duration, struct victim *victim,
			__u32 cpu)
{
	union probe_element *header = element(0), *e;
	struct probe_event *event;
	__u64 n;

	if (!header || (duration < min_event_ns && kind != PROBE_OOM_KILL))
		return;
	n = fetch_add(&header->header.head, 1);
	e = element(PROBE_RING(slots) + n % PROBE_EVENTS / PROBE_EVENTS_PER_ELEMENT);
	if (!e)
		return;
	event = e->events + n % PROBE_EVENTS_PER_ELEMENT;
	*(volatile __u64 *)&event->seq = 0;
	event->ended_ns = bpf_ktime_get_ns();
	event->duration_ns = duration;
	event->limit = limit->cgroup;
	event->hierarchy = limit->hierarchy;
	event->kind = kind;
	event->cpu = cpu;
	event->leaf = victim ? victim->leaf : 0;
	event->pid = victim ? victim->pid : 0;
	event->tgid = victim ? victim->tgid : 0;
	if (victim)
		__builtin_memcpy(event->comm, victim->comm, PROBE_COMM);
	else
		__builtin_memset(event->comm, 0, PROBE_COMM);
	swap(&event->seq, 0, n + 1);
}

/* Attached to nothing: run once, when the probe is stopped, since only programs can write into a frozen array. */
SEC("raw_tp")
int mark_stopped(void *ctx)
{
	union probe_element *header = element(0);

	if (header)
		header->header.stopped_ns = bpf_ktime_get_ns();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

#endif
