/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cost.bpf - what the probe's cost is compared with, and the bodies of the rung fentry where no trampoline can be had
 *
 * The bodies are run on the queue of the current task, as if it had been stopped
 * and let go again: what a trampoline costs is not in it.
 */
#include "throttle.bpf.c"

#define PAIRS 1000

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);			/* ns of all pairs */
} spent SEC(".maps");

SEC("tp_btf/sched_switch")
int empty_switch(void *ctx)
{
	return 0;
}

static long pair(__u32 i, void *unused)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cfs_rq *c = task->se.cfs_rq;
	__u32 zero = 0;
	__u64 *clock;

	____fentry_throttled(0, c, 1);
	____fentry_ending(0, c);
	clock = bpf_map_lookup_elem(&clocks, &zero);
	if (clock)
		*clock = c->rq->clock - 1000000;	/* it was not throttled: the kernel would have had it here */
	____fentry_ended(0, c);
	return 0;
}

SEC("raw_tp")
int run_pairs(void *ctx)
{
	__u32 zero = 0;
	__u64 *ns = bpf_map_lookup_elem(&spent, &zero), start = bpf_ktime_get_ns();

	bpf_loop(PAIRS, pair, 0, 0);
	if (ns)
		*ns = bpf_ktime_get_ns() - start;
	return 0;
}
