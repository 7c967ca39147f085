/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe-exact - the same work seen by all rungs at once: to the nanosecond what the kernel says, and stop by stop */
#include "bpffs.h"
#include "probe-rungs.h"
#include "probe-work.h"
#include "real.h"
#include "suite.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 300			/* of a test: a VM without KVM is slow */
#define MANY 20

/*
 * One process on one CPU, that has seen ten stops: that many were charged. A stop
 * ends at a tick, which has counted it; one that comes late counts for as many
 * periods as have gone by, and each stop has the length that the kernel charged.
 */
START_TEST(one_cpu)
{
	struct rungs_counts counts;
	int cpus[WORK_MOST_CPUS];
	uint64_t nr_throttled, nr_periods;

	work_cpus(cpus);
	real_make("one");
	work_start((struct work){ .group = "one", .stops = 10, .cpu = cpus[0] });
	real_quota("one", 1000, 20000);
	work_wait();
	counts = rungs_settle("one");
	rungs_check_lengths("one", &counts);
	nr_throttled = real_number("one", REAL_CPU, "cpu.stat", "nr_throttled");
	nr_periods = real_number("one", REAL_CPU, "cpu.stat", "nr_periods");
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
		const struct cgtune_stalls *its = &counts.of[rung];

		if (!rungs_probe(rung))
			continue;
		ck_assert_uint_ge(its->throttles - (its->uncharged == CGTUNE_UNKNOWN ? 0 : its->uncharged), 10);
		ck_assert_uint_le(its->throttles, nr_throttled);
		ck_assert_uint_eq(its->hits, its->throttles - its->enqueue);
		ck_assert_uint_le(its->nr_throttled, nr_throttled);
		ck_assert_uint_ge(its->nr_throttled, 10);
		ck_assert_uint_le(its->nr_periods, nr_periods);
	}
}
END_TEST

/*
 * One process on each of some CPUs. On 5.10 the tracepoints have missed one or two of
 * some 50 stops there (the sum has them): that they see all is expected of one CPU only.
 * Quotas are small: a process that has to share its CPU is to be stopped, too.
 */
START_TEST(more_cpus)
{
	struct rungs_counts counts;
	int cpus[WORK_MOST_CPUS];
	char name[32];

	work_cpus(cpus);
	snprintf(name, sizeof(name), "cpus%d", _i);
	real_make(name);
	for (int i = 0; i < _i; i++)
		work_start((struct work){ .group = name, .stops = 10, .cpu = cpus[i] });
	real_quota(name, _i * 1000, 20000);
	work_wait();
	counts = rungs_settle(name);
	rungs_check(name, &counts);
	ck_assert_uint_ge(counts.of[CGTUNE_PROBE_RAW].throttles, 2);
}
END_TEST

/* What a limit above stops is that limit's; who was stopped is the group below. */
START_TEST(parent_only)
{
	int cpus[WORK_MOST_CPUS], n = work_cpus(cpus);
	struct rungs_counts above, below;

	real_make("above/free");
	for (int i = 0; i < n && i < 2; i++)
		work_start((struct work){ .group = "above/free", .limited = "above", .stops = 8, .cpu = cpus[i] });
	real_quota("above", 2000, 20000);
	work_wait();
	above = rungs_settle("above");
	below = rungs_settle("above/free");
	rungs_check("above", &above);
	ck_assert_uint_eq(below.kernel, 0);
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
		if (!rungs_probe(rung))
			continue;
		ck_assert_uint_eq(below.of[rung].throttles, 0);
		ck_assert_uint_eq(above.of[rung].hits, 0);
		ck_assert_uint_ge(below.of[rung].hits, 2);
		ck_assert_uint_eq(below.of[rung].hits, above.of[rung].throttles - above.of[rung].enqueue);
	}
}
END_TEST

START_TEST(both_limited)
{
	int cpus[WORK_MOST_CPUS], n = work_cpus(cpus);
	struct rungs_counts above, below;

	real_make("both/limited");
	real_make("both/free");
	work_start((struct work){ .group = "both/limited", .stops = 8, .cpu = cpus[0] });
	work_start((struct work){ .group = "both/free", .limited = "both", .stops = 8, .cpu = cpus[n - 1] });
	real_quota("both", 3000, 30000);
	real_quota("both/limited", 1000, 30000);
	work_wait();
	above = rungs_settle("both");
	below = rungs_settle("both/limited");
	rungs_check("both", &above);
	rungs_check("both/limited", &below);
	ck_assert_uint_ge(above.of[CGTUNE_PROBE_RAW].throttles, 1);
	ck_assert_uint_ge(below.of[CGTUNE_PROBE_RAW].throttles, 1);
	ck_assert_uint_eq(rungs_settle("both/free").of[CGTUNE_PROBE_RAW].throttles, 0);
}
END_TEST

