/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* slot.bpf - in the programs: the shared array, whose slot is whose, the ring of events */
#ifndef CGTUNE_PROBES_SLOT_H
#define CGTUNE_PROBES_SLOT_H

#include "kernel.h"
#include "shared.h"

#define LOCK_SPINS 2000				/* times itself: half a second or more */
#define SWAP_TRIES 32				/* each that fails is another CPU's that succeeded */
#define MOST_LEVELS 24

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);			/* the loader sets PROBE_ELEMENTS */
	__type(key, __u32);
	__type(value, union probe_element);
} shared SEC(".maps");

CONSTANT __u32 slots = 0;
CONSTANT __u64 subtree = 0;
CONSTANT __u64 min_event_ns = 0;
CONSTANT __u64 only_tgid = 0;
CONSTANT __u64 memory_subtree = 0;
CONSTANT __u64 sleeps_at_switch = 0;	/* the program at context switches looks for sleeps over memory.high */

static inline union probe_element *element(__u32 index)
{
	return bpf_map_lookup_elem(&shared, &index);
}

static inline void add(__u64 *counter, __u64 n)
{
	__sync_fetch_and_add(counter, n);
}

static inline void count_in_header(__u64 offset)
{
	union probe_element *e = element(0);

	if (e)
		add((__u64 *)(e->bytes + offset), 1);
}
#define COUNT(member) count_in_header(__builtin_offsetof(struct probe_header, member))

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

static inline void raise_to(__u64 *most, __u64 value)
{
	for (int i = 0; i < SWAP_TRIES; i++) {
		__u64 old = *(volatile __u64 *)most;

		if (value <= old || swap(most, old, value))
			return;
	}
	COUNT(lost);
}
#else
/*
 * Before Linux 5.12 no atomic operation of BPF gives the old value back, and a
 * spin lock is not for tracing: a queue that holds one token is the lock. As with
 * the kernel's own, who waits may wait for a CPU that its host does not let run, for
 * 100 ms and more; but the verifier wants to see an end.
 */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} token SEC(".maps");

/* Global, so that the verifier looks at them once. */
__noinline int lock_soon(void)
{
	__u32 held;

	for (int i = 0; i < LOCK_SPINS; i++)
		if (bpf_map_pop_elem(&token, &held) == 0)
			return 1;
	return 0;
}

__noinline int lock(void)
{
	for (int i = 0; i < LOCK_SPINS; i++)
		if (lock_soon())
			return 1;
	COUNT(lost);
	return 0;
}

static inline void unlock(void)
{
	__u32 held = 1;

	bpf_map_push_elem(&token, &held, BPF_ANY);
}

/* Without the lock the sum is right, but two CPUs may be told the same old value. */
static inline __u64 fetch_add(__u64 *value, __u64 n)
{
	bool locked = lock();
	__u64 old = *(volatile __u64 *)value;

	add(value, n);
	if (locked)
		unlock();
	return old;
}

static inline bool swap(__u64 *value, __u64 old, __u64 new)
{
	bool same;

	if (!lock())
		return false;
	same = *(volatile __u64 *)value == old;
	if (same)
		*(volatile __u64 *)value = new;
	unlock();
	return same;
}

static inline void raise_to(__u64 *most, __u64 value)
{
	if (value <= *(volatile __u64 *)most || !lock())
		return;
	if (value > *(volatile __u64 *)most)
		*(volatile __u64 *)most = value;
	unlock();
}
#endif

