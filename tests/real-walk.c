/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-walk - the kernel's counters of a subtree in one pass, against the files that show them */
#include "real.h"
#include "suite.h"

#include <cgtune-probe.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 64
#define LIMIT (16 * REAL_MIB)
#define CHURN ((size_t)LIMIT * 2)
#define STOPS 3

static struct cgtune_group_counters rows[MOST];
static char text[1 << 16];

static int open_walk(const char *root, uint32_t most, struct cgtune_probe_walk **ret)
{
	struct cgtune_probe_options options = { .size = sizeof(options), .text = text, .text_size = sizeof(text) };

	return cgtune_probe_walk_open(&options, root, most, ret);
}

static struct cgtune_probe_walk *walk_of(enum real_controller controller)
{
	struct cgtune_probe_walk *walk = NULL;
	char path[REAL_PATH_SIZE];
	int r = open_walk(real_path("", controller, "", path), MOST, &walk);

	ck_assert_msg(r == 0, "%d: %.3000s", r, text);
	return walk;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* All rows, of a pass that began after this was called. */
static int pass(struct cgtune_probe_walk *walk)
{
	uint64_t since = now_ns();
	int n;

	rows[0].size = sizeof(rows[0]);
	do
		n = cgtune_probe_walk(walk, rows, MOST);
	while (n > 0 && rows[0].taken_ns < since);
	ck_assert_int_gt(n, 0);
	ck_assert_int_le(n, MOST);
	return n;
}

static const struct cgtune_group_counters *row_of(int n, const char *name, enum real_controller controller)
{
	char path[REAL_PATH_SIZE];
	struct stat st;

	ck_assert_int_eq(stat(real_path(name, controller, "", path), &st), 0);
	for (int i = 0; i < n; i++)
		if (rows[i].cgroup == st.st_ino)
			return &rows[i];
	ck_abort_msg("%s: in no row", name);
}

START_TEST(cpu)
{
	bool v1 = real_version(REAL_CPU) == 1;
	struct cgtune_probe_walk *walk;
	const struct cgtune_group_counters *row;
	uint64_t throttled;

	real_make("cpu/limited");
	real_make("cpu/free");
	real_quota("cpu/limited", 10000, 50000);
	if (check_fork() == 0) {
		real_move("cpu/limited", 0);
		while (real_number("cpu/limited", REAL_CPU, "cpu.stat", "nr_throttled") < STOPS)
			;
		_exit(0);
	}
	ck_assert_int_gt(wait(NULL), 0);
	walk = walk_of(REAL_CPU);
	/* The period's timer may run on for one period after the last task: until nothing changes. */
	do {
		throttled = real_number("cpu/limited", REAL_CPU, "cpu.stat", "nr_periods");
		row = row_of(pass(walk), "cpu/limited", REAL_CPU);
	} while (throttled != real_number("cpu/limited", REAL_CPU, "cpu.stat", "nr_periods"));
	ck_assert_uint_eq(row->flags & CGTUNE_GROUP_CPU, CGTUNE_GROUP_CPU);
	ck_assert_uint_eq(row->nr_periods, throttled);
	ck_assert_uint_eq(row->nr_throttled, real_number("cpu/limited", REAL_CPU, "cpu.stat", "nr_throttled"));
	ck_assert_uint_eq(v1 ? row->throttled_ns : row->throttled_ns / 1000,
			  real_number("cpu/limited", REAL_CPU, "cpu.stat", v1 ? "throttled_time" : "throttled_usec"));
	ck_assert_uint_eq(row->quota_us, 10000);
	ck_assert_uint_eq(row->period_us, 50000);
	row = row_of(pass(walk), "cpu/free", REAL_CPU);
	ck_assert_uint_eq(row->quota_us, CGTUNE_UNLIMITED);
	ck_assert_uint_eq(row->throttled_ns, 0);
	cgtune_probe_walk_close(walk);
}
END_TEST

/* Fill memory that the kernel may take back, more of it than the limit. */
static void churn(const char *name)
{
	if (check_fork() == 0) {
		char *memory;

		real_move(name, 0);
		memory = mmap(NULL, CHURN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (size_t i = 0; i < CHURN; i += CHURN / 8) {
			memset(memory + i, 1, CHURN / 8);
			madvise(memory + i, CHURN / 8, MADV_FREE);
		}
		_exit(0);
	}
	ck_assert_int_gt(wait(NULL), 0);
}

START_TEST(memory)
{
	bool v2 = real_version(REAL_MEMORY) == 2;
	static const char *const keys[] = { "low", "high", "max", "oom", "oom_kill" };
	struct cgtune_probe_walk *walk;
	const struct cgtune_group_counters *row;
	int n;

	real_make("memory/limited");
	real_make("memory/free");
	real_memory("memory/limited", LIMIT);
	churn("memory/limited");
	walk = walk_of(REAL_MEMORY);
	n = pass(walk);
	row = row_of(n, "memory/limited", REAL_MEMORY);
	ck_assert_uint_eq(row->flags & CGTUNE_GROUP_MEMORY, CGTUNE_GROUP_MEMORY);
	ck_assert_uint_eq(row->memory_max, LIMIT);
	ck_assert_uint_eq(row->memory_high, CGTUNE_UNLIMITED);
	ck_assert_uint_le(row->memory, LIMIT);
	ck_assert_uint_gt(row->memory_events_local[CGTUNE_MEMORY_MAX], 0);
	for (int i = 0; i < 5 && v2; i++) {
		ck_assert_uint_eq(row->memory_events[i], real_number("memory/limited", REAL_MEMORY, "memory.events", keys[i]));
		ck_assert_uint_eq(row->memory_events_local[i],
				  real_number("memory/limited", REAL_MEMORY, "memory.events.local", keys[i]));
	}
	row = row_of(n, "memory/free", REAL_MEMORY);
	ck_assert_uint_eq(row->memory_max, CGTUNE_UNLIMITED);
	ck_assert_uint_eq(row->memory_events[CGTUNE_MEMORY_MAX], 0);
	row = row_of(n, "memory", REAL_MEMORY);
	ck_assert_uint_eq(row->memory_events_local[CGTUNE_MEMORY_MAX], 0);
	ck_assert_int_eq(v2, row->memory_events[CGTUNE_MEMORY_MAX] > 0);
	cgtune_probe_walk_close(walk);
}
END_TEST

START_TEST(tree)
{
	struct cgtune_probe_walk *walk = walk_of(REAL_CPU);
	char path[REAL_PATH_SIZE];
	int n = pass(walk);

	real_make("tree/a/b");
	ck_assert_int_eq(pass(walk), n + 3);
	ck_assert(row_of(n + 3, "", REAL_CPU) < row_of(n + 3, "tree", REAL_CPU));
	ck_assert(row_of(n + 3, "tree", REAL_CPU) < row_of(n + 3, "tree/a", REAL_CPU));
	ck_assert(row_of(n + 3, "tree/a", REAL_CPU) < row_of(n + 3, "tree/a/b", REAL_CPU));
	ck_assert_uint_eq(row_of(n + 3, "tree/a/b", REAL_CPU)->level, row_of(n + 3, "", REAL_CPU)->level + 3);
	real_remove("tree/a/b");
	ck_assert_int_eq(pass(walk), n + 2);
	cgtune_probe_walk_close(walk);

	/* No room: their number is told all the same. */
	ck_assert_int_eq(open_walk(real_path("", REAL_CPU, "", path), 1, &walk), 0);
	rows[1].cgroup = 1;
	ck_assert_int_eq(cgtune_probe_walk(walk, rows, MOST), n + 2);
	ck_assert_uint_eq(rows[1].cgroup, 1);
	ck_assert_int_eq(cgtune_probe_walk(walk, NULL, 0), n + 2);
	cgtune_probe_walk_close(walk);
}
END_TEST

/* A pass holds the lock of all cgroups: most of these calls are too soon after one for another. */
START_TEST(rest)
{
	struct cgtune_probe_walk *walk = walk_of(REAL_CPU);
	uint64_t last = 0, passes = 0, calls = 0;

	rows[0].size = sizeof(rows[0]);
	for (; passes < 20; calls++) {
		ck_assert_int_gt(cgtune_probe_walk(walk, rows, MOST), 0);
		passes += rows[0].taken_ns != last;
		last = rows[0].taken_ns;
	}
	ck_assert_uint_gt(calls, 2 * passes);
	cgtune_probe_walk_close(walk);
}
END_TEST

START_TEST(refused)
{
	struct cgtune_probe_walk *walk = NULL;
	char path[REAL_PATH_SIZE];

	real_path("", REAL_CPU, "", path);
	ck_assert_int_eq(open_walk(path, 0, &walk), -EINVAL);
	ck_assert_int_eq(open_walk(path, CGTUNE_PROBE_MOST_GROUPS + 1, &walk), -EINVAL);
	ck_assert_int_eq(open_walk("/nonexistent", MOST, &walk), -ENOENT);
	ck_assert_ptr_ne(strstr(text, "/nonexistent"), NULL);
	ck_assert_int_lt(open_walk("/proc", MOST, &walk), 0);
	ck_assert_ptr_null(walk);
	walk = walk_of(REAL_CPU);
	rows[0].size = sizeof(size_t);
	ck_assert_int_eq(cgtune_probe_walk(walk, rows, MOST), -EINVAL);
	cgtune_probe_walk_close(walk);
	cgtune_probe_walk_close(NULL);
}
END_TEST

/* Linux before 6.1 */
START_TEST(none)
{
	struct cgtune_probe_walk *walk = NULL;
	char path[REAL_PATH_SIZE];

	ck_assert_int_eq(open_walk(real_path("", REAL_CPU, "", path), MOST, &walk), -EOPNOTSUPP);
	ck_assert_ptr_ne(strstr(text, "no iterator of cgroups"), NULL);
	ck_assert_ptr_null(walk);
}
END_TEST

static bool has_iterator(void)
{
	struct cgtune_probe_feature all[32];
	int n;

	for (int i = 0; i < 32; i++)
		all[i].size = sizeof(all[i]);
	n = cgtune_probe_features(all, 32);
	for (int i = 0; i < n; i++)
		if (strcmp(all[i].name, "cgroup-iterator") == 0)
			return all[i].answer == 1;
	return false;
}

int main(void)
{
	const char *why = real_begin();
	Suite *all = suite_create("real-walk");
	TCase *tcase = tcase_create("walk");

	if (why)
		return suite_skip(why);
	tcase_set_timeout(tcase, 120);
	suite_add_tcase(all, tcase);
	if (has_iterator()) {
		tcase_add_test(tcase, cpu);
		tcase_add_test(tcase, memory);
		tcase_add_test(tcase, tree);
		tcase_add_test(tcase, rest);
		tcase_add_test(tcase, refused);
	} else {
		tcase_add_test(tcase, none);
	}
	return suite_run(all);
}
