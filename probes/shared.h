/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared - the array that the BPF programs write and any number of processes read
 *
 *   element 0                  struct probe_header
 *   1 .. slots                 struct probe_slot of the cpu controller's css ids 0 .. slots - 1
 *   .. 2 * slots               struct probe_memory of the memory controller's css ids 0 .. slots - 1
 *   .. 4 * slots               the other halves of both
 *   the rest                   ring of struct probe_event
 *
 * A group counts in one of the two, and the next that gets its id in the other,
 * which was cleared long before: claim, in the first, says in which.
 *
 * One element per group, and not one large one: the kernel bounds an element's
 * size to 4 MiB, and looking an element up is a bounds check that it makes itself.
 */
#ifndef CGTUNE_PROBES_SHARED_H
#define CGTUNE_PROBES_SHARED_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define PROBE_MAGIC 0x65626F7270746763ULL	/* "cgtprobe" */
#define PROBE_ABI 1
#define PROBE_ELEMENT 512
#define PROBE_EVENTS 1024
#define PROBE_HIST 32
#define PROBE_COMM 16
#define PROBE_WRITING (1ULL << 63)

enum probe_rung { PROBE_NONE, PROBE_FENTRY, PROBE_KPROBE, PROBE_TRACEPOINT, PROBE_RAW };
enum probe_kind { PROBE_THROTTLE = 1, PROBE_HIGH_SLEEP, PROBE_OOM_KILL };
enum probe_sleeps { PROBE_SLEEPS_UNKNOWN, PROBE_SLEEPS_FUNCTION, PROBE_SLEEPS_SWITCH };

/* The loader writes it before any program runs, and freezes it; what is below the line the programs write. */
struct probe_header {
	__u64 magic;
	__u32 abi;
	__u32 element;
	__u32 slots;
	__u32 events;
	__u32 rung;			/* enum probe_rung */
	__u32 memory_rung;		/* enum probe_rung; PROBE_NONE: memory is not counted */
	__u32 memory_sleeps;		/* enum probe_sleeps */
	__u32 tgid;			/* of the victims whose stops are counted; 0: all */
	__u64 loaded_ns;		/* CLOCK_MONOTONIC */
	__u64 subtree;			/* cgroup id in the cpu hierarchy; 0: all */
	__u64 min_event_ns;
	/* ---- */
	__u64 epoch;			/* slots taken so far */
	__u64 head;			/* events so far */
	__u64 overflow;			/* events of groups whose id has no slot */
	__u64 unpaired;			/* ends without a beginning, and beginnings that were lost */
	__u64 lost;			/* not counted, or not told: no room, or no lock in time */
	__u64 stopped_ns;		/* the probe was stopped then; 0: it runs */
};

/* Whose slot it is. serial is written last; begun and done differ while a program changes the counts. */
struct probe_owner {
	__u64 claim;			/* in the first of the two: serial_nr << 1 | which of them is in use */
	__u64 serial;			/* css->serial_nr; 0: nobody's */
	__u64 cgroup;			/* inode number of its directory */
	__u32 hierarchy;		/* first field of /proc/PID/cgroup */
	__u32 level;
	__u64 updated_ns;		/* CLOCK_MONOTONIC of the last change */
	__u64 begun;
	__u64 done;
};

struct probe_slot {
	struct probe_owner owner;
	__u64 throttles;
	__u64 ended;
	__u64 uncharged;
	__u64 enqueue;
	__u64 hits;
	__u64 ns;			/* sum of the stops that were seen */
	__u64 max_ns;
	__u64 episodes;
	__u64 wall_ns;
	__u64 open;			/* CPUs stopped now */
	__u64 open_since;		/* run queue clock */
	__u64 nr_periods;		/* the kernel's, as of the last event */
	__u64 nr_throttled;
	__u64 kernel_ns;
	__u64 kernel_base_ns;		/* what it was at the first stop that was seen */
	__u64 hist[PROBE_HIST];
};

