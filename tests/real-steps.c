/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-steps - a cgroup is removed, a process moved, a controller turned off, between any two system calls of a reading
 *
 *   here             quota 1.8 CPUs, 192 MiB
 *   |-- old          quota 0.5 CPUs,  64 MiB: the process is here, or in a leaf below it
 *   `-- new          quota 1.5 CPUs, 128 MiB: and goes there
 *
 * Linked with -Wl,--wrap=sys_call: before the n-th entry of the library into the
 * kernel it happens, for n = 1.. until there are no more. The answer is that of
 * the one or of the other cgroup, never that of none.
 */
#include "machine.h"
#include "real.h"
#include "suite.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PERIOD 100000
#define QUOTA_OLD 50000
#define QUOTA_NEW 150000
#define QUOTA_HERE 180000
#define MEMORY_OLD (64 * REAL_MIB)
#define MEMORY_NEW (128 * REAL_MIB)
#define CHANGES 3000
#define DEEP_NAME 250
#define DEEP_LEVELS 18

/* Shared with the forked child. */
static struct told {
	long steps;
	char wrong[4400];
} *told;
static long *moments;			/* of each event, over all forked tests */

static struct {
	long at, calls;			/* at 0: nothing happens */
	void (*happens)(void);
	bool happened;
} step;

long __real_sys_call(long number, long a, long b, long c, long d, long e, long f);
long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f);

long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	if (step.at && ++step.calls == step.at) {
		step.happens();
		step.happened = true;
	}
	return __real_sys_call(number, a, b, c, d, e, f);
}

static bool complain(const char *what, int r, uint64_t value)
{
	if (!told->wrong[0])
		snprintf(told->wrong, sizeof(told->wrong), "%s (answer %d, %llu)", what, r, (unsigned long long)value);
	return false;
}

/* Without the library, whose calls are counted, and without libcgroup, which would take long. */
static void put(const char *name, enum real_controller controller, const char *file, const char *text)
{
	char path[REAL_PATH_SIZE];
	int fd = open(real_path(name, controller, file, path), O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		complain(path, -errno, 0);
	if (fd >= 0)
		close(fd);
}

static void move_to(const char *name)
{
	put(name, REAL_CPU, "cgroup.procs", "0");
	if (real_version(REAL_MEMORY) == 1 || real_version(REAL_CPU) == 1)
		put(name, REAL_MEMORY, "cgroup.procs", "0");
	if (real_version(REAL_CPUSET) == 1)
		put(name, REAL_CPUSET, "cgroup.procs", "0");
}

static void is_moved(void)
{
	move_to("new");
}

static void is_removed(void)
{
	char path[REAL_PATH_SIZE];

	move_to("new");
	for (int i = 0; i < REAL_CONTROLLERS; i++)
		if (real_version((enum real_controller)i))
			rmdir(real_path("old", (enum real_controller)i, "", path));
}

static void are_off(void)
{
	put("", REAL_CPU, "cgroup.subtree_control", "-cpu -memory");
}

/* The new one when it had happened before the first call, the old one when it did not happen. */
static bool is_right(uint64_t value, uint64_t old, uint64_t new)
{
	if (step.at == 1)
		return value == new;
	return value == old || (value == new && (step.happened || !step.at));
}

static bool good_limits(const struct cgtune_limits *l, bool off)
{
	if (l->cpu_period_us != PERIOD || !is_right(l->cpu_quota_us, QUOTA_OLD, off ? QUOTA_HERE : QUOTA_NEW))
		return complain("a quota of neither cgroup", 0, l->cpu_quota_us);
	return is_right(l->memory, MEMORY_OLD, off ? 3 * MEMORY_OLD : MEMORY_NEW) ||
	       complain("a memory limit of neither cgroup", 0, l->memory);
}

/* Each says itself what is wrong with its answer. */
static void read_limits(bool off)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	int r = cgtune_read(NULL, &limits);

	if (r < 0)
		complain("cgtune_read fails", r, 0);
	else
		good_limits(&limits, off);
}

static void read_usage(bool off)
{
	struct cgtune_usage usage = { .size = sizeof(usage) };
	int r = cgtune_usage_read(NULL, &usage);

	(void)off;
	if (r < 0 || (usage.memory != CGTUNE_UNKNOWN && usage.memory > (uint64_t)MEMORY_NEW))
		complain("cgtune_usage_read", r, usage.memory);
}

static void read_throttle(bool off)
{
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	int r = cgtune_throttle_read(NULL, &throttle);

	(void)off;
	if (r < 0)
		complain("cgtune_throttle_read fails", r, 0);
}

static void read_left(bool off)
{
	uint64_t left = 0;
	int r = cgtune_memory_available(&left);

	if (r < 0 ? r != -ENODATA : left > (uint64_t)(off ? 3 * MEMORY_OLD : MEMORY_NEW))
		complain("cgtune_memory_available", r, left);
}

/* Followed from before on; what comes after it runs in peace, and is right. */
static void follow(bool off)
{
	int r = cgtune_dispatch();

	(void)off;
	step.at = 0;
	if (r < 0 && r != -ENODEV)
		complain("cgtune_dispatch fails", r, 0);
	r = cgtune_dispatch();
	if (r < 0 || cgtune_threads() != (step.happened ? 2 : 1))
		complain("a dispatch after it", r, cgtune_threads());
}

static const struct operation {
	const char *name;
	void (*run)(bool off);
	bool follows;
} operations[] = {
	{ "cgtune_read", read_limits, false },
	{ "cgtune_usage_read", read_usage, false },
	{ "cgtune_throttle_read", read_throttle, false },
	{ "cgtune_memory_available", read_left, false },
	{ "cgtune_dispatch", follow, true },
};

static const struct event {
	const char *name;
	void (*happens)(void);
	bool off;
} events[] = {
	{ "the process is moved", is_moved, false },
	{ "the process is moved and its cgroup removed", is_removed, false },
	{ "the controllers are turned off", are_off, true },
};

static void make_old(void)
{
	real_make("old");
	real_quota("old", QUOTA_OLD, PERIOD);
	real_memory("old", MEMORY_OLD);
}

static void child(const struct operation *operation, const struct event *event, long at)
{
	unsigned descriptors;

	move_to("old");
	if (operation->follows && cgtune_fd() < 0)
		complain("no clean cgtune_fd()", -1, 0);
	descriptors = descriptors_open();
	step.happens = event->happens;
	step.calls = 0;
	step.happened = false;
	step.at = at;
	operation->run(event->off);
	told->steps = step.calls;
	step.at = 0;
	if (!operation->follows && descriptors_open() != descriptors)
		complain("a descriptor is left open", 0, descriptors);
}

static long try_step(const struct operation *operation, const struct event *event, long at)
{
	int status;
	pid_t pid;

	memset(told, 0, sizeof(*told));
	make_old();
	pid = fork();
	if (pid == 0) {
		child(operation, event, at);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (status)
		complain("the process ends", status, 0);
	ck_assert_msg(!told->wrong[0], "%s, %s before call %ld: %s", operation->name, event->name, at, told->wrong);
	return told->steps;
}

static void nothing(void)
{
}

/* Without anything happening it counts its calls, and is right. */
START_TEST(steps)
{
	const struct operation *operation = &operations[_i % (int)ARRAY_SIZE(operations)];
	const struct event *event = &events[_i / (int)ARRAY_SIZE(operations)], none = { "nothing", nothing, false };
	long calls, tried = 0;

	if (event->off && (real_version(REAL_CPU) != 2 || real_version(REAL_MEMORY) != 2)) {
		suite_skip_test("a hierarchy of v1 keeps its controllers as long as it has groups");
		return;
	}
	real_make("new");
	real_quota("new", QUOTA_NEW, PERIOD);
	real_memory("new", MEMORY_NEW);
	calls = operation->follows ? 0 : try_step(operation, &none, 1000000);
	do {
		tried++;
		try_step(operation, event, tried);
		if (event->off)
			put("", REAL_CPU, "cgroup.subtree_control", "+cpu +memory");
	} while (told->steps >= tried && tried < 2000);
	ck_assert_int_ge(tried, calls);
	ck_assert_int_lt(tried, 2000);
	moments[event - events] += tried - 1;
}
END_TEST

/* While somebody writes one value after the other: each answer is one of them. */
START_TEST(values_that_change)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	pid_t pid;
	int status;

	memset(told, 0, sizeof(*told));
	make_old();
	real_move("old", 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (unsigned i = 0;; i++) {
			real_quota("old", i % 2 ? QUOTA_OLD : QUOTA_NEW, 0);
			real_memory("old", i % 2 ? MEMORY_OLD : MEMORY_NEW);
		}
	}
	for (int i = 0; i < CHANGES && !told->wrong[0]; i++) {
		int r = cgtune_read(NULL, &limits);

		if (r < 0)
			complain("it fails", r, 0);
		else
			good_limits(&limits, false);
	}
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(!told->wrong[0], "%s", told->wrong);
}
END_TEST

/* Down one more level; the descriptor above is closed. */
static int descend(int fd, const char *name)
{
	int below;

	if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
		ck_abort_msg("%s", strerror(errno));
	below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(below, 0);
	close(fd);
	return below;
}

static void enter(int fd)
{
	struct heard heard = { .warnings = 0 };
	struct cgtune_options options = { .size = sizeof(options), .report = heard_report, .report_user = &heard };
	struct cgtune_limits limits = { .size = sizeof(limits) };
	int procs = openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC), r;

	if (procs < 0 || write(procs, "0", 1) != 1)
		complain("it cannot be entered", -errno, 0);
	r = cgtune_read(&options, &limits);
	/* The kernel has no name for it, or cuts it: that is said. */
	if (r == 0 ? limits.cpu_quota_us != QUOTA_OLD && !heard.warnings : r != -ENAMETOOLONG)
		complain("cgtune_read", r, limits.cpu_quota_us);
	if (cgtune_threads() < 1)
		complain("no thread count", 0, 0);
}

/* A cgroup whose path is longer than any path may be. */
START_TEST(deeper_than_a_path)
{
	char path[REAL_PATH_SIZE], name[DEEP_NAME + 1];
	int fd, status;
	pid_t pid;

	memset(told, 0, sizeof(*told));
	make_old();
	memset(name, 'n', DEEP_NAME);
	name[DEEP_NAME] = '\0';
	fd = open(real_path("old", REAL_CPU, "", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEEP_LEVELS; i++)
		fd = descend(fd, name);
	pid = fork();
	if (pid == 0) {
		enter(fd);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* From below, as no path leads there. */
	for (int i = 0; i < DEEP_LEVELS; i++) {
		int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		ck_assert_int_ge(above, 0);
		for (int k = 0; k < 500 && unlinkat(above, name, AT_REMOVEDIR) < 0 && errno == EBUSY; k++)
			usleep(10000);
		close(fd);
		fd = above;
	}
	close(fd);
	ck_assert_msg(!told->wrong[0] && status == 0, "%s (%d)", told->wrong, status);
}
END_TEST

static void begin(void)
{
	environment_clear();
	real_quota("", QUOTA_HERE, PERIOD);
	real_memory("", 3 * MEMORY_OLD);
}

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(EXIT_FAILURE);
	return memory;
}

int main(void)
{
	Suite *suite = suite_create("real-steps");
	TCase *tcase = tcase_create("steps");
	const char *why = real_begin();
	int status;

	if (why)
		return suite_skip(why);
	told = shared(sizeof(*told));
	moments = shared(sizeof(*moments) * ARRAY_SIZE(events));
	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, begin, NULL);
	tcase_add_loop_test(tcase, steps, 0, ARRAY_SIZE(operations) * ARRAY_SIZE(events));
	tcase_add_test(tcase, values_that_change);
	tcase_add_test(tcase, deeper_than_a_path);
	suite_add_tcase(suite, tcase);
	status = suite_run(suite);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		printf("# %s: at %ld moments\n", events[i].name, moments[i]);
	return status;
}
