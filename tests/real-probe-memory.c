/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-probe-memory - what the BPF programs count of memory limits, on each rung that this kernel has
 *
 * The kernel's own counters are those of memory.events.local, which v1 has not: there
 * an iterator of cgroups reads them, from Linux 6.1 on. All rungs see the same work.
 *
 *   old		has reclaimed before the probes were started
 *   max, ...	of one test each; all stay, so that no id comes back where it is not wanted
 */
#include "bpffs.h"
#include "hungry.h"
#include "probe-rungs.h"
#include "real.h"
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 300				/* of a test: a VM without KVM is slow */
#define LIMIT (16 * REAL_MIB)
#define GROUPS 4
#define MOST_REUSED 300
#define UNKNOWN UINT64_MAX
#define EACH_RUNG(rung) uint32_t rung = CGTUNE_PROBE_FENTRY; rung < RUNGS; rung++

static struct cgtune_probe_walk *walk;
static uint64_t old_max;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A row of a walk that began after this was called. */
static struct cgtune_group_counters row_of(const char *name)
{
	static struct cgtune_group_counters rows[4096];
	uint64_t since = now_ns(), id = rungs_memory_id(name);
	int n;

	rows[0].size = sizeof(rows[0]);
	do {
		n = cgtune_probe_walk(walk, rows, 4096);
		ck_assert_int_gt(n, 0);
		ck_assert_int_le(n, 4096);
	} while (rows[0].taken_ns < since);
	for (int i = 0; i < n; i++)
		if (rows[i].cgroup == id)
			return rows[i];
	ck_abort_msg("%s: in no row", name);
}

/* The kernel's count of the group alone; UNKNOWN: nobody can read it. */
static uint64_t kernel_count(const char *name, enum cgtune_memory_event event)
{
	static const char *const keys[] = { "low", "high", "max", "oom", "oom_kill" };

	if (real_version(REAL_MEMORY) == 2)
		return real_number(name, REAL_MEMORY, "memory.events.local", keys[event]);
	return walk ? row_of(name).memory_events_local[event] : UNKNOWN;
}

/* Of a group to which nothing has happened: zeros. */
static struct cgtune_memory_stalls counts_of(uint32_t rung, const char *name)
{
	struct cgtune_memory_stalls counts = { .size = sizeof(counts) };
	int r = cgtune_probe_read_memory(rungs_probe(rung), rungs_memory_id(name), rungs_memory_hierarchy(), &counts);

	ck_assert_msg(r == 0 || r == -ENODATA, "%s, %s: %d", name, cgtune_probe_rung_name(rung), r);
	return counts;
}

static void expect(const char *what, const char *name, uint32_t rung, uint64_t count, uint64_t kernel)
{
	ck_assert_msg(count == kernel || kernel == UNKNOWN, "%s of %s, %s: %lu, the kernel's %lu", what, name,
		      cgtune_probe_rung_name(rung), (unsigned long)count, (unsigned long)kernel);
}

/* Zeros on all rungs. */
static void expect_nothing(const char *name)
{
	for (EACH_RUNG(rung)) {
		struct cgtune_memory_stalls counts = { .size = sizeof(counts) };

		ck_assert(!rungs_probe(rung) || cgtune_probe_read_memory(rungs_probe(rung), rungs_memory_id(name),
									  rungs_memory_hierarchy(), &counts) == -ENODATA);
	}
}

/* Both limits' reclaims, to the last one, on all rungs. */
static struct cgtune_memory_stalls expect_reclaims(const char *name)
{
	uint64_t high = kernel_count(name, CGTUNE_MEMORY_HIGH), max = kernel_count(name, CGTUNE_MEMORY_MAX);
	struct cgtune_memory_stalls counts, first = { 0 };

	for (EACH_RUNG(rung)) {
		if (!rungs_probe(rung))
			continue;
		counts = counts_of(rung, name);
		if (first.size) {			/* where the kernel's cannot be read */
			high = first.high_reclaims;
			max = first.max_reclaims;
		}
		expect("high", name, rung, counts.high_reclaims, high);
		expect("max", name, rung, counts.max_reclaims, max);
		first = counts;
	}
	return first;
}

