/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* features - what the running kernel can do, asked of it: yes, no, or no right to ask */
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <unistd.h>

/* Whether the verifier takes a program. Locked memory that is used up is -EPERM, too: unknown. */
static int takes(const struct bpf_insn *program, size_t n)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, NULL, "GPL", program, n, NULL);

	if (fd < 0)
		return errno == EINVAL ? 0 : -1;
	close(fd);
	return 1;
}

/* *(u64 *)(fp - 8) = 0; r0 = 0; r0 = fetch_add(fp - 8, r0); r0 = 0; exit */
int probe_has_fetch(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = BPF_REG_10, .src_reg = BPF_REG_0, .off = -8,
		  .imm = BPF_ADD | BPF_FETCH },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return takes(program, ARRAY_SIZE(program));
}

/* bpf_ktime_get_coarse_ns() came in the same release. libbpf's own probe says yes where the load fails otherwise. */
int probe_has_memcg_accounting(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_coarse_ns },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return takes(program, ARRAY_SIZE(program));
}

static int as_answer(int r)
{
	return r > 0 ? 1 : r == -EPERM || r == -EACCES ? -1 : 0;
}

static int has_btf(void)
{
	return probe_btf_kernel_has() ? 1 : errno == EACCES ? -1 : 0;
}

static int has_function(void)
{
	return has_btf() == 1 ? probe_btf_id(BPF_TRACE_FENTRY, "throttle_cfs_rq") > 0 &&
		probe_btf_id(BPF_TRACE_FENTRY, "unthrottle_cfs_rq") > 0 : has_btf();
}

static int has_tracepoint(void)
{
	return has_btf() == 1 ? probe_btf_id(BPF_TRACE_RAW_TP, "sched_switch") > 0 : has_btf();
}

static int has_remote_call(void)
{
	return has_btf() == 1 ? probe_btf_id(BPF_TRACE_RAW_TP, "csd_function_exit") > 0 : has_btf();
}

/* Whether a trampoline can be had is known when one was tried only: some kernels know the functions, and refuse. */
static int has_type(enum bpf_prog_type type)
{
	int r = libbpf_probe_bpf_prog_type(type, NULL);

	return r ? as_answer(r) : probe_has_fetch() == -1 ? -1 : 0;
}

static int has_tracing(void)
{
	return has_type(BPF_PROG_TYPE_TRACING);
}

static int has_kprobe(void)
{
	if (has_type(BPF_PROG_TYPE_KPROBE) != 1)
		return has_type(BPF_PROG_TYPE_KPROBE);
	return access("/sys/bus/event_source/devices/kprobe", F_OK) == 0 && probe_has_perf_link() == 1;
}

static int has_raw_tracepoint(void)
{
	return has_type(BPF_PROG_TYPE_RAW_TRACEPOINT);
}

/* A kernel may have it, and have it switched off: then its file cannot be read. */
int probe_has_pressure(void)
{
	int fd = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
	char byte;
	int has = fd >= 0 ? read(fd, &byte, 1) == 1 : errno == EACCES ? -1 : 0;

	if (fd >= 0)
		close(fd);
	return has;
}

static int has_cgroup_iterator(void)
{
	return has_btf() == 1 ? probe_btf_id(BPF_TRACE_ITER, "cgroup") > 0 : has_btf();
}

/* The tracepoint's arguments: data, task, uid; before it was data, pid. */
static int has_oom_victim(void)
{
	struct btf *btf = has_btf() == 1 ? btf__load_vmlinux_btf() : NULL;
	int id = btf ? btf__find_by_name_kind(btf, "btf_trace_mark_victim", BTF_KIND_TYPEDEF) : -ENOENT;
	int r = has_btf() == -1 ? -1 : 0;

	if (id > 0)
		id = (int)btf__type_by_id(btf, btf__type_by_id(btf, (uint32_t)id)->type)->type;
	if (id > 0)
		r = btf_vlen(btf__type_by_id(btf, (uint32_t)id)) > 2;
	btf__free(btf);
	return r;
}

static const struct {
	const char *name;
	int (*ask)(void);
	const char *since, *fallback;
} all[] = {
	{ "btf", has_btf, "5.4", "a file made of its types (--btf), or counts are read from cpu.stat" },
	{ "fentry", has_tracing, "5.5", "the rung kprobe or tracepoint" },
	{ "throttle-functions", has_function, "5.5", "the rung tracepoint" },
	{ "kprobe", has_kprobe, "5.15", "the rung tracepoint" },
	{ "sched-tracepoints", has_tracepoint, "5.5", "the rung raw" },
	{ "csd-tracepoint", has_remote_call, "6.12", "the end of a stop is noticed at the next switch" },
	{ "raw-tracepoint", has_raw_tracepoint, "4.17", "counts are read from cpu.stat" },
	{ "atomic-fetch", probe_has_fetch, "5.12", "programs that take a lock" },
	{ "cgroup-iterator", has_cgroup_iterator, "6.1", "the kernel's counters are read from files" },
	{ "oom-victim", has_oom_victim, "6.8", "the rungs tracepoint and raw count some victims late" },
	{ "memory-pressure", probe_has_pressure, "4.20", "sleeps over memory.high are counted by the rung fentry alone" },
	{ "memcg-accounting", probe_has_memcg_accounting, "5.11", "RLIMIT_MEMLOCK is raised while loading" },
};

/* Of what a kernel may have and refuse. */
static int refusal(int (*ask)(void))
{
	int r = ask == has_tracing ? probe_rung_try(CGTUNE_PROBE_FENTRY) :
		ask == has_kprobe ? probe_rung_try(CGTUNE_PROBE_KPROBE) : 0;

	return r == -EPERM || r == -EACCES ? r : 0;
}

static int fill(struct cgtune_probe_feature *features, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(all) && i < n; i++) {
		struct cgtune_probe_feature feature = {
			.size = sizeof(feature), .name = all[i].name, .answer = all[i].ask(),
			.since = all[i].since, .fallback = all[i].fallback,
		};

		if (util_struct_check(&features[i], offsetof(struct cgtune_probe_feature, error)) < 0)
			return -EINVAL;
		feature.error = feature.answer == 0 ? refusal(all[i].ask) : 0;
		util_struct_out(&features[i], &feature, sizeof(feature));
	}
	return (int)ARRAY_SIZE(all);
}

_public_ int cgtune_probe_features(struct cgtune_probe_feature *features, size_t n)
{
	const struct cgtune_probe_options none = { .size = sizeof(none) };
	struct probe_memlock memlock;
	struct probe_text text;
	int r;

	probe_text_begin(&text, &none);
	probe_btf_begin(NULL, &text);
	probe_memlock_raise(&memlock);
	r = fill(features, n);
	probe_memlock_restore(&memlock);
	probe_btf_end();
	probe_text_end();
	return r;
}