/* Of the kernel's counters, memory_events_local[] of a struct mem_cgroup, what was seen last. */
struct probe_memory_seen {
	__u64 high, max, oom, oom_kill;
};

struct probe_memory {
	struct probe_owner owner;
	struct probe_memory_seen seen;
	__u64 high_reclaims;
	__u64 max_reclaims;
	__u64 high_sleeps;
	__u64 high_sleep_ns;
	__u64 high_sleep_max_ns;
	__u64 oom_kills;		/* because of this group's limit */
	__u64 oom_victims;		/* of this group's processes */
	__u64 hist[PROBE_HIST];
};

struct probe_event {
	__u64 seq;			/* number + 1; with PROBE_WRITING until all of it is there */
	__u64 ended_ns;			/* CLOCK_MONOTONIC */
	__u64 duration_ns;
	__u64 limit;			/* the group whose limit it was */
	__u64 leaf;			/* the victim's group; 0: there was no victim */
	__u32 hierarchy;
	__u32 kind;
	__u32 pid;			/* of the thread */
	__u32 tgid;
	__u32 cpu;
	__u32 pad;
	char comm[PROBE_COMM];
	__u64 reserved[6];
};

#define PROBE_EVENTS_PER_ELEMENT (PROBE_ELEMENT / sizeof(struct probe_event))

union probe_element {
	struct probe_header header;
	struct probe_slot slot;
	struct probe_memory memory;
	struct probe_event events[PROBE_EVENTS_PER_ELEMENT];
	unsigned char bytes[PROBE_ELEMENT];
};

/* The layout is the ABI: another is another PROBE_ABI. */
_Static_assert(sizeof(struct probe_header) == 112, "header");
_Static_assert(sizeof(struct probe_owner) == 56, "owner");
_Static_assert(sizeof(struct probe_slot) == 432, "slot");
_Static_assert(sizeof(struct probe_memory) == 400, "memory");
_Static_assert(sizeof(struct probe_event) == 128, "event");
_Static_assert(sizeof(union probe_element) == PROBE_ELEMENT, "element");
_Static_assert(sizeof(struct probe_memory) <= sizeof(struct probe_slot), "what is copied");

/* The element of a slot's half: that which claim says. */
#define PROBE_HALF(slots, slot, claim) (1 + (slot) + ((claim) & 1 ? 2 * (slots) : 0))
#define PROBE_RING(slots) (1 + 4 * (slots))
#define PROBE_ELEMENTS(slots) (PROBE_RING(slots) + PROBE_EVENTS / PROBE_EVENTS_PER_ELEMENT)

#ifndef __bpf__
static inline __u64 probe_load(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* The half of a slot that is in use, and what claims it; NULL: nobody does, or not yet. */
static inline const union probe_element *probe_half(const union probe_element *elements, __u32 slots, __u32 slot,
						    __u64 *claim)
{
	const union probe_element *half;

	*claim = probe_load(&elements[PROBE_HALF(slots, slot, 0)].slot.owner.claim);
	half = &elements[PROBE_HALF(slots, slot, *claim)];
	return *claim && probe_load(&half->slot.owner.serial) == *claim >> 1 ? half : (void *)0;
}

/* A copy of one owner and of one moment: 1; 0: the slot is nobody's; -1: a program was at it all the time. */
static inline int probe_copy_half(const union probe_element *elements, __u32 slots, __u32 slot, int tries,
				  union probe_element *ret)
{
	while (tries--) {
		__u64 claim, now, done;
		const union probe_element *half = probe_half(elements, slots, slot, &claim);

		if (!half)
			return 0;
		done = probe_load(&half->slot.owner.done);
		__builtin_memcpy(ret, half, sizeof(struct probe_slot));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (probe_load(&half->slot.owner.begun) == done && probe_half(elements, slots, slot, &now) == half &&
		    now == claim)
			return 1;
	}
	return -1;
}
#endif

#endif
