/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* told - the memory sanitizer is told what system calls have written: lib/sys.c makes them without libc */
#include <sanitizer/msan_interface.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "sys.h"

long __real_sys_call(long number, long a, long b, long c, long d, long e, long f);
long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f);

static void is_written(long address, long size)
{
	__msan_unpoison((void *)address, (size_t)size);
}

long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	long r = __real_sys_call(number, a, b, c, d, e, f);

	if (r < 0)
		return r;
	if (number == SYS_read || number == SYS_pread64)
		is_written(b, r);
	else if (number == SYS_sched_getaffinity)
		is_written(c, r);
	else if (number == SYS_statx)
		is_written(e, sizeof(struct statx));
	else if (number == SYS_statfs)
		is_written(b, sizeof(struct statfs));
	else if (number == SYS_clock_gettime)
		is_written(b, sizeof(struct timespec));
	else if (number == SYS_sysinfo)
		is_written(a, sizeof(struct sysinfo));
	else if (number == SYS_statmount)
		is_written(b, c);
	return r;
}
