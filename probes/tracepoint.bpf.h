/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tracepoint.bpf - the programs of the rung tracepoint: the fast path, of nearly every switch,
 * is two plain loads, and two bits for sleeps over memory.high
 */
#ifndef CGTUNE_PROBES_TRACEPOINT_H
#define CGTUNE_PROBES_TRACEPOINT_H

#include "sleep.bpf.h"
#include "watch.bpf.h"

SEC("tp_btf/sched_switch")
int BPF_PROG(tracepoint_switch, bool preempt, struct task_struct *prev, struct task_struct *after)
{
	if (sleeps_at_switch)
		switched(ctx, !preempt && BPF_CORE_READ_BITFIELD(prev, in_memstall),
			 BPF_CORE_READ_BITFIELD(after, in_memstall));
	return watch(ctx, 1, 0, prev->se.cfs_rq->throttle_count, bpf_get_smp_processor_id(), AT_SWITCH);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(tracepoint_wakeup, struct task_struct *p)
{
	return watch(ctx, 0, p->pid, p->se.cfs_rq->throttle_count, p->se.cfs_rq->rq->cpu, AT_WAKEUP);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(tracepoint_wakeup_new, struct task_struct *p)
{
	return watch(ctx, 0, p->pid, p->se.cfs_rq->throttle_count, p->se.cfs_rq->rq->cpu, AT_WAKEUP);
}

SEC("tp_btf/hrtimer_expire_exit")
int BPF_PROG(tracepoint_timer)
{
	return watch(ctx, 0, 0, 0, bpf_get_smp_processor_id(), ELSEWHERE);
}

SEC("tp_btf/csd_function_exit")
int BPF_PROG(tracepoint_csd)
{
	return watch(ctx, 0, 0, 0, bpf_get_smp_processor_id(), ELSEWHERE);
}

#endif
