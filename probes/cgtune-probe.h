/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgtune-probe - count what limits do to programs, in the kernel, by BPF
 *
 *   cgtune_probe_start()	load, attach and pin the programs, or find them pinned: privileged, once
 *   cgtune_probe_open()	map what they count: any process that the pin's mode lets in
 *   cgtune_probe_read()	the counts of a cgroup: no system call, no allocation
 *   cgtune_probe_read_memory()	the same of its memory limits
 *   cgtune_probe_walk()	the kernel's own counters of every cgroup of a subtree, in one pass
 *   cgtune_probe_next_event()	the single stops, sleeps and kills, in order
 *
 * As in cgtune.h: 0 or a positive value is success, a negative one -errno;
 * results are left untouched on failure; structs begin with their size.
 * CGTUNE_UNKNOWN stands for what the kernel's rung cannot count.
 * A handle is for one thread at a time; any number of handles may be open.
 */
#ifndef CGTUNE_PROBE_H
#define CGTUNE_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <cgtune.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CGTUNE_PROBE_HIST 32

struct cgtune_probe;
struct cgtune_probe_spec;
struct cgtune_probe_walk;

/** How the programs are attached; the best that loads is taken. */
enum cgtune_probe_rung {
	CGTUNE_PROBE_NONE,
	CGTUNE_PROBE_FENTRY,		/**< functions of the scheduler: nothing at a context switch */
	CGTUNE_PROBE_KPROBE,		/**< the same functions, by breakpoint */
	CGTUNE_PROBE_TRACEPOINT,	/**< switches, wakeups, timers: stops that nobody waited in are not seen */
	CGTUNE_PROBE_RAW,		/**< the same without types */
};

enum cgtune_probe_flag {
	CGTUNE_PROBE_MOUNT = 1u << 0,		/**< start: mount a BPF file system at bpffs, an empty folder */
	CGTUNE_PROBE_READERS_ALL = 1u << 1,	/**< start: everybody may open it */
	CGTUNE_PROBE_READERS_GROUP = 1u << 2,	/**< start: so may the group readers */
};

struct cgtune_probe_options {
	size_t size;			/**< sizeof(struct cgtune_probe_options) */
	const char *bpffs;		/**< a BPF file system; default "/sys/fs/bpf" */
	uint64_t subtree;		/**< count only this cgroup (inode number, cpu hierarchy) and those below; 0: all */
	uint32_t flags;			/**< enum cgtune_probe_flag */
	uint32_t slots;			/**< a power of two, 64 to 32,768; 0: 2,048 */
	uint64_t min_event_ns;		/**< shorter ones are counted, but no event */
	uint32_t readers;		/**< group id, with CGTUNE_PROBE_READERS_GROUP */
	uint32_t rungs;			/**< mask of 1 << enum cgtune_probe_rung to try; 0: all */
	char *text;			/**< room for a sentence on what failed and, below it, the verifier's log; or NULL */
	size_t text_size;
	uint64_t memory_subtree;	/**< as subtree, in the memory hierarchy where that is another (v1); 0: subtree */
	const char *btf;		/**< types of a kernel that has no BTF, as bpftool gen min_core_btf makes them; NULL:
					     LIBDIR/cgtune/btf/RELEASE.btf where the kernel has none */
	uint32_t tgid;			/**< count only stops of quotas whose victim is of this process, and of limits
					     only those: throttles to hist are of these stops; nr_periods and
					     nr_throttled stay the kernel's; 0: all */
};

/** struct cgtune_stalls - what limits did to one cgroup since the probe was started */
struct cgtune_stalls {
	size_t size;
	uint64_t cgroup;		/**< inode number of its directory */
	uint32_t hierarchy;		/**< first field of /proc/PID/cgroup */
	uint32_t level;			/**< depth: 0 is the root */
	uint64_t updated_ns;		/**< CLOCK_MONOTONIC of the last change */
	uint64_t throttles;		/**< times that a CPU's run queue of this group was stopped */
	uint64_t throttled_ns;		/**< the kernel's sum over CPUs; on the tracepoint rungs as of the last event */
	uint64_t episodes;		/**< times that it went from no stopped CPU to one */
	uint64_t wall_ns;		/**< time with at least one stopped CPU, ended episodes only */
	uint64_t max_ns;		/**< the longest stop */
	uint64_t uncharged;		/**< stops in which nobody waited */
	uint64_t enqueue;		/**< stops found when a task woke: no task was on the CPU */
	uint64_t open;			/**< CPUs that are stopped now */
	uint64_t nr_periods;		/**< the kernel's, as of the last event */
	uint64_t nr_throttled;
	uint64_t hits;			/**< stops, of whatever limit above, that took a task of this group off a CPU */
	uint64_t hist[CGTUNE_PROBE_HIST];	/**< stops by length: hist[n] from 2^n to 2^(n+1) - 1 microseconds, [0] from 0 */
	uint64_t loaded_ns;		/**< CLOCK_MONOTONIC: counted since then, */
	uint64_t stopped_ns;		/**< and no longer since then; 0: it is still */
};

