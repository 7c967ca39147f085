/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-told - who is told of live changes, and at what cost
 *
 * Callbacks, the watcher thread, forked children, many threads; descriptors, memory, page faults.
 */
#include "follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the callback was given. */
static struct {
	struct cgtune_change change;
	uint64_t at_ms;
	pthread_t thread;
} told[64];
static _Atomic int told_count;

static void tell(const struct cgtune_change *change, void *user)
{
	int n = told_count;

	ck_assert_ptr_eq(user, &told_count);
	ck_assert_int_lt(n, 64);
	told[n].change = *change;
	told[n].at_ms = follow_now_ms();
	told[n].thread = pthread_self();
	told_count = n + 1;
}

static void expect_told(int i, uint32_t resource, uint64_t old_limit, uint64_t old_value,
			uint64_t new_limit, uint64_t new_value)
{
	const struct cgtune_change *change = &told[i].change;

	ck_assert_int_lt(i, told_count);
	ck_assert_uint_eq(change->size, sizeof(*change));
	ck_assert_uint_eq(change->resource, resource);
	ck_assert_uint_eq(change->old_limit, old_limit);
	ck_assert_uint_eq(change->new_limit, new_limit);
	ck_assert_uint_eq(change->old_value, old_value);
	ck_assert_uint_eq(change->new_value, new_value);
}

START_TEST(callbacks)
{
	int fd = follow("b");

	cgtune_on_change(tell, &told_count);
	real_quota("b", 33333, 100000);
	follow_expect(fd, CGTUNE_CPU);
	ck_assert_int_eq(told_count, 1);
	expect_told(0, CGTUNE_CPU, CGTUNE_UNLIMITED, (unsigned)follow_cpus, 334, 1);
	real_memory("b", 64 * REAL_MIB);	/* the other resource has a second of its own */
	follow_expect(fd, CGTUNE_MEMORY);
	ck_assert_int_eq(told_count, 2);
	expect_told(1, CGTUNE_MEMORY, CGTUNE_UNLIMITED, CGTUNE_UNLIMITED, 64 * REAL_MIB, FOLLOW_BUDGET(64 * REAL_MIB));
	cgtune_on_change(NULL, NULL);
	real_quota("b", 60000, 0);
	follow_expect(fd, CGTUNE_CPU);
	ck_assert_int_eq(told_count, 2);
}
END_TEST

/* Dispatch what comes until then. */
static void dispatch_until(int fd, uint64_t end)
{
	while (follow_now_ms() < end)
		if (follow_is_readable(fd, (int)(end - follow_now_ms())))
			ck_assert_int_ge(cgtune_dispatch(), 0);
}

/* 20 changes in half a second: one callback at once, and one with the last value when the second is over. */
START_TEST(callbacks_are_joined)
{
	int fd = follow("j"), n;
	uint64_t start, spent;

	real_quota("j", 50000, 100000);
	follow_expect(fd, CGTUNE_CPU);
	usleep(1100000);			/* which was told to nobody */
	cgtune_on_change(tell, &told_count);
	start = follow_now_ms();
	for (int i = 1; i <= 20; i++) {
		real_quota("j", 50000 + i * 1000, 0);
		dispatch_until(fd, start + (uint64_t)i * 25);
	}
	spent = follow_now_ms() - start;
	dispatch_until(fd, follow_now_ms() + 200 + (uint64_t)follow_soon_ms);
	n = told_count;
	printf("# %d callbacks for 20 changes in %d ms\n", n, (int)(told[n - 1].at_ms - start));
	ck_assert_int_ge(n, 2);
	if (spent < 900)			/* as it is, but on a machine that is very busy */
		ck_assert_int_eq(n, 2);
	ck_assert_uint_eq(told[0].change.old_limit, 500);
	for (int i = 1; i < n; i++) {
		ck_assert_uint_ge(told[i].at_ms - told[i - 1].at_ms, 998);
		ck_assert_uint_eq(told[i].change.old_limit, told[i - 1].change.new_limit);
	}
	ck_assert_uint_eq(told[n - 1].change.new_limit, 700);
	ck_assert(!follow_is_readable(fd, 0));
}
END_TEST

