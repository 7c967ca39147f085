/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sys - system calls that return -errno */
#include "sys.h"
#include "sys-arch.h"

long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	return sys_enter(number, a, b, c, d, e, f);
}
