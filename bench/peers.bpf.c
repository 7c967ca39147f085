/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peers.bpf - how others take the time of stops, each method in a few lines of our own, on the functions that the rung fentry is on
 *
 *   own		the clock at the last call of throttle_cfs_rq() for the queue, until unthrottle_cfs_rq()
 *   single	the same, but one start for the whole group
 *   entry	rq->clock - throttled_clock as unthrottle_cfs_rq() begins
 *   calls	of throttle_cfs_rq(), whatever they returned
 */
#include "kernel.h"
#include "peers.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);			/* cfs_rq */
	__type(value, __u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);			/* cgroup */
	__type(value, struct peers);
} groups SEC(".maps");

static inline struct peers *group_of(struct cfs_rq *c)
{
	struct cgroup *cgroup = c->tg->css.cgroup;
	struct peers new = { 0 }, *peers;
	__u64 id;

	if (!cgroup)
		return 0;
	id = cgroup->kn->id;
	peers = bpf_map_lookup_elem(&groups, &id);
	if (peers)
		return peers;
	bpf_map_update_elem(&groups, &id, &new, 1);	/* BPF_NOEXIST */
	return bpf_map_lookup_elem(&groups, &id);
}

SEC("fentry/throttle_cfs_rq")
int BPF_PROG(throttling, struct cfs_rq *c)
{
	struct peers *peers = group_of(c);
	__u64 key = (__u64)c, now = bpf_ktime_get_ns();

	if (!peers)
		return 0;
	bpf_map_update_elem(&starts, &key, &now, BPF_ANY);
	peers->start = now;
	__sync_fetch_and_add(&peers->calls, 1);
	return 0;
}

SEC("fentry/unthrottle_cfs_rq")
int BPF_PROG(ending, struct cfs_rq *c)
{
	struct peers *peers = group_of(c);
	__u64 key = (__u64)c, now = bpf_ktime_get_ns(), start, *own = bpf_map_lookup_elem(&starts, &key);

	if (!peers)
		return 0;
	if (own)
		__sync_fetch_and_add(&peers->own, now - *own);
	bpf_map_delete_elem(&starts, &key);
	start = peers->start;
	if (start)
		__sync_fetch_and_add(&peers->single, now - start);
	peers->start = 0;
	__sync_fetch_and_add(&peers->entry, c->rq->clock - c->throttled_clock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
