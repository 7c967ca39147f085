/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* throttle-raw.bpf - the rungs kprobe, tracepoint and raw: they follow pointers by bpf_probe_read_kernel */
#define RAW
#include "stop.bpf.h"
#include "watch.bpf.h"
#include "tracepoint.bpf.h"

/* kprobe: as the rung fentry, the argument kept from entry to exit (interrupts are off). */
struct entry {
	__u64 throttling, ending, clock;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct entry);
} entries SEC(".maps");

static inline struct entry *entry(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&entries, &zero);
}

SEC("kprobe/throttle_cfs_rq")
int BPF_KPROBE(kprobe_throttling, struct cfs_rq *c)
{
	struct entry *e = entry();

	if (e)
		e->throttling = (__u64)c;
	return 0;
}

SEC("kretprobe/throttle_cfs_rq")
int BPF_KRETPROBE(kprobe_throttled, long ret)
{
	struct entry *e = entry();
	struct cfs_rq *c;

	if (!e || !e->throttling)
		return 0;
	c = (struct cfs_rq *)e->throttling;
	e->throttling = 0;
	if (ret & 0xff)
		stop_begins(READ(c, tg), READ(c, rq, clock), READ(c, rq, cpu), READ(c, curr) ? READ(c, rq, curr) : 0);
	return 0;
}

SEC("kprobe/unthrottle_cfs_rq")
int BPF_KPROBE(kprobe_ending, struct cfs_rq *c)
{
	struct entry *e = entry();

	if (e) {
		e->ending = (__u64)c;
		e->clock = READ(c, throttled_clock);
	}
	return 0;
}

SEC("kretprobe/unthrottle_cfs_rq")
int BPF_KRETPROBE(kprobe_ended)
{
	struct entry *e = entry();
	struct cfs_rq *c;
	__u64 now;

	if (!e || !e->ending)
		return 0;
	c = (struct cfs_rq *)e->ending;
	e->ending = 0;
	if (READ_BITS(c, throttled))
		return 0;
	now = READ(c, rq, clock);
	stop_ends(READ(c, tg), now, READ(c, rq, cpu), e->clock ? now - e->clock : 0, e->clock != 0);
	return 0;
}

/* raw: the same without types. */
SEC("raw_tp/sched_switch")
int BPF_PROG(raw_switch, bool preempt, struct task_struct *prev, struct task_struct *after)
{
	if (sleeps_at_switch)
		switched(ctx, !preempt && READ_BITS(prev, in_memstall), READ_BITS(after, in_memstall));
	return watch(ctx, 1, 0, READ(prev, se.cfs_rq, throttle_count), bpf_get_smp_processor_id(), AT_SWITCH);
}

SEC("raw_tp/sched_wakeup")
int BPF_PROG(raw_wakeup, struct task_struct *p)
{
	return watch(ctx, 0, READ(p, pid), READ(p, se.cfs_rq, throttle_count), READ(p, se.cfs_rq, rq, cpu), AT_WAKEUP);
}

SEC("raw_tp/sched_wakeup_new")
int BPF_PROG(raw_wakeup_new, struct task_struct *p)
{
	return watch(ctx, 0, READ(p, pid), READ(p, se.cfs_rq, throttle_count), READ(p, se.cfs_rq, rq, cpu), AT_WAKEUP);
}

SEC("raw_tp/hrtimer_expire_exit")
int BPF_PROG(raw_timer)
{
	return watch(ctx, 0, 0, 0, bpf_get_smp_processor_id(), ELSEWHERE);
}

SEC("raw_tp/csd_function_exit")
int BPF_PROG(raw_csd)
{
	return watch(ctx, 0, 0, 0, bpf_get_smp_processor_id(), ELSEWHERE);
}
