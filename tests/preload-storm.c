/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-storm - every call at once: small stacks, signal handlers, and thousands of children
 *
 * One CPU is shown by CGTUNE_CPUS, so that no quota slows it. With an argument,
 * threads and signals go on for so many milliseconds.
 */
#include "case.h"
#include "preload-calls.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS 4
#define FORKED 500
#define VFORKED 2000
#define SPAWNED 300
#define SMALL_STACK 16384
#define LEAST_SIGNALS 100

extern char **environ;
char **case_arguments;
static atomic_bool stop;
static atomic_long rounds;

static void expect_calls(void)
{
	const char *wrong = calls_check();

	EXPECT(!wrong, "%s", wrong);
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static void *call_until_stopped(void *unused)
{
	const char *wrong;

	do {
		expect_calls();
		wrong = calls_open();
		EXPECT(!wrong, "%s", wrong);
		rounds++;
	} while (!stop);
	return unused;
}

static void start(pthread_t threads[THREADS], size_t stack)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	if (stack)
		EXPECT(pthread_attr_setstacksize(&attributes, stack) == 0);
	for (int i = 0; i < THREADS; i++)
		EXPECT(pthread_create(&threads[i], &attributes, call_until_stopped, NULL) == 0);
}

static void end(pthread_t threads[THREADS])
{
	stop = true;
	for (int i = 0; i < THREADS; i++)
		EXPECT(pthread_join(threads[i], NULL) == 0);
	EXPECT(rounds >= THREADS, "%ld rounds", (long)rounds);
}

static void stacks_of_16_KiB(void)
{
	struct timespec a_while = { .tv_nsec = 50 * 1000 * 1000 };
	int64_t until = milliseconds() + case_number(0);
	pthread_t threads[THREADS];

	start(threads, SMALL_STACK);
	do
		nanosleep(&a_while, NULL);
	while (milliseconds() < until);
	end(threads);
}

static void children_of_fork(void)
{
	pthread_t threads[THREADS];
	int status;

	start(threads, 0);
	for (int i = 0; i < FORKED; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(calls_check() != NULL);
		EXPECT(waitpid(child, &status, 0) == child && status == 0, "child %d: %#x", i, status);
	}
	end(threads);
}

/* The child has its parent's memory, and the thread that started it waits. */
static void children_of_vfork(void)
{
	pthread_t threads[THREADS];
	int status;

	start(threads, 0);
	for (int i = 0; i < VFORKED; i++) {
		pid_t child = vfork();

		if (child == 0)
			_exit(calls_check() != NULL);
		EXPECT(waitpid(child, &status, 0) == child && status == 0, "child %d: %#x", i, status);
	}
	expect_calls();
	end(threads);
}

static void children_of_posix_spawn(void)
{
	static char program[] = "/bin/true";
	char *const command[] = { program, NULL };
	pthread_t threads[THREADS];
	int status;
	pid_t child;

	start(threads, 0);
	for (int i = 0; i < SPAWNED; i++) {
		EXPECT(posix_spawn(&child, program, NULL, NULL, command, environ) == 0);
		EXPECT(waitpid(child, &status, 0) == child && status == 0, "child %d: %#x", i, status);
	}
	end(threads);
}

static atomic_long handled;
static const char *_Atomic handler_wrong;

static void handler(int signal_number)
{
	const char *wrong = calls_check();

	(void)signal_number;
	if (wrong)
		handler_wrong = wrong;
	handled++;
}

/* On a small stack of their own, while memory is allocated, files are opened, and the same calls are made. */
static void signal_handlers(void)
{
	struct itimerval every = { { 0, 200 }, { 0, 200 } };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(SMALL_STACK), .ss_size = SMALL_STACK };
	int64_t until = milliseconds() + (case_number(0) ? case_number(0) : 300);

	EXPECT(stack.ss_sp && sigaltstack(&stack, NULL) == 0);
	EXPECT(sigaction(SIGALRM, &action, NULL) == 0);
	EXPECT(setitimer(ITIMER_REAL, &every, NULL) == 0);
	for (unsigned i = 0; milliseconds() < until || handled < LEAST_SIGNALS; i++) {
		void *volatile some = malloc(i % 70000 + 1);
		const char *wrong = calls_open();

		EXPECT(some && !wrong, "%s", wrong);
		free(some);
		expect_calls();
	}
	every = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &every, NULL);
	EXPECT(!handler_wrong, "%s", handler_wrong);
}

static void *allocate(void *barrier)
{
	void *volatile some = malloc(100);

	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	free(some);
	return NULL;
}

#define MANY_THREADS 64

static unsigned arenas(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	unsigned count = 0;

	EXPECT(malloc_info(0, file) == 0 && fclose(file) == 0);
	for (const char *at = text; (at = strstr(at, "<heap nr=")); at++)
		count++;
	free(text);
	return count;
}

/* The argument: how many there may be; without one, 8 (2 where a word has 32 bits) for one CPU. */
static void malloc_arenas(void)
{
	unsigned most = case_number(0) ? (unsigned)case_number(0) : sizeof(long) == 8 ? 8 : 2;
	pthread_t threads[MANY_THREADS];
	pthread_barrier_t barrier;

	EXPECT(pthread_barrier_init(&barrier, NULL, MANY_THREADS + 1) == 0);
	for (int i = 0; i < MANY_THREADS; i++)
		EXPECT(pthread_create(&threads[i], NULL, allocate, &barrier) == 0);
	pthread_barrier_wait(&barrier);
	EXPECT(arenas() == most, "%u, not %u", arenas(), most);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < MANY_THREADS; i++)
		pthread_join(threads[i], NULL);
}

static const struct case_entry entries[] = {
	{ "stacks_of_16_KiB", stacks_of_16_KiB },
	{ "children_of_fork", children_of_fork },
	{ "children_of_vfork", children_of_vfork },
	{ "children_of_posix_spawn", children_of_posix_spawn },
	{ "signal_handlers", signal_handlers },
	{ "malloc_arenas", malloc_arenas },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	(void)argc;
	return case_main(argv, entries);
}