/* Far more tasks than CPUs, wherever the balancer wants them. Each group is stopped at the beginning and at the end. */
START_TEST(many)
{
	char groups[MANY][WORK_NAME];
	pid_t pids[MANY];

	for (int i = 0; i < MANY; i++) {
		snprintf(groups[i], sizeof(groups[i]), "many%d", i);
		real_make(groups[i]);
		real_quota(groups[i], 1000, 30000);
	}
	for (int i = 0; i < MANY; i++)
		work_start((struct work){ .group = groups[i], .cpu = WORK_ANY });
	usleep(1500000);
	work_kill();
	work_close(groups, MANY, pids);
	for (int i = 0; i < MANY; i++) {
		struct rungs_counts counts = rungs_settle(groups[i]);

		rungs_check(groups[i], &counts);
	}
}
END_TEST

/* Another quota while it is stopped: what that ends at once has the length that was charged. */
START_TEST(changed_while_stopped)
{
	static const struct { const char *name; int64_t quota; } to[] = {
		{ "raised", 100000 }, { "lowered", 1000 }, { "removed", REAL_NONE },
	};
	const char *name = to[_i].name;
	struct rungs_counts counts;
	int cpus[WORK_MOST_CPUS];

	work_cpus(cpus);
	real_make(name);
	work_start((struct work){ .group = name, .cpu = cpus[0] });
	real_quota(name, 2000, 500000);
	for (int i = 0; i < 3; i++) {
		rungs_wait_stopped(name);
		real_quota(name, to[_i].quota, 0);
		usleep(20000);
		real_quota(name, 2000, 0);
	}
	rungs_wait_stopped(name);
	real_quota(name, to[_i].quota, 0);
	usleep(20000);
	work_kill();
	counts = rungs_settle(name);
	rungs_check_lengths(name, &counts);
	ck_assert_uint_ge(counts.of[CGTUNE_PROBE_RAW].throttles, 1);
}
END_TEST

/* What the rung tells of the stops of that limit. */
static void check_events(uint32_t rung, const char *limit, const pid_t tgid[3], const struct cgtune_stalls *counts)
{
	struct cgtune_stall_event event = { .size = sizeof(event) };
	uint64_t cursor = 0, stops = 0, sum = 0, victims = 0, id = work_id(limit);

	while (cgtune_probe_next_event(rungs_probe(rung), &cursor, &event) == 1) {
		if (event.limit != id)
			continue;
		ck_assert_uint_eq(event.kind, CGTUNE_STALL_THROTTLE);
		ck_assert_uint_eq(event.hierarchy, work_hierarchy());
		stops++;
		sum += event.duration_ns;
		if (!event.leaf)
			continue;
		victims++;
		ck_assert_uint_eq(event.leaf, id);
		ck_assert(event.tgid == (unsigned)tgid[0] || event.tgid == (unsigned)tgid[1] ||
			  event.tgid == (unsigned)tgid[2]);
		ck_assert_ptr_ne(strstr(event.comm, "real-probe"), NULL);
	}
	ck_assert_uint_eq(stops, counts->throttles);
	ck_assert_uint_eq(victims, counts->hits);
	ck_assert_uint_eq(counts->hits, counts->throttles - counts->enqueue);
	if (rung < CGTUNE_PROBE_TRACEPOINT)		/* there an end on one of the CPUs may be noticed late */
		ck_assert_uint_eq(sum, counts->throttled_ns);
}

/* Eight threads, one process: one group, one TGID, and each event says which. */
START_TEST(threads)
{
	char groups[1][WORK_NAME] = { "threads" };
	struct rungs_counts counts;
	pid_t pids[3];

	real_make("threads");
	real_quota("threads", 2000, 20000);
	work_close(groups, 1, pids);
	pids[1] = work_start((struct work){ .group = "threads", .stops = 10, .threads = 8, .cpu = WORK_ANY });
	work_wait();
	work_close(groups, 1, pids + 2);
	counts = rungs_settle("threads");
	rungs_check("threads", &counts);
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++)
		if (rungs_probe(rung)) {
			ck_assert_uint_ge(counts.of[rung].hits, 1);
			check_events(rung, "threads", pids, &counts.of[rung]);
		}
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
	Suite *all = suite_create("real-probe-exact");
	TCase *tcase = tcase_create("all rungs");
	int cpus[WORK_MOST_CPUS];

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_unchecked_fixture(tcase, rungs_start, rungs_stop);
	tcase_add_test(tcase, started);
	tcase_add_test(tcase, one_cpu);
	for (int n = 2; n <= work_cpus(cpus); n *= 2)
		tcase_add_loop_test(tcase, more_cpus, n, n + 1);
	tcase_add_test(tcase, parent_only);
	tcase_add_test(tcase, both_limited);
	tcase_add_test(tcase, many);
	tcase_add_loop_test(tcase, changed_while_stopped, 0, 3);
	tcase_add_test(tcase, threads);
	tcase_add_test(tcase, nothing_lost);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return bpffs_run(real_begin(), suite);
}