static inline bool in_subtree(struct cgroup_subsys_state *css, __u64 root)
{
	if (!root)
		return true;
	for (int i = 0; i < MOST_LEVELS && css; i++) {
		if (READ(css, cgroup, kn, id) == root)
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
 * Give the group its half of the slot, the one that its predecessor has not. What
 * that one left is cleared for the group after this, which comes a grace period of
 * RCU after this program at the earliest: nobody ever waits for a half to be
 * cleared. Returns what is claimed then, by whatever CPU and group.
 */
static inline __u64 claim(union probe_element *first, __u32 slot, __u64 claimed, __u64 serial)
{
	__u64 new = serial << 1 | (claimed ? ~claimed & 1 : 0);
	union probe_element *left;

	if (claimed >> 1 > serial)
		return claimed;
	if (!swap(&first->slot.owner.claim, claimed, new))
		return *(volatile __u64 *)&first->slot.owner.claim;
	left = claimed ? element(PROBE_HALF(slots, slot, claimed)) : 0;
	if (left)
		clear(left);
	return new;
}

/* CPUs that see a group for the first time at the same time write the same. */
static inline void own(struct probe_owner *owner, struct cgroup *cgroup, __u64 serial)
{
	__u64 old = *(volatile __u64 *)&owner->serial;

	if (old == serial)
		return;
	owner->cgroup = READ(cgroup, kn, id);
	owner->hierarchy = READ(cgroup, root, hierarchy_id);
	owner->level = READ(cgroup, level);
	if (swap(&owner->serial, old, serial))
		COUNT(epoch);
}

/*
 * The element of that group, whose controller's slots begin with first, if it is at
 * root or below; 0: none. A css id is given again after its group is gone,
 * serial_nr never (kernel/cgroup/cgroup.c).
 */
static inline __u32 index_of(struct cgroup_subsys_state *css, __u32 first, __u64 root)
{
	struct cgroup *cgroup = READ(css, cgroup);
	__u32 id = READ(css, id);
	__u64 serial = READ(css, serial_nr), claimed;
	union probe_element *e;

	if (!cgroup || !in_subtree(css, root))		/* an autogroup has no cgroup */
		return 0;
	e = id < slots ? element(PROBE_HALF(slots, first + id, 0)) : 0;
	if (!e) {
		COUNT(overflow);
		return 0;
	}
	claimed = *(volatile __u64 *)&e->slot.owner.claim;
	if (claimed >> 1 != serial)
		claimed = claim(e, first + id, claimed, serial);
	if (claimed >> 1 != serial) {			/* it is gone, and another has its id */
		COUNT(unpaired);
		return 0;
	}
	id = PROBE_HALF(slots, first + id, claimed);
	e = element(id);
	if (e)
		own(&e->slot.owner, cgroup, serial);
	return e ? id : 0;
}

static inline union probe_element *slot_of(struct cgroup_subsys_state *css, __u32 first, __u64 root)
{
	__u32 index = index_of(css, first, root);

	return index ? element(index) : 0;
}

/* Global, so that the verifier looks at it once: that word of an element, by its offset. */
__noinline int raise_word(__u32 index, __u32 offset, __u64 value)
{
	union probe_element *e = element(index);
	__u64 at = offset;

	if (!e)
		return 0;
	MASK(at, 504);			/* that of the last word */
	raise_to((__u64 *)(e->bytes + at), value);
	return 0;
}

/* Global, so that the verifier looks at it once. */
__noinline int bucket_of(__u64 us)
{
	__u32 bucket = 0;

	for (int step = 16; step; step /= 2)
		if (us >> step) {
			us >>= step;
			bucket += step;
		}
	return bucket;
}

static inline void count_length(__u64 *hist, __u64 ns)
{
	__u32 bucket = bucket_of(ns / 1000);

	MASK(bucket, 31);
	add(hist + bucket, 1);
}

/* Around all that changes what a reader wants to be of one moment. */
static inline void begin_change(struct probe_owner *owner)
{
	add(&owner->begun, 1);
}

static inline void end_change(struct probe_owner *owner)
{
	owner->updated_ns = bpf_ktime_get_ns();
	add(&owner->done, 1);
}

struct victim {
	__u64 leaf;
	__u32 pid, tgid;
	char comm[PROBE_COMM];
};

/* Its place in the ring is the writer's from the first swap to the last: who comes a whole round later loses his event. */
static inline void tell(enum probe_kind kind, struct probe_owner *limit, __u64 duration, struct victim *victim,
			__u32 cpu)
{
	union probe_element *header = element(0), *e;
	struct probe_event *event;
	__u64 n, seq;

	if (!header || (duration < min_event_ns && kind != PROBE_OOM_KILL))
		return;
	n = fetch_add(&header->header.head, 1);
	e = element(PROBE_RING(slots) + n % PROBE_EVENTS / PROBE_EVENTS_PER_ELEMENT);
	if (!e)
		return;
	event = e->events + n % PROBE_EVENTS_PER_ELEMENT;
	seq = *(volatile __u64 *)&event->seq;
	if (seq > n || !swap(&event->seq, seq, PROBE_WRITING | (n + 1))) {
		COUNT(lost);
		return;
	}
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
	swap(&event->seq, PROBE_WRITING | (n + 1), n + 1);
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
