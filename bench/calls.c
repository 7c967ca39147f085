/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the cost of a call: times those that the preload object answers, in this process, and prints nanoseconds. */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

static void onln(void)
{
	sysconf(_SC_NPROCESSORS_ONLN);
}

static void phys_pages(void)
{
	sysconf(_SC_PHYS_PAGES);
}

static void page_size(void)
{
	sysconf(_SC_PAGESIZE);
}

static void affinity(void)
{
	cpu_set_t set;

	sched_getaffinity(0, sizeof(set), &set);
}

static void pthread_affinity(void)
{
	cpu_set_t set;

	pthread_getaffinity_np(pthread_self(), sizeof(set), &set);
}

static void info(void)
{
	struct sysinfo sysinfo_;

	sysinfo(&sysinfo_);
}

static const struct {
	const char *name;
	void (*call)(void);
	unsigned times;
} calls[] = {
	{ "sysconf(_SC_NPROCESSORS_ONLN)", onln, 20000 },
	{ "sysconf(_SC_PHYS_PAGES)", phys_pages, 20000 },
	{ "sysconf(_SC_PAGESIZE)", page_size, 200000 },
	{ "sched_getaffinity()", affinity, 50000 },
	{ "pthread_getaffinity_np()", pthread_affinity, 50000 },
	{ "sysinfo()", info, 50000 },
};

/* The least of some rounds: what disturbs only adds. */
int main(void)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		uint64_t least = UINT64_MAX;

		for (int round = 0; round < 15; round++) {
			uint64_t start = bench_now(), time;

			for (unsigned n = 0; n < calls[i].times; n++)
				calls[i].call();
			time = bench_now() - start;
			if (time < least)
				least = time;
		}
		printf("%s\t%.1f\n", calls[i].name, (double)least / calls[i].times);
	}
	return 0;
}
