/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-process - the process-wide state: init, getters, live changes on a fake root, fork, setuid, the logger */
#include "machine.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BOTH (CGTUNE_CPU | CGTUNE_MEMORY)
#define THREADS 16
#define BUDGET_1G UINT64_C(966367641)
/* The argument with which this program prints what it finds, for the setuid test. */
#define PRINT "--print"

static struct machine machine;

static void setup(void)
{
	environment_clear();
	machine_make(&machine);
	machine_limit(&machine);
}

static void teardown(void)
{
	machine_remove(&machine);
}

/* CPUs that sched_getaffinity(2) lets this process use. */
static unsigned host_cpus(void)
{
	cpu_set_t *set = CPU_ALLOC(8192);
	unsigned n;

	ck_assert_int_eq(sched_getaffinity(0, CPU_ALLOC_SIZE(8192), set), 0);
	n = (unsigned)CPU_COUNT_S(CPU_ALLOC_SIZE(8192), set);
	CPU_FREE(set);
	return n;
}

START_TEST(init_on_a_fake_root)
{
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	ck_assert_uint_eq(cgtune_threads(), 3);
	ck_assert_uint_eq(cgtune_memory(), BUDGET_1G);
	ck_assert_str_eq(getenv("OMP_NUM_THREADS"), "3");
}
END_TEST

START_TEST(init_twice)
{
	struct machine other;

	machine_make(&other);
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	unsetenv("OMP_NUM_THREADS");
	ck_assert_int_eq(cgtune_init_with(&other.options), BOTH);
	ck_assert_int_eq(cgtune_init(), BOTH);
	ck_assert_uint_eq(cgtune_threads(), 3);
	ck_assert_ptr_null(getenv("OMP_NUM_THREADS"));	/* was applied once, not again */
	machine_remove(&other);
}
END_TEST

START_TEST(init_where_nothing_limits)
{
	struct machine free_machine;

	machine_make(&free_machine);
	ck_assert_int_eq(cgtune_init_with(&free_machine.options), 0);
	ck_assert_uint_eq(cgtune_threads(), MACHINE_CPUS);
	ck_assert_uint_eq(cgtune_memory(), CGTUNE_UNLIMITED);
	ck_assert_ptr_null(getenv("OMP_NUM_THREADS"));
	ck_assert_ptr_null(getenv("GOMAXPROCS"));
	ck_assert_ptr_null(getenv("GOMEMLIMIT"));
	ck_assert_ptr_null(getenv("CGTUNE_SET"));
	machine_remove(&free_machine);
}
END_TEST

START_TEST(init_without_apply)
{
	machine.options.flags = CGTUNE_NO_APPLY;
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	ck_assert_uint_eq(cgtune_threads(), 3);
	ck_assert_ptr_null(getenv("OMP_NUM_THREADS"));
	ck_assert_ptr_null(getenv("CGTUNE_SET"));
}
END_TEST

START_TEST(init_with_options_that_cannot_be)
{
	machine.options.permille = 1001;
	ck_assert_int_eq(cgtune_init_with(&machine.options), -EINVAL);
	machine.options.permille = 0;
	machine.options.size--;
	ck_assert_int_eq(cgtune_init_with(&machine.options), -EINVAL);
	machine.options.size++;
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);	/* what was refused is forgotten */
}
END_TEST

/* The getters initialise on first use, from the real root, and leave the environment alone. */
START_TEST(getters_before_init)
{
	ck_assert_uint_ge(cgtune_threads(), 1);
	ck_assert_uint_le(cgtune_threads(), host_cpus());
	ck_assert_uint_gt(cgtune_memory(), 0);
	ck_assert_ptr_null(getenv("CGTUNE_SET"));
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	ck_assert_uint_eq(cgtune_threads(), 3);
	ck_assert_uint_eq(cgtune_memory(), BUDGET_1G);
	ck_assert_ptr_nonnull(getenv("CGTUNE_SET"));
}
END_TEST

