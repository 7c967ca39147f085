/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe-rungs - for the probe's tests: a probe on each rung that this kernel has, all at the same time */
#include "probe-rungs.h"
#include "bpffs.h"
#include "probe-work.h"
#include "real.h"
#include "suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLE_MS 60000
#define MOST_FEATURES 32

char rungs_text[1 << 16];
static struct cgtune_probe *probes[RUNGS];
static int answers[RUNGS];

int rungs_answer(const char *name)
{
	static struct cgtune_probe_feature all[MOST_FEATURES];
	static int n;

	if (!n) {
		for (int i = 0; i < MOST_FEATURES; i++)
			all[i].size = sizeof(all[i]);
		n = cgtune_probe_features(all, MOST_FEATURES);
	}
	for (int i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].answer;
	ck_abort_msg("no feature %s", name);
}

bool rungs_has(uint32_t rung)
{
	switch (rung) {
	case CGTUNE_PROBE_FENTRY:
		return rungs_answer("fentry") == 1 && rungs_answer("throttle-functions") == 1;
	case CGTUNE_PROBE_KPROBE:
		return rungs_answer("kprobe") == 1;
	case CGTUNE_PROBE_TRACEPOINT:
		return rungs_answer("sched-tracepoints") == 1;
	default:
		return rungs_answer("raw-tracepoint") == 1;
	}
}

bool rungs_skips(uint32_t rung)
{
	if (rungs_has(rung))
		return false;
	suite_skip_test("this kernel has no rung %s", cgtune_probe_rung_name(rung));
	return true;
}

uint64_t rungs_memory_id(const char *group)
{
	char path[REAL_PATH_SIZE];
	struct stat st;

	ck_assert_int_eq(stat(real_path(group, REAL_MEMORY, "", path), &st), 0);
	return st.st_ino;
}

uint32_t rungs_memory_hierarchy(void)
{
	unsigned number = 0;
	char line[512];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (real_version(REAL_MEMORY) == 1 && fgets(line, sizeof(line), file))
		if (strstr(line, ":memory:") || strstr(line, ":memory,") || strstr(line, ",memory:"))
			number = (unsigned)strtoul(line, NULL, 10);
	fclose(file);
	return number;
}

struct cgtune_probe_options rungs_options(const char *folder, uint32_t rungs)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", bpffs_path(), folder);
	mkdir(path, 0700);
	return (struct cgtune_probe_options){
		.size = sizeof(struct cgtune_probe_options), .bpffs = path, .rungs = rungs,
		.text = rungs_text, .text_size = sizeof(rungs_text),
	};
}

/* Before any test: what fails here, Check tells nobody. */
void rungs_start(void)
{
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
		const char *name = cgtune_probe_rung_name(rung);
		struct cgtune_probe_options options = rungs_options(name, 1u << rung);

		options.subtree = work_id("");
		options.memory_subtree = rungs_memory_id("");
		options.slots = 8192;		/* or ids that come back late could be more */
		answers[rung] = cgtune_probe_start(&options, &probes[rung]);
		if (answers[rung] < 0 && rungs_has(rung))
			fprintf(stderr, "# %s: %d: %.3000s\n", name, answers[rung], rungs_text);
	}
}

void rungs_check_started(void)
{
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
		const char *name = cgtune_probe_rung_name(rung);
		int r = answers[rung];

		if (rungs_has(rung))
			ck_assert_msg(r == 0, "%s: %s", name, strerror(-r));
		else
			ck_assert_msg(r == -EOPNOTSUPP || r == -EPERM, "%s, which this kernel has not: %d", name, r);
	}
}

void rungs_stop(void)
{
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
		struct cgtune_probe_options options = rungs_options(cgtune_probe_rung_name(rung), 1u << rung);

		if (!probes[rung])
			continue;
		cgtune_probe_close(probes[rung]);
		probes[rung] = NULL;
		cgtune_probe_stop(&options);
	}
}

