/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe-groups - groups that come and go, processes that move, and a probe that comes in the middle of a stop */
#include "bpffs.h"
#include "probe-rungs.h"
#include "probe-work.h"
#include "real.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 300			/* of a test: a VM without KVM is slow */
#define BATCH 100
#define BATCHES (getenv("CGTUNE_VM") ? 5 : 15)	/* which is slow, and there are several */
#define MOST_BATCHES 300
#define REMOVED 80			/* more than the tracepoint rungs keep of a CPU */
#define MOVES 30
#define START_TRIES 3

/*
 * Groups of the cpu hierarchy alone, below one that libcgroup has made: it takes
 * many times as long for each, in every hierarchy.
 */
static void set(const char *group, const char *file, const char *text)
{
	char path[REAL_PATH_SIZE];
	int fd = open(real_path(group, REAL_CPU, file, path), O_WRONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_msg(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s to %s: %s", text, path,
		      strerror(errno));
	close(fd);
}

static void make(const char *group)
{
	char path[REAL_PATH_SIZE];

	ck_assert_msg(mkdir(real_path(group, REAL_CPU, "", path), 0755) == 0, "%s: %s", path, strerror(errno));
}

static void drop(const char *group)
{
	char path[REAL_PATH_SIZE];
	int r = -1;

	real_path(group, REAL_CPU, "", path);
	for (int i = 0; i < 500 && (r = rmdir(path)) < 0 && errno == EBUSY; i++)
		usleep(10000);
	ck_assert_msg(r == 0, "%s: %s", path, strerror(errno));
}

static void set_quota(const char *group, unsigned quota_us, unsigned period_us)
{
	char text[64];

	if (real_version(REAL_CPU) == 2) {
		snprintf(text, sizeof(text), "%u %u", quota_us, period_us);
		set(group, "cpu.max", text);
		return;
	}
	snprintf(text, sizeof(text), "%u", period_us);
	set(group, "cpu.cfs_period_us", text);
	snprintf(text, sizeof(text), "%u", quota_us);
	set(group, "cpu.cfs_quota_us", text);
}

/* A process in such a group on the first CPU, that ends when it has used that much of it, or was stopped. */
static void spend(const char *group, unsigned period_us, long ns, bool until_stopped)
{
	int cpus[WORK_MOST_CPUS];
	struct timespec used;
	pid_t pid;

	work_cpus(cpus);
	work_fill(cpus[0]);
	pid = check_fork();
	if (pid == 0) {
		cpu_set_t first;

		CPU_ZERO(&first);
		CPU_SET(cpus[0], &first);
		sched_setaffinity(0, sizeof(first), &first);
		set(group, "cgroup.procs", "0");
		set_quota(group, 1000, period_us);
		do
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
		while (used.tv_sec * 1000000000 + used.tv_nsec < ns ||
		       (until_stopped && !work_throttled(group)));
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* Slots that somebody owns. */
static uint64_t in_use(uint32_t rung)
{
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	uint32_t cursor = 0;
	uint64_t n = 0;
	int r;

	while ((r = cgtune_probe_next(rungs_probe(rung), &cursor, &counts)) == 1 || r == -EAGAIN)
		n += r == 1;
	return n;
}

static uint64_t taken(uint32_t rung)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };

	ck_assert_int_eq(cgtune_probe_state(rungs_probe(rung), &state), 0);
	return state.groups;
}

/* Some of a batch are stopped; of the others nothing is known, whoever had their ids before. */
static void batch(int number)
{
	char names[BATCH][64];

	for (int i = 0; i < BATCH; i++) {
		snprintf(names[i], sizeof(names[i]), "reused/%d-%d", number, i);
		make(names[i]);
	}
	for (int i = 0; i < BATCH; i++) {
		struct rungs_counts counts;

		if (i % 40 == number % 40) {
			spend(names[i], 10000, 0, true);
			counts = rungs_settle(names[i]);
			rungs_check_lengths(names[i], &counts);
			ck_assert_uint_ge(counts.of[CGTUNE_PROBE_RAW].throttles, 1);
			continue;
		}
		for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++)
			if (rungs_probe(rung))
				ck_assert_uint_eq(rungs_read(rung, names[i]).throttles, 0);
	}
	for (int i = 0; i < BATCH; i++)
		drop(names[i]);
}