/**
 * struct cgtune_memory_stalls - what memory limits did to one cgroup since the probe was started
 *
 * CGTUNE_UNKNOWN in a member: it is not counted on this kernel.
 */
struct cgtune_memory_stalls {
	size_t size;
	uint64_t cgroup;		/**< inode number of its directory in the memory hierarchy */
	uint32_t hierarchy;		/**< first field of /proc/PID/cgroup */
	uint32_t level;			/**< depth: 0 is the root */
	uint64_t updated_ns;		/**< CLOCK_MONOTONIC of the last change */
	uint64_t high_reclaims;		/**< memory.events.local: high; the limit is this group's. v1 has none */
	uint64_t max_reclaims;		/**< memory.events.local: max; the limit is this group's */
	uint64_t high_sleeps;		/**< sleeps of this group's threads over some memory.high */
	uint64_t high_sleep_ns;		/**< their sum, by the clock */
	uint64_t high_sleep_max_ns;	/**< the longest */
	uint64_t oom_kills;		/**< processes killed, of whatever group below, because of this group's limit */
	uint64_t oom_victims;		/**< memory.events.local: oom_kill; processes of this group that were killed */
	uint64_t hist[CGTUNE_PROBE_HIST];	/**< sleeps by length, as in struct cgtune_stalls */
};

enum cgtune_stall_kind {
	CGTUNE_STALL_THROTTLE = 1,
	CGTUNE_STALL_HIGH_SLEEP,	/**< limit: the group above its memory.high, or 0 */
	CGTUNE_STALL_OOM_KILL,		/**< limit: 0 if unknown, or if all memory was used up; the duration is 0 */
};

/** How sleeps over memory.high are seen. */
enum cgtune_probe_sleeps {
	CGTUNE_PROBE_SLEEPS_UNKNOWN,	/**< they are not: this kernel has no PSI, or it is off */
	CGTUNE_PROBE_SLEEPS_FUNCTION,	/**< in the function that sleeps */
	CGTUNE_PROBE_SLEEPS_SWITCH,	/**< by a program at each context switch */
};

struct cgtune_stall_event {
	size_t size;
	uint64_t number;		/**< counts up; a gap is events that were overwritten */
	uint64_t ended_ns;		/**< CLOCK_MONOTONIC */
	uint64_t duration_ns;
	uint64_t limit;			/**< the cgroup whose limit it was */
	uint64_t leaf;			/**< the victim's cgroup; 0: there was no victim */
	uint32_t hierarchy;		/**< of both */
	uint32_t kind;			/**< enum cgtune_stall_kind */
	uint32_t pid;			/**< the victim: thread, process, name */
	uint32_t tgid;
	uint32_t cpu;
	char comm[16];
};

/** What the published probe is. */
struct cgtune_probe_state {
	size_t size;
	uint32_t rung;			/**< enum cgtune_probe_rung */
	uint32_t slots;
	uint64_t loaded_ns;		/**< CLOCK_MONOTONIC */
	uint64_t stopped_ns;		/**< it counts no longer since then; 0: it does */
	uint64_t subtree;
	uint64_t min_event_ns;
	uint64_t groups;		/**< slots taken so far */
	uint64_t events;
	uint64_t overflow;		/**< events of groups that had no slot: more slots are wanted */
	uint64_t unpaired;		/**< ends of stops that began before the probe did, or whose group was removed meanwhile */
	uint64_t lost;			/**< not counted or not told: no room */
	uint32_t memory_rung;		/**< enum cgtune_probe_rung; none: memory is not counted */
	uint32_t memory_sleeps;		/**< enum cgtune_probe_sleeps */
	uint32_t tgid;			/**< of the victims whose stops are counted; 0: all */
	uint32_t pinned;		/**< 1; 0: somebody has removed its pins, other than by cgtune_probe_stop(): with
					     them the programs are gone, too */
};