void rungs_check_nothing_lost(void)
{
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
		struct cgtune_probe_state state = { .size = sizeof(state) };

		if (!probes[rung])
			continue;
		ck_assert_int_eq(cgtune_probe_state(probes[rung], &state), 0);
		ck_assert_uint_eq(state.stopped_ns, 0);
		ck_assert_msg(!state.lost && !state.overflow, "%s: lost %lu, overflow %lu",
			      cgtune_probe_rung_name(rung), (unsigned long)state.lost, (unsigned long)state.overflow);
		/* On the tracepoints' a group that goes while it is stopped is one. */
		if (rung < CGTUNE_PROBE_TRACEPOINT)
			ck_assert_uint_eq(state.unpaired, 0);
	}
}

struct cgtune_probe *rungs_probe(uint32_t rung)
{
	return probes[rung];
}

uint32_t rungs_exact(void)
{
	return probes[CGTUNE_PROBE_FENTRY] ? CGTUNE_PROBE_FENTRY :
		probes[CGTUNE_PROBE_KPROBE] ? CGTUNE_PROBE_KPROBE : CGTUNE_PROBE_NONE;
}

uint32_t rungs_best(void)
{
	uint32_t rung = CGTUNE_PROBE_FENTRY;

	while (rung < CGTUNE_PROBE_RAW && !probes[rung])
		rung++;
	return rung;
}

struct cgtune_stalls rungs_read(uint32_t rung, const char *group)
{
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	uint64_t end = work_now_ms() + SETTLE_MS;
	int r;

	do		/* the CPU that changes them may not be running */
		r = cgtune_probe_read(probes[rung], work_id(group), work_hierarchy(), &counts);
	while (r == -EAGAIN && work_now_ms() < end);
	ck_assert_msg(r == 0 || r == -ENODATA, "%s, %s: %d", group, cgtune_probe_rung_name(rung), r);
	return counts;
}

/* What it was before the kernel's, which only grows. */
static struct rungs_counts read_all(const char *group)
{
	struct rungs_counts counts = { 0 };

	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++)
		if (probes[rung])
			counts.of[rung] = rungs_read(rung, group);
	counts.kernel = work_throttled(group);
	return counts;
}

static bool is_settled(const char *group, const struct rungs_counts *counts)
{
	bool settled = true;

	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
		const struct cgtune_stalls *its = &counts->of[rung];

		if (!probes[rung])
			continue;
		ck_assert_msg(work_unit(its->throttled_ns) <= counts->kernel, "%s, %s: %lu ns, more than the kernel's %lu",
			      group, cgtune_probe_rung_name(rung), (unsigned long)its->throttled_ns,
			      (unsigned long)counts->kernel);
		if (its->open || work_unit(its->throttled_ns) != counts->kernel)
			settled = false;
	}
	return settled;
}

static void say_all(const char *group, const struct rungs_counts *counts)
{
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++)
		if (probes[rung])
			fprintf(stderr, "# %s, %s: %lu of %lu, %ld throttles, %ld uncharged, %lu episodes, %ld open\n",
				group, cgtune_probe_rung_name(rung), (unsigned long)work_unit(counts->of[rung].throttled_ns),
				(unsigned long)counts->kernel, (long)counts->of[rung].throttles,
				(long)counts->of[rung].uncharged, (unsigned long)counts->of[rung].episodes,
				(long)counts->of[rung].open);
}

/* Twice the same: a read takes number by number, so that one that an end of a stop falls into is of two moments. */
bool rungs_try_settle(const char *group, uint64_t milliseconds, struct rungs_counts *ret)
{
	uint64_t end = work_now_ms() + milliseconds;
	struct rungs_counts before;

	*ret = read_all(group);
	do {
		before = *ret;
		work_kick();
		*ret = read_all(group);
		if (is_settled(group, ret) && memcmp(ret, &before, sizeof(before)) == 0)
			return true;
	} while (work_now_ms() < end);
	return false;
}

struct rungs_counts rungs_settle(const char *group)
{
	struct rungs_counts counts;

	if (!rungs_try_settle(group, SETTLE_MS, &counts)) {
		say_all(group, &counts);
		ck_abort_msg("%s: the sums do not become the kernel's", group);
	}
	return counts;
}