static void wait_all(void)
{
	int status;

	while (wait(&status) > 0)
		ck_assert(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
}

/* Once: all tests read the same probes. */
static void start(void)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };

	real_make("old");
	real_memory("old", LIMIT);
	ck_assert_int_gt(waitpid(hungry_churn("old", 8), NULL, 0), 0);	/* not who cleans up at the end */
	old_max = kernel_count("old", CGTUNE_MEMORY_MAX);
	rungs_start();
	for (EACH_RUNG(rung)) {
		if (!rungs_probe(rung))
			continue;
		ck_assert_int_eq(cgtune_probe_state(rungs_probe(rung), &state), 0);
		ck_assert_uint_eq(state.memory_rung, rung);
		ck_assert_uint_eq(state.memory_sleeps, rung < CGTUNE_PROBE_TRACEPOINT ? CGTUNE_PROBE_SLEEPS_FUNCTION :
				  rungs_answer("memory-pressure") == 1 ? CGTUNE_PROBE_SLEEPS_SWITCH :
				  CGTUNE_PROBE_SLEEPS_UNKNOWN);
	}
}

static void stop(void)
{
	rungs_check_nothing_lost();
	rungs_stop();
}

START_TEST(max)
{
	struct cgtune_memory_stalls counts;

	real_make("max");
	real_memory("max", LIMIT);
	expect_nothing("max");
	hungry_churn("max", 8);
	wait_all();
	counts = expect_reclaims("max");
	ck_assert_uint_gt(counts.max_reclaims, 0);
	ck_assert_uint_eq(counts.high_reclaims, 0);
	ck_assert_uint_eq(counts.high_sleeps, 0);
	ck_assert_uint_eq(counts.oom_kills + counts.oom_victims, 0);
	ck_assert_uint_eq(counts.cgroup, rungs_memory_id("max"));
	ck_assert_uint_eq(counts.hierarchy, rungs_memory_hierarchy());
}
END_TEST

/* What it has reclaimed before is not counted: that was before the start. */
START_TEST(old)
{
	uint64_t now;

	expect_nothing("old");
	hungry_churn("old", 8);
	wait_all();
	now = kernel_count("old", CGTUNE_MEMORY_MAX);
	for (EACH_RUNG(rung)) {
		struct cgtune_memory_stalls counts;

		if (!rungs_probe(rung))
			continue;
		counts = counts_of(rung, "old");
		ck_assert_uint_gt(counts.max_reclaims, 0);
		expect("max", "old", rung, counts.max_reclaims, now == UNKNOWN ? now : now - old_max);
	}
}
END_TEST

/* Reclaims for another reason are none of the limit's: the kernel does not count them either. */
START_TEST(lowered)
{
	uint64_t before;
	pid_t pid;
	int go[2];
	char byte;

	real_make("lowered");
	real_memory("lowered", 2 * LIMIT);
	ck_assert_int_eq(pipe(go), 0);
	pid = check_fork();
	if (pid == 0) {
		char *memory;

		real_move("lowered", 0);
		memory = hungry_map(3 * HUNGRY_CHUNK);
		memset(memory, 1, 3 * HUNGRY_CHUNK);
		madvise(memory, 3 * HUNGRY_CHUNK, MADV_FREE);
		ck_assert_int_eq(write(go[1], "x", 1), 1);
		pause();
	}
	ck_assert_int_eq(read(go[0], &byte, 1), 1);
	before = expect_reclaims("lowered").max_reclaims;
	real_memory("lowered", (int64_t)(2 * HUNGRY_CHUNK));
	ck_assert_uint_eq(expect_reclaims("lowered").max_reclaims, before);
	kill(pid, SIGKILL);
	wait_all();
}
END_TEST

/* The parent has the limit: it reclaims, whoever of those below wanted memory. */
START_TEST(parent)
{
	real_make("parent/a");
	real_make("parent/b");
	real_memory("parent", LIMIT);
	hungry_churn("parent/a", 8);
	hungry_churn("parent/b", 8);
	wait_all();
	ck_assert_uint_gt(expect_reclaims("parent").max_reclaims, 0);
	ck_assert_uint_eq(expect_reclaims("parent/a").max_reclaims, 0);
	ck_assert_uint_eq(expect_reclaims("parent/b").max_reclaims, 0);
}
END_TEST

START_TEST(several)
{
	char name[64];

	for (int i = 0; i < GROUPS; i++) {
		snprintf(name, sizeof(name), "several%d", i);
		real_make(name);
		real_memory(name, LIMIT);
		hungry_churn(name, 6 + (unsigned)i);
		hungry_churn(name, 6);
	}
	wait_all();
	for (int i = 0; i < GROUPS; i++) {
		snprintf(name, sizeof(name), "several%d", i);
		ck_assert_uint_gt(expect_reclaims(name).max_reclaims, 0);
	}
}
END_TEST

/* Groups with any count: as many as there are slots in use. */
static unsigned slots_in_use(void)
{
	struct cgtune_memory_stalls counts = { .size = sizeof(counts) };
	uint32_t cursor = 0;
	unsigned n = 0;

	while (cgtune_probe_next_memory(rungs_probe(rungs_best()), &cursor, &counts) == 1)
		n++;
	return n;
}