#define CGTUNE_PROBE_MOST_GROUPS 65536

enum cgtune_group_flag {
	CGTUNE_GROUP_CPU = 1u << 0,	/**< the group is one of the cpu controller's */
	CGTUNE_GROUP_MEMORY = 1u << 1,	/**< the group is one of the memory controller's */
};

/** Places in memory_events[] of struct cgtune_group_counters, in the order of memory.events. */
enum cgtune_memory_event {
	CGTUNE_MEMORY_LOW, CGTUNE_MEMORY_HIGH, CGTUNE_MEMORY_MAX, CGTUNE_MEMORY_OOM, CGTUNE_MEMORY_OOM_KILL,
};

/**
 * struct cgtune_group_counters - what the kernel counts of a cgroup by itself, since that was made
 *
 * What is not of flags' controllers is CGTUNE_UNKNOWN.
 */
struct cgtune_group_counters {
	size_t size;
	uint64_t cgroup;		/**< inode number of its directory */
	uint32_t hierarchy;		/**< first field of /proc/PID/cgroup */
	uint32_t level;			/**< depth: 0 is the root */
	uint64_t flags;			/**< enum cgtune_group_flag */
	uint64_t taken_ns;		/**< CLOCK_MONOTONIC: when the pass began */
	uint64_t nr_periods;		/**< cpu.stat */
	uint64_t nr_throttled;
	uint64_t throttled_ns;
	uint64_t quota_us;		/**< or CGTUNE_UNLIMITED */
	uint64_t period_us;
	uint64_t memory;		/**< bytes in use */
	uint64_t memory_max;		/**< bytes, or CGTUNE_UNLIMITED */
	uint64_t memory_high;		/**< bytes, or CGTUNE_UNLIMITED, as always on v1 */
	uint64_t memory_events[5];	/**< memory.events, which v1 does not show, and counts for the group alone */
	uint64_t memory_events_local[5];	/**< memory.events.local */
};

/** One thing that a rung needs of a kernel. */
struct cgtune_probe_feature {
	size_t size;
	const char *name;
	int answer;			/**< 1 yes, 0 no, -1 unknown: no right to ask */
	const char *since;		/**< the Linux release that has it */
	const char *fallback;		/**< what is done without */
	int error;			/**< no: what it was refused with, such as -EPERM by one that has it; 0: it is not there */
};

/** A program or a map of those that start would load. */
struct cgtune_probe_item {
	size_t size;
	const char *object;
	const char *name;
	const char *type;		/**< the program's section, or "map" */
	uint32_t instructions;		/**< of a program */
	uint32_t value_size;		/**< of a map, in bytes */
	uint32_t entries;
};

/**
 * cgtune_probe_start() - start counting, or find that it is being counted
 *
 * The programs stay when the process ends. Of several that start at once, one
 * publishes its programs and the others find them.
 *
 * Returns: 1 when it was started already, 0 when this call did it. -EPERM: no
 * right to load programs (CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN);
 * -EOPNOTSUPP: this kernel can attach none; -ENODEV: no BPF file system at
 * bpffs; -EBADMSG: something else is pinned there; -EINVAL: an option.
 */
int cgtune_probe_start(const struct cgtune_probe_options *options, struct cgtune_probe **ret);

/**
 * cgtune_probe_open() - map what a started probe counts, for reading
 *
 * Returns: 0; -ENOENT: not started; -EACCES or -EPERM: not for this user;
 * -EBADMSG: what is pinned there is no probe of this version.
 */
int cgtune_probe_open(const struct cgtune_probe_options *options, struct cgtune_probe **ret);

/** cgtune_probe_close() - unmap it; counting goes on. NULL is allowed. */
void cgtune_probe_close(struct cgtune_probe *probe);

/**
 * cgtune_probe_stop() - stop counting and remove all pins, and those of whoever was killed while it started or stopped
 *
 * Returns: 0; -ENOENT: not started, and nothing was left of one.
 */
int cgtune_probe_stop(const struct cgtune_probe_options *options);

