/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * service - a small compute service that sizes its pool with cgtune
 *
 * Eight clients each send a request of some milliseconds of computing and wait
 * for the answer. `service` starts the threads that cgtune_init() says, `service
 * host` as many as the machine has CPUs, as programs do that do not know their
 * cgroup. It prints the latency that the clients saw and how often the kernel
 * stopped it.
 */
#include <cgtune.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 8, REQUESTS_MOST = 100000 };
static const uint64_t request_ns = 4000000, run_ns = 5000000000;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sent = PTHREAD_COND_INITIALIZER;
static uint64_t queue[CLIENTS];		/* when each waiting request was sent */
static unsigned queued, done;
static uint64_t latency[REQUESTS_MOST];
static int closed;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Take a request, compute, answer; the client whose answer it is sends the next one. */
static void *worker(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	for (;;) {
		uint64_t sent_at, until;

		while (!queued && !closed)
			pthread_cond_wait(&sent, &lock);
		if (closed)
			break;
		sent_at = queue[0];
		memmove(queue, queue + 1, --queued * sizeof(queue[0]));
		pthread_mutex_unlock(&lock);
		until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + request_ns;
		while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
			;
		pthread_mutex_lock(&lock);
		if (done < REQUESTS_MOST)
			latency[done++] = clock_ns(CLOCK_MONOTONIC) - sent_at;
		queue[queued++] = clock_ns(CLOCK_MONOTONIC);
		pthread_cond_signal(&sent);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void serve(unsigned threads)
{
	pthread_t *pool = calloc(threads, sizeof(*pool));
	struct timespec run = { (time_t)(run_ns / 1000000000), (long)(run_ns % 1000000000) };

	if (!pool)
		exit(1);
	for (queued = 0; queued < CLIENTS; queued++)
		queue[queued] = clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&pool[i], NULL, worker, NULL) != 0)
			exit(1);
	nanosleep(&run, NULL);
	pthread_mutex_lock(&lock);
	closed = 1;
	pthread_cond_broadcast(&sent);
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(pool[i], NULL);
	free(pool);
}

int main(int argc, char **argv)
{
	struct cgtune_throttle before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
	int by_host = argc > 1 && strcmp(argv[1], "host") == 0;
	unsigned threads;

	if (!by_host && cgtune_init() < 0)
		fprintf(stderr, "service: the limits cannot be read, going by the host\n");
	threads = by_host ? (unsigned)sysconf(_SC_NPROCESSORS_ONLN) : cgtune_threads();
	cgtune_throttle_read(NULL, &before);
	serve(threads);
	cgtune_throttle_read(NULL, &after);
	if (!done) {
		fprintf(stderr, "service: not one request was done\n");
		return 1;
	}
	qsort(latency, done, sizeof(latency[0]), by_value);
	printf("%-15s %7u %11.0f %8.0f ms %5.0f ms", by_host ? "without cgtune" : "with cgtune", threads,
	       done / ((double)run_ns / 1e9), (double)latency[done / 2] / 1e6,
	       (double)latency[done - done / 100 - 1] / 1e6);
	printf(" %5" PRIu64 " of %" PRIu64 " %8.0f ms\n", after.throttled - before.throttled,
	       after.periods - before.periods, (double)(after.throttled_ns - before.throttled_ns) / 1e6);
	return 0;
}
