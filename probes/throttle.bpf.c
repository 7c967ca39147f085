/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* throttle.bpf - the rung fentry: throttle_cfs_rq() and unthrottle_cfs_rq() of kernel/sched/fair.c, their arguments typed */
#include "stop.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);	/* between entry and exit, interrupts off */
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} clocks SEC(".maps");

/* It answers true when it has stopped the queue: 7.x calls it for each failed slice check. */
SEC("fexit/throttle_cfs_rq")
int BPF_PROG(fentry_throttled, struct cfs_rq *c, int ret)
{
	if (ret & 0xff)
		stop_begins(c->tg, c->rq->clock, c->rq->cpu, c->curr ? c->rq->curr : 0);
	return 0;
}

SEC("fentry/unthrottle_cfs_rq")
int BPF_PROG(fentry_ending, struct cfs_rq *c)
{
	__u32 zero = 0;
	__u64 *clock = bpf_map_lookup_elem(&clocks, &zero);

	if (clock)
		*clock = c->throttled_clock;
	return 0;
}

/* rq->clock is current only after it (before 7.x). Since 7.x it may give up. */
SEC("fexit/unthrottle_cfs_rq")
int BPF_PROG(fentry_ended, struct cfs_rq *c)
{
	__u32 zero = 0;
	__u64 *clock = bpf_map_lookup_elem(&clocks, &zero), now;

	if (!clock || BPF_CORE_READ_BITFIELD(c, throttled))
		return 0;
	now = c->rq->clock;
	stop_ends(c->tg, now, c->rq->cpu, *clock ? now - *clock : 0, *clock != 0);
	return 0;
}