/* Css ids come back: a slot never holds what another group did. */
START_TEST(reused)
{
	bool all = false;

	real_make("reused/first");
	for (int number = 0; number < BATCHES || (number < MOST_BATCHES && !all); number++) {
		batch(number);
		all = true;
		for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++)
			if (rungs_probe(rung) && taken(rung) < in_use(rung) + 5)
				all = false;
	}
	ck_assert(all);
}
END_TEST

/* Groups whose queue is stopped with nobody left in it when they go: nothing of them may stay behind. */
START_TEST(removed_while_stopped)
{
	struct rungs_counts counts;
	char name[64];

	real_make("removed/first");
	for (int i = 0; i < REMOVED; i++) {
		snprintf(name, sizeof(name), "removed/%d", i);
		make(name);
		spend(name, 100000, 1200000, false);
		drop(name);
	}
	make("removed/last");
	spend("removed/last", 10000, 0, true);
	counts = rungs_settle("removed/last");
	rungs_check_lengths("removed/last", &counts);
}
END_TEST

/* From one limit to another and back, now while it runs and now while it is stopped. */
START_TEST(moved)
{
	char groups[2][WORK_NAME] = { "here", "there" };
	int cpus[WORK_MOST_CPUS];
	pid_t pid, pids[2];

	work_cpus(cpus);
	for (int i = 0; i < 2; i++) {
		real_make(groups[i]);
		real_quota(groups[i], 2000, 20000);
	}
	work_close(groups, 2, pids);
	pid = work_start((struct work){ .group = "here", .cpu = cpus[0] });
	for (int i = 0; i < MOVES; i++) {
		if (i % 3)
			rungs_wait_stopped(groups[i % 2]);
		else
			usleep(5000);
		real_move(groups[(i + 1) % 2], pid);
	}
	work_kill();
	work_close(groups, 2, pids);
	for (int i = 0; i < 2; i++) {
		struct rungs_counts counts = rungs_settle(groups[i]);

		rungs_check(groups[i], &counts);
		ck_assert_uint_ge(counts.of[CGTUNE_PROBE_RAW].throttles, 2);
	}
}
END_TEST

static void stop_late(uint32_t rung)
{
	struct cgtune_probe_options options = rungs_options("late", 1u << rung);

	cgtune_probe_stop(&options);
}

/*
 * Started while the only CPU of the group is stopped: what was open before still is, and there
 * were no others. NULL: a start takes longer here than any stop.
 */
static struct cgtune_probe *start_in_stop(uint32_t rung, const char *group)
{
	struct cgtune_probe_options options = rungs_options("late", 1u << rung);
	struct cgtune_stalls before, after;
	struct cgtune_probe *probe;

	options.subtree = work_id(group);
	for (int i = 0; i < START_TRIES; i++) {
		int r;

		rungs_wait_stopped(group);
		before = rungs_read(rungs_best(), group);
		r = cgtune_probe_start(&options, &probe);
		ck_assert_msg(r == 0, "%s: %d: %.3000s", cgtune_probe_rung_name(rung), r, rungs_text);
		work_kick();
		after = rungs_read(rungs_best(), group);
		if (before.open == 1 && after.open == 1 && before.throttles == after.throttles)
			return probe;
		cgtune_probe_close(probe);
		stop_late(rung);
	}
	suite_skip_test("%s: a start takes longer than a stop", cgtune_probe_rung_name(rung));
	return NULL;
}

