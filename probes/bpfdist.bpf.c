/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpfdist.bpf - bpf(2) calls by command: how many, how long, and which failed, at the entry and the exit of system calls */
#define RAW
#include "kernel.h"
#include "bpfdist.h"

enum { BPF_MAP_TYPE_PERCPU_HASH = 5 };
enum { BPF_NOEXIST = 1 };

#define MOST_LEVELS 24
#define MOST_ERROR 4095
#define EEXIST 17

/* Numbers of bpf(2): of 32-bit programs another, which in 64-bit ones is another call. */
#if defined(__TARGET_ARCH_x86)
#define NR_BPF 321
#define NR_BPF_32 357
#define X32 0x40000000
#define TS_COMPAT 2
#elif defined(__TARGET_ARCH_arm64)
#define NR_BPF 280
#define NR_BPF_32 386
#define X32 0
#define TIF_32BIT 22
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct thread_info { unsigned long flags; __u32 status; };
struct cgroup___dist { struct cgroup_subsys_state self; };
struct css_set___dist { struct cgroup___dist *dfl_cgrp; };
struct task_struct___dist {
	struct thread_info thread_info;
	struct css_set___dist *cgroups;
	struct task_group *sched_task_group;
};
struct pt_regs___intel { unsigned long bx, di; };
struct pt_regs___arm { __u64 regs[31]; };
#pragma clang attribute pop

struct bpf_pidns_info { __u32 pid, tgid; };

const volatile struct bpfdist_filter filter = { 0 };

struct begun {
	__u64 ns;
	__u64 command;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BPFDIST_THREADS);
	__type(key, __u32);			/* thread */
	__type(value, struct begun);
} begun SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BPFDIST_COMMANDS);
	__type(key, __u32);
	__type(value, struct bpfdist_value);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, BPFDIST_ERRORS);
	__type(key, __u32);			/* BPFDIST_ERROR_KEY */
	__type(value, __u64);
} errors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpfdist_global);
} global SEC(".maps");

static inline struct bpfdist_global *globals(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&global, &zero);
}

/* Of one of the numbers, whether it is the one for this kind of program. */
static inline bool is_bpf(struct task_struct___dist *task, long id)
{
	bool narrow;

#if defined(__TARGET_ARCH_x86)
	narrow = BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
#else
	narrow = BPF_CORE_READ(task, thread_info.flags) >> TIF_32BIT & 1;
#endif
	return narrow == (id == NR_BPF_32);
}

static inline __u32 command_of(struct pt_regs *regs, long id)
{
#if defined(__TARGET_ARCH_x86)
	struct pt_regs___intel *r = (void *)regs;

	return id == NR_BPF_32 ? (__u32)BPF_CORE_READ(r, bx) : (__u32)BPF_CORE_READ(r, di);
#else
	struct pt_regs___arm *r = (void *)regs;

	return (__u32)BPF_CORE_READ(r, regs[0]);
#endif
}

static inline bool in_cgroup(struct task_struct___dist *task)
{
	struct cgroup_subsys_state *css;

	if (filter.unified) {
		struct cgroup___dist *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);

		css = __builtin_preserve_access_index(&cgroup->self);
	} else {
		struct task_group *group = BPF_CORE_READ(task, sched_task_group);

		css = __builtin_preserve_access_index(&group->css);
	}
	for (int i = 0; i < MOST_LEVELS && css; i++) {
		if (READ(css, cgroup, kn, id) == filter.cgroup)
			return true;
		css = READ(css, parent);
	}
	return false;
}

/* The process as the loader's PID namespace numbers it; 0: it is in another. */
static inline __u32 process(void)
{
	struct bpf_pidns_info info = { 0 };

	if (!filter.inode)
		return bpf_get_current_pid_tgid() >> 32;
	return bpf_get_ns_current_pid_tgid(filter.device, filter.inode, &info, sizeof(info)) == 0 ? info.tgid : 0;
}

static inline bool is_wanted(struct task_struct___dist *task)
{
	__u32 tgid = process();

	if (tgid == filter.own || (filter.tgid && tgid != filter.tgid))
		return false;
	return !filter.cgroup || in_cgroup(task);
}