/* A change that nobody was told of does not keep the next one back. */
START_TEST(callback_set_late)
{
	int fd = follow("late");

	real_quota("late", 50000, 100000);
	follow_expect(fd, CGTUNE_CPU);
	cgtune_on_change(tell, &told_count);
	real_quota("late", 60000, 0);
	follow_expect(fd, CGTUNE_CPU);
	ck_assert_int_eq(told_count, 1);
	expect_told(0, CGTUNE_CPU, 500, 1, 600, 1);
}
END_TEST

static bool one_thread(void)
{
	return cgtune_threads() == 1;
}

static bool all_threads(void)
{
	return cgtune_threads() == (unsigned)follow_cpus;
}

static _Atomic int stop_result;

static void stop_from_within(const struct cgtune_change *change, void *user)
{
	(void)change;
	(void)user;
	stop_result = cgtune_watch_stop();
}

static bool stop_was_tried(void)
{
	return stop_result != 0;
}

static int task_count(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = -2;				/* "." and ".." */

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* A thread that was joined is in /proc for a moment more. */
static bool is_alone(void)
{
	return task_count() == 1;
}

START_TEST(watcher)
{
	follow("v");
	ck_assert_int_eq(cgtune_watch_stop(), 0);
	ck_assert_int_eq(cgtune_watch_start(), 0);
	ck_assert_int_eq(cgtune_watch_start(), 0);
	ck_assert_int_eq(task_count(), 2);
	cgtune_on_change(tell, &told_count);
	real_quota("v", 50000, 100000);
	ck_assert(follow_eventually(one_thread) || follow_cpus == 1);
	ck_assert_int_eq(cgtune_watch_stop(), 0);
	ck_assert_int_eq(cgtune_watch_stop(), 0);
	ck_assert(follow_eventually(is_alone));
	ck_assert_int_eq(told_count, 1);
	ck_assert(!pthread_equal(told[0].thread, pthread_self()));
	expect_told(0, CGTUNE_CPU, CGTUNE_UNLIMITED, (unsigned)follow_cpus, 500, 1);

	real_quota("v", REAL_NONE, 0);		/* nobody follows */
	usleep(200000);
	ck_assert_uint_eq(cgtune_threads(), 1);
	ck_assert_int_eq(cgtune_watch_start(), 0);
	ck_assert(follow_eventually(all_threads));

	cgtune_on_change(stop_from_within, NULL);
	real_memory("v", 64 * REAL_MIB);
	ck_assert(follow_eventually(stop_was_tried));
	ck_assert_int_eq(stop_result, -EDEADLK);
	real_quota("v", 50000, 0);		/* so it still runs */
	ck_assert(follow_eventually(one_thread));
	ck_assert_int_eq(cgtune_watch_stop(), 0);
	ck_assert(follow_eventually(is_alone));
}
END_TEST

START_TEST(watcher_again_and_again)
{
	int before;

	follow("r");
	ck_assert_int_eq(cgtune_watch_start(), 0);
	ck_assert_int_eq(cgtune_watch_stop(), 0);
	before = follow_descriptors();
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(cgtune_watch_start(), 0);
		ck_assert_int_eq(cgtune_watch_stop(), 0);
	}
	ck_assert_int_eq(follow_descriptors(), before);
	ck_assert(follow_eventually(is_alone));
}
END_TEST

