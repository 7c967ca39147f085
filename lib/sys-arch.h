/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sys-arch - the instruction that enters the kernel, by architecture; syscall(2) of the C library elsewhere */
#ifndef CGTUNE_SYS_ARCH_H
#define CGTUNE_SYS_ARCH_H

#if defined(__x86_64__) && !defined(__ILP32__)
static inline long sys_enter(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "+a"(n)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return n;
}
#elif defined(__aarch64__)
static inline long sys_enter(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#elif defined(__i386__)
static inline long sys_enter(long n, long a, long b, long c, long d, long e, long f)
{
	/* ebp, the sixth argument, cannot be named as an operand: it goes by the stack. */
	__asm__ volatile("pushl %[f]\n\tpushl %%ebp\n\tmovl 4(%%esp), %%ebp\n\tint $0x80\n\t"
			 "popl %%ebp\n\taddl $4, %%esp"
			 : "+a"(n)
			 : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [f] "m"(f)
			 : "memory");
	return n;
}
#else
#include <errno.h>
#include <unistd.h>
static inline long sys_enter(long n, long a, long b, long c, long d, long e, long f)
{
	int saved = errno;
	long r = syscall(n, a, b, c, d, e, f);

	if (r == -1)
		r = -errno;
	errno = saved;
	return r;
}
#endif

#endif
