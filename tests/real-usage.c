/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-usage - what cgtune says that a cgroup uses, has left and waits for, against the kernel's own files */
#include "real.h"
#include "suite.h"

#include <cgtune.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 180				/* of a test: a VM without KVM is slow */
#define MILLISECOND_NS UINT64_C(1000000)

static struct cgtune_options plain(void)
{
	return (struct cgtune_options){ .size = sizeof(struct cgtune_options), .flags = CGTUNE_NO_ENV | CGTUNE_NO_PROBE };
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void burn(unsigned milliseconds)
{
	uint64_t end = now_ms() + milliseconds;

	while (now_ms() < end)
		;
}

/* The kernel's numbers of a group: of v2 in microseconds. */
static struct cgtune_throttle throttle_files(const char *name)
{
	bool v1 = real_version(REAL_CPU) == 1;
	uint64_t unit = v1 ? 1 : 1000, local;
	const char *time = v1 ? "throttled_time" : "throttled_usec";
	struct cgtune_throttle t = {
		.size = sizeof(t), .throttles = CGTUNE_UNKNOWN, .episodes = CGTUNE_UNKNOWN, .wall_ns = CGTUNE_UNKNOWN,
		.max_ns = CGTUNE_UNKNOWN, .since_ns = CGTUNE_UNKNOWN, .updated_ns = CGTUNE_UNKNOWN,
		.periods = real_number(name, REAL_CPU, "cpu.stat", "nr_periods"),
		.throttled = real_number(name, REAL_CPU, "cpu.stat", "nr_throttled"),
		.throttled_ns = real_number(name, REAL_CPU, "cpu.stat", time) * unit,
	};

	local = real_number(name, REAL_CPU, "cpu.stat.local", time);	/* Linux 6.6 */
	t.local_ns = local == UINT64_MAX ? CGTUNE_UNKNOWN : local * unit;
	return t;
}

static struct cgtune_throttle throttle_of(const struct cgtune_options *options)
{
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };

	ck_assert_int_eq(cgtune_throttle_read(options, &throttle), 0);
	return throttle;
}

static void expect_between(uint64_t least, uint64_t value, uint64_t most)
{
	ck_assert_uint_le(least, value);
	ck_assert_uint_le(value, most);
}

/* Until the group of that quota was stopped: others may use the CPUs, too. */
static void burn_until_throttled(const char *name)
{
	uint64_t end = now_ms() + 60000;

	do
		burn(1000);
	while (real_number(name, REAL_CPU, "cpu.stat", "nr_throttled") < 3 && now_ms() < end);
}

/* In a process that ends: the numbers of its group are still then. */
static void burn_in(const char *name, const char *limited)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		real_move(name, 0);
		burn_until_throttled(limited);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(throttled)
{
	char path[REAL_PATH_SIZE];
	struct cgtune_options options = plain();
	struct cgtune_throttle before, got, after;

	real_make("slow/leaf");
	real_quota("slow", 20000, 100000);
	burn_in("slow/leaf", "slow");
	options.cgroup = real_cgroup("slow/leaf", path);
	do {
		before = throttle_files("slow");
		got = throttle_of(&options);
		after = throttle_files("slow");
		got.local_ns = before.local_ns;		/* of the leaf; below */
	} while (memcmp(&before, &after, sizeof(before)) != 0);
	ck_assert_mem_eq(&got, &before, sizeof(got));
	expect_between(2, got.throttled, got.periods);
	expect_between(MILLISECOND_NS, got.throttled_ns, 120000 * MILLISECOND_NS * (unsigned)sysconf(_SC_NPROCESSORS_ONLN));

	before = throttle_files("slow/leaf");
	got = throttle_of(&options);
	expect_between(before.local_ns, got.local_ns, throttle_files("slow/leaf").local_ns);
	options.cgroup = real_cgroup("slow", path);
	ck_assert_uint_eq(throttle_of(&options).throttled, got.throttled);
}
END_TEST

/* The same from within, while they change. */
START_TEST(throttled_inside)
{
	struct cgtune_options options = plain();
	struct cgtune_throttle before, got, after;

	real_make("self");
	real_quota("self", 20000, 100000);
	real_move("self", 0);
	burn_until_throttled("self");
	for (int i = 0; i < 5; i++) {
		before = throttle_files("self");
		got = throttle_of(&options);
		after = throttle_files("self");
		expect_between(before.periods, got.periods, after.periods);
		expect_between(before.throttled, got.throttled, after.throttled);
		expect_between(before.throttled_ns, got.throttled_ns, after.throttled_ns);
		expect_between(before.local_ns, got.local_ns, after.local_ns);
	}
	ck_assert_uint_ge(got.throttled, 1);
}
END_TEST

START_TEST(never_throttled)
{
	struct cgtune_options options = plain();
	struct cgtune_throttle got;

	real_make("fast");
	real_move("fast", 0);
	burn(300);
	got = throttle_of(&options);
	ck_assert_uint_eq(got.throttled, 0);
	ck_assert_uint_eq(got.throttled_ns, 0);
}
END_TEST

