/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-field - a process that follows its limits and admits by them, in the field: storms of signals, a neighbour that is
 * killed for want of memory, a clock that is set, a process that is stopped, a machine that is suspended
 *
 * Clock and suspend are of the whole machine: in a virtual one only.
 */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 200
#define SIGNALS 200
#define WAIT_MS 20
#define YEAR (365 * 86400)

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
	(void)signal;
	signals++;
}

static void storm(long microseconds)
{
	const struct sigaction action = { .sa_handler = count_signal };		/* no SA_RESTART */
	const struct itimerval timer = { { 0, microseconds }, { 0, microseconds } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* A limiter of one that is taken. */
static struct cgtune_limiter *full_limiter(void)
{
	const struct cgtune_limiter_options options = {
		.size = sizeof(options), .limit = 1, .backlog = 4, .backlog_timeout_ms = WAIT_MS,
	};
	struct cgtune_limiter *limiter;

	ck_assert_int_eq(cgtune_limiter_new(&options, &limiter), 0);
	ck_assert_int_eq(cgtune_limiter_acquire(limiter, 0), 0);
	return limiter;
}

/* It waits as long as it was told, by the clock that nobody sets, and says why it gave up. */
static void expect_timeout(struct cgtune_limiter *limiter)
{
	uint64_t begin = follow_now_ms();

	ck_assert_int_eq(cgtune_limiter_acquire(limiter, -1), -ETIMEDOUT);
	ck_assert_uint_ge(follow_now_ms() + 1, begin + WAIT_MS);
}

/* All that is asked is answered as ever: with 1 thread and this memory. */
static void expect_all(int64_t bytes)
{
	struct cgtune_options options = follow_options;
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_usage usage = { .size = sizeof(usage) };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	uint64_t available;

	ck_assert_int_eq(cgtune_read(&options, &limits), 0);
	ck_assert_uint_eq(limits.cpu_quota_us, 50000);
	ck_assert_uint_eq(limits.memory, (uint64_t)bytes);
	ck_assert_int_eq(cgtune_usage_read(&options, &usage), 0);
	ck_assert_uint_ne(usage.memory, CGTUNE_UNKNOWN);
	ck_assert_int_eq(cgtune_throttle_read(&options, &throttle), 0);
	ck_assert_int_eq(cgtune_memory_available(&available), 0);
	ck_assert_uint_le(available, (uint64_t)bytes);
	ck_assert_int_eq(cgtune_dispatch(), 0);
	follow_expect_values(1, bytes);
}

static int follow_limited(const char *group, int64_t bytes)
{
	int fd = follow(group);

	real_quota(group, 50000, 100000);
	real_memory(group, bytes);
	follow_expect(fd, CGTUNE_CPU | CGTUNE_MEMORY);
	return fd;
}

/* Every call is interrupted, again and again: none fails of that, ends early, or answers otherwise. */
START_TEST(signal_storm)
{
	struct cgtune_limiter *limiter;
	int fd = follow_limited("signals", 64 * REAL_MIB);

	limiter = full_limiter();
	storm(300);
	for (int i = 0; i < ROUNDS || signals < SIGNALS; i++) {
		expect_all(64 * REAL_MIB);
		ck_assert_int_eq(cgtune_limiter_try(limiter), -EBUSY);
		if (i % 20 == 0)
			expect_timeout(limiter);
	}
	storm(0);
	printf("# %d signals\n", (int)signals);
	cgtune_limiter_release(limiter);
	ck_assert_int_eq(cgtune_limiter_acquire(limiter, 0), 0);
	cgtune_limiter_free(limiter);
	real_memory("signals", 32 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
}
END_TEST

/* In the same group, and the first to go. */
static pid_t start_hog(const char *group)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		size_t size = 256 * REAL_MIB;
		int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (fd < 0 || write(fd, "1000", 4) != 4 || memory == MAP_FAILED)
			_exit(1);
		real_move(group, 0);
		memset(memory, 1, size);
		_exit(2);
	}
	return pid;
}

static bool has_swap(void)
{
	char line[256];
	FILE *file = fopen("/proc/swaps", "re");
	int lines = 0;

	while (file && fgets(line, sizeof(line), file))
		lines++;
	if (file)
		fclose(file);
	return lines > 1;
}

/* The neighbour is killed; who follows goes on, with the same limits, and admits as before. */
START_TEST(killed_for_memory)
{
	struct cgtune_limiter *limiter;
	int status, fd;

	if (has_swap()) {
		suite_skip_test("there is swap: nobody is killed");
		return;
	}
	fd = follow_limited("oom", 32 * REAL_MIB);
	limiter = full_limiter();
	for (int i = 0; i < 3; i++) {
		pid_t hog = start_hog("oom");

		ck_assert_int_eq(waitpid(hog, &status, 0), hog);
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", (unsigned)status);
		expect_all(32 * REAL_MIB);
		expect_timeout(limiter);
	}
	cgtune_limiter_free(limiter);
	real_memory("oom", 64 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(1, 64 * REAL_MIB);
}
END_TEST

static void set_clock(time_t seconds)
{
	const struct timespec now = { .tv_sec = seconds };

	ck_assert_msg(clock_settime(CLOCK_REALTIME, &now) == 0, "%s", strerror(errno));
}

/* Back and forth, while one waits: what waits goes by a clock that is not set, and so do ticks. */
START_TEST(clock_jumps)
{
	static const long jumps[] = { YEAR, -10L * YEAR, 30L * YEAR, -3600, 3600, -1 };
	struct cgtune_limiter *limiter;
	time_t begin = time(NULL);
	int fd;

	if (!getenv("CGTUNE_VM")) {
		suite_skip_test("it sets the clock, so it is for a virtual machine");
		return;
	}
	fd = follow_limited("clock", 64 * REAL_MIB);
	limiter = full_limiter();
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		set_clock(begin + jumps[i]);
		expect_timeout(limiter);
		expect_all(64 * REAL_MIB);
		real_memory("clock", 32 * REAL_MIB);
		set_clock(begin);
		follow_expect(fd, CGTUNE_MEMORY);
		follow_expect_values(1, 32 * REAL_MIB);
		real_memory("clock", 64 * REAL_MIB);
		follow_expect(fd, CGTUNE_MEMORY);
	}
	cgtune_limiter_free(limiter);
}
END_TEST

static bool is_stopped(pid_t pid)
{
	char path[64], line[256];
	bool stopped = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		stopped |= strncmp(line, "State:\tT", 8) == 0;
	if (file)
		fclose(file);
	return stopped;
}

/* Once it has stopped: another limit, longer than any tick or wait, and on it goes. */
static void start_thaw(const char *group, int64_t bytes)
{
	pid_t stopped = getpid();

	if (check_fork() == 0) {
		while (!is_stopped(stopped))
			usleep(1000);
		real_memory(group, bytes);
		usleep(1000 * (FOLLOW_INTERVAL_MS + WAIT_MS));
		kill(stopped, SIGCONT);
		_exit(0);
	}
}

/* As a debugger or a freezer does to it: what happened meanwhile is seen, and no wait is shorter. */
START_TEST(stopped)
{
	struct cgtune_limiter *limiter;
	int fd = follow_limited("stopped", 64 * REAL_MIB);

	limiter = full_limiter();
	for (int i = 0; i < 3; i++) {
		start_thaw("stopped", (i % 2 ? 64 : 32) * REAL_MIB);
		raise(SIGSTOP);
		follow_expect(fd, CGTUNE_MEMORY);
		expect_timeout(limiter);
		expect_all((i % 2 ? 64 : 32) * REAL_MIB);
	}
	cgtune_limiter_free(limiter);
}
END_TEST

#define MEM_SLEEP "/sys/power/mem_sleep"
#define WAKEUP_COUNT "/sys/power/wakeup_count"
#define WAKE_ALARM "/sys/class/rtc/rtc0/wakealarm"
#define ALARM_S 10

/* By read(2) and write(2): what is said is taken or not when they return. */
static bool get(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n >= 0;
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* To RAM, and woken by the clock's alarm. */
static bool can_suspend(void)
{
	char ways[64];

	return get(MEM_SLEEP, ways, sizeof(ways)) && strstr(ways, "deep") && access(WAKE_ALARM, W_OK) == 0;
}

/* An alarm that comes before all is frozen wakes nobody later: by the count the kernel knows, and does not suspend. */
static bool suspend(void)
{
	char alarm[16], count[32];

	snprintf(alarm, sizeof(alarm), "+%d", ALARM_S);
	return put(MEM_SLEEP, "deep") && put(WAKE_ALARM, "0") && get(WAKEUP_COUNT, count, sizeof(count)) &&
		put(WAKE_ALARM, alarm) && put(WAKEUP_COUNT, count) && put("/sys/power/state", "mem");
}

static pid_t start_suspend(void)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		while (!suspend())
			usleep(1000);
		_exit(0);
	}
	return pid;
}