/**
 * cgtune_probe_read() - the counts of a cgroup
 *
 * They are of one moment. Returns: 0; -ENODATA: nothing has happened to it since
 * the start; -EAGAIN: the CPU that is changing them has not run for a millisecond
 * or so, as that of a virtual machine may: to be tried again.
 */
int cgtune_probe_read(struct cgtune_probe *probe, uint64_t cgroup, uint32_t hierarchy, struct cgtune_stalls *ret);

/** cgtune_probe_next() - the counts of the next cgroup that has any; *cursor begins at 0. 1; 0 at the end; -EAGAIN as above */
int cgtune_probe_next(struct cgtune_probe *probe, uint32_t *cursor, struct cgtune_stalls *ret);

/**
 * cgtune_probe_read_memory() - what memory limits did to a cgroup
 *
 * Returns: 0; -ENODATA: nothing has happened to it since the start;
 * -EOPNOTSUPP: this probe does not count memory.
 */
int cgtune_probe_read_memory(struct cgtune_probe *probe, uint64_t cgroup, uint32_t hierarchy,
			     struct cgtune_memory_stalls *ret);

/** cgtune_probe_next_memory() - as cgtune_probe_next(), of what memory limits did; with a cursor of its own */
int cgtune_probe_next_memory(struct cgtune_probe *probe, uint32_t *cursor, struct cgtune_memory_stalls *ret);

/**
 * cgtune_probe_walk_open() - load what reads all groups below a directory of cgroups, and it
 *
 * most: groups that there is room for, to CGTUNE_PROBE_MOST_GROUPS. No started
 * probe is needed. On v1 each hierarchy is a walk of its own.
 *
 * Returns: 0; -EOPNOTSUPP: this kernel has no iterators of cgroups (Linux 6.1);
 * -EPERM: no right to load programs; -EINVAL: most; that of open(2) for root.
 */
int cgtune_probe_walk_open(const struct cgtune_probe_options *options, const char *root, uint32_t most,
			   struct cgtune_probe_walk **ret);

/**
 * cgtune_probe_walk() - one pass: rows[0 .. n) are filled, those above before those below
 *
 * rows[0].size says how large each of them is. A pass holds the lock of all
 * cgroups, about 1 ms for 1,000: within nine times the time that the last one
 * took, what that one found is given again.
 *
 * Returns: how many groups there are, which may be more than n or than most.
 */
int cgtune_probe_walk(struct cgtune_probe_walk *walk, struct cgtune_group_counters *rows, size_t n);

/** cgtune_probe_walk_close() - NULL is allowed */
void cgtune_probe_walk_close(struct cgtune_probe_walk *walk);

/**
 * cgtune_probe_next_event() - the event with the number *cursor, or the oldest that is still there
 *
 * Returns: 1, and *cursor is that of the next; 0: none yet.
 */
int cgtune_probe_next_event(struct cgtune_probe *probe, uint64_t *cursor, struct cgtune_stall_event *ret);

/**
 * cgtune_probe_state() - what was started, how, what it lost, and whether it counts still
 *
 * What was read stays right for as long as it was counted, until stopped_ns: so
 * there is no error in reading a stopped probe. pinned takes a system call.
 */
int cgtune_probe_state(struct cgtune_probe *probe, struct cgtune_probe_state *ret);

/** cgtune_probe_rung_name() - "fentry", "kprobe", "tracepoint", "raw" or "none" */
const char *cgtune_probe_rung_name(uint32_t rung);

/** cgtune_probe_features() - ask the running kernel; features[0 .. n) are filled; returns how many there are */
int cgtune_probe_features(struct cgtune_probe_feature *features, size_t n);

/** cgtune_probe_spec() - read the programs only, without a bpf(2) call: by any user, on any machine */
int cgtune_probe_spec(const struct cgtune_probe_options *options, struct cgtune_probe_spec **ret);

/** cgtune_probe_spec_item() - its item i; 0, or -ENOENT: there are no more */
int cgtune_probe_spec_item(const struct cgtune_probe_spec *spec, size_t i, struct cgtune_probe_item *ret);

/** cgtune_probe_spec_free() - NULL is allowed */
void cgtune_probe_spec_free(struct cgtune_probe_spec *spec);

#ifdef __cplusplus
}
#endif

#endif
