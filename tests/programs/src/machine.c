/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* machine - what the C library says of CPUs and memory; any libc, any way of linking */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* CPUs that the kernel lets us run on, whoever stands in for the C library's function. */
static int really_allowed(void)
{
	unsigned char mask[1024] = { 0 };
	int cpus = 0;
	long size = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	for (long i = 0; i < size; i++)
		cpus += __builtin_popcount(mask[i]);
	return cpus;
}

/* What many programs do: look where we may run, run somewhere else, go back. */
static int saved_and_restored(void)
{
	cpu_set_t saved, one;

	if (sched_getaffinity(0, sizeof(saved), &saved))
		return -1;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &saved))
			CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) || sched_setaffinity(0, sizeof(saved), &saved))
		return -1;
	return really_allowed();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "cpus";
	struct sysinfo info;

	if (!strcmp(what, "restore")) {
		printf("%d\n", saved_and_restored());
	} else if (!strcmp(what, "memory")) {
		sysinfo(&info);
		printf("%llu\n", (unsigned long long)info.totalram * info.mem_unit);
	} else {
		printf("%d\n", get_nprocs());
	}
	return 0;
}