/* One group after the other, until two had the same id: each has its own counts. The kernel frees an id a while later. */
START_TEST(reused)
{
	unsigned before, made = 0;
	char name[64];

	before = slots_in_use();
	do {
		snprintf(name, sizeof(name), "reused%u", made++);
		real_make(name);
		real_memory(name, LIMIT / 2);
		expect_nothing(name);
		hungry_churn(name, 3);
		wait_all();
		ck_assert_uint_gt(expect_reclaims(name).max_reclaims, 0);
		real_remove(name);
	} while (made < 3 || (slots_in_use() == before + made && made < MOST_REUSED));
	ck_assert_uint_lt(slots_in_use(), before + made);
}
END_TEST

/* The newest event of that kind and victim's group. */
static struct cgtune_stall_event event_of(uint32_t rung, uint32_t kind, const char *leaf)
{
	struct cgtune_stall_event event = { .size = sizeof(event) }, found = { .size = sizeof(found) };
	uint64_t cursor = 0;

	while (cgtune_probe_next_event(rungs_probe(rung), &cursor, &event) == 1)
		if (event.kind == kind && event.leaf == rungs_memory_id(leaf))
			found = event;
	return found;
}

/* Processes of the group that were killed, as the kernel says; the newest of them because of that limit. */
static uint64_t expect_victims(uint32_t rung, const char *limit, const char *leaf, pid_t pid)
{
	struct cgtune_stall_event event = event_of(rung, CGTUNE_STALL_OOM_KILL, leaf);
	uint64_t victims = counts_of(rung, leaf).oom_victims;

	expect("oom_kill", leaf, rung, victims, kernel_count(leaf, CGTUNE_MEMORY_OOM_KILL));
	if (!victims)
		return 0;
	ck_assert_uint_eq(event.limit, rungs_memory_id(limit));
	ck_assert_uint_eq(event.hierarchy, rungs_memory_hierarchy());
	ck_assert_uint_eq(event.tgid, (unsigned)pid);
	ck_assert_uint_eq(event.pid, (unsigned)pid);
	ck_assert_ptr_ne(strstr(event.comm, "real-probe"), NULL);
	return victims;
}

START_TEST(oom)
{
	int ready[2];
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	real_make("oom");
	real_memory("oom", LIMIT);
	pid = hungry_hog("oom", 2 * LIMIT, ready[1]);
	wait_all();
	for (EACH_RUNG(rung)) {
		if (!rungs_probe(rung))
			continue;
		ck_assert_uint_eq(expect_victims(rung, "oom", "oom", pid), 1);
		ck_assert_uint_eq(counts_of(rung, "oom").oom_kills, 1);
	}
}
END_TEST

static void expect_kills(uint32_t rung, pid_t large, pid_t small)
{
	uint64_t victims = expect_victims(rung, "above", "above/large", large);

	ck_assert_uint_eq(victims, 1);
	victims += expect_victims(rung, "above", "above/small", small);
	ck_assert_uint_eq(counts_of(rung, "above").oom_kills, victims);
	ck_assert_uint_eq(counts_of(rung, "above").oom_victims, 0);
	ck_assert_uint_eq(counts_of(rung, "above/large").oom_kills, 0);
	ck_assert_uint_eq(counts_of(rung, "above/small").oom_kills, 0);
}

/*
 * The parent has the limit, one child wants memory, the other has most: it goes. It may
 * take its time, so that the kernel kills the one that wants memory as well.
 */
