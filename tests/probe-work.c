/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe-work - for the probe's tests: known work in a group, and what makes every CPU look at its run queues */
#include "probe-work.h"
#include "real.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_WORKERS 64
#define MOST_SECONDS 120		/* of work: then something is wrong, and a test says what */

static pid_t worker[MOST_WORKERS];
static int workers;

int work_cpus(int ret[WORK_MOST_CPUS])
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < WORK_MOST_CPUS; cpu++)
		if (CPU_ISSET(cpu, &set))
			ret[n++] = cpu;
	return n;
}

uint64_t work_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* It ends with who started it, however that ends. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

void work_fill(int cpu)
{
	const struct sched_param none = { 0 };
	static bool filled[CPU_SETSIZE];
	pid_t parent = getpid();

	if (filled[cpu])
		return;
	filled[cpu] = true;
	if (check_fork() != 0)
		return;
	die_with(parent);
	pin(cpu);
	sched_setscheduler(0, SCHED_IDLE, &none);
	for (;;)
		;
}

static void *compute(void *on)
{
	while (on)
		;
	return NULL;
}

/* The kernel charges a stop when it has ended: then those who were stopped run, and look. */
static void work(const struct work *work, const char *limited)
{
	uint64_t start = work_now_ms(), next = start, before = work_throttled(limited);
	unsigned stops = 0;

	for (unsigned i = 1; i < work->threads; i++) {
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, compute, &next), 0);
	}
	do {
		uint64_t now = work_throttled(limited);

		stops += now != before;
		before = now;
		next = work_now_ms() + 2;
		while (work_now_ms() < next)
			;
	} while (next < start + MOST_SECONDS * 1000 && (!work->stops || stops < work->stops));
}

pid_t work_start(struct work its)
{
	char group[128], limited[128], byte = 0;
	pid_t parent = getpid(), pid;
	int ready[2];

	if (its.cpu != WORK_ANY)
		work_fill(its.cpu);
	/* The names may be in rooms that are used again. */
	snprintf(group, sizeof(group), "%s", its.group);
	snprintf(limited, sizeof(limited), "%s", its.limited ? its.limited : its.group);
	ck_assert_int_eq(pipe(ready), 0);
	pid = check_fork();
	if (pid == 0) {
		die_with(parent);
		if (its.cpu != WORK_ANY)
			pin(its.cpu);
		real_move(group, 0);
		if (write(ready[1], &byte, 1) == 1)
			work(&its, limited);
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	ck_assert_int_lt(workers, MOST_WORKERS);
	worker[workers++] = pid;
	return pid;
}

void work_wait(void)
{
	while (workers)
		ck_assert_int_eq(waitpid(worker[--workers], NULL, 0), worker[workers]);
}

void work_kill(void)
{
	for (int i = 0; i < workers; i++)
		kill(worker[i], SIGKILL);
	work_wait();
}

void work_kick(void)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	cpu_set_t before;
	int cpus[WORK_MOST_CPUS], n = work_cpus(cpus);

	ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	for (int i = 0; i < n; i++) {
		pin(cpus[i]);
		nanosleep(&moment, NULL);
	}
	ck_assert_int_eq(sched_setaffinity(0, sizeof(before), &before), 0);
}

void work_close(char groups[][WORK_NAME], int n, pid_t pids[])
{
	int cpus[WORK_MOST_CPUS];

	work_cpus(cpus);
	for (int i = 0; i < n; i++)
		pids[i] = work_start((struct work){ .group = groups[i], .stops = 2, .cpu = cpus[0] });
	work_wait();
}

uint32_t work_hierarchy(void)
{
	unsigned number = 0;
	char line[512];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (real_version(REAL_CPU) == 1 && fgets(line, sizeof(line), file))
		if (strstr(line, ":cpu:") || strstr(line, ":cpu,") || strstr(line, ",cpu:"))
			number = (unsigned)strtoul(line, NULL, 10);
	fclose(file);
	return number;
}

uint64_t work_id(const char *group)
{
	char path[REAL_PATH_SIZE];
	struct stat st;

	ck_assert_int_eq(stat(real_path(group, REAL_CPU, "", path), &st), 0);
	return st.st_ino;
}

uint64_t work_throttled(const char *group)
{
	return real_number(group, REAL_CPU, "cpu.stat",
			   real_version(REAL_CPU) == 1 ? "throttled_time" : "throttled_usec");
}

uint64_t work_unit(uint64_t ns)
{
	return real_version(REAL_CPU) == 1 ? ns : ns / 1000;
}
