/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-limits - what cgtune reads in cgroups of the running kernel, against the kernel's own files */
#include "real.h"
#include "suite.h"

#include <cgtune.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEEPEST 8
#define SECONDS 180				/* of a test: a VM without KVM is slow */

static int cpus;

static struct cgtune_options plain(void)
{
	return (struct cgtune_options){ .size = sizeof(struct cgtune_options), .flags = CGTUNE_NO_ENV };
}

static struct cgtune_limits limits_of(const struct cgtune_options *options)
{
	struct cgtune_options own = plain();
	struct cgtune_limits limits = { .size = sizeof(limits) };

	ck_assert_int_eq(cgtune_read(options ? options : &own, &limits), 0);
	return limits;
}

static struct cgtune_plan plan_of(const struct cgtune_limits *limits, uint32_t rounding)
{
	struct cgtune_options options = plain();
	struct cgtune_plan plan = { .size = sizeof(plan) };

	options.rounding = rounding;
	ck_assert_int_eq(cgtune_plan(&options, limits, &plan), 0);
	return plan;
}

/* The file of the group, perhaps by way of a link: "cpu" for "cpu,cpuacct". */
static void expect_file(const char *from, const char *name, enum real_controller controller, const char *file)
{
	char path[REAL_PATH_SIZE], resolved[REAL_PATH_SIZE];

	ck_assert_ptr_nonnull(realpath(from, resolved));
	ck_assert_str_eq(resolved, real_path(name, controller, file, path));
}

/* The quota is that of the group, as its file says. */
static void expect_quota(const struct cgtune_limits *limits, const char *name, uint64_t quota, uint64_t period)
{
	char text[64], pair[64];

	ck_assert_uint_eq(limits->cpu_quota_us, quota);
	ck_assert_uint_eq(limits->cpu_period_us, period);
	expect_file(limits->cpu_from, name, REAL_CPU, real_quota_file());
	ck_assert_uint_eq(limits->cpu_hierarchy, (unsigned)real_version(REAL_CPU));
	ck_assert_uint_eq(limits->cpu_source, CGTUNE_SOURCE_CGROUP);
	ck_assert(real_text(name, REAL_CPU, real_quota_file(), text, sizeof(text)));
	snprintf(pair, sizeof(pair), real_version(REAL_CPU) == 1 ? "%" PRIu64 : "%" PRIu64 " %" PRIu64, quota, period);
	ck_assert_str_eq(text, pair);
	if (real_version(REAL_CPU) == 1)
		ck_assert_uint_eq(real_number(name, REAL_CPU, "cpu.cfs_period_us", NULL), period);
}

static void expect_no_quota(const struct cgtune_limits *limits)
{
	ck_assert_uint_eq(limits->cpu_quota_us, 0);
	ck_assert_uint_eq(limits->cpu_period_us, 0);
	ck_assert_str_eq(limits->cpu_from, "");
	ck_assert_uint_eq(limits->cpu_source, limits->cpus_source);
	ck_assert_uint_eq(limits->cpu_hierarchy, (unsigned)real_version(REAL_CPU));
}

/* The memory limit of the group: in its own file, or for a leaf below it of v1 in the leaf's memory.stat. */
static void expect_memory(const struct cgtune_limits *limits, const char *name, const char *leaf, uint64_t bytes)
{
	bool stat = real_version(REAL_MEMORY) == 1 && strcmp(name, leaf) != 0;

	ck_assert_uint_eq(limits->memory, bytes);
	ck_assert_uint_eq(real_number(name, REAL_MEMORY, real_memory_file(), NULL), bytes);
	expect_file(limits->memory_from, stat ? leaf : name, REAL_MEMORY, stat ? "memory.stat" : real_memory_file());
	ck_assert_uint_eq(limits->memory_hierarchy, (unsigned)real_version(REAL_MEMORY));
	ck_assert_uint_eq(limits->memory_source, CGTUNE_SOURCE_CGROUP);
}