START_TEST(oom_of_another)
{
	int ready[2];
	pid_t large, small;
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	real_make("above/large");
	real_make("above/small");
	real_memory("above", LIMIT);
	large = hungry_hog("above/large", LIMIT / 8 * 5, ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	small = hungry_hog("above/small", LIMIT / 2, ready[1]);
	close(ready[1]);
	ck_assert_int_ge(read(ready[0], &byte, 1), 0);	/* it has it, or is gone */
	kill(small, SIGKILL);
	wait_all();
	for (EACH_RUNG(rung))			/* the tracepoint of older kernels does not tell the victim's group */
		if (rungs_probe(rung) && (rung < CGTUNE_PROBE_TRACEPOINT || rungs_answer("oom-victim") == 1))
			expect_kills(rung, large, small);
}
END_TEST

static void expect_sleep_events(uint32_t rung, const struct cgtune_memory_stalls *counts, const char *limit, pid_t pid)
{
	struct cgtune_stall_event event = { .size = sizeof(event) };
	uint64_t cursor = 0, sleeps = 0, sum = 0;

	while (cgtune_probe_next_event(rungs_probe(rung), &cursor, &event) == 1) {
		if (event.kind != CGTUNE_STALL_HIGH_SLEEP || event.leaf != counts->cgroup)
			continue;
		ck_assert_uint_eq(event.tgid, (unsigned)pid);
		ck_assert_uint_eq(event.limit, rungs_memory_id(limit));
		sleeps++;
		sum += event.duration_ns;
	}
	ck_assert_uint_eq(sleeps, counts->high_sleeps);
	ck_assert_uint_eq(sum, counts->high_sleep_ns);
}

static void expect_sleeps(uint32_t rung, const struct hungry_sleeper *sleeper, const struct hungry_seen *seen)
{
	struct cgtune_memory_stalls counts = counts_of(rung, "high/leaf");
	uint64_t in_hist = 0;

	ck_assert_uint_ge(counts.high_sleeps, seen->sleeps);
	ck_assert_uint_le(counts.high_sleeps, (uint64_t)sleeper->switches);
	ck_assert_uint_ge(counts.high_sleep_ns, seen->ns);
	ck_assert_uint_le(counts.high_sleep_ns, sleeper->wall_ns);
	ck_assert_uint_ge(counts.high_sleep_max_ns, seen->longest_ns);
	ck_assert_uint_le(counts.high_sleep_max_ns, counts.high_sleep_ns);
	for (int i = 0; i < CGTUNE_PROBE_HIST; i++)
		in_hist += counts.hist[i];
	ck_assert_uint_eq(in_hist, counts.high_sleeps);
}

/* The parent is over its memory.high, and the child's thread is made to sleep for it. */
START_TEST(high)
{
	struct hungry_sleeper *sleeper;
	struct hungry_seen seen;
	pid_t pid;

	if (real_version(REAL_MEMORY) != 2) {
		suite_skip_test("memory is on v1, which has no memory.high");
		return;
	}
	real_make("high/leaf");
	real_set("high", REAL_MEMORY, "memory.high", "16M");
	sleeper = mmap(NULL, sizeof(*sleeper), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = hungry_sleeper("high/leaf", sleeper);
	seen = hungry_watch(pid);
	sleeper->stop = true;
	wait_all();
	ck_assert_uint_ge(seen.sleeps, HUNGRY_SLEEPS);
	ck_assert_uint_gt(expect_reclaims("high").high_reclaims, 0);
	ck_assert_uint_eq(expect_reclaims("high/leaf").high_reclaims, 0);
	for (EACH_RUNG(rung)) {
		struct cgtune_memory_stalls counts;

		if (!rungs_probe(rung) || (rung > CGTUNE_PROBE_FENTRY && rungs_answer("memory-pressure") != 1))
			continue;
		expect_sleeps(rung, sleeper, &seen);
		counts = counts_of(rung, "high/leaf");
		expect_sleep_events(rung, &counts, "high", pid);
		ck_assert_uint_eq(counts.high_sleeps, counts_of(rungs_best(), "high/leaf").high_sleeps);
		ck_assert_uint_eq(counts_of(rung, "high").high_sleeps, 0);
	}
}
END_TEST

/* NULL; or why the kernel's counters cannot be read. */
static const char *open_walk(void)
{
	struct cgtune_probe_options options = rungs_options("walk", 0);
	char path[REAL_PATH_SIZE];

	if (real_version(REAL_MEMORY) != 1 || rungs_answer("cgroup-iterator") != 1)
		return NULL;
	return cgtune_probe_walk_open(&options, real_path(NULL, REAL_MEMORY, "", path), 4096, &walk) < 0 ? rungs_text : NULL;
}

int main(void)
{
	const char *why = real_begin();
	Suite *all = suite_create("real-probe-memory");
	TCase *tcase = tcase_create("memory");
	int status;

	if (!why)
		why = bpffs_begin();
	if (why)
		return suite_skip(why);
	why = open_walk();
	if (why) {
		printf("Bail out! %s\n", why);
		return EXIT_FAILURE;
	}
	suite_add_tcase(all, tcase);
	tcase_set_timeout(tcase, SECONDS);
	tcase_add_unchecked_fixture(tcase, start, stop);
	tcase_add_test(tcase, max);
	tcase_add_test(tcase, old);
	tcase_add_test(tcase, lowered);
	tcase_add_test(tcase, parent);
	tcase_add_test(tcase, several);
	tcase_add_test(tcase, oom);
	tcase_add_test(tcase, oom_of_another);
	tcase_add_test(tcase, reused);
	tcase_add_test(tcase, high);
	status = suite_run(all);
	cgtune_probe_walk_close(walk);
	bpffs_end();
	return status;
}
