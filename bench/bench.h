/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns what every subject does alike: time its first and its second call, mark the first one for trace.c, print. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What a subject found; 0: it does not answer that. */
struct bench_answer {
	unsigned long threads;
	uint64_t memory;
};

static inline uint64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline long bench_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* getppid(2) is the marker: trace.c counts what lies between the two. */
static inline int bench_subject(void (*call)(struct bench_answer *))
{
	struct bench_answer answer = { 0 };
	uint64_t start = bench_now(), cold, warm;
	long faults = bench_faults();

	getppid();
	start = bench_now();
	call(&answer);
	cold = bench_now() - start;
	getppid();
	faults = bench_faults() - faults;
	start = bench_now();
	call(&answer);
	warm = bench_now() - start;
	printf("%llu %llu %ld %lu %llu\n", (unsigned long long)cold, (unsigned long long)warm, faults,
	       answer.threads, (unsigned long long)answer.memory);
	return 0;
}

#endif
