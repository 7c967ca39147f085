/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory-raw.bpf - the rungs kprobe, tracepoint and raw of what memory limits do, and what was counted before the start
 *
 * No tracepoint tells whose limit it was. But the kernel has counted it for that
 * group just before: its counter is the one that has grown.
 */
#define RAW
#include "kill.bpf.h"
#include "sleep.bpf.h"

#define SEEDS 64			/* a step of the walk */
#define STEPS 512
#define MARGIN 8			/* pages: out of memory is for orders up to 3 (PAGE_ALLOC_COSTLY_ORDER) */

/* Global, so that the verifier looks at them once: pointers come and go as plain numbers. */
__noinline int look(__u64 css_at)
{
	struct cgroup_subsys_state *css = (struct cgroup_subsys_state *)css_at;
	struct mem_cgroup *memcg = memcg_of(css);
	__u64 high = KERNEL_COUNT(memcg, MEMCG_HIGH), max = KERNEL_COUNT(memcg, MEMCG_MAX);
	struct probe_memory *memory = high | max ? memory_of(css) : 0;

	if (memory && (high > memory->seen.high || max > memory->seen.max))
		count_reclaims(memory, high, max);
	return 0;
}

/* What was there before the programs is not theirs. */
__noinline int seed(__u64 css_at)
{
	struct cgroup_subsys_state *css = (struct cgroup_subsys_state *)css_at;
	struct mem_cgroup *memcg = memcg_of(css);
	struct probe_memory_seen now = {
		.high = KERNEL_COUNT(memcg, MEMCG_HIGH), .max = KERNEL_COUNT(memcg, MEMCG_MAX),
		.oom = KERNEL_COUNT(memcg, MEMCG_OOM), .oom_kill = KERNEL_COUNT(memcg, MEMCG_OOM_KILL),
	};
	struct probe_memory *memory = now.high | now.max | now.oom | now.oom_kill ? memory_of(css) : 0;

	if (memory)
		memory->seen = now;
	return 0;
}

/* The group after this one, which is above those below it; 0: it was the last. */
__noinline __u64 next(__u64 css_at)
{
	struct cgroup_subsys_state *css = (struct cgroup_subsys_state *)css_at, *parent;
	__u64 offset = bpf_core_field_offset(struct cgroup_subsys_state, sibling);
	struct list_head *entry = READ(css, children.next);

	if (entry != __builtin_preserve_access_index(&css->children))
		return (__u64)entry - offset;
	for (int i = 0; i < 4 * MOST_LEVELS; i++) {
		parent = READ(css, parent);
		if (!parent)
			return 0;
		entry = READ(css, sibling.next);
		if (entry != __builtin_preserve_access_index(&parent->children))
			return (__u64)entry - offset;
		css = parent;
	}
	return 0;
}

__noinline __u64 seed_some(__u64 css_at)
{
	for (int i = 0; i < SEEDS && css_at; i++) {
		seed(css_at);
		css_at = next(css_at);
	}
	return css_at;
}

/*
 * Run once, before the others are attached: all groups, whose counters are what was
 * before. One that is made later begins with zeros. The list is read under RCU, in
 * one run, so that nothing of it is freed meanwhile. Answers whether it got through.
 */
SEC("raw_tp")
int seed_all(void *ctx)
{
	struct cgroup_subsys_state *css = css_of((struct task_struct *)bpf_get_current_task()), *parent;
	__u64 at;

	for (int i = 0; i < 4 * MOST_LEVELS && (parent = READ(css, parent)); i++)
		css = parent;
	at = (__u64)css;
	for (int i = 0; i < STEPS && at; i++)
		at = seed_some(at);
	return !at;
}

/* Of all groups above a task it may be the limit of any. */
static inline int look_above(struct task_struct *task)
{
	struct cgroup_subsys_state *css = css_of(task);

	for (int i = 0; i < MOST_LEVELS && css; i++) {
		look((__u64)css);
		css = READ(css, parent);
	}
	return 0;
}

static inline bool is_full(struct mem_cgroup *memcg)
{
	return READ(memcg, memory.usage.counter) + MARGIN > (__s64)READ(memcg, memory.max);
}

/* 0: it was not out of memory; 1: it was, since the last kill; 2: and is at its limit. */
__noinline int was_out_of_memory(__u64 css_at)
{
	struct cgroup_subsys_state *css = (struct cgroup_subsys_state *)css_at;
	struct mem_cgroup *memcg = memcg_of(css);
	__u64 now = KERNEL_COUNT(memcg, MEMCG_OOM);
	struct probe_memory *memory = now ? memory_of(css) : 0;

	if (!memory || !grown(&memory->seen.oom, now))
		return 0;
	return is_full(memcg) ? 2 : 1;
}

/* The group whose limit a victim had to go for: mem_cgroup_out_of_memory() is for one that is at its limit. */
__noinline __u64 limit_of(__u64 css_at)
{
	struct cgroup_subsys_state *css = (struct cgroup_subsys_state *)css_at;
	__u64 limit = 0, best = 0;

	for (int i = 0; i < MOST_LEVELS && css; i++) {
		__u64 is = (__u32)was_out_of_memory((__u64)css);

		if (is > best) {
			best = is;
			limit = (__u64)css;
		}
		css = READ(css, parent);
	}
	return limit;
}