START_TEST(memory_before_init)
{
	ck_assert_uint_gt(cgtune_memory(), 0);
	ck_assert_uint_ge(cgtune_threads(), 1);
}
END_TEST

static pthread_barrier_t barrier;
static _Atomic int answers[THREADS];
static _Atomic unsigned counts[THREADS];
static _Atomic uint64_t budgets[THREADS];

static void *init_thread(void *argument)
{
	size_t i = (size_t)(uintptr_t)argument;

	pthread_barrier_wait(&barrier);
	answers[i] = i % 4 ? cgtune_init_with(&machine.options) : BOTH;
	counts[i] = cgtune_threads();
	budgets[i] = cgtune_memory();
	return NULL;
}

/* Those that only ask may come first, and see the real root then: so they ask after an init of their own. */
static void *asking_thread(void *argument)
{
	pthread_barrier_wait(&barrier);
	while (!cgtune_threads())
		;
	return argument;
}

START_TEST(init_from_many_threads)
{
	pthread_t threads[THREADS];

	machine.options.flags = CGTUNE_NO_APPLY;	/* setenv(3) is not for threads */
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, init_thread, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(answers[i], BOTH);
		ck_assert_uint_eq(counts[i], 3);
		ck_assert_uint_eq(budgets[i], BUDGET_1G);
	}
}
END_TEST

static _Atomic unsigned told;

static void count_info(int level, const char *text, void *user)
{
	(void)text, (void)user;
	told += level == CGTUNE_LOG_INFO;
}

static void *first_init_thread(void *argument)
{
	size_t i = (size_t)(uintptr_t)argument;

	pthread_barrier_wait(&barrier);
	answers[i] = cgtune_init_with(&machine.options);
	counts[i] = cgtune_threads();
	budgets[i] = cgtune_memory();
	return NULL;
}

/* All of them race for the first call: one reads, all get its answer. */
START_TEST(first_init_from_many_threads)
{
	pthread_t threads[THREADS];

	cgtune_set_logger(count_info, NULL);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, first_init_thread, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(answers[i], BOTH);
		ck_assert_uint_eq(counts[i], 3);
		ck_assert_uint_eq(budgets[i], BUDGET_1G);
	}
	ck_assert_uint_eq(told, 1);
	ck_assert_str_eq(getenv("CGTUNE_SET"), "OMP_NUM_THREADS=3;GOMAXPROCS=3;GOMEMLIMIT=921MiB;");
}
END_TEST

/* Getters race with each other for the first use. */
START_TEST(first_use_from_many_threads)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, asking_thread, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_ge(cgtune_threads(), 1);
}
END_TEST

static const struct {
	unsigned multiplier, minimum, size;
} pools[] = {
	{ 1, 0, 3 },
	{ 2, 0, 6 },
	{ 0, 0, 1 },
	{ 0, 5, 5 },
	{ 1, 5, 5 },
	{ 2, 5, 6 },
	{ UINT_MAX, 0, UINT_MAX },
	{ UINT_MAX / 3, 0, UINT_MAX / 3 * 3 },
	{ UINT_MAX / 3 + 1, 0, UINT_MAX },
	{ 1, UINT_MAX, UINT_MAX },
};

START_TEST(pool_size)
{
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	ck_assert_uint_eq(cgtune_pool_size(pools[_i].multiplier, pools[_i].minimum), pools[_i].size);
}
END_TEST

static const struct {
	unsigned permille;
	uint64_t share;
} shares[] = {
	{ 0, 0 },
	{ 1, 966367 },
	{ 500, 483183820 },
	{ 999, 965401273 },
	{ 1000, BUDGET_1G },
	{ 1001, BUDGET_1G },
	{ UINT_MAX, BUDGET_1G },
};