void rungs_wait_stopped(const char *group)
{
	uint64_t end = work_now_ms() + 60000;

	while (!rungs_read(rungs_best(), group).open && work_now_ms() < end)
		usleep(1000);
}

static void check_own(const char *what, uint32_t rung, const struct cgtune_stalls *its)
{
	bool sees_all = rung < CGTUNE_PROBE_TRACEPOINT;
	uint64_t stops = 0;

	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		stops += its->hist[i];
	ck_assert_msg(sees_all || !its->throttles || its->uncharged == CGTUNE_UNKNOWN,
		      "%s: uncharged stops cannot be seen", what);
	if (sees_all)
		stops += its->uncharged;
	ck_assert_msg(stops == its->throttles, "%s: %lu in the histogram or uncharged, %lu throttles", what,
		      (unsigned long)stops, (unsigned long)its->throttles);
	ck_assert_msg(its->episodes <= its->throttles, "%s: episodes", what);
	ck_assert_msg(!its->throttles || its->episodes, "%s: no episode", what);
	ck_assert_msg(its->max_ns <= its->throttled_ns, "%s: max_ns %lu", what, (unsigned long)its->max_ns);
	ck_assert_msg(its->enqueue <= its->throttles, "%s: enqueue", what);
}

/* Numbers of single stops: both rungs see the same functions. Those of the group depend on which CPU came first. */
static void check_same(const char *group, const struct cgtune_stalls *a, const struct cgtune_stalls *b)
{
	ck_assert_msg(a->throttles == b->throttles && a->uncharged == b->uncharged && a->enqueue == b->enqueue &&
		      a->hits == b->hits && a->max_ns == b->max_ns && memcmp(a->hist, b->hist, sizeof(a->hist)) == 0,
		      "%s: fentry and kprobe differ", group);
}

void rungs_check(const char *group, const struct rungs_counts *counts)
{
	const struct cgtune_stalls *exact = &counts->of[rungs_exact()];
	char what[128];

	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++) {
		snprintf(what, sizeof(what), "%.64s, %s", group, cgtune_probe_rung_name(rung));
		if (probes[rung])
			check_own(what, rung, &counts->of[rung]);
	}
	if (probes[CGTUNE_PROBE_FENTRY] && probes[CGTUNE_PROBE_KPROBE])
		check_same(group, &counts->of[CGTUNE_PROBE_FENTRY], &counts->of[CGTUNE_PROBE_KPROBE]);
	for (uint32_t rung = CGTUNE_PROBE_TRACEPOINT; rung < RUNGS && rungs_exact(); rung++)
		ck_assert_uint_le(counts->of[rung].throttles, exact->throttles - exact->uncharged);
}

void rungs_check_all_seen(const char *group, const struct rungs_counts *counts)
{
	const struct cgtune_stalls *exact = &counts->of[rungs_exact()];

	rungs_check(group, counts);
	for (uint32_t rung = CGTUNE_PROBE_TRACEPOINT; rung < RUNGS && rungs_exact(); rung++)
		if (probes[rung] && counts->of[rung].throttles != exact->throttles - exact->uncharged) {
			say_all(group, counts);
			ck_abort_msg("%s, %s: %lu throttles", group, cgtune_probe_rung_name(rung),
				     (unsigned long)counts->of[rung].throttles);
		}
}

void rungs_check_lengths(const char *group, const struct rungs_counts *counts)
{
	const struct cgtune_stalls *exact = &counts->of[rungs_exact()];

	rungs_check_all_seen(group, counts);
	for (uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS && rungs_exact(); rung++) {
		const struct cgtune_stalls *its = &counts->of[rung];

		if (!probes[rung])
			continue;
		if (memcmp(its->hist, exact->hist, sizeof(its->hist)) != 0 || its->max_ns != exact->max_ns ||
		    its->episodes != its->throttles) {
			say_all(group, counts);
			ck_abort_msg("%s, %s: lengths: at most %lu ns, which was %lu", group, cgtune_probe_rung_name(rung),
				     (unsigned long)its->max_ns, (unsigned long)exact->max_ns);
		}
	}
}