static void expect_no_memory(const struct cgtune_limits *limits)
{
	ck_assert_uint_eq(limits->memory, CGTUNE_UNLIMITED);
	ck_assert_uint_eq(limits->memory_high, CGTUNE_UNLIMITED);
	ck_assert_str_eq(limits->memory_from, "");
	ck_assert_uint_eq(limits->memory_source, CGTUNE_SOURCE_HOST);
	ck_assert_uint_eq(limits->memory_hierarchy, (unsigned)real_version(REAL_MEMORY));
}

static unsigned at_most_cpus(unsigned threads)
{
	return threads < (unsigned)cpus ? threads : (unsigned)cpus;
}

static const struct {
	uint64_t quota, period;
	unsigned ceil, floor, nearest;
} quotas[] = {
	{ 50000, 100000, 1, 1, 1 }, { 150000, 100000, 2, 1, 2 }, { 200001, 100000, 3, 2, 2 },
	{ 100000, 100000, 1, 1, 1 }, { 100001, 100000, 2, 1, 1 }, { 149999, 100000, 2, 1, 1 },
	{ 1000, 100000, 1, 1, 1 }, { 1001, 1000, 2, 1, 1 }, { 1500000, 1000000, 2, 1, 2 },
	{ 33333, 11111, 3, 3, 3 }, { 10000, 7000, 2, 1, 1 }, { 6400000, 100000, 64, 64, 64 },
};
#define QUOTAS ((int)(sizeof(quotas) / sizeof(quotas[0])))

START_TEST(quota_alone)
{
	struct cgtune_limits limits;
	struct cgtune_plan plan;

	real_make("quota");
	real_quota("quota", (int64_t)quotas[_i].quota, (int64_t)quotas[_i].period);
	real_move("quota", 0);
	limits = limits_of(NULL);
	expect_quota(&limits, "quota", quotas[_i].quota, quotas[_i].period);
	expect_no_memory(&limits);
	ck_assert_uint_eq(plan_of(&limits, CGTUNE_ROUND_CEIL).threads, at_most_cpus(quotas[_i].ceil));
	ck_assert_uint_eq(plan_of(&limits, CGTUNE_ROUND_FLOOR).threads, at_most_cpus(quotas[_i].floor));
	ck_assert_uint_eq(plan_of(&limits, CGTUNE_ROUND_NEAREST).threads, at_most_cpus(quotas[_i].nearest));
	plan = plan_of(&limits, CGTUNE_ROUND_DEFAULT);
	ck_assert_uint_eq(plan.threads, at_most_cpus(quotas[_i].ceil));
	ck_assert_int_eq(plan.limited == CGTUNE_CPU, quotas[_i].quota < quotas[_i].period * (uint64_t)cpus);
	ck_assert_uint_eq(plan.memory, CGTUNE_UNLIMITED);
}
END_TEST

static const int64_t memories[] = { 16 * REAL_MIB, 64 * REAL_MIB, 100 * REAL_MIB + 4096, 100 * REAL_MIB + 4097 };

/* The kernel cuts a limit to whole pages. */
START_TEST(memory_alone)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bytes = (uint64_t)memories[_i] / page * page;
	struct cgtune_limits limits;
	struct cgtune_plan plan;

	real_make("memory");
	real_memory("memory", memories[_i]);
	real_move("memory", 0);
	limits = limits_of(NULL);
	expect_memory(&limits, "memory", "memory", bytes);
	expect_no_quota(&limits);
	ck_assert_uint_eq(limits.memory_high, CGTUNE_UNLIMITED);
	plan = plan_of(&limits, 0);
	ck_assert_uint_eq(plan.memory, bytes * 9 / 10);
	ck_assert_uint_eq(plan.memory_source, CGTUNE_SOURCE_CGROUP);
	ck_assert_uint_eq(plan.threads, (unsigned)cpus);
	ck_assert_uint_eq(plan.limited, CGTUNE_MEMORY);
}
END_TEST