START_TEST(memory_share)
{
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	ck_assert_uint_eq(cgtune_memory_share(shares[_i].permille), shares[_i].share);
}
END_TEST

START_TEST(share_of_no_budget)
{
	setenv("CGTUNE_BUDGET", "off", 1);
	ck_assert_int_eq(cgtune_init_with(&machine.options), CGTUNE_CPU);
	ck_assert_uint_eq(cgtune_memory_share(1), CGTUNE_UNLIMITED);
	ck_assert_uint_eq(cgtune_memory_share(1000), CGTUNE_UNLIMITED);
}
END_TEST

START_TEST(share_of_a_large_budget)
{
	setenv("CGTUNE_BUDGET", "18446744073709551614", 1);
	cgtune_init_with(&machine.options);
	ck_assert_uint_eq(cgtune_memory_share(999), UINT64_C(18428297329635842062));
}
END_TEST

START_TEST(failure_answers_with_the_host)
{
	struct cgtune_options options = { .size = sizeof(options), .root = "/nonexistent" };

	ck_assert_int_eq(cgtune_init_with(&options), -ENOENT);
	ck_assert_uint_eq(cgtune_threads(), host_cpus());
	ck_assert_uint_eq(cgtune_memory(), CGTUNE_UNLIMITED);
	ck_assert_ptr_null(getenv("CGTUNE_SET"));
	ck_assert_int_eq(cgtune_init(), -ENOENT);
	ck_assert_int_eq(cgtune_fd(), -ENOENT);
	ck_assert_int_eq(cgtune_dispatch(), -ENOENT);
	ck_assert_int_eq(cgtune_undo(), 0);
}
END_TEST

START_TEST(root_that_is_a_file)
{
	struct cgtune_options options = { .size = sizeof(options), .root = "/proc/self/status" };

	ck_assert_int_eq(cgtune_init_with(&options), -ENOTDIR);
	ck_assert_uint_eq(cgtune_threads(), host_cpus());
}
END_TEST

/* A failure may pass: dispatch reads again. */
START_TEST(failure_is_survived)
{
	char path[TREE_PATH_SIZE + 8];
	struct cgtune_options options = { .size = sizeof(options), .root = path };

	snprintf(path, sizeof(path), "%s-late", machine.root);
	ck_assert_int_eq(cgtune_init_with(&options), -ENOENT);
	ck_assert_int_eq(rename(machine.root, path), 0);
	ck_assert_int_gt(cgtune_dispatch(), 0);
	ck_assert_uint_eq(cgtune_threads(), 3);
	ck_assert_uint_eq(cgtune_memory(), BUDGET_1G);
	ck_assert_int_eq(rename(path, machine.root), 0);
}
END_TEST

START_TEST(switched_off)
{
	setenv("CGTUNE", "off", 1);
	setenv("CGTUNE_THREADS", "2", 1);
	ck_assert_int_eq(cgtune_init_with(&machine.options), 0);
	ck_assert_uint_eq(cgtune_threads(), MACHINE_CPUS);
	ck_assert_uint_eq(cgtune_memory(), CGTUNE_UNLIMITED);
	ck_assert_ptr_null(getenv("OMP_NUM_THREADS"));
	ck_assert_ptr_null(getenv("CGTUNE_SET"));
	ck_assert_int_eq(cgtune_dispatch(), 0);
	ck_assert_uint_eq(cgtune_threads(), MACHINE_CPUS);
}
END_TEST

static int readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0);
}

/* Whoever waits for the descriptor must not spin, whatever is written. */
START_TEST(switched_off_descriptor_is_quiet_after_dispatch)
{
	int fd;

	setenv("CGTUNE", "off", 1);
	ck_assert_int_eq(cgtune_init_with(&machine.options), 0);
	fd = cgtune_fd();
	ck_assert_int_ge(fd, 0);
	machine_write(&machine, CPU_MAX, "100000 100000\n");
	ck_assert_int_eq(cgtune_dispatch(), 0);
	ck_assert_int_eq(readable(fd), 0);
	ck_assert_uint_eq(cgtune_threads(), MACHINE_CPUS);
}
END_TEST

