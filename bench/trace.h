/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the interface of trace.c: what the first call of a subject asks of the kernel. */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include <stdbool.h>

struct trace {
	unsigned long calls;	/* system calls */
	unsigned long bytes;	/* returned by read(2) and its kin */
};

/* Runs argv and counts between its two getppid(2) calls, or over the whole program. */
bool trace_run(char *const argv[], bool whole, struct trace *ret);

#endif
