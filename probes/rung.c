/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rung - whether a rung can be had, by the smallest program of its kind: cheaper than to load all and to be refused */
#include "probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <unistd.h>

static int load(enum bpf_prog_type type, enum bpf_attach_type attach, int id)
{
	static const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach, .attach_btf_id = (uint32_t)id);
	int fd = bpf_prog_load(type, "cgtune_try", "GPL", program, ARRAY_SIZE(program), &opts);

	return fd < 0 ? -errno : fd;
}

static int try_type(enum bpf_prog_type type, enum bpf_attach_type attach, const char *name)
{
	int id = name ? probe_btf_id(attach, name) : 0, fd;

	if (name && id <= 0)
		return id < 0 ? id : -ENOENT;
	fd = load(type, attach, id);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* A kernel may take the program, and refuse the trampoline. */
static int try_fentry(void)
{
	int id = probe_btf_id(BPF_TRACE_FENTRY, "throttle_cfs_rq"), fd, link, r = 0;

	if (id <= 0)
		return id < 0 ? id : -ENOENT;
	fd = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id);
	if (fd < 0)
		return fd;
	link = bpf_raw_tracepoint_open(NULL, fd);
	if (link < 0)
		r = -errno;
	else
		close(link);
	close(fd);
	return r;
}

/* Without such a link the program would end with its loader. Asked with no event, a kernel that has them says EBADF. */
int probe_has_perf_link(void)
{
	int fd = load(BPF_PROG_TYPE_KPROBE, 0, 0), r;

	if (fd < 0)
		return fd;
	r = bpf_link_create(fd, -1, BPF_PERF_EVENT, NULL) < 0 && errno == EBADF;
	close(fd);
	return r;
}

static int try_kprobe(void)
{
	int r = access("/sys/bus/event_source/devices/kprobe", F_OK) < 0 ? -errno : probe_has_perf_link();

	return r < 0 ? r : r == 1 ? 0 : -EOPNOTSUPP;
}

int probe_rung_try(uint32_t rung)
{
	switch (rung) {
	case CGTUNE_PROBE_FENTRY:
		return try_fentry();
	case CGTUNE_PROBE_KPROBE:
		return try_kprobe();
	case CGTUNE_PROBE_TRACEPOINT:
		return try_type(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "sched_switch");
	default:
		return try_type(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, NULL);
	}
}