/* The length of the first stop of that limit from that event on. */
static uint64_t next_length(uint32_t rung, const char *group, uint64_t cursor)
{
	struct cgtune_stall_event event = { .size = sizeof(event) };

	while (cgtune_probe_next_event(rungs_probe(rung), &cursor, &event) == 1)
		if (event.limit == work_id(group))
			return event.duration_ns;
	ck_abort_msg("%s: no event", group);
}

/*
 * A stop that is over before its CPU switches is not seen by the tracepoints, and in their sum
 * when the next one ends: so the last one is long, and the limit goes when they have seen it.
 */
static void end_in_seen_stop(const char *group)
{
	real_quota(group, 1000, 1000000);
	while (!rungs_read(CGTUNE_PROBE_RAW, group).open)
		usleep(1000);
	real_quota(group, REAL_NONE, 0);
}

/*
 * The end of a stop comes without its beginning: the functions tell how long it
 * was, and that is counted, but as no throttle. The tracepoints do not see it.
 */
static void check_late(uint32_t rung, const char *group, struct cgtune_probe *probe)
{
	bool sees_all = rung < CGTUNE_PROBE_TRACEPOINT;
	struct cgtune_stalls before = rungs_read(rung, group), after, counts = { .size = sizeof(counts) };
	struct cgtune_probe_state state = { .size = sizeof(state) };
	uint64_t sum, first;

	ck_assert_int_eq(cgtune_probe_state(rungs_probe(rung), &state), 0);
	first = state.events;
	real_quota(group, 1000, 10000);
	while (rungs_read(rung, group).throttles < before.throttles + 5)
		usleep(1000);
	end_in_seen_stop(group);
	after = rungs_settle(group).of[rung];
	ck_assert_int_eq(cgtune_probe_read(probe, work_id(group), work_hierarchy(), &counts), 0);
	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	sum = after.throttled_ns - before.throttled_ns;
	if (!sees_all)
		sum -= next_length(rung, group, first);
	ck_assert_msg(counts.throttled_ns == sum, "%s: %lu ns, not %lu", group, (unsigned long)counts.throttled_ns,
		      (unsigned long)sum);
	ck_assert_uint_eq(counts.throttles, after.throttles - before.throttles);
	ck_assert_uint_eq(counts.episodes, after.episodes - before.episodes);
	ck_assert_uint_eq(counts.open, 0);
	ck_assert_uint_le(counts.max_ns, sum);
	ck_assert_uint_le(counts.wall_ns, sum);
	ck_assert_uint_eq(state.unpaired, sees_all ? 1 : 0);
	ck_assert_uint_eq(state.lost, 0);
}

START_TEST(late)
{
	uint32_t rung = (uint32_t)_i;
	struct cgtune_probe *probe;
	int cpus[WORK_MOST_CPUS];
	char name[32];

	if (rungs_skips(rung))
		return;
	work_cpus(cpus);
	snprintf(name, sizeof(name), "late%d", _i);
	real_make(name);
	work_start((struct work){ .group = name, .cpu = cpus[0] });
	real_quota(name, 1000, 1000000);
	probe = start_in_stop(rung, name);
	if (probe)
		check_late(rung, name, probe);
	work_kill();
	cgtune_probe_close(probe);
	stop_late(rung);
}
END_TEST

START_TEST(started)
{
	rungs_check_started();
}
END_TEST

START_TEST(nothing_lost)
{
	rungs_check_nothing_lost();
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-probe-groups");
	TCase *tcase = tcase_create("all rungs");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_unchecked_fixture(tcase, rungs_start, rungs_stop);
	tcase_add_test(tcase, started);
	tcase_add_test(tcase, reused);
	tcase_add_test(tcase, removed_while_stopped);
	tcase_add_test(tcase, moved);
	tcase_add_loop_test(tcase, late, CGTUNE_PROBE_FENTRY, RUNGS);
	tcase_add_test(tcase, nothing_lost);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return bpffs_run(real_begin(), suite);
}
