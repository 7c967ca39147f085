/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the cost of living with cgtune: a getter, a refresh that found nothing new, and the same read made anew. */
#include <cgtune.h>
#include <stdlib.h>

#include "bench.h"

#define BATCHES 10u
#define LOADS 10000000u			/* of each batch: 10^8 in all */
#define READS 2000u

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double median(uint64_t *values)
{
	qsort(values, READS, sizeof(*values), compare);
	return ((double)values[READS / 2 - 1] + (double)values[READS / 2]) / 2;
}

static uint64_t getter(void)
{
	return cgtune_threads();
}

/* The least that any call into the library costs. */
static uint64_t nothing(void)
{
	return cgtune_version() != NULL;
}

/* Of the fastest batch: what is above is another program's. Inlined, so that only the library's call is left. */
static inline __attribute__((always_inline)) double call_ns(uint64_t (*call)(void))
{
	uint64_t least = UINT64_MAX, sum = call();

	for (unsigned batch = 0; batch < BATCHES; batch++) {
		uint64_t start = bench_now();

		for (unsigned i = 0; i < LOADS; i++)
			sum += call();
		start = bench_now() - start;
		least = start < least ? start : least;
	}
	return sum > LOADS ? (double)least / LOADS : -1;
}

static int read_and_plan(void)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_plan plan = { .size = sizeof(plan) };
	int result = cgtune_read(NULL, &limits);

	return result < 0 ? result : cgtune_plan(NULL, &limits, &plan);
}

/* getter, refresh, read and plan, empty call: nanoseconds in one line; the second and third in turn. */
int main(void)
{
	static const struct cgtune_options options = { .size = sizeof(options), .flags = CGTUNE_NO_APPLY };
	static uint64_t refresh[READS], again[READS];
	uint64_t start;

	if (cgtune_init_with(&options) < 0 || cgtune_fd() < 0)
		return 1;
	for (unsigned i = 0; i < READS; i++) {
		start = bench_now();
		if (cgtune_dispatch() < 0)
			return 1;
		refresh[i] = bench_now() - start;
		start = bench_now();
		if (read_and_plan() < 0)
			return 1;
		again[i] = bench_now() - start;
	}
	printf("%.3f %.0f %.0f %.3f\n", call_ns(getter), median(refresh), median(again), call_ns(nothing));
	return 0;
}