/* What the clocks that go on in a suspend are ahead of the others by, in milliseconds. */
static int64_t slept_ms(void)
{
	struct timespec boot, awake;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_MONOTONIC, &awake);
	return (boot.tv_sec - awake.tv_sec) * 1000 + (boot.tv_nsec - awake.tv_nsec) / 1000000;
}

/* In the middle of what it does: it goes on after it, waits as long as it was told, and sees what changes. */
START_TEST(suspended)
{
	int64_t slept = slept_ms();
	struct cgtune_limiter *limiter;
	int status, fd;
	pid_t pid;

	if (!getenv("CGTUNE_VM") || !can_suspend()) {
		suite_skip_test("for a virtual machine whose kernel can suspend to RAM");
		return;
	}
	fd = follow_limited("suspended", 64 * REAL_MIB);
	limiter = full_limiter();
	pid = start_suspend();
	do {
		expect_timeout(limiter);
		expect_all(64 * REAL_MIB);
	} while (waitpid(pid, &status, WNOHANG) == 0);
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(slept_ms() - slept, 0);
	printf("# suspended for %d ms\n", (int)(slept_ms() - slept));
	cgtune_limiter_free(limiter);
	real_memory("suspended", 32 * REAL_MIB);
	follow_expect(fd, CGTUNE_MEMORY);
	follow_expect_values(1, 32 * REAL_MIB);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-field");
	TCase *tcase = tcase_create("field");

	tcase_set_timeout(tcase, FOLLOW_SECONDS);
	tcase_add_test(tcase, signal_storm);
	tcase_add_test(tcase, stopped);
	tcase_add_test(tcase, killed_for_memory);
	tcase_add_test(tcase, clock_jumps);
	tcase_add_test(tcase, suspended);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = follow_begin();

	return why ? suite_skip(why) : suite_run(suite());
}
