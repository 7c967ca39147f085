/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-live - cgtune follows limits, moves and masks that change in cgroups of the running kernel */
#include "follow.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const levels[] = { "w/x/y", "w/x", "w", "" };
#define LEVELS ((int)(sizeof(levels) / sizeof(levels[0])))

/* At the leaf, and at each level above. */
START_TEST(written)
{
	const char *level = levels[_i];
	int fd = follow("w/x/y");

	ck_assert(!follow_is_readable(fd, 0));
	ck_assert_int_eq(cgtune_dispatch(), 0);
	follow_expect_values(UINT16_MAX, REAL_NONE);
	real_quota(level, 50000, 0);
	follow_expect(fd, CGTUNE_CPU);
	follow_expect_values(1, REAL_NONE);
	real_memory(level, 64 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(1, 64 * REAL_MIB);
	real_quota(level, 150000, 0);
	real_memory(level, 48 * REAL_MIB);
	follow_expect(fd, CGTUNE_CPU | CGTUNE_MEMORY);
	follow_expect_values(2, 48 * REAL_MIB);
	real_quota(level, REAL_NONE, 0);
	real_memory(level, REAL_NONE);
	follow_expect(fd, CGTUNE_CPU | CGTUNE_MEMORY);
	follow_expect_values(UINT16_MAX, REAL_NONE);
}
END_TEST

START_TEST(written_otherwise)
{
	int fd = follow("o/leaf");

	real_quota("o", 100000, 100000);
	follow_expect(fd, CGTUNE_CPU);
	real_set("o", REAL_CPU, real_version(REAL_CPU) == 1 ? "cpu.cfs_period_us" : "cpu.max",
		 real_version(REAL_CPU) == 1 ? "80000" : "100000 80000");
	follow_expect(fd, CGTUNE_CPU);
	follow_expect_values(2, REAL_NONE);
	real_memory("o/leaf", 64 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	real_memory("o", 100 * REAL_MIB);	/* does not bind */
	follow_expect(fd, 0);
	follow_expect_values(2, 64 * REAL_MIB);
	real_memory("o/leaf", 64 * REAL_MIB);	/* as it was */
	follow_expect(fd, 0);
	if (real_version(REAL_MEMORY) == 2) {
		real_set("o", REAL_MEMORY, "memory.high", "33554432");
		follow_expect(fd, CGTUNE_MEMORY);
		ck_assert_uint_eq(cgtune_memory(), 33554432);
	}
}
END_TEST

/* Where the leaf's limit decides, those above are watched too: v1's leaf knows the minimum by itself. */
START_TEST(written_above)
{
	int fd;

	real_make("u/v/leaf");
	real_quota("u/v/leaf", 150000, 100000);
	real_memory("u/v/leaf", 64 * REAL_MIB);
	fd = follow("u/v/leaf");
	follow_expect_values(2, 64 * REAL_MIB);
	real_memory("u", 32 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	real_memory("u/v", 24 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(2, 24 * REAL_MIB);
	real_quota("u", 160000, 100000);	/* does not bind */
	follow_expect(fd, 0);
}
END_TEST

START_TEST(less_above)
{
	int fd;

	if (real_version(REAL_CPU) == 1) {
		suite_skip_test("cpu is on v1, which refuses less than a child has");
		return;
	}
	real_make("less/leaf");
	real_quota("less/leaf", 150000, 100000);
	fd = follow("less/leaf");
	real_quota("less", 60000, 100000);
	follow_expect(fd, CGTUNE_CPU);
	follow_expect_values(1, REAL_NONE);
}
END_TEST

/* A limit that changes after cgtune_init() and before cgtune_fd(). */
START_TEST(written_before)
{
	real_make("early");
	real_move("early", 0);
	ck_assert_int_eq(cgtune_init_with(&follow_options), 0);
	real_quota("early", 50000, 100000);
	cgtune_set_interval(0);
	follow_expect(cgtune_fd(), CGTUNE_CPU);
	follow_expect_values(1, REAL_NONE);
}
END_TEST

static void quotas_by_epoll(const char *name, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events }, got;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	ck_assert_int_eq(epoll_wait(epoll, &got, 1, 0), 0);
	for (int i = 1; i <= 20; i++) {
		real_quota(name, 100000 + 10000 * i, 0);
		ck_assert_int_eq(epoll_wait(epoll, &got, 1, follow_soon_ms), 1);
		ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);
		ck_assert_int_eq(epoll_wait(epoll, &got, 1, 0), 0);
	}
	real_quota(name, 90000, 0);			/* two writes, perhaps one edge: */
	real_quota(name, 80000, 0);			/* one dispatch has both */
	ck_assert_int_eq(epoll_wait(epoll, &got, 1, follow_soon_ms), 1);
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);
	follow_expect_values(1, REAL_NONE);
	real_quota(name, 110000, 0);
	ck_assert_int_eq(epoll_wait(epoll, &got, 1, follow_soon_ms), 1);
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);
	follow_expect_values(2, REAL_NONE);
	ck_assert_int_eq(epoll_wait(epoll, &got, 1, 50), 0);
	close(epoll);
}