START_TEST(both)
{
	struct cgtune_limits limits;
	struct cgtune_plan plan;

	real_make("both");
	real_quota("both", 75000, 50000);
	real_memory("both", 96 * REAL_MIB);
	real_move("both", 0);
	limits = limits_of(NULL);
	expect_quota(&limits, "both", 75000, 50000);
	expect_memory(&limits, "both", "both", 96 * REAL_MIB);
	plan = plan_of(&limits, 0);
	ck_assert_uint_eq(plan.threads, at_most_cpus(2));
	ck_assert_uint_eq(plan.limited, cpus > 1 ? CGTUNE_CPU | CGTUNE_MEMORY : CGTUNE_MEMORY);
}
END_TEST

START_TEST(no_limit)
{
	struct cgtune_limits limits;
	struct cgtune_plan plan;

	real_make("free/below");
	real_move("free/below", 0);
	limits = limits_of(NULL);
	expect_no_quota(&limits);
	expect_no_memory(&limits);
	ck_assert_uint_eq(limits.memory_physical / 4096 * 4096, limits.memory_physical);
	ck_assert_uint_eq(limits.cpus, (unsigned)cpus);
	plan = plan_of(&limits, 0);
	ck_assert_uint_eq(plan.threads, (unsigned)cpus);
	ck_assert_uint_eq(plan.memory, CGTUNE_UNLIMITED);
	ck_assert_uint_eq(plan.limited, 0);
	ck_assert_uint_eq(plan.tuned, 0);
}
END_TEST

/* Put a limit at each level of a path: loose above the tightest, and below it where the kernel takes one
 * that is looser than the parent's (v1 refuses such quotas). */
static void limit_levels(char levels[][64], int depth, int tightest)
{
	for (int i = 0; i < depth; i++) {
		bool below = i > tightest;

		if (i != tightest && below && real_version(REAL_CPU) == 1)
			real_quota(levels[i], REAL_NONE, 0);
		else
			real_quota(levels[i], i == tightest ? 120000 : below ? 300000 + i : 400000 - i, 100000);
		real_memory(levels[i], (i == tightest ? 64 : below ? 80 + i : 128 - i) * REAL_MIB);
	}
}

static void free_levels(char levels[][64], int depth)
{
	for (int i = depth; i-- > 0;) {		/* v1 takes a quota away from below */
		real_quota(levels[i], REAL_NONE, 0);
		real_memory(levels[i], REAL_NONE);
	}
}

/* Of depth levels each in turn is the tightest. */
START_TEST(nested)
{
	int depth = _i;
	char levels[DEEPEST][64] = { "" };
	struct cgtune_limits limits;

	for (int i = 0; i < depth; i++)
		snprintf(levels[i], sizeof(levels[i]), "%s%sd%d", i ? levels[i - 1] : "", i ? "/" : "", depth);
	real_make(levels[depth - 1]);
	real_move(levels[depth - 1], 0);
	for (int tightest = 0; tightest < depth; tightest++) {
		limit_levels(levels, depth, tightest);
		limits = limits_of(NULL);
		expect_quota(&limits, levels[tightest], 120000, 100000);
		expect_memory(&limits, levels[tightest], levels[depth - 1], 64 * REAL_MIB);
		ck_assert_uint_eq(plan_of(&limits, 0).threads, at_most_cpus(2));
		free_levels(levels, depth);
	}
	limits = limits_of(NULL);
	expect_no_quota(&limits);
	expect_no_memory(&limits);
}
END_TEST

