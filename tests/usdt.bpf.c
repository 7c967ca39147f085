/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usdt.bpf - what the tracepoints of the library say: how often each was passed, and what it had with it the last time */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/usdt.bpf.h>
#include "usdt-seen.h"

char usdt_license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, USDT_POINTS);
	__type(key, __u32);
	__type(value, struct usdt_seen);
} seen SEC(".maps");

static __always_inline void see(struct pt_regs *ctx, __u32 point)
{
	struct usdt_seen *s = bpf_map_lookup_elem(&seen, &point);
	long value = 0;

	if (!s)
		return;
	for (int i = 0; i < USDT_ARGUMENTS; i++) {
		bpf_usdt_arg(ctx, i, &value);
		s->arguments[i] = value;
	}
	s->argument_count = bpf_usdt_arg_cnt(ctx);
	bpf_probe_read_user_str(s->name, sizeof(s->name), (const void *)s->arguments[0]);
	__sync_fetch_and_add(&s->count, 1);
}

#define POINT(name, point) \
SEC("usdt") int name(struct pt_regs *ctx) \
{ \
	see(ctx, point); \
	return 0; \
}
POINT(limit_change, USDT_LIMIT_CHANGE)
POINT(throttle, USDT_THROTTLE)
POINT(admit_full, USDT_ADMIT_FULL)
POINT(admit_timeout, USDT_ADMIT_TIMEOUT)