/* The kernel's figures of a group; v1 has CPU time in a hierarchy that the helper does not touch. */
static struct cgtune_usage usage_files(const char *name)
{
	bool v1 = real_version(REAL_MEMORY) == 1;
	struct cgtune_usage usage = {
		.size = sizeof(usage),
		.memory = real_number(name, REAL_MEMORY, v1 ? "memory.usage_in_bytes" : "memory.current", NULL),
		.memory_inactive_file = real_number(name, REAL_MEMORY, "memory.stat",
						    v1 ? "total_inactive_file" : "inactive_file"),
		.cpu_ns = CGTUNE_UNKNOWN,
	};

	if (real_version(REAL_CPU) == 2)
		usage.cpu_ns = real_number(name, REAL_CPU, "cpu.stat", "usage_usec") * 1000;
	return usage;
}

static struct cgtune_usage usage_of(const struct cgtune_options *options)
{
	struct cgtune_usage usage = { .size = sizeof(usage) };

	ck_assert_int_eq(cgtune_usage_read(options, &usage), 0);
	return usage;
}

static void touch(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	memset(memory, 1, bytes);
}

/* A process that touches memory, burns CPU time, and waits to be killed. */
static pid_t use_in(const char *name, size_t bytes)
{
	int done[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(done), 0);
	pid = check_fork();
	if (pid == 0) {
		real_move(name, 0);
		touch(bytes);
		burn(200);
		ck_assert_int_eq(write(done[1], "", 1), 1);
		for (;;)
			pause();
	}
	close(done[1]);
	ck_assert_int_eq(read(done[0], &byte, 1), 1);
	close(done[0]);
	return pid;
}

START_TEST(usage)
{
	char path[REAL_PATH_SIZE];
	struct cgtune_options options = plain();
	struct cgtune_usage before, got, after;
	pid_t pid;

	real_make("usage");
	pid = use_in("usage", 50 * REAL_MIB);
	options.cgroup = real_cgroup("usage", path);
	do {
		before = usage_files("usage");
		got = usage_of(&options);
		after = usage_files("usage");
	} while (memcmp(&before, &after, sizeof(before)) != 0);
	expect_between(50 * REAL_MIB, got.memory, 80 * REAL_MIB);
	ck_assert_uint_eq(got.memory, before.memory);
	ck_assert_uint_eq(got.memory_inactive_file, before.memory_inactive_file);
	if (real_version(REAL_CPU) == 2) {
		ck_assert_uint_eq(got.cpu_ns, before.cpu_ns);
		expect_between(MILLISECOND_NS, got.cpu_ns, 60000 * MILLISECOND_NS);
	}
	kill(pid, SIGKILL);
}
END_TEST

static uint64_t available_of(const struct cgtune_options *options)
{
	uint64_t available = 0;

	ck_assert_int_eq(cgtune_memory_available_of(options, &available), 0);
	return available;
}

/* Of two levels the one with less left decides, although its limit is the larger. */
START_TEST(available)
{
	const uint64_t tolerance = 8 * REAL_MIB;
	char leaf[REAL_PATH_SIZE];
	struct cgtune_options own = plain(), options = plain();
	struct cgtune_usage used;
	uint64_t first, second;
	pid_t pid;

	real_make("left/other");
	real_make("left/leaf");
	real_memory("left", 160 * REAL_MIB);
	real_memory("left/leaf", 120 * REAL_MIB);
	real_move("left/leaf", 0);
	first = available_of(&own);
	expect_between(120 * REAL_MIB - tolerance, first, 120 * REAL_MIB);
	touch(50 * REAL_MIB);
	second = available_of(&own);
	expect_between(50 * REAL_MIB - tolerance, first - second, 50 * REAL_MIB + tolerance);
	ck_assert_int_eq(cgtune_memory_available(&second), 0);
	used = usage_files("left/leaf");
	expect_between(120 * REAL_MIB - tolerance, second + (used.memory - used.memory_inactive_file),
		       120 * REAL_MIB + tolerance);

	pid = use_in("left/other", 80 * REAL_MIB);
	second = available_of(&own);
	expect_between(160 * REAL_MIB - 130 * REAL_MIB - tolerance, second, 30 * REAL_MIB + tolerance);
	options.cgroup = real_cgroup("left/leaf", leaf);
	expect_between(second > tolerance ? second - tolerance : 0, available_of(&options), second + tolerance);
	options.cgroup = real_cgroup("", leaf);
	ck_assert_uint_eq(available_of(&options), CGTUNE_UNLIMITED);
	kill(pid, SIGKILL);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-usage");
	TCase *tcase = tcase_create("usage");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_test(tcase, throttled);
	tcase_add_test(tcase, throttled_inside);
	tcase_add_test(tcase, never_throttled);
	tcase_add_test(tcase, usage);
	tcase_add_test(tcase, available);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = real_begin();

	return why ? suite_skip(why) : suite_run(suite());
}