START_TEST(by_epoll)
{
	int fd = follow("e/leaf");

	quotas_by_epoll("e/leaf", fd, EPOLLIN);
	real_quota("e/leaf", REAL_NONE, 0);
	follow_expect(fd, CGTUNE_CPU);
	quotas_by_epoll("e", fd, EPOLLIN | EPOLLET);
}
END_TEST

/* The timer's ticks are edges too, and end with the dispatch. */
START_TEST(ticks)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET }, got;
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd = follow("t");

	cgtune_set_interval(50);
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(epoll_wait(epoll, &got, 1, follow_soon_ms), 1);
		ck_assert_int_eq(cgtune_dispatch(), 0);
	}
	cgtune_set_interval(0);
	ck_assert_int_eq(cgtune_dispatch(), 0);
	ck_assert(!follow_is_readable(fd, 200));
}
END_TEST

START_TEST(moved)
{
	int fd = follow("m/a");

	real_make("n/b");
	real_make("n/c");
	real_quota("n", 50000, 100000);
	real_memory("n", 64 * REAL_MIB);
	cgtune_set_interval(FOLLOW_INTERVAL_MS);
	real_move("n/b", 0);
	ck_assert_int_eq(follow_ticks(fd), CGTUNE_MOVED | CGTUNE_CPU | CGTUNE_MEMORY);
	follow_expect_values(1, 64 * REAL_MIB);
	real_move("n/c", 0);
	ck_assert_int_eq(follow_ticks(fd), CGTUNE_MOVED);
	follow_expect_values(1, 64 * REAL_MIB);

	cgtune_set_interval(0);			/* from now on writes alone wake */
	ck_assert_int_eq(cgtune_dispatch(), 0);
	real_quota("m/a", 30000, 100000);	/* the old ones do not */
	real_memory("m", 16 * REAL_MIB);
	ck_assert(!follow_is_readable(fd, 100));
	real_memory("n/c", 32 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(1, 32 * REAL_MIB);
	real_quota("n", 150000, 0);
	follow_expect(fd, CGTUNE_CPU);
	follow_expect_values(2, 32 * REAL_MIB);
	real_remove("m/a");
	real_remove("m");
	real_remove("n/b");
	ck_assert_int_eq(cgtune_dispatch(), 0);
	real_memory("n/c", 40 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(2, 40 * REAL_MIB);
}
END_TEST

/* Another process moves this one. */
START_TEST(moved_from_outside)
{
	int fd = follow("p/a"), status;
	pid_t self = getpid(), pid;

	real_make("p/b");
	real_memory("p/b", 64 * REAL_MIB);
	cgtune_set_interval(FOLLOW_INTERVAL_MS);
	pid = check_fork();
	if (pid == 0) {
		real_move("p/b", self);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	real_remove("p/a");
	ck_assert_int_eq(follow_ticks(fd), CGTUNE_MOVED | CGTUNE_MEMORY);
	follow_expect_values(UINT16_MAX, 64 * REAL_MIB);
}
END_TEST

/* The same name, but another cgroup: what is held is of the one that is gone. */
START_TEST(made_anew)
{
	int fd = follow("again");

	real_quota("again", 50000, 100000);
	follow_expect(fd, CGTUNE_CPU);
	real_make("aside");
	real_move("aside", 0);
	real_remove("again");
	real_make("again");
	real_memory("again", 64 * REAL_MIB);
	real_move("again", 0);
	cgtune_set_interval(FOLLOW_INTERVAL_MS);
	ck_assert_int_eq(follow_ticks(fd), CGTUNE_MOVED | CGTUNE_CPU | CGTUNE_MEMORY);
	follow_expect_values(UINT16_MAX, 64 * REAL_MIB);
	cgtune_set_interval(0);
	cgtune_dispatch();
	real_quota("again", 50000, 0);
	follow_expect(fd, CGTUNE_CPU);
	follow_expect_values(1, 64 * REAL_MIB);
}
END_TEST

/*
 * Out of descriptors during a move: an error, never other values, and all is
 * well when there are some again. What the library holds lies above the new
 * limit, and below it all are taken.
 */
START_TEST(out_of_descriptors)
{
	int fd, taken[64], n = 0;
	struct rlimit limit, tight;

	for (int i = 0; i < 64; i++)
		taken[i] = dup(0);
	fd = follow("s/a");
	real_quota("s", 50000, 100000);
	real_memory("s", 64 * REAL_MIB);
	follow_expect(fd, CGTUNE_CPU | CGTUNE_MEMORY);
	real_make("s/b");
	real_move("s/b", 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	tight.rlim_cur = 32;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(cgtune_dispatch(), -EMFILE);
		follow_expect_values(1, 64 * REAL_MIB);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (n < 64)
		close(taken[n++]);

	cgtune_set_interval(FOLLOW_INTERVAL_MS);
	real_quota("s", 150000, 0);
	ck_assert_int_eq(follow_ticks(fd), CGTUNE_MOVED | CGTUNE_CPU);
	follow_expect_values(2, 64 * REAL_MIB);
	cgtune_set_interval(0);
	cgtune_dispatch();
	real_memory("s/b", 32 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(2, 32 * REAL_MIB);
}
END_TEST

/* Moves the process from group to group, each of them new, for some seconds; the last one stays. */
static void churn(pid_t reader, unsigned milliseconds)
{
	uint64_t end = follow_now_ms() + milliseconds;
	char name[32], old[32] = "";
	bool last;
	int i = 0;

	do {
		last = follow_now_ms() >= end;
		snprintf(name, sizeof(name), "c/n%d/leaf", i++);
		real_make(name);
		real_quota(name, last ? 60000 : 350000, 100000);
		real_memory(name, (last ? 32 : 64) * REAL_MIB);
		real_move(name, reader);
		if (*old) {
			real_remove(old);
			*strrchr(old, '/') = '\0';
			real_remove(old);
		}
		strcpy(old, name);
	} while (!last);
	printf("# %d cgroups made and removed below a reader\n", i - 1);
}

static pid_t start_churn(void)
{
	pid_t reader = getpid(), pid = check_fork();

	if (pid == 0) {
		churn(reader, 5000);
		fflush(stdout);
		_exit(0);
	}
	return pid;
}

START_TEST(removed_while_read)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	struct cgtune_usage usage = { .size = sizeof(usage) };
	int status, count = 0, loose = 0;
	pid_t pid;

	real_make("c/start");
	real_quota("c", 400000, 100000);
	real_memory("c", 100 * REAL_MIB);
	real_quota("c/start", 350000, 100000);
	real_memory("c/start", 64 * REAL_MIB);
	real_move("c/start", 0);
	pid = start_churn();
	while (waitpid(pid, &status, WNOHANG) == 0) {
		ck_assert_int_eq(cgtune_read(&follow_options, &limits), 0);
		ck_assert_uint_eq(limits.cpu_period_us, 100000);
		ck_assert_msg(limits.cpu_quota_us == 400000 || limits.cpu_quota_us == 350000 ||
			      limits.cpu_quota_us == 60000, "quota %d", (int)limits.cpu_quota_us);
		ck_assert_msg(limits.memory == 100 * REAL_MIB || limits.memory == 64 * REAL_MIB ||
			      limits.memory == 32 * REAL_MIB, "memory %lld", (long long)limits.memory);
		ck_assert_int_eq(cgtune_usage_read(&follow_options, &usage), 0);
		ck_assert_int_eq(cgtune_throttle_read(&follow_options, &throttle), 0);
		loose += limits.memory == 100 * REAL_MIB || limits.cpu_quota_us == 400000;
		count++;
	}
	ck_assert_int_eq(status, 0);
	printf("# %d reads meanwhile, %d saw the level above only\n", count, loose);
	ck_assert_int_le(loose, 1 + count / 1000);	/* the cgroup went at each of a read's tries */
	ck_assert_int_eq(cgtune_read(&follow_options, &limits), 0);
	ck_assert_uint_eq(limits.cpu_quota_us, 60000);
	ck_assert_uint_eq(limits.memory, 32 * REAL_MIB);
}
END_TEST

START_TEST(removed_while_followed)
{
	int fd = follow("c/start"), status, r, count = 0;
	pid_t pid;

	cgtune_set_interval(1);
	pid = start_churn();
	while (waitpid(pid, &status, WNOHANG) == 0) {
		r = cgtune_dispatch();
		ck_assert_msg(r >= 0 || r == -ENODEV, "dispatch: %s", cgtune_strerror(r));
		count += (r & CGTUNE_MOVED) != 0;
	}
	ck_assert_int_eq(status, 0);
	ck_assert_int_ge(count, 2);
	cgtune_set_interval(FOLLOW_INTERVAL_MS);
	ck_assert_int_ge(cgtune_dispatch(), 0);
	follow_expect_values(1, 32 * REAL_MIB);
	ck_assert(follow_is_readable(fd, FOLLOW_INTERVAL_MS + follow_soon_ms));
	ck_assert_int_eq(cgtune_dispatch(), 0);
}
END_TEST

/* By another process, to CPUs first .. first + count - 1. */
static void set_affinity(int first, int count)
{
	pid_t self = getpid(), pid = check_fork();
	cpu_set_t set;
	int status;

	if (pid == 0) {
		CPU_ZERO(&set);
		for (int i = 0; i < count; i++)
			CPU_SET(first + i, &set);
		_exit(sched_setaffinity(self, sizeof(set), &set) < 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(affinity)
{
	int fd = follow("f");

	if (follow_cpus < 2) {
		suite_skip_test("one CPU only");
		return;
	}
	cgtune_set_interval(FOLLOW_INTERVAL_MS);
	set_affinity(1, 1);
	ck_assert_int_eq(follow_ticks(fd), CGTUNE_CPU);
	ck_assert_uint_eq(cgtune_threads(), 1);
	set_affinity(0, 2);
	ck_assert_int_eq(follow_ticks(fd), CGTUNE_CPU);
	ck_assert_uint_eq(cgtune_threads(), 2);
}
END_TEST

/* A cpuset is a file, so that its change is seen at once. */
START_TEST(cpuset)
{
	int fd;

	if (!real_version(REAL_CPUSET) || follow_cpus < 2) {
		suite_skip_test("no controller of cpusets, or one CPU only");
		return;
	}
	fd = follow("g/leaf");
	real_set("g/leaf", REAL_CPUSET, "cpuset.cpus", "0");
	follow_expect(fd, CGTUNE_CPU);
	ck_assert_uint_eq(cgtune_threads(), 1);
	real_set("g/leaf", REAL_CPUSET, "cpuset.cpus", "0-1");
	follow_expect(fd, CGTUNE_CPU);
	ck_assert_uint_eq(cgtune_threads(), 2);
}
END_TEST

/* v1 has no child without a cpuset of its own, and refuses a parent's that is smaller. */
START_TEST(cpuset_above)
{
	int fd;

	if (real_version(REAL_CPUSET) != 2 || follow_cpus < 2) {
		suite_skip_test("cpusets are not on v2, or one CPU only");
		return;
	}
	fd = follow("i/leaf");
	real_set("i", REAL_CPUSET, "cpuset.cpus", "1");
	follow_expect(fd, CGTUNE_CPU);
	ck_assert_uint_eq(cgtune_threads(), 1);
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
	Suite *all = suite_create("real-live");
	TCase *tcase = add_case(all, "written");

	tcase_add_loop_test(tcase, written, 0, LEVELS);
	tcase_add_test(tcase, written_otherwise);
	tcase_add_test(tcase, written_above);
	tcase_add_test(tcase, less_above);
	tcase_add_test(tcase, written_before);
	tcase_add_test(tcase, by_epoll);
	tcase_add_test(tcase, ticks);
	tcase_add_test(tcase, cpuset);
	tcase_add_test(tcase, cpuset_above);
	tcase = add_case(all, "moved");
	tcase_add_test(tcase, moved);
	tcase_add_test(tcase, moved_from_outside);
	tcase_add_test(tcase, made_anew);
	tcase_add_test(tcase, out_of_descriptors);
	tcase_add_test(tcase, removed_while_read);
	tcase_add_test(tcase, removed_while_followed);
	tcase_add_test(tcase, affinity);
	return all;
}

int main(void)
{
	const char *why = follow_begin();

	return why ? suite_skip(why) : suite_run(suite());
}
