/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory.bpf - the rung fentry of what memory limits do: functions of the kernel's mm/, their arguments typed */
#ifdef NO_FETCH
#define RAW				/* no typed current task before Linux 5.11 */
#define CURRENT ((struct task_struct *)bpf_get_current_task())
#else
#define CURRENT ((struct task_struct *)bpf_get_current_task_btf())
#endif
#include "kill.bpf.h"

SEC("fentry/try_to_free_mem_cgroup_pages")
int BPF_PROG(fentry_reclaim, struct mem_cgroup *memcg)
{
	__u64 high = KERNEL_COUNT(memcg, MEMCG_HIGH), max = KERNEL_COUNT(memcg, MEMCG_MAX);
	struct probe_memory *memory = memory_of(css_of_memcg(memcg));
	struct sleeper *sleeper = sleeper_of((__u32)bpf_get_current_pid_tgid());

	if (!memory)
		return 0;
	if (sleeper && !sleeper->limit)
		sleeper->limit = memory->owner.cgroup;
	count_reclaims(memory, high, max);
	return 0;
}

/* It returns at once, but for a thread that has charged pages above a memory.high; the loader knows its other name. */
SEC("fentry/mem_cgroup_handle_over_high")
int BPF_PROG(fentry_high_sleep)
{
	struct task_struct *task = CURRENT;
	struct probe_memory *leaf = READ(task, memcg_nr_pages_over_high) ? memory_of(css_of(task)) : 0;

	if (leaf)
		note_sleeper(leaf, 0, 0);
	return 0;
}

SEC("fentry/schedule_timeout_killable")
int BPF_PROG(fentry_begin_sleep)
{
	struct sleeper *sleeper = sleeper_of((__u32)bpf_get_current_pid_tgid());

	if (sleeper)
		sleeper->since = bpf_ktime_get_ns();
	return 0;
}

SEC("fexit/schedule_timeout_killable")
int BPF_PROG(fentry_end_sleep)
{
	struct sleeper *sleeper = sleeper_of((__u32)bpf_get_current_pid_tgid());
	struct probe_memory *leaf = sleeper && sleeper->since ? memory_of(css_of(CURRENT)) : 0;

	if (leaf)
		count_sleep(leaf, sleeper);
	if (sleeper)
		sleeper->since = 0;
	return 0;
}

SEC("fexit/mem_cgroup_handle_over_high")
int BPF_PROG(fentry_low_sleep)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();

	if (sleeper_of(pid))
		bpf_map_delete_elem(&sleepers, &pid);
	return 0;
}

SEC("fentry/oom_kill_process")
int BPF_PROG(fentry_kill, struct oom_control *control)
{
	return kill_begins(control);
}

SEC("fentry/__oom_kill_process")
int BPF_PROG(fentry_marks)
{
	return kill_marks();
}

SEC("fentry/mark_oom_victim")
int BPF_PROG(fentry_marked, struct task_struct *task)
{
	return kill_marked(task);
}

SEC("fexit/oom_kill_process")
int BPF_PROG(fentry_killed, struct oom_control *control)
{
	return kill_ends(control);
}
