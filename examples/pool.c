/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pool - a thread pool of cgtune_threads() workers that takes no more than it can do
 *
 * The limiter is its queue: a slot is a worker, a waiter a job that waits for one.
 */
#include <cgtune.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

enum { JOBS = 1000, SUM = 10000 };
static struct job {
	struct cgtune_waiter waiter;
	struct job *next;
	unsigned long result;
} jobs[JOBS];
static struct cgtune_limiter *limiter;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *ready;		/* at most as many as there are workers */
static sem_t ready_count, done;

static void granted(struct cgtune_waiter *waiter, int error)
{
	struct job *job = waiter->user;

	(void)error;			/* always 0: it is not closed, and waits for ever */
	pthread_mutex_lock(&lock);
	job->next = ready;
	ready = job;
	pthread_mutex_unlock(&lock);
	sem_post(&ready_count);
}

static __attribute__((noreturn)) void *worker(void *unused)
{
	(void)unused;
	for (struct job *job;;) {
		while (sem_wait(&ready_count) != 0)
			;
		pthread_mutex_lock(&lock);
		job = ready;
		ready = job->next;
		pthread_mutex_unlock(&lock);
		for (unsigned long i = 1; i <= SUM; i++)
			job->result += i;
		cgtune_limiter_release(limiter);
		sem_post(&done);
	}
}

int main(void)
{
	unsigned threads = cgtune_threads(), refused = 0;
	struct cgtune_limiter_options options = {
		.size = sizeof(options), .limit = threads, .backlog = 8 * threads, .backlog_timeout_ms = UINT32_MAX,
	};
	pthread_t thread;
	unsigned long sum = 0;

	if (cgtune_limiter_new(&options, &limiter) < 0)
		return 1;
	sem_init(&ready_count, 0, 0);
	sem_init(&done, 0, 0);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, worker, NULL) != 0)
			return 1;
	for (int i = 0; i < JOBS; i++) {
		jobs[i].waiter.user = &jobs[i];
		refused += cgtune_limiter_async(limiter, &jobs[i].waiter, granted) < 0;
	}
	for (unsigned i = 0; i < JOBS - refused; i++)
		while (sem_wait(&done) != 0)
			;
	for (int i = 0; i < JOBS; i++)
		sum += jobs[i].result;
	printf("%u threads: %u jobs done, %u refused\n", threads, JOBS - refused, refused);
	return sum != (JOBS - refused) * (SUM * (SUM + 1ul) / 2);
}
