/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-probe-race - first stops of a group on two CPUs at the same moment: none is lost
 *
 * Two processes that never sleep, each on a CPU of its own, go from group to group.
 * Each group gets a quota of two slices when both are in it: both CPUs take one, and
 * find at the same tick that it is used up. Groups that are gone give their css ids
 * to those that come, so that slots are used again, too.
 */
#include "bpffs.h"
#include "probe-work.h"
#include "probe-rungs.h"
#include "real.h"
#include "suite.h"

#include <cgtune-probe.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 300
#define GROUPS 10
#define TASKS 2
#define QUOTA_US (TASKS * INT64_C(5000))	/* kernel.sched_cfs_bandwidth_slice_us */

static char text[1 << 16];
static pid_t tasks[TASKS];

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The first two CPUs that this process may use; false: there is one. */
static bool two_cpus(int cpus[TASKS])
{
	cpu_set_t mask;
	int n = 0;

	sched_getaffinity(0, sizeof(mask), &mask);
	for (int i = 0; i < CPU_SETSIZE && n < TASKS; i++)
		if (CPU_ISSET(i, &mask))
			cpus[n++] = i;
	return n == TASKS;
}

static pid_t burn_on(int cpu)
{
	pid_t pid = check_fork();
	cpu_set_t mask;

	if (pid != 0)
		return pid;
	CPU_ZERO(&mask);
	CPU_SET(cpu, &mask);
	sched_setaffinity(0, sizeof(mask), &mask);
	for (;;)
		;
}

static uint64_t charged(const struct cgtune_stalls *counts)
{
	uint64_t stops = 0;

	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		stops += counts->hist[i];
	return stops + (counts->uncharged == CGTUNE_UNKNOWN ? 0 : counts->uncharged);
}

/* The counts once done() is true of them; a minute is long enough for any machine. */
static struct cgtune_stalls wait_for(struct cgtune_probe *probe, uint64_t id, bool (*done)(const struct cgtune_stalls *))
{
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	uint64_t end = now_ns() + UINT64_C(60000000000);

	while (cgtune_probe_read(probe, id, work_hierarchy(), &counts) != 0 || !done(&counts)) {
		ck_assert_msg(now_ns() < end, "throttles %lu, ended %lu, open %lu", (unsigned long)counts.throttles,
			      (unsigned long)charged(&counts), (unsigned long)counts.open);
		usleep(500);
	}
	return counts;
}

static bool both_stopped(const struct cgtune_stalls *counts)
{
	return counts->throttles >= TASKS;
}

static bool all_ended(const struct cgtune_stalls *counts)
{
	return counts->open == 0 && charged(counts) == counts->throttles;
}

/* The kernel's sum, in nanoseconds, and how much of it v2 does not tell. */
static uint64_t kernel_ns(const char *name, uint64_t *untold)
{
	bool v1 = real_version(REAL_CPU) == 1;

	*untold = v1 ? 0 : 999;
	return v1 ? real_number(name, REAL_CPU, "cpu.stat", "throttled_time") :
		real_number(name, REAL_CPU, "cpu.stat", "throttled_usec") * 1000;
}

/* One group's life: it ends with the counts that the kernel has, of this group alone. */
static void stop_both(struct cgtune_probe *probe, const char *name)
{
	struct cgtune_stalls counts;
	uint64_t kernel, untold;

	real_make(name);
	for (int i = 0; i < TASKS; i++)
		real_move(name, tasks[i]);
	real_quota(name, QUOTA_US, 1000000);
	wait_for(probe, work_id(name), both_stopped);
	real_quota(name, REAL_NONE, 0);
	counts = wait_for(probe, work_id(name), all_ended);
	kernel = kernel_ns(name, &untold);
	ck_assert_msg(counts.throttled_ns >= kernel && counts.throttled_ns - kernel <= untold,
		      "%s: %lu, cpu.stat %lu", name, (unsigned long)counts.throttled_ns, (unsigned long)kernel);
	ck_assert_uint_ge(counts.episodes, 1);
	ck_assert_uint_le(counts.episodes, counts.throttles);
	for (int i = 0; i < TASKS; i++)
		real_move("rest", tasks[i]);
	real_remove(name);
}

START_TEST(first_stops)
{
	struct cgtune_probe_options options = {
		.size = sizeof(options), .bpffs = bpffs_path(), .rungs = 1u << _i, .text = text, .text_size = sizeof(text),
	};
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct cgtune_probe *probe;
	int cpus[TASKS], r;
	char name[32];

	if (rungs_skips((uint32_t)_i))
		return;
	r = cgtune_probe_start(&options, &probe);
	ck_assert_msg(r == 0, "%d: %.3000s", r, text);
	ck_assert(two_cpus(cpus));
	real_make("rest");
	for (int i = 0; i < TASKS; i++) {
		tasks[i] = burn_on(cpus[i]);
		real_move("rest", tasks[i]);
	}
	for (uint32_t i = 1; i <= GROUPS; i++) {
		snprintf(name, sizeof(name), "first%u", i);
		stop_both(probe, name);
	}
	for (int i = 0; i < TASKS; i++) {
		kill(tasks[i], SIGKILL);
		waitpid(tasks[i], NULL, 0);
	}
	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_uint_eq(state.lost, 0);
	ck_assert_uint_eq(state.unpaired, 0);
	ck_assert_uint_eq(state.overflow, 0);
	cgtune_probe_close(probe);
}
END_TEST

static void stop_any(void)
{
	struct cgtune_probe_options options = { .size = sizeof(options), .bpffs = bpffs_path() };

	cgtune_probe_stop(&options);
}

static Suite *suite(void)
{
	Suite *all = suite_create("real-probe-race");
	TCase *tcase = tcase_create("race");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, stop_any, stop_any);
	tcase_add_loop_test(tcase, first_stops, CGTUNE_PROBE_FENTRY, CGTUNE_PROBE_RAW + 1);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = real_begin();
	int cpus[TASKS];

	return bpffs_run(why || two_cpus(cpus) ? why : "one CPU", suite);
}