START_TEST(written_limit_is_followed)
{
	int fd;

	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	fd = cgtune_fd();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(cgtune_fd(), fd);
	ck_assert_int_eq(readable(fd), 0);
	ck_assert_int_eq(cgtune_dispatch(), 0);
	machine_write(&machine, CPU_MAX, "500000 100000\n");
	ck_assert_int_eq(readable(fd), 1);
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);
	ck_assert_int_eq(readable(fd), 0);
	ck_assert_uint_eq(cgtune_threads(), 5);
	machine_write(&machine, MEMORY_MAX, "max\n");
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_MEMORY);
	ck_assert_uint_eq(cgtune_memory(), CGTUNE_UNLIMITED);
	ck_assert_int_eq(cgtune_dispatch(), 0);
	ck_assert_str_eq(getenv("OMP_NUM_THREADS"), "3");	/* dispatch leaves the environment alone */
}
END_TEST

/* Own values in the environment are no overrides: not of a later plan either. */
START_TEST(dispatch_ignores_what_init_applied)
{
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	machine_write(&machine, CPU_MAX, "100000 100000\n");
	machine_write(&machine, MEMORY_MAX, "536870912\n");
	ck_assert_int_eq(cgtune_dispatch(), BOTH);
	ck_assert_uint_eq(cgtune_threads(), 1);
	ck_assert_uint_eq(cgtune_memory(), 483183820);
}
END_TEST

START_TEST(move_is_followed)
{
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	ck_assert_int_ge(cgtune_fd(), 0);
	machine_write(&machine, "/sys/fs/cgroup/b/cpu.max", "600000 100000\n");
	machine_write(&machine, "/proc/self/cgroup", "0::/b\n");
	ck_assert_int_eq(cgtune_dispatch(), BOTH | CGTUNE_MOVED);
	ck_assert_uint_eq(cgtune_threads(), 6);
	ck_assert_uint_eq(cgtune_memory(), CGTUNE_UNLIMITED);
	ck_assert_int_eq(cgtune_dispatch(), 0);
}
END_TEST

/* A child starts afresh: it reads what the files say by then, and gets its own descriptor. */
/* More levels than are held, and the first memory.stat above those. */
START_TEST(deeper_than_what_is_held)
{
	char line[1024] = "3:memory:";

	for (int i = 0; i < 200; i++)
		strcat(line, "/x");
	machine_write(&machine, "/proc/self/cgroup", strcat(line, "\n"));
	machine_write(&machine, "/proc/self/mountinfo",
		      "35 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	machine_write(&machine, "/sys/fs/cgroup/memory/memory.stat", "hierarchical_memory_limit 536870912\n");
	ck_assert_int_eq(cgtune_init_with(&machine.options), CGTUNE_MEMORY);
	ck_assert_int_ge(cgtune_fd(), 0);
	machine_write(&machine, "/sys/fs/cgroup/memory/memory.stat", "hierarchical_memory_limit 268435456\n");
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_MEMORY);
	ck_assert_uint_eq(cgtune_memory(), 241591910);
}
END_TEST

