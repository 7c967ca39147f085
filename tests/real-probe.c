/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe - one probe: on each rung that this kernel has, the best one, started twice, for a part of the groups */
#include "bpffs.h"
#include "probe-rungs.h"
#include "probe-work.h"
#include "real.h"
#include "suite.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 300			/* of a test: a VM without KVM is slow */

static void stop(struct cgtune_probe *probe)
{
	struct cgtune_probe_options options = rungs_options("alone", 0);
	struct cgtune_probe_state state = { .size = sizeof(state) };

	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_uint_eq(state.stopped_ns, 0);
	ck_assert_uint_eq(state.lost, 0);
	ck_assert_uint_eq(state.overflow, 0);
	ck_assert_int_eq(cgtune_probe_stop(&options), 0);
	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_uint_ne(state.stopped_ns, 0);
	cgtune_probe_close(probe);
}

/* Its counts when no CPU of it is stopped and the sum is the kernel's; nobody may run in it any more. */
static struct cgtune_stalls settle(struct cgtune_probe *probe, const char *group)
{
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	uint64_t end = work_now_ms() + 60000, kernel;

	do {
		int r;

		work_kick();
		r = cgtune_probe_read(probe, work_id(group), work_hierarchy(), &counts);
		kernel = work_throttled(group);
		if (r == -EAGAIN)		/* the CPU that changes them may not be running */
			continue;
		ck_assert_int_eq(r, 0);
		ck_assert_uint_le(work_unit(counts.throttled_ns), kernel);
		if (!counts.open && work_unit(counts.throttled_ns) == kernel)
			return counts;
	} while (work_now_ms() < end);
	ck_abort_msg("%s: %lu ns, not the kernel's %lu", group, (unsigned long)counts.throttled_ns,
		     (unsigned long)kernel);
}

/* The first that works, from the top; a second start finds it, and after the end nothing is left. */
START_TEST(ladder)
{
	struct cgtune_probe_options options = rungs_options("alone", 0);
	struct cgtune_probe *probe, *again;
	struct cgtune_probe_state state = { .size = sizeof(state) };
	uint32_t best = CGTUNE_PROBE_FENTRY;
	char path[128];
	struct stat st;

	while (best < CGTUNE_PROBE_RAW && !rungs_has(best))
		best++;
	ck_assert_int_eq(cgtune_probe_open(&options, &probe), -ENOENT);
	ck_assert_int_eq(cgtune_probe_stop(&options), -ENOENT);
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), 0);
	ck_assert_int_eq(cgtune_probe_state(probe, &state), 0);
	ck_assert_str_eq(cgtune_probe_rung_name(state.rung), cgtune_probe_rung_name(best));
	ck_assert_int_eq(cgtune_probe_start(&options, &again), 1);
	cgtune_probe_close(again);
	snprintf(path, sizeof(path), "%s/cgtune-1", options.bpffs);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/cgtune-1/map", options.bpffs);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	stop(probe);
	ck_assert_int_eq(stat(path, &st), -1);
}
END_TEST

/* Processes that start at once: one publishes, the others find it. */
START_TEST(race)
{
	struct cgtune_probe_options options = rungs_options("alone", 0);
	struct cgtune_probe *probe;
	int first = 0, status;

	for (int i = 0; i < 4; i++)
		if (check_fork() == 0) {
			int r = cgtune_probe_start(&options, &probe);

			_exit(r == 0 || r == 1 ? r : 2);
		}
	for (int i = 0; i < 4; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert(WIFEXITED(status));
		ck_assert_int_le(WEXITSTATUS(status), 1);
		first += WEXITSTATUS(status) == 0;
	}
	ck_assert_int_eq(first, 1);
	ck_assert_int_eq(cgtune_probe_open(&options, &probe), 0);
	stop(probe);
}
END_TEST

/* The rung alone: of two groups, one limits and one has the tasks; nothing else is started that could help. */
START_TEST(alone)
{
	uint32_t rung = (uint32_t)_i;
	struct cgtune_probe_options options = rungs_options("alone", 1u << rung);
	struct cgtune_stall_event event = { .size = sizeof(event) };
	struct cgtune_stalls above, below = { .size = sizeof(below) };
	uint64_t cursor = 0, stops = 0, victims = 0;
	struct cgtune_probe *probe;
	int cpus[WORK_MOST_CPUS], r;
	char limit[32], leaf[32];
	pid_t pid;

	if (rungs_skips(rung))
		return;
	work_cpus(cpus);
	r = cgtune_probe_start(&options, &probe);
	ck_assert_msg(r == 0, "%d: %.3000s", r, rungs_text);
	snprintf(limit, sizeof(limit), "alone%d", _i);
	snprintf(leaf, sizeof(leaf), "alone%d/leaf", _i);
	real_make(leaf);
	pid = work_start((struct work){ .group = leaf, .limited = limit, .stops = 8, .cpu = cpus[0] });
	real_quota(limit, 1000, 20000);
	work_wait();
	above = settle(probe, limit);
	ck_assert_int_eq(cgtune_probe_read(probe, work_id(leaf), work_hierarchy(), &below), 0);
	ck_assert_uint_ge(above.throttles, 8);
	ck_assert_uint_eq(below.throttles, 0);
	ck_assert_uint_eq(below.hits, above.throttles - above.enqueue);
	while (cgtune_probe_next_event(probe, &cursor, &event) == 1) {
		if (event.limit != work_id(limit))
			continue;
		ck_assert_uint_eq(event.kind, CGTUNE_STALL_THROTTLE);
		ck_assert_uint_eq(event.hierarchy, work_hierarchy());
		stops++;
		if (!event.leaf)
			continue;
		victims++;
		ck_assert_uint_eq(event.leaf, work_id(leaf));
		ck_assert_uint_eq(event.pid, (unsigned)pid);
		ck_assert_uint_eq(event.tgid, (unsigned)pid);
		ck_assert_ptr_ne(strstr(event.comm, "real-probe"), NULL);
	}
	ck_assert_uint_eq(stops, above.throttles);
	ck_assert_uint_eq(victims, below.hits);
	stop(probe);
}
END_TEST

START_TEST(subtree)
{
	struct cgtune_probe_options options = rungs_options("alone", 0);
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	static const char *const groups[] = { "scope/in", "outside" };
	struct cgtune_probe *probe;
	int cpus[WORK_MOST_CPUS];

	work_cpus(cpus);
	real_make("scope/in");
	real_make("outside");
	options.subtree = work_id("scope");
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), 0);
	for (int i = 0; i < 2; i++) {
		work_start((struct work){ .group = groups[i], .stops = 4, .cpu = cpus[0] });
		real_quota(groups[i], 1000, 20000);
	}
	work_wait();
	ck_assert_uint_ge(settle(probe, "scope/in").throttles, 4);
	ck_assert_int_eq(cgtune_probe_read(probe, work_id("outside"), work_hierarchy(), &counts), -ENODATA);
	stop(probe);
}
END_TEST

static void stop_any(void)
{
	struct cgtune_probe_options options = rungs_options("alone", 0);

	cgtune_probe_stop(&options);
}

static Suite *suite(void)
{
	Suite *all = suite_create("real-probe");
	TCase *tcase = tcase_create("probe");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, stop_any, NULL);
	tcase_add_test(tcase, ladder);
	tcase_add_test(tcase, race);
	tcase_add_test(tcase, subtree);
	tcase_add_loop_test(tcase, alone, CGTUNE_PROBE_FENTRY, RUNGS);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	return bpffs_run(real_begin(), suite);
}
