/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * groups.bpf - the kernel's own counters of every cgroup of a subtree in one pass (Linux 6.1: iterators of cgroups)
 *
 * The rows go into a mapped array, as what an iterator answers by read(2) is cut at
 * eight pages. It runs under cgroup_mutex.
 */
#define RAW
#include "kernel.h"
#include "groups.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);			/* the loader sets one more than rows */
	__type(key, __u32);
	__type(value, union groups_element);
} rows SEC(".maps");

static inline union groups_element *element(__u32 index)
{
	return bpf_map_lookup_elem(&rows, &index);
}

#define SUBSYS(cgroup, id) ({ \
	struct cgroup_subsys_state *css_ = 0; \
	READ_AT(&css_, cgroup, bpf_core_field_offset(struct cgroup, subsys) + \
		sizeof(css_) * bpf_core_enum_value(enum cgroup_subsys_id, id)); \
	css_; })

static inline void read_cpu(struct groups_row *row, struct cgroup_subsys_state *css)
{
	struct task_group *tg = (struct task_group *)((char *)css - bpf_core_field_offset(struct task_group, css));

	row->has |= GROUPS_CPU;
	row->nr_periods = (__u32)READ(tg, cfs_bandwidth.nr_periods);
	row->nr_throttled = (__u32)READ(tg, cfs_bandwidth.nr_throttled);
	row->throttled_ns = READ(tg, cfs_bandwidth.throttled_time);
	row->quota_ns = READ(tg, cfs_bandwidth.quota);
	row->period_ns = READ(tg, cfs_bandwidth.period);
}

#define EVENT(row, memcg, number, event) do { \
	__u64 at_ = sizeof(__u64) * bpf_core_enum_value(enum memcg_memory_event, event); \
	READ_AT(&(row)->events[number], memcg, bpf_core_field_offset(struct mem_cgroup, memory_events) + at_); \
	READ_AT(&(row)->local[number], memcg, bpf_core_field_offset(struct mem_cgroup, memory_events_local) + at_); \
} while (0)

static inline void read_memory(struct groups_row *row, struct cgroup_subsys_state *css)
{
	struct mem_cgroup *memcg = (struct mem_cgroup *)((char *)css - bpf_core_field_offset(struct mem_cgroup, css));

	row->has |= GROUPS_MEMORY;
	row->usage = READ(memcg, memory.usage.counter);
	row->max = READ(memcg, memory.max);
	row->high = READ(memcg, memory.high);
	EVENT(row, memcg, 0, MEMCG_LOW);
	EVENT(row, memcg, 1, MEMCG_HIGH);
	EVENT(row, memcg, 2, MEMCG_MAX);
	EVENT(row, memcg, 3, MEMCG_OOM);
	EVENT(row, memcg, 4, MEMCG_OOM_KILL);
}

SEC("iter/cgroup")
int read_group(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgroup = ctx->cgroup;
	union groups_element *header = element(0), *e;
	struct cgroup_subsys_state *css;
	struct groups_row *row;

	if (!cgroup || !header)				/* the end */
		return 0;
	e = element(1 + header->header.count++);
	if (!e)
		return 0;
	header->header.rows++;
	row = &e->row;
	row->cgroup = READ(cgroup, kn, id);
	row->hierarchy = READ(cgroup, root, hierarchy_id);
	row->level = READ(cgroup, level);
	row->has = 0;
	css = SUBSYS(cgroup, cpu_cgrp_id);
	if (css)
		read_cpu(row, css);
	css = SUBSYS(cgroup, memory_cgrp_id);
	if (css)
		read_memory(row, css);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