/*
 * A kernel that lets tasks be preempted in a tracepoint's program (7.x does) keeps that program from running
 * on this CPU until the task goes on. So there are a few of each: the first that runs takes the call, and
 * one that none took was missed by all.
 */
static __noinline int begin(struct pt_regs *regs, long id, __u32 copy)
{
	struct task_struct___dist *task = (void *)bpf_get_current_task();
	struct bpfdist_global *g;
	long r;
	struct begun b = { 0 };
	__u32 thread;

	if (!is_bpf(task, id) || !is_wanted(task))
		return 0;
	g = globals();
	if (!g)
		return 0;
	thread = (__u32)bpf_get_current_pid_tgid();
	b.command = command_of(regs, id);
	b.ns = bpf_ktime_get_ns();
	r = bpf_map_update_elem(&begun, &thread, &b, copy ? BPF_NOEXIST : BPF_ANY);
	if (r == 0)
		__sync_fetch_and_add(&g->in_flight, 1);
	else if (r != -EEXIST && copy == 0)
		__sync_fetch_and_add(&g->lost, 1);
	return 0;
}

static inline void count_error(__u32 command, __u32 error, struct bpfdist_global *g)
{
	__u32 key = BPFDIST_ERROR_KEY(command, error);
	__u64 *count = bpf_map_lookup_elem(&errors, &key), none = 0;

	if (!count) {
		bpf_map_update_elem(&errors, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&errors, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		__sync_fetch_and_add(&g->lost, 1);
}

static inline void count_length(struct bpfdist_value *value, __u64 ns)
{
	__u32 bucket = 0;
	__u64 left = ns;

	for (int step = 32; step; step /= 2)
		if (left >> step) {
			left >>= step;
			bucket += step;
		}
	if (bucket >= BPFDIST_HIST)
		bucket = BPFDIST_HIST - 1;
	__sync_fetch_and_add(&value->calls, 1);
	__sync_fetch_and_add(&value->ns, ns);
	__sync_fetch_and_add(&value->hist[bucket], 1);
}

static __noinline int end(long ret)
{
	struct bpfdist_global *g = globals();
	struct bpfdist_value *value;
	struct begun *b;
	__u32 thread, command;
	__u64 ns;

	if (!g)
		return 0;
	thread = (__u32)bpf_get_current_pid_tgid();
	b = bpf_map_lookup_elem(&begun, &thread);
	if (!b)
		return 0;
	ns = bpf_ktime_get_ns() - b->ns;
	command = b->command < BPFDIST_COMMANDS - 1 ? b->command : BPFDIST_COMMANDS - 1;
	bpf_map_delete_elem(&begun, &thread);
	__sync_fetch_and_add(&g->in_flight, -1);
	value = bpf_map_lookup_elem(&values, &command);
	if (!value)
		return 0;
	count_length(value, ns);
	if (ret < 0 && ret >= -MOST_ERROR)
		count_error(command, (__u32)-ret, g);
	return 0;
}

/* Nearly every call is another, with none of ours under way. */
static inline int enter(struct pt_regs *regs, long id, __u32 copy)
{
	return id == NR_BPF || id == (NR_BPF | X32) || id == NR_BPF_32 ? begin(regs, id, copy) : 0;
}

static inline int leave(long ret)
{
	struct bpfdist_global *g = globals();

	return g && g->in_flight ? end(ret) : 0;
}

#define PROGRAMS(rung, type, copy) \
	SEC(type "/sys_enter") int BPF_PROG(rung##_enter_##copy, struct pt_regs *regs, long id) \
	{ return enter(regs, id, copy); } \
	SEC(type "/sys_exit") int BPF_PROG(rung##_exit_##copy, struct pt_regs *regs, long ret) \
	{ return leave(ret); }

PROGRAMS(tracepoint, "tp_btf", 0)
PROGRAMS(tracepoint, "tp_btf", 1)
PROGRAMS(tracepoint, "tp_btf", 2)
PROGRAMS(tracepoint, "tp_btf", 3)
PROGRAMS(raw, "raw_tp", 0)
PROGRAMS(raw, "raw_tp", 1)
PROGRAMS(raw, "raw_tp", 2)
PROGRAMS(raw, "raw_tp", 3)

char LICENSE[] SEC("license") = "GPL";