/* In a forked child that was moved: its own values, descriptor and watcher; the parent's go on. */
static void follow_in_child(int inherited)
{
	int fd;

	real_move("k/child", 0);
	follow_expect_values(1, 64 * REAL_MIB);
	cgtune_set_interval(0);
	fd = cgtune_fd();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ne(fd, inherited);
	ck_assert(!follow_is_readable(fd, 0));
	real_memory("k/child", 32 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(1, 32 * REAL_MIB);
	ck_assert_int_eq(task_count(), 1);
	ck_assert_int_eq(cgtune_watch_start(), 0);
	ck_assert_int_eq(task_count(), 2);
	real_quota("k/child", REAL_NONE, 0);
	ck_assert(follow_eventually(all_threads));
	ck_assert_int_eq(cgtune_watch_stop(), 0);
}

START_TEST(forked)
{
	int fd = follow("k/parent"), status;
	pid_t pid;

	real_make("k/child");
	real_quota("k/child", 50000, 100000);
	real_memory("k/child", 64 * REAL_MIB);
	ck_assert_int_eq(cgtune_watch_start(), 0);
	pid = check_fork();
	if (pid == 0) {
		follow_in_child(fd);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(cgtune_watch_stop(), 0);
	follow_expect_values(UINT16_MAX, REAL_NONE);
	ck_assert_int_eq(cgtune_fd(), fd);
	ck_assert(!follow_is_readable(fd, 0));
	real_memory("k/parent", 48 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(UINT16_MAX, 48 * REAL_MIB);
}
END_TEST

static void do_everything(void)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	struct cgtune_usage usage = { .size = sizeof(usage) };
	uint64_t available;

	ck_assert_int_ge(cgtune_init(), 0);
	ck_assert_int_ge(cgtune_fd(), 0);
	ck_assert_int_ge(cgtune_dispatch(), 0);
	ck_assert_int_eq(cgtune_read(&follow_options, &limits), 0);
	ck_assert_int_eq(cgtune_usage_read(&follow_options, &usage), 0);
	ck_assert_int_eq(cgtune_throttle_read(&follow_options, &throttle), 0);
	ck_assert_int_eq(cgtune_memory_available(&available), 0);
}

START_TEST(no_descriptor_leaks)
{
	int before;

	follow("l/a");
	real_make("l/b");
	do_everything();
	before = follow_descriptors();
	for (int i = 0; i < follow_reads / 20; i++)
		do_everything();
	ck_assert_int_eq(follow_descriptors(), before);
	for (int i = 0; i < 50; i++) {
		real_move(i % 2 ? "l/a" : "l/b", 0);
		ck_assert_int_eq(cgtune_dispatch(), CGTUNE_MOVED);
	}
	ck_assert_int_eq(follow_descriptors(), before);
}
END_TEST

/* A way to write a value that allocates nothing and is fast. */
static int open_value(const char *name, enum real_controller controller, const char *file)
{
	char path[REAL_PATH_SIZE];
	int fd = open(real_path(name, controller, file, path), O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void write_value(int fd, const char *value)
{
	ck_assert_int_eq(pwrite(fd, value, strlen(value), 0), (ssize_t)strlen(value));
}

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Of 1000 dispatches, each of which finds both limits changed; the kernel may take away a page meanwhile. */
START_TEST(no_allocation_no_fault)
{
	int quota, memory;
	long faults = 0, before;
	struct mallinfo2 first = { 0 }, last;

	follow("z/leaf");
	quota = open_value("z/leaf", REAL_CPU, real_quota_file());
	memory = open_value("z/leaf", REAL_MEMORY, real_memory_file());
	for (int i = 0; i < 1010; i++) {
		if (i == 10) {				/* by then all pages were touched */
			first = mallinfo2();
			faults = 0;
		}
		write_value(quota, i % 2 ? "150000" : "250000");
		write_value(memory, i % 2 ? "67108864" : "50331648");
		before = minor_faults();
		ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU | CGTUNE_MEMORY);
		faults += minor_faults() - before;
	}
	last = mallinfo2();
	ck_assert_uint_eq(last.uordblks, first.uordblks);
	ck_assert_uint_eq(last.hblkhd, first.hblkhd);
	ck_assert_uint_eq(last.arena, first.arena);
	printf("# %ld minor faults in 1000 dispatches\n", faults);
	ck_assert_int_lt(faults, 10);
	close(quota);
	close(memory);
}
END_TEST

/* Two settings of both limits, in turn, until killed. */
static pid_t start_flipping(const char *name, const char *const quotas[2], const char *const memories[2])
{
	pid_t pid = check_fork();
	int quota, memory;

	if (pid != 0)
		return pid;
	quota = open_value(name, REAL_CPU, real_quota_file());
	memory = open_value(name, REAL_MEMORY, real_memory_file());
	for (int i = 0;; i = !i) {
		write_value(quota, quotas[i]);
		write_value(memory, memories[i]);
	}
}

static const char *const memories[2] = { "67108864", "1006632960" };
static _Atomic bool over;

static void *use(void *wrong)
{
	while (!over) {
		unsigned threads = cgtune_threads();
		uint64_t budget = cgtune_memory();
		int r = cgtune_dispatch();

		if ((threads != 1 && threads != follow_at_most_cpus(2)) || r < 0 || r > 3 ||
		    (budget != FOLLOW_BUDGET(67108864) && budget != FOLLOW_BUDGET(1006632960)))
			atomic_fetch_add((_Atomic int *)wrong, 1);
	}
	return NULL;
}

START_TEST(many_threads)
{
	static const char *const quotas[2] = { "95000", "190000" };
	pthread_t threads[4];
	_Atomic int wrong = 0;
	pid_t pid;

	real_make("y/leaf");
	real_quota("y", 95000, 0);
	real_memory("y", 67108864);
	follow("y/leaf");
	pid = start_flipping("y", quotas, memories);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use, &wrong), 0);
	sleep(2);
	over = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(wrong, 0);
	ck_assert_int_ge(cgtune_dispatch(), 0);
	ck_assert_uint_eq(cgtune_threads(), real_number("y", REAL_CPU, real_quota_file(), NULL) == 95000 ?
			  1 : follow_at_most_cpus(2));
	ck_assert_uint_eq(cgtune_memory(), FOLLOW_BUDGET(real_number("y", REAL_MEMORY, real_memory_file(), NULL)));
}
END_TEST

static void expect_whole(const struct cgtune_limits *limits, bool v1)
{
	bool first = limits->cpu_quota_us == 350000 && limits->cpu_period_us == 100000;
	bool second = limits->cpu_quota_us == 450000 && limits->cpu_period_us == (v1 ? 100000 : 90000);

	ck_assert_msg(first || second, "quota %d %d", (int)limits->cpu_quota_us, (int)limits->cpu_period_us);
	ck_assert_msg(limits->memory == 67108864 || limits->memory == 1006632960,
		      "memory %lld", (long long)limits->memory);
}

/* v1 has the period in a file of its own, which no reader can read at once with the quota: it stays. */
START_TEST(never_torn)
{
	static const char *const v1[2] = { "350000", "450000" }, *const v2[2] = { "350000 100000", "450000 90000" };
	struct cgtune_limits limits = { .size = sizeof(limits) };
	bool is_v1 = real_version(REAL_CPU) == 1;
	int seen[2] = { 0, 0 };
	pid_t pid;

	real_make("q/leaf");
	real_quota("q", 350000, 100000);
	real_memory("q", 67108864);
	real_move("q/leaf", 0);
	pid = start_flipping("q", is_v1 ? v1 : v2, memories);
	for (int i = 0; i < follow_reads; i++) {
		ck_assert_int_eq(cgtune_read(&follow_options, &limits), 0);
		expect_whole(&limits, is_v1);
		seen[limits.cpu_quota_us == 350000]++;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("# %d and %d of the two settings in %d reads\n", seen[0], seen[1], follow_reads);
	ck_assert_int_gt(seen[0], 0);
	ck_assert_int_gt(seen[1], 0);
}
END_TEST

static TCase *add_case(Suite *all, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, FOLLOW_SECONDS);
	suite_add_tcase(all, tcase);
	return tcase;
}

static Suite *suite(void)
{
	Suite *all = suite_create("real-told");
	TCase *tcase = add_case(all, "told");

	tcase_add_test(tcase, callbacks);
	tcase_add_test(tcase, callbacks_are_joined);
	tcase_add_test(tcase, callback_set_late);
	tcase_add_test(tcase, many_threads);
#ifndef TSAN				/* which has a thread of its own, allocates, faults, and is slow */
	tcase_add_test(tcase, watcher);
	tcase_add_test(tcase, watcher_again_and_again);
	tcase_add_test(tcase, forked);
	tcase = add_case(all, "bounds");
	tcase_add_test(tcase, no_descriptor_leaks);
	tcase_add_test(tcase, no_allocation_no_fault);
	tcase_add_test(tcase, never_torn);
#endif
	return all;
}

int main(void)
{
	const char *why = follow_begin();

	return why ? suite_skip(why) : suite_run(suite());
}