/* Numbers say nothing without their periods: 1/3 is below 333334/1000000, and above 333333/1000000. */
START_TEST(fractions)
{
	struct cgtune_limits limits;

	real_make("thirds/leaf");
	real_move("thirds/leaf", 0);
	real_quota("thirds", 40000, 50000);
	real_quota("thirds/leaf", 60000, 100000);
	limits = limits_of(NULL);
	expect_quota(&limits, "thirds/leaf", 60000, 100000);
	real_quota("thirds/leaf", 1000, 3000);
	real_quota("thirds", 333334, 1000000);
	limits = limits_of(NULL);
	expect_quota(&limits, "thirds/leaf", 1000, 3000);
}
END_TEST

START_TEST(fractions_above)
{
	struct cgtune_limits limits;

	if (real_version(REAL_CPU) == 1) {
		suite_skip_test("cpu is on v1, which refuses less than a child has");
		return;
	}
	real_make("thirds/leaf");
	real_move("thirds/leaf", 0);
	real_quota("thirds/leaf", 1000, 3000);
	real_quota("thirds", 333333, 1000000);
	limits = limits_of(NULL);
	expect_quota(&limits, "thirds", 333333, 1000000);
}
END_TEST

/* v1: the kernel's own minimum stands in the leaf, whoever has the limit. */
START_TEST(hierarchical)
{
	struct cgtune_limits limits;

	if (real_version(REAL_MEMORY) != 1) {
		suite_skip_test("memory is on v2");
		return;
	}
	real_make("h/middle/leaf");
	real_memory("h", 48 * REAL_MIB);
	real_move("h/middle/leaf", 0);
	limits = limits_of(NULL);
	ck_assert_uint_eq(limits.memory, 48 * REAL_MIB);
	ck_assert_uint_eq(real_number("h/middle/leaf", REAL_MEMORY, "memory.stat", "hierarchical_memory_limit"),
			  48 * REAL_MIB);
	expect_file(limits.memory_from, "h/middle/leaf", REAL_MEMORY, "memory.stat");
}
END_TEST

START_TEST(high)
{
	struct cgtune_limits limits;

	if (real_version(REAL_MEMORY) != 2) {
		suite_skip_test("memory is on v1");
		return;
	}
	real_make("high/leaf");
	real_set("high", REAL_MEMORY, "memory.high", "50331648");
	real_move("high/leaf", 0);
	limits = limits_of(NULL);
	ck_assert_uint_eq(limits.memory, CGTUNE_UNLIMITED);
	ck_assert_uint_eq(limits.memory_high, 50331648);
	expect_file(limits.memory_from, "high", REAL_MEMORY, "memory.high");
	ck_assert_uint_eq(limits.memory_source, CGTUNE_SOURCE_CGROUP);
	ck_assert_uint_eq(plan_of(&limits, 0).memory, 50331648);
	ck_assert_uint_eq(plan_of(&limits, 0).limited, CGTUNE_MEMORY);

	real_memory("high/leaf", 64 * REAL_MIB);
	limits = limits_of(NULL);
	expect_memory(&limits, "high/leaf", "high/leaf", 64 * REAL_MIB);
	ck_assert_uint_eq(limits.memory_high, 50331648);
	ck_assert_uint_eq(plan_of(&limits, 0).memory, 50331648);
	real_set("high", REAL_MEMORY, "memory.high", "max");
	limits = limits_of(NULL);
	ck_assert_uint_eq(limits.memory_high, CGTUNE_UNLIMITED);
	ck_assert_uint_eq(plan_of(&limits, 0).memory, 64 * REAL_MIB * 9 / 10);
}
END_TEST

/* v1 with RT_GROUP_SCHED gives a group no real-time bandwidth before it is asked to. */
static void allow_realtime(const char *name)
{
	if (real_version(REAL_CPU) != 1)
		return;
	real_try_set("", REAL_CPU, "cpu.rt_runtime_us", "20000");
	real_try_set(name, REAL_CPU, "cpu.rt_runtime_us", "20000");
}

