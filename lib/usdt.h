/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usdt - statically defined tracepoints: a nop each, and a note of where it is and what it has in which register
 *
 * bpftrace(8), perf(1) and gdb(1) find them as usdt:libcgtune.so.0:cgtune:NAME. Bytes and times are in
 * 64 bits; names are strings of this process.
 *
 *   limit_change(resource, old limit, new limit, old value, new value)   as struct cgtune_change has them
 *   throttle(periods, throttled, throttled_ns)   the quota has stopped the process in so many periods since a
 *                                                reading saw that last; the others are cpu.stat's
 *   admit_full(limiter, errno, limit, inflight, waiting)         a request was refused for want of room: EBUSY, ENOMEM
 *   admit_timeout(limiter, waited_ns, limit, inflight, waiting)  one has waited too long
 */
#ifndef CGTUNE_USDT_H
#define CGTUNE_USDT_H

#ifdef HAVE_SYS_SDT_H
#include <sys/sdt.h>
#else
#define DTRACE_PROBE3(provider, name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define DTRACE_PROBE5(provider, name, a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))
#endif

#endif
