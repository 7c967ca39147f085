/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sys - system calls that return -errno
 *
 * Not through the C library: no errno (so no TLS, and the caller's value is
 * kept), no cancellation point, no lazy binding in a fresh process, and calls
 * that are newer than the library's headers. One function, so that a test can
 * make each call fail in turn.
 */
#ifndef CGTUNE_SYS_H
#define CGTUNE_SYS_H

#include <stdint.h>
#include <sys/syscall.h>

long sys_call(long number, long a, long b, long c, long d, long e, long f);

#define SYS_ARG(x) ((long)(intptr_t)(x))
#define sys0(n) sys_call(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a) sys_call(n, SYS_ARG(a), 0, 0, 0, 0, 0)
#define sys2(n, a, b) sys_call(n, SYS_ARG(a), SYS_ARG(b), 0, 0, 0, 0)
#define sys3(n, a, b, c) sys_call(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), 0, 0, 0)
#define sys4(n, a, b, c, d) sys_call(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), 0, 0)
#define sys5(n, a, b, c, d, e) \
	sys_call(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), 0)
#define sys6(n, a, b, c, d, e, f) \
	sys_call(n, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), SYS_ARG(f))

/* mmap(2) of 32-bit machines has another form, for offsets in pages. */
#ifdef SYS_mmap2
#define SYS_MMAP SYS_mmap2
#else
#define SYS_MMAP SYS_mmap
#endif

/* Newer than Debian 12's headers; the same number on every architecture. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif

#endif