START_TEST(realtime)
{
	struct sched_param param = { .sched_priority = 1 };
	struct cgtune_limits limits;
	struct cgtune_plan plan;

	real_make("fifo");
	real_quota("fifo", 50000, 100000);
	allow_realtime("fifo");
	real_move("fifo", 0);
	limits = limits_of(NULL);
	ck_assert_uint_eq(plan_of(&limits, 0).threads, 1);
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0) {
		suite_skip_test("SCHED_FIFO in a cgroup: %s", strerror(errno));
		return;
	}
	limits = limits_of(NULL);
	expect_quota(&limits, "fifo", 50000, 100000);
	ck_assert_uint_eq(limits.scheduler, SCHED_FIFO);
	plan = plan_of(&limits, 0);
	ck_assert_uint_eq(plan.threads, (unsigned)cpus);
	ck_assert_uint_eq(plan.limited & CGTUNE_CPU, 0);
}
END_TEST

static void pin_to_one(pid_t pid)
{
	cpu_set_t all, one;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	ck_assert_int_eq(sched_setaffinity(pid, sizeof(one), &one), 0);
}

START_TEST(affinity)
{
	struct cgtune_limits limits;
	struct cgtune_plan plan;

	if (cpus < 2) {
		suite_skip_test("one CPU only");
		return;
	}
	real_make("mask");
	real_move("mask", 0);
	pin_to_one(0);
	limits = limits_of(NULL);
	expect_no_quota(&limits);
	ck_assert_uint_eq(limits.cpus, 1);
	ck_assert_uint_eq(limits.cpus_source, CGTUNE_SOURCE_AFFINITY);
	plan = plan_of(&limits, 0);
	ck_assert_uint_eq(plan.threads, 1);
	ck_assert_uint_eq(plan.threads_source, CGTUNE_SOURCE_AFFINITY);
	ck_assert_uint_eq(plan.limited, 0);

	real_quota("mask", 150000, 100000);	/* more than the mask allows */
	limits = limits_of(NULL);
	expect_quota(&limits, "mask", 150000, 100000);
	plan = plan_of(&limits, 0);
	ck_assert_uint_eq(plan.threads, 1);
	ck_assert_uint_eq(plan.threads_source, CGTUNE_SOURCE_AFFINITY);
	ck_assert_uint_eq(plan.limited, 0);
}
END_TEST

START_TEST(cpuset)
{
	char text[256], path[REAL_PATH_SIZE];
	struct cgtune_options options = plain();
	struct cgtune_limits limits;

	if (!real_version(REAL_CPUSET) || cpus < 2) {
		suite_skip_test("no controller of cpusets, or one CPU only");
		return;
	}
	real_make("set");
	real_set("set", REAL_CPUSET, "cpuset.cpus", "0-1");
	real_make("set/leaf");				/* which may begin with those of its parent */
	real_set("set/leaf", REAL_CPUSET, "cpuset.cpus", "1");
	real_move("set/leaf", 0);
	limits = limits_of(NULL);
	ck_assert_uint_eq(limits.cpus, 1);
	ck_assert_uint_eq(limits.cpus_source, CGTUNE_SOURCE_AFFINITY);
	ck_assert(real_text("set/leaf", REAL_CPUSET, "cpuset.cpus", text, sizeof(text)));
	ck_assert_str_eq(text, "1");
	options.cgroup = real_cgroup("set/leaf", path);
	ck_assert_uint_eq(limits_of(&options).cpus, 1);
	options.cgroup = real_cgroup("set", path);
	ck_assert_uint_eq(limits_of(&options).cpus, 2);
}
END_TEST

