/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kernel - those members of kernel types that the programs read; libbpf moves them to where the running kernel has them */
#ifndef CGTUNE_PROBES_KERNEL_H
#define CGTUNE_PROBES_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16, __be16;
typedef unsigned int __u32, __be32, __wsum;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef _Bool bool;
enum { false, true };

/* linux/bpf.h needs the headers of an architecture, which -target bpf does not have. */
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_QUEUE = 22 };
enum { BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_ANY = 0 };

struct pt_regs {			/* x86 */
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
struct user_pt_regs {			/* arm64 */
	__u64 regs[31], sp, pc, pstate;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct kernfs_node { __u64 id; };
struct cgroup_root { int hierarchy_id; };
struct bpf_iter__cgroup { struct cgroup *cgroup; };
struct list_head { struct list_head *next; };
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	int id;
	__u64 serial_nr;
	struct cgroup_subsys_state *parent;
	struct list_head sibling, children;
};
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
	int level;
	struct cgroup_subsys_state *subsys[1];
};
struct css_set { struct cgroup_subsys_state *subsys[1]; };
enum cgroup_subsys_id { cpu_cgrp_id = 1, memory_cgrp_id };	/* the running kernel's: bpf_core_enum_value() */

struct cfs_bandwidth { int nr_periods, nr_throttled; __u64 throttled_time, quota, period; };
struct task_group { struct cgroup_subsys_state css; struct cfs_bandwidth cfs_bandwidth; };
struct sched_entity { struct sched_entity *parent; struct cfs_rq *cfs_rq; };
struct task_struct {
	struct sched_entity se;
	int pid, tgid;
	char comm[16];
	struct css_set *cgroups;
	unsigned flags, __state, memcg_nr_pages_over_high;
	unsigned in_iowait:1, in_memstall:1;
};
struct task_struct___5_13 { long state; };
struct raw_spinlock { struct { int value; } raw_lock; };	/* its first word, which is 0 when nobody holds it */
struct rq { struct raw_spinlock __lock; __u64 clock; int cpu; struct task_struct *curr; };
struct rq___before_5_14 { struct raw_spinlock lock; };
struct cfs_rq {
	struct sched_entity *curr;
	struct rq *rq;
	struct task_group *tg;
	__u64 throttled_clock;
	int throttled, throttle_count;
};

struct atomic_long { __s64 counter; };
struct page_counter { struct atomic_long usage; unsigned long high, max; };
enum memcg_memory_event { MEMCG_LOW, MEMCG_HIGH, MEMCG_MAX, MEMCG_OOM, MEMCG_OOM_KILL };
struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	struct atomic_long memory_events[8], memory_events_local[8];
};
struct oom_control { struct mem_cgroup *memcg; };
#pragma clang attribute pop

/* Set before load, so that the verifier knows it. */
#define CONSTANT const volatile
/* x &= bits, of the very register that the verifier looks at next. */
#define MASK(x, bits) asm volatile("%0 &= " #bits : "+r"(x))

#define __VMLINUX_H__
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/*
 * READ(p, a, b) is p->a->b. A program whose arguments have BTF types loads it
 * plainly, and since Linux 6.2 a number can be given a type; others need
 * bpf_probe_read_kernel, which lockdown=confidentiality takes away.
 */
#ifdef RAW
#define READ(...) BPF_CORE_READ(__VA_ARGS__)
#define READ_AT(to, p, offset) bpf_probe_read_kernel(to, sizeof(*(to)), (char *)(p) + (offset))
#define READ_BITS(p, member) BPF_CORE_READ_BITFIELD_PROBED(p, member)
#elif defined(CAST)
extern void *bpf_rdonly_cast(const void *p, __u32 type) __ksym __weak;		/* as newer releases of libbpf declare it */
struct load_weight { unsigned long weight; } __attribute__((preserve_access_index));	/* some named word */
#define CAST_TO(type, p) ((type *)bpf_rdonly_cast((void *)(p), bpf_core_type_id_kernel(type)))
#define READ(p, ...) ___arrow(CAST_TO(typeof(*(p)), p), __VA_ARGS__)
#define READ_AT(to, p, offset) (*(to) = (typeof(*(to)))CAST_TO(struct load_weight, (char *)(p) + (offset))->weight)
#define READ_BITS(p, member) ({ typeof(p) p_ = CAST_TO(typeof(*(p)), p); BPF_CORE_READ_BITFIELD(p_, member); })
#else
#define READ(...) ___arrow(__VA_ARGS__)
#define READ_AT(to, p, offset) (*(to) = *(typeof(to))((char *)(p) + (offset)))
#define READ_BITS(p, member) BPF_CORE_READ_BITFIELD(p, member)
#endif

#endif
