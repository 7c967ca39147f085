/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owns the cost of an entry: the limiter against an atomic pair, and against sem_t with many threads at few slots.
 *
 * Uncontended: nanoseconds of acquire and release, the least of some rounds, as what disturbs only adds.
 * Contended: entries a second of 64 threads at 8 slots, in rounds that take turns; the median, and the
 * median of the ratios of neighbouring rounds: of time, and of CPU time, as on a machine that does other
 * things too, who has fewer threads that can run is given less of it.
 */
#include "bench.h"

#include <cgtune.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { THREADS = 64, SLOTS = 8, PAIRS = 2000000, ROUNDS_MOST = 101 };

static struct cgtune_limiter *limiter;
static sem_t semaphore;
static atomic_uint counter;

static void limiter_enter(void)
{
	if (cgtune_limiter_acquire(limiter, -1) != 0)
		abort();
}

static void limiter_leave(void)
{
	cgtune_limiter_release(limiter);
}

static void semaphore_enter(void)
{
	while (sem_wait(&semaphore) != 0)
		;
}

static void semaphore_leave(void)
{
	sem_post(&semaphore);
}

static void atomic_enter(void)
{
	atomic_fetch_add(&counter, 1);
}

static void atomic_leave(void)
{
	atomic_fetch_sub(&counter, 1);
}

static const struct way {
	const char *name;
	void (*enter)(void), (*leave)(void);
} by_limiter = { "limiter", limiter_enter, limiter_leave }, by_semaphore = { "sem_t", semaphore_enter, semaphore_leave },
  by_atomic = { "atomic pair", atomic_enter, atomic_leave };

static double uncontended_ns(const struct way *way)
{
	double least = 1e9;

	for (int round = 0; round < 9; round++) {
		uint64_t start = bench_now();
		double ns;

		for (int i = 0; i < PAIRS; i++) {
			way->enter();
			way->leave();
		}
		ns = (double)(bench_now() - start) / PAIRS;
		least = ns < least ? ns : least;
	}
	return least;
}

static struct {
	const struct way *way;
	uint64_t hold_ns;
	atomic_bool ends;
	atomic_ulong entries;
} run;

static void *enter_and_leave(void *unused)
{
	unsigned long n = 0;

	while (!atomic_load_explicit(&run.ends, memory_order_relaxed)) {
		uint64_t until;

		run.way->enter();
		until = bench_now() + run.hold_ns;
		while (bench_now() < until)
			;
		run.way->leave();
		n++;
	}
	atomic_fetch_add(&run.entries, n);
	return unused;
}

static uint64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct rate {
	double time, cpu;		/* entries in a second of each */
};

static struct rate rate_of(const struct way *way, uint64_t hold_ns, unsigned ms)
{
	pthread_t threads[THREADS];
	uint64_t start = bench_now(), start_cpu = cpu_now();
	double entries;

	run.way = way;
	run.hold_ns = hold_ns;
	atomic_store(&run.ends, false);
	atomic_store(&run.entries, 0);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, enter_and_leave, NULL) != 0)
			abort();
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
	atomic_store(&run.ends, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	entries = (double)atomic_load(&run.entries) * 1e9;
	return (struct rate){ entries / (double)(bench_now() - start), entries / (double)(cpu_now() - start_cpu) };
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), by_value);
	return values[n / 2];
}

static void compare(uint64_t hold_ns, int rounds)
{
	double ours[ROUNDS_MOST], theirs[ROUNDS_MOST], ratio[ROUNDS_MOST], ratio_cpu[ROUNDS_MOST];

	for (int i = 0; i < rounds; i++) {
		struct rate l = rate_of(&by_limiter, hold_ns, 300), s = rate_of(&by_semaphore, hold_ns, 300);

		ours[i] = l.time;
		theirs[i] = s.time;
		ratio[i] = l.time / s.time;
		ratio_cpu[i] = l.cpu / s.cpu;
	}
	printf("    slots of %3.1f us    %9.0f %9.0f    %4.2f           %4.2f\n", (double)hold_ns / 1000,
	       median(ours, rounds), median(theirs, rounds), median(ratio, rounds), median(ratio_cpu, rounds));
}

int main(int argc, char **argv)
{
	struct cgtune_limiter_options options = { .size = sizeof(options), .limit = SLOTS, .backlog = THREADS };
	int rounds = argc > 1 ? atoi(argv[1]) : 11;
	double ours, theirs;

	if (rounds < 1 || rounds > ROUNDS_MOST || cgtune_limiter_new(&options, &limiter) < 0 ||
	    sem_init(&semaphore, 0, SLOTS) != 0)
		return 1;
	ours = uncontended_ns(&by_limiter);
	theirs = uncontended_ns(&by_atomic);
	printf("Uncontended: acquire and release %.1f ns, an atomic increment and decrement %.1f ns, ratio %.2f.\n\n", ours,
	       theirs, ours / theirs);
	printf("    %d threads, %d slots  entries/s     sem_t   ratio   of CPU time\n", THREADS, SLOTS);
	compare(500, rounds);
	compare(5000, rounds);
	cgtune_limiter_free(limiter);
	return 0;
}
