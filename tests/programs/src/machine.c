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

/* Pins to every CPU of what we are told in turn, and goes back; the count of CPUs that it worked for. */
static int pin_to_each(cpu_set_t *told)
{
	int pinned = 0;
	cpu_set_t one;

	if (sched_getaffinity(0, sizeof(*told), told))
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (CPU_ISSET(cpu, told) && !sched_setaffinity(0, sizeof(one), &one))
			pinned++;
	}
	return pinned;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "cpus";
	struct sysinfo info;
	cpu_set_t told;

	if (!strcmp(what, "pin")) {
		printf("%d\n", pin_to_each(&told));
	} else if (!strcmp(what, "pinned")) {
		pin_to_each(&told);
		printf("%d\n", really_allowed());
	} else if (!strcmp(what, "restore")) {
		pin_to_each(&told);
		sched_setaffinity(0, sizeof(told), &told);
		printf("%d\n", really_allowed());
	} else if (!strcmp(what, "memory")) {
		sysinfo(&info);
		printf("%llu\n", (unsigned long long)info.totalram * info.mem_unit);
	} else {
		printf("%d\n", get_nprocs());
	}
	return 0;
}