START_TEST(forked_child_reads_again)
{
	int status, fd;
	pid_t child;

	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	fd = cgtune_fd();
	ck_assert_int_ge(fd, 0);
	machine_write(&machine, CPU_MAX, "500000 100000\n");
	child = fork();
	if (child == 0) {
		int own = cgtune_fd();

		_exit(cgtune_threads() != 5 ? 1 : own < 0 || own == fd ? 2 :
		      cgtune_dispatch() != 0 ? 3 : cgtune_init() != BOTH ? 4 : cgtune_undo() != 0 ? 5 :
		      getenv("OMP_NUM_THREADS") ? 6 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(cgtune_threads(), 3);
	ck_assert_int_eq(cgtune_dispatch(), CGTUNE_CPU);
	ck_assert_uint_eq(cgtune_threads(), 5);
}
END_TEST

static _Atomic bool stop;

static void *busy_thread(void *argument)
{
	while (!stop)
		cgtune_dispatch();
	return argument;
}

/* A lock that another thread held during fork is not the child's. */
START_TEST(child_of_a_threaded_parent_does_not_hang)
{
	pthread_t thread;
	int status;

	machine.options.flags = CGTUNE_NO_APPLY;
	ck_assert_int_eq(cgtune_init_with(&machine.options), BOTH);
	ck_assert_int_eq(pthread_create(&thread, NULL, busy_thread, NULL), 0);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(cgtune_threads() == 3 ? 0 : 1);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(status, 0);
	}
	stop = true;
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(no_descriptor_is_left_behind)
{
	unsigned before = descriptors_open();
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_usage usage = { .size = sizeof(usage) };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	uint64_t left;

	for (int real = 0; real < 2; real++) {
		const struct cgtune_options *options = real ? NULL : &machine.options;

		ck_assert_int_eq(cgtune_read(options, &limits), 0);
		ck_assert_int_eq(cgtune_usage_read(options, &usage), 0);
		ck_assert_int_eq(cgtune_throttle_read(options, &throttle), 0);
		cgtune_memory_available_of(options, &left);
	}
	ck_assert_int_ge(cgtune_init_with(&machine.options), 0);
	ck_assert_uint_eq(descriptors_open(), before);
}
END_TEST

/* Words. */
START_TEST(every_source_has_a_name)
{
	static const char *const names[] = {
		"none", "option", "cgroup", "affinity", "host", "CGTUNE", "CGTUNE_CPUS", "CGTUNE_MEMORY",
		"CGTUNE_THREADS", "CGTUNE_BUDGET", "GOMAXPROCS", "GOMEMLIMIT", "AUTOMEMLIMIT",
	};

	ck_assert_uint_eq(ARRAY_SIZE(names), CGTUNE_SOURCE_AUTOMEMLIMIT + 1);
	for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_str_eq(cgtune_source_name(i), names[i]);
	ck_assert_str_eq(cgtune_source_name(ARRAY_SIZE(names)), "unknown");
	ck_assert_str_eq(cgtune_source_name(UINT32_MAX), "unknown");
}
END_TEST

START_TEST(every_error_has_a_sentence)
{
	static const int documented[] = {
		EINVAL, E2BIG, EMFILE, ENFILE, ENOMEM, ESRCH, ENOENT, ENODATA, EAGAIN, EDEADLK, EACCES, EPERM,
		ENOTDIR, EISDIR, ELOOP, EIO, ENODEV, EBADMSG, EFBIG, EINTR, ENOSYS, EOPNOTSUPP,
	};
	const char *unknown = cgtune_strerror(-9999);

	ck_assert_str_eq(cgtune_strerror(0), "success");
	for (int i = -4096; i <= 4096; i++)
		ck_assert_uint_gt(strlen(cgtune_strerror(i)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(documented); i++)
		ck_assert_msg(strcmp(cgtune_strerror(-documented[i]), unknown) != 0, "%s", strerror(documented[i]));
	ck_assert_str_eq(cgtune_strerror(INT_MAX), unknown);
	ck_assert_str_eq(cgtune_strerror(INT_MIN), unknown);
}
END_TEST

START_TEST(version)
{
	unsigned major, minor, patch;
	char rest;

	ck_assert_int_eq(sscanf(cgtune_version(), "%u.%u.%u%c", &major, &minor, &patch, &rest), 3);
}
END_TEST

/* What goes to stdout and stderr while fn runs. */
static char *output_of(void (*fn)(void))
{
	static char text[8192];
	char path[TREE_PATH_SIZE + 16];
	int out = dup(1), err = dup(2), fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/output", machine.root);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	fflush(NULL);
	dup2(fd, 1);
	dup2(fd, 2);
	fn();
	fflush(NULL);
	dup2(out, 1);
	dup2(err, 2);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	close(out);
	close(err);
	return text;
}

static void use_everything(void)
{
	uint64_t left;

	cgtune_init_with(&machine.options);
	cgtune_threads();
	cgtune_fd();
	cgtune_dispatch();
	cgtune_memory_available(&left);
	cgtune_undo();
}

static void fail_to_init(void)
{
	struct cgtune_options options = { .size = sizeof(options), .root = "/nonexistent" };

	cgtune_init_with(&options);
}

START_TEST(silent_by_default)
{
	setenv("GOMAXPROCS", "many", 1);
	machine_write(&machine, CPU_MAX, "rubbish\n");
	ck_assert_str_eq(output_of(use_everything), "");
}
END_TEST

START_TEST(silent_failure)
{
	ck_assert_str_eq(output_of(fail_to_init), "");
}
END_TEST

static unsigned lines_in(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* How many lines each level lets through: a refused variable and a bad file are warnings, the result is info. */
static const struct {
	const char *level;
	unsigned lines;
} log_levels[] = {
	{ "off", 0 }, { "error", 0 }, { "warning", 2 }, { "info", 3 }, { "debug", 4 }, { "", 0 }, { "loud", 0 },
};

START_TEST(log_level)
{
	char *text;

	setenv("GOMAXPROCS", "many", 1);
	setenv("CGTUNE_LOG", log_levels[_i].level, 1);
	machine_write(&machine, CPU_MAX, "rubbish\n");
	text = output_of(use_everything);
	ck_assert_msg(lines_in(text) == log_levels[_i].lines, "CGTUNE_LOG=%s wrote\n%s", log_levels[_i].level, text);
	if (log_levels[_i].lines) {
		ck_assert_ptr_nonnull(strstr(text, "cgtune: GOMAXPROCS=many: "));
		ck_assert_ptr_nonnull(strstr(text, "cgtune: " CPU_MAX "=rubbish: "));
	}
}
END_TEST

START_TEST(failure_is_an_error_message)
{
	char *text;

	setenv("CGTUNE_LOG", "error", 1);
	text = output_of(fail_to_init);
	ck_assert_uint_eq(lines_in(text), 1);
	ck_assert_ptr_nonnull(strstr(text, "no such file"));
}
END_TEST

/* A file's bytes reach a terminal as one harmless line. */
START_TEST(log_of_hostile_bytes)
{
	char *text;

	setenv("CGTUNE_LOG", "warning", 1);
	machine_write(&machine, CPU_MAX, "\033[31mred\ncgtune: forged\a\177\n");
	text = output_of(use_everything);
	ck_assert_uint_eq(lines_in(text), 1);
	for (const char *p = text; *p; p++)
		ck_assert_msg(*p == '\n' || ((unsigned char)*p >= ' ' && *p != 127), "byte %d in the log", *p);
}
END_TEST

static struct {
	unsigned count[CGTUNE_LOG_DEBUG + 1];
	char last[512];
	void *user;
} logged;

static void take_log(int level, const char *text, void *user)
{
	ck_assert_int_ge(level, CGTUNE_LOG_ERROR);
	ck_assert_int_le(level, CGTUNE_LOG_DEBUG);
	logged.count[level]++;
	logged.user = user;
	snprintf(logged.last, sizeof(logged.last), "%s", text);
}

START_TEST(logger_is_given_all_levels)
{
	setenv("GOMAXPROCS", "many", 1);
	cgtune_set_logger(take_log, &logged);
	ck_assert_str_eq(output_of(use_everything), "");
	ck_assert_uint_eq(logged.count[CGTUNE_LOG_WARNING], 1);
	ck_assert_uint_eq(logged.count[CGTUNE_LOG_INFO], 1);
	ck_assert_uint_eq(logged.count[CGTUNE_LOG_ERROR], 0);
	ck_assert_ptr_eq(logged.user, &logged);
	ck_assert_ptr_nonnull(strstr(logged.last, "threads 3"));
}
END_TEST

START_TEST(logger_is_given_the_failure)
{
	cgtune_set_logger(take_log, NULL);
	fail_to_init();
	ck_assert_uint_eq(logged.count[CGTUNE_LOG_ERROR], 1);
	cgtune_set_logger(NULL, NULL);
	ck_assert_str_eq(output_of(fail_to_init), "");
	ck_assert_uint_eq(logged.count[CGTUNE_LOG_ERROR], 1);
}
END_TEST

/* This program again, in a file of its own: setuid root, run by nobody. */
static void copy_program(const char *to, mode_t mode)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	char buffer[65536];
	ssize_t n;

	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		ck_assert_int_eq(write(out, buffer, (size_t)n), n);
	close(in);
	ck_assert_int_eq(fchmod(out, mode), 0);
	close(out);
}

static void run_as_nobody(const char *program, int out)
{
	const struct passwd *nobody = getpwnam("nobody");
	uid_t uid = nobody ? nobody->pw_uid : 65534;
	const char *const argv[] = { program, PRINT, NULL };
	const char *const environment[] = {
		"CGTUNE_THREADS=77", "CGTUNE_CPUS=77", "GOMAXPROCS=78", "CGTUNE_BUDGET=7M", "GOMEMLIMIT=7MiB",
		"CGTUNE_LOG=debug", "OMP_NUM_THREADS=5", "CGTUNE_SET=OMP_NUM_THREADS=5;", NULL,
	};

	dup2(out, 1);
	dup2(out, 2);
	if (setgroups(0, NULL) == 0 && setgid(uid) == 0 && setuid(uid) == 0)
		execve(program, (char *const *)argv, (char *const *)environment);
	_exit(99);
}

static int print_for_nobody(const char *program, char *text, size_t size)
{
	int pipes[2], status;
	ssize_t n = 0, more;
	pid_t child;

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		run_as_nobody(program, pipes[1]);
	close(pipes[1]);
	while ((more = read(pipes[0], text + n, size - 1 - (size_t)n)) > 0)
		n += more;
	text[n] = '\0';
	close(pipes[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

static void print_what_is_found(void)
{
	int r = cgtune_init();

	printf("secure %lu init %d threads %u memory %llu omp %s\n", getauxval(AT_SECURE), r < 0, cgtune_threads(),
	       (unsigned long long)cgtune_memory(), getenv("OMP_NUM_THREADS"));
}

START_TEST(setuid_program_reads_no_environment)
{
	char program[TREE_PATH_SIZE + 16], want[256], text[4096];

	if (geteuid() != 0) {
		suite_skip_test("not root");
		return;
	}
	snprintf(program, sizeof(program), "%s/setuid", machine.root);
	ck_assert_int_eq(chmod(machine.root, 0755), 0);
	copy_program(program, 0755);
	/* Without the bit the variables count: so the test can see them count. */
	ck_assert_int_eq(print_for_nobody(program, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "secure 0"));
	ck_assert_ptr_nonnull(strstr(text, "threads 77 memory 7340032"));
	ck_assert_int_eq(chmod(program, 04755), 0);
	ck_assert_int_eq(print_for_nobody(program, text, sizeof(text)), 0);
	if (strstr(text, "secure 0")) {
		suite_skip_test("a file system without setuid programs");
		return;
	}
	ck_assert_msg(!strstr(text, "cgtune:"), "%s", text);
	ck_assert_msg(strstr(text, "omp 5"), "%s", text);
	snprintf(want, sizeof(want), "threads %u memory %llu", cgtune_threads(), (unsigned long long)cgtune_memory());
	ck_assert_msg(strstr(text, want), "%s, expected %s", text, want);
}
END_TEST

static void add_init(Suite *suite)
{
	TCase *tcase = tcase_create("init");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, init_on_a_fake_root);
	tcase_add_test(tcase, init_twice);
	tcase_add_test(tcase, init_where_nothing_limits);
	tcase_add_test(tcase, init_without_apply);
	tcase_add_test(tcase, init_with_options_that_cannot_be);
	tcase_add_test(tcase, getters_before_init);
	tcase_add_test(tcase, memory_before_init);
	tcase_add_test(tcase, failure_answers_with_the_host);
	tcase_add_test(tcase, root_that_is_a_file);
	tcase_add_test(tcase, failure_is_survived);
	tcase_add_test(tcase, switched_off);
	tcase_add_test(tcase, no_descriptor_is_left_behind);
	suite_add_tcase(suite, tcase);
}

static void add_threads(Suite *suite)
{
	TCase *tcase = tcase_create("threads");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, first_init_from_many_threads, 0, 10);
	tcase_add_loop_test(tcase, init_from_many_threads, 0, 10);
	tcase_add_loop_test(tcase, first_use_from_many_threads, 0, 10);
	tcase_add_test(tcase, child_of_a_threaded_parent_does_not_hang);
	suite_add_tcase(suite, tcase);
}

static void add_live(Suite *suite)
{
	TCase *tcase = tcase_create("live");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, switched_off_descriptor_is_quiet_after_dispatch);
	tcase_add_test(tcase, written_limit_is_followed);
	tcase_add_test(tcase, dispatch_ignores_what_init_applied);
	tcase_add_test(tcase, move_is_followed);
	tcase_add_test(tcase, deeper_than_what_is_held);
	tcase_add_test(tcase, forked_child_reads_again);
	suite_add_tcase(suite, tcase);
}

static void add_words(Suite *suite)
{
	TCase *sizes = tcase_create("sizes"), *words = tcase_create("words");

	tcase_add_checked_fixture(sizes, setup, teardown);
	tcase_add_loop_test(sizes, pool_size, 0, ARRAY_SIZE(pools));
	tcase_add_loop_test(sizes, memory_share, 0, ARRAY_SIZE(shares));
	tcase_add_test(sizes, share_of_no_budget);
	tcase_add_test(sizes, share_of_a_large_budget);
	suite_add_tcase(suite, sizes);
	tcase_add_test(words, every_source_has_a_name);
	tcase_add_test(words, every_error_has_a_sentence);
	tcase_add_test(words, version);
	suite_add_tcase(suite, words);
}

static void add_log(Suite *suite)
{
	TCase *tcase = tcase_create("log");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, silent_by_default);
	tcase_add_test(tcase, silent_failure);
	tcase_add_loop_test(tcase, log_level, 0, ARRAY_SIZE(log_levels));
	tcase_add_test(tcase, failure_is_an_error_message);
	tcase_add_test(tcase, log_of_hostile_bytes);
	tcase_add_test(tcase, logger_is_given_all_levels);
	tcase_add_test(tcase, logger_is_given_the_failure);
	suite_add_tcase(suite, tcase);
}

static void add_setuid(Suite *suite)
{
	TCase *tcase = tcase_create("setuid");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, setuid_program_reads_no_environment);
	suite_add_tcase(suite, tcase);
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("process");

	if (argc == 2 && strcmp(argv[1], PRINT) == 0) {
		print_what_is_found();
		fflush(stdout);
		_exit(EXIT_SUCCESS);	/* a sanitizer's last words need what a setuid program may not do */
	}
	setenv("CK_FORK", "yes", 1);	/* a process is initialised once */
	add_init(suite);
	add_threads(suite);
	add_live(suite);
	add_words(suite);
	add_log(suite);
	add_setuid(suite);
	return suite_run(suite);
}