/* Because of which limit the thread kills: memory.oom.group is one limit and several victims. oom_lock is held. */
struct killer {
	__u64 pid_tgid, limit;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct killer);
} killers SEC(".maps");

__noinline int kill(__u64 task_at, __u64 css_at, __u64 kills)
{
	struct probe_memory *leaf = memory_of((struct cgroup_subsys_state *)css_at), *limit;
	__u64 id = bpf_get_current_pid_tgid(), at;
	__u32 zero = 0;
	struct killer *killer = bpf_map_lookup_elem(&killers, &zero);

	if (!killer || !leaf)
		return 0;
	at = limit_of(css_at);
	if (!at && killer->pid_tgid == id)
		at = killer->limit;
	killer->pid_tgid = id;
	killer->limit = at;
	limit = at ? memory_of((struct cgroup_subsys_state *)at) : 0;
	if (limit)
		count_kills(limit, kills);
	count_victim(leaf, kills, limit ? limit->owner.cgroup : 0, (struct task_struct *)task_at);
	return 0;
}

/*
 * Before 6.8 it has the number of the thread (some 5.10 and 6.1 have the task): then the
 * victim is known where it is the one that wanted memory, and else counted with the
 * next of that group. mark_oom_victim() is for whom the kernel finds dying, too: no kill.
 */
static inline int mark_victim(unsigned long long *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct cgroup_subsys_state *css;
	struct probe_memory *leaf;
	__u64 at = 0, now, kills;

	bpf_probe_read_kernel(&at, sizeof(at), ctx);
	if (at >> 32)
		task = (struct task_struct *)at;
	else if ((int)at != READ(task, pid) && (int)at != READ(task, tgid))
		return 0;
	css = css_of(task);
	now = KERNEL_COUNT(memcg_of(css), MEMCG_OOM_KILL);
	leaf = now ? memory_of(css) : 0;
	kills = leaf ? grown(&leaf->seen.oom_kill, now) : 0;
	if (kills)
		kill((__u64)task, (__u64)css, kills);
	return 0;
}

static inline int reclaim_begins(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 zero = 0;
	struct killer *killer = bpf_map_lookup_elem(&killers, &zero);

	if (killer && killer->pid_tgid == id)
		killer->pid_tgid = 0;			/* the next kill is another */
	return look_above((struct task_struct *)bpf_get_current_task());
}

/* kprobe: of sleeping threads there may be more than returns that a kretprobe can wait for; what follows is the end. */
SEC("kprobe/try_to_free_mem_cgroup_pages")
int BPF_KPROBE(kprobe_reclaim, struct mem_cgroup *memcg)
{
	return look((__u64)css_of_memcg(memcg));
}

SEC("kprobe/schedule_timeout_killable")
int BPF_KPROBE(kprobe_begin_sleep)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return READ_BITS(task, in_memstall) ? sleep_begins((__u64)task) : 0;
}

SEC("kprobe/psi_memstall_leave")
int BPF_KPROBE(kprobe_end_sleep)
{
	return sleep_ends(bpf_get_current_task());
}

SEC("kprobe/oom_kill_process")
int BPF_KPROBE(kprobe_kill, struct oom_control *control)
{
	struct killing *k = killing();

	if (k)
		k->control = (__u64)control;
	return kill_begins(control);
}

SEC("kprobe/__oom_kill_process")
int BPF_KPROBE(kprobe_marks)
{
	return kill_marks();
}

SEC("kprobe/mark_oom_victim")
int BPF_KPROBE(kprobe_marked, struct task_struct *task)
{
	return kill_marked(task);
}

SEC("kretprobe/oom_kill_process")
int BPF_KRETPROBE(kprobe_killed)
{
	struct killing *k = killing();

	return k ? kill_ends((struct oom_control *)k->control) : 0;
}

/* tracepoint: of nearly every switch only two bits are read, plainly. */
SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int tracepoint_reclaim(void *ctx)
{
	return reclaim_begins();
}

SEC("tp_btf/mark_victim")
int tracepoint_victim(unsigned long long *ctx)
{
	return mark_victim(ctx);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(tracepoint_sleep, bool preempt, struct task_struct *prev, struct task_struct *after)
{
	return switched(ctx, !preempt && BPF_CORE_READ_BITFIELD(prev, in_memstall),
			BPF_CORE_READ_BITFIELD(after, in_memstall));
}

SEC("raw_tp/mm_vmscan_memcg_reclaim_begin")
int raw_reclaim(void *ctx)
{
	return reclaim_begins();
}

SEC("raw_tp/mark_victim")
int raw_victim(unsigned long long *ctx)
{
	return mark_victim(ctx);
}

SEC("raw_tp/sched_switch")
int BPF_PROG(raw_sleep, bool preempt, struct task_struct *prev, struct task_struct *after)
{
	return switched(ctx, !preempt && READ_BITS(prev, in_memstall), READ_BITS(after, in_memstall));
}