/* Another process's group, and one that is named, while this one is in none. */
START_TEST(others)
{
	char path[REAL_PATH_SIZE];
	struct cgtune_options by_pid = plain(), by_name = plain();
	struct cgtune_limits limits = { .size = sizeof(limits) };
	pid_t pid;

	real_make("other/leaf");
	real_make("mine");
	real_move("mine", 0);
	real_quota("mine", 300000, 100000);
	real_quota("other/leaf", 60000, 100000);
	real_memory("other", 32 * REAL_MIB);
	pid = check_fork();
	if (pid == 0)
		for (;;)
			pause();
	real_move("other/leaf", pid);
	by_pid.pid = pid;
	limits = limits_of(&by_pid);
	expect_quota(&limits, "other/leaf", 60000, 100000);
	expect_memory(&limits, "other", "other/leaf", 32 * REAL_MIB);
	if (cpus > 1) {
		pin_to_one(pid);
		ck_assert_uint_eq(limits_of(&by_pid).cpus, 1);
	}
	by_name.cgroup = real_cgroup("other/leaf", path);
	limits = limits_of(&by_name);
	expect_quota(&limits, "other/leaf", 60000, 100000);
	expect_memory(&limits, "other", "other/leaf", 32 * REAL_MIB);
	limits = limits_of(NULL);
	expect_quota(&limits, "mine", 300000, 100000);
	expect_no_memory(&limits);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(cgtune_read(&by_pid, &limits), -ESRCH);
	real_remove("other/leaf");
	ck_assert_int_eq(cgtune_read(&by_name, &limits), -ENOENT);
}
END_TEST

/* The warnings, and the file of the last. */
struct warned {
	unsigned count;
	char file[CGTUNE_PATH_SIZE];
};

static void count_warning(const struct cgtune_report *report, void *user)
{
	struct warned *warned = user;

	if (report->kind != CGTUNE_REPORT_WARNING)
		return;
	warned->count++;
	snprintf(warned->file, sizeof(warned->file), "%s", report->file ? report->file : "");
}

/* A group that is named, of which one hierarchy has none. */
START_TEST(one_hierarchy)
{
	char path[REAL_PATH_SIZE], cpu[REAL_PATH_SIZE], memory[REAL_PATH_SIZE];
	struct cgtune_options by_name = plain();
	struct cgtune_limits limits;
	struct warned warned = { 0 };

	if (strcmp(real_path("half", REAL_CPU, ".", cpu), real_path("half", REAL_MEMORY, ".", memory)) == 0) {
		suite_skip_test("one hierarchy has both controllers");
		return;
	}
	real_make("half");
	real_quota("half", 60000, 100000);
	by_name.cgroup = real_cgroup("half", path);
	by_name.report = count_warning;
	by_name.report_user = &warned;
	limits_of(&by_name);
	ck_assert_uint_eq(warned.count, 0);
	ck_assert_int_eq(rmdir(real_path("half", REAL_MEMORY, "", memory)), 0);
	limits = limits_of(&by_name);
	expect_quota(&limits, "half", 60000, 100000);
	ck_assert_uint_eq(limits.memory, CGTUNE_UNLIMITED);
	ck_assert_uint_eq(limits.memory_hierarchy, 0);
	ck_assert_uint_eq(warned.count, 1);
	ck_assert_str_eq(warned.file + strlen(warned.file) - strlen(path), path);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-limits");
	TCase *tcase = tcase_create("read");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_loop_test(tcase, quota_alone, 0, QUOTAS);
	tcase_add_loop_test(tcase, memory_alone, 0, (int)(sizeof(memories) / sizeof(memories[0])));
	tcase_add_test(tcase, both);
	tcase_add_test(tcase, no_limit);
	tcase_add_loop_test(tcase, nested, 1, DEEPEST + 1);
	tcase_add_test(tcase, fractions);
	tcase_add_test(tcase, fractions_above);
	tcase_add_test(tcase, hierarchical);
	tcase_add_test(tcase, high);
	tcase_add_test(tcase, realtime);
	tcase_add_test(tcase, affinity);
	tcase_add_test(tcase, cpuset);
	tcase_add_test(tcase, others);
	tcase_add_test(tcase, one_hierarchy);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = real_begin();
	cpu_set_t mask;

	if (why)
		return suite_skip(why);
	sched_getaffinity(0, sizeof(mask), &mask);
	cpus = CPU_COUNT(&mask);
	return suite_run(suite());
}
