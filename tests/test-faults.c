/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-faults - every entry into the kernel fails in turn, once and from then on
 *
 * Linked with -Wl,--wrap=sys_call: lib/sys.c is the one function through which
 * the library enters the kernel. The n-th call fails, for n = 1.. until none
 * does. Out of resources (file_error_is_fatal()) must be an error or the right
 * answer; another error may leave a level out, and then says so in a warning; a
 * file that is not there is no limit.
 */
#include "machine.h"
#include "suite.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BOTH (CGTUNE_CPU | CGTUNE_MEMORY)
#define BUDGET_1G UINT64_C(966367641)
#define PATTERN 0x5a
/* Far above the number of calls of any operation: a loop without an end is found. */
#define MOST_CALLS 5000

static const int errors[] = {
	EMFILE, ENFILE, ENOMEM, EACCES, EPERM, EIO, ENOENT, ENODEV, EINTR, ENOSYS,
};

/* The fault that is on. */
static struct {
	long fail_at;			/* number of the call; 0: none */
	bool from_then_on, one_byte;
	int error;
	long calls;
	long fired;			/* number of the system call that failed first; -1: none */
	bool probe;			/* it only asked whether there is such a path */
} fault;

/* Points that fired, over all forked tests. */
static unsigned *points;

long __real_sys_call(long number, long a, long b, long c, long d, long e, long f);
long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f);

/* openat(2) or openat2(2) with O_PATH. */
static bool is_probe(long number, long flags_or_how)
{
	if (number == SYS_openat2)
		return ((const struct open_how *)flags_or_how)->flags & O_PATH;
	return number == SYS_openat && flags_or_how & O_PATH;
}

/* Linux closes the descriptor also when close(2) reports an error. */
long __wrap_sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	bool fails = ++fault.calls == fault.fail_at ||
		     (fault.from_then_on && fault.fail_at && fault.calls > fault.fail_at);

	if (fault.calls > MOST_CALLS)
		ck_abort_msg("more than %d system calls", MOST_CALLS);
	if (fails && fault.fired < 0) {
		fault.fired = number;
		fault.probe = is_probe(number, c);
	}
	if (fails && number == SYS_close)
		__real_sys_call(number, a, b, c, d, e, f);
	if (fails)
		return -fault.error;
	if (fault.one_byte && (number == SYS_read || number == SYS_pread64) && c > 1)
		c = 1;
	return __real_sys_call(number, a, b, c, d, e, f);
}

static void fault_on(long at, int error, bool from_then_on)
{
	fault.fail_at = at;
	fault.error = error;
	fault.from_then_on = from_then_on;
	fault.calls = 0;
	fault.fired = -1;
	fault.probe = false;
}

/* Whether it fired. */
static bool fault_off(void)
{
	bool fired = fault.fired >= 0;

	fault.fail_at = 0;
	fault.calls = 0;
	*points += fired;
	return fired;
}

/* What an operation fills; first member of all is their size. */
union result {
	size_t size;
	struct cgtune_limits limits;
	struct cgtune_usage usage;
	struct cgtune_throttle throttle;
	uint64_t left;
};

static int read_limits(const struct cgtune_options *options, union result *ret)
{
	return cgtune_read(options, &ret->limits);
}

static int read_usage(const struct cgtune_options *options, union result *ret)
{
	return cgtune_usage_read(options, &ret->usage);
}

static int read_throttle(const struct cgtune_options *options, union result *ret)
{
	return cgtune_throttle_read(options, &ret->throttle);
}

static int read_left(const struct cgtune_options *options, union result *ret)
{
	return cgtune_memory_available_of(options, &ret->left);
}

static const struct operation {
	const char *name;
	int (*run)(const struct cgtune_options *options, union result *ret);
	size_t size;
	bool reports;			/* says what it left out; else that is CGTUNE_UNKNOWN or an error */
} operations[] = {
	{ "cgtune_read", read_limits, sizeof(struct cgtune_limits), true },
	{ "cgtune_usage_read", read_usage, sizeof(struct cgtune_usage), false },
	{ "cgtune_throttle_read", read_throttle, sizeof(struct cgtune_throttle), false },
	{ "cgtune_memory_available_of", read_left, sizeof(uint64_t), false },
};

static int run(const struct operation *operation, struct cgtune_options *options, struct heard *heard,
	       union result *ret)
{
	memset(heard, 0, sizeof(*heard));
	memset(ret, PATTERN, sizeof(*ret));
	if (operation->size > sizeof(size_t))
		ret->size = operation->size;
	options->report = heard_report;
	options->report_user = heard;
	return operation->run(options, ret);
}

static bool is_fatal(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR || error == ENODEV;
}

/* Each member is as without the fault, or unknown. */
static bool is_same_or_unknown(const union result *result, const union result *right, size_t size)
{
	const uint64_t *a = (const uint64_t *)result, *b = (const uint64_t *)right;

	for (size_t i = 0; i < size / sizeof(*a); i++)
		if (a[i] != b[i] && a[i] != CGTUNE_UNKNOWN)
			return false;
	return true;
}

static bool is_untouched(const union result *result, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)result;

	for (size_t i = size > sizeof(size_t) ? sizeof(size_t) : 0; i < size; i++)
		if (bytes[i] != PATTERN)
			return false;
	return true;
}

/* Of a named cgroup that cannot be looked for it may be said that there is none. */
static bool is_documented(int r, const struct cgtune_options *options)
{
	return r == -fault.error || r == -ENODATA || (r == -ENOENT && options->cgroup && !is_fatal(fault.error));
}

/* Calls that cannot fail in a kernel other than by a filter, and say "unknown" then. */
static bool is_silent(long number)
{
	return number == SYS_sysinfo || number == SYS_sched_getaffinity || number == SYS_sched_getscheduler;
}

/* A sentence about what is wrong with a faulted outcome; NULL: nothing. */
static const char *judge(const struct operation *operation, int r, const union result *result, int right_r,
			 const union result *right, const struct heard *heard, const struct cgtune_options *options)
{
	if (r < 0 && !is_untouched(result, operation->size))
		return "failed, and the result was touched";
	if (r < 0)
		return is_documented(r, options) ? NULL : "failed with another error than documented";
	if (r == right_r && memcmp(result, right, operation->size) == 0)
		return NULL;
	if (fault.error == ENOENT || is_silent(fault.fired))
		return NULL;
	if (!operation->reports && !options->root)
		return NULL;		/* what the real machine uses is another figure each time */
	if (!is_fatal(fault.error) && fault.probe)
		return NULL;		/* what may not be looked for is not there */
	if (!operation->reports)
		return operation->size > sizeof(uint64_t) && is_same_or_unknown(result, right, operation->size) ?
			       NULL : "another answer, which is neither an error nor unknown";
	if (is_fatal(fault.error))
		return "out of resources, and another answer as if nothing were wrong";
	return heard->warnings ? NULL : "another answer, without a warning";
}

static void check_point(const struct operation *operation, struct cgtune_options *options, const char *where,
			int right_r, const union result *right)
{
	unsigned before = descriptors_open(), after;
	union result result;
	struct heard heard;
	long at = fault.fail_at, number;
	const char *wrong;
	int r = run(operation, options, &heard, &result);

	number = fault.fired;
	fault.fail_at = 0;
	after = descriptors_open();
	wrong = judge(operation, r, &result, right_r, right, &heard, options);
	if (after != before)
		wrong = "a descriptor was left open or closed";
	if (wrong)
		ck_abort_msg("%s on %s, call %ld (system call %ld) %s %s: answers %d: %s", operation->name, where, at,
			     number, fault.from_then_on ? "and all later" : "once", strerrorname_np(fault.error), r, wrong);
}

/* All points of one operation on one root. */
static void check_operation(const struct operation *operation, struct cgtune_options *options, const char *where)
{
	union result right;
	struct heard heard;
	int right_r = run(operation, options, &heard, &right);

	for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
		for (int mode = 0; mode < 2; mode++) {
			bool fired = true;

			for (long n = 1; fired; n++) {
				fault_on(n, errors[e], mode);
				check_point(operation, options, where, right_r, &right);
				fired = fault_off();
			}
		}
	}
}

static glob_t trees;

static void each_operation(const char *tree)
{
	char dir[TREE_PATH_SIZE];
	struct cgtune_options options = { .size = sizeof(options), .root = dir, .flags = CGTUNE_NO_ENV };

	ck_assert_int_eq(tree_make(dir, sizeof(dir)), 0);
	ck_assert_int_eq(tree_unpack(tree, dir), 0);
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		check_operation(&operations[i], &options, strrchr(tree, '/') + 1);
	ck_assert_int_eq(tree_remove(dir), 0);
}

START_TEST(fixture)
{
	each_operation(trees.gl_pathv[_i]);
}
END_TEST

START_TEST(real_root)
{
	struct cgtune_options options = { .size = sizeof(options), .flags = CGTUNE_NO_ENV };

	check_operation(&operations[_i], &options, "the real root");
}
END_TEST

/* Two mounts of one hierarchy, of which only one shows the cgroup: the choice must not depend on luck. */
START_TEST(two_mounts)
{
	struct machine machine;

	machine_make(&machine);
	machine_limit(&machine);
	machine_write(&machine, "/proc/self/mountinfo",
		      "25 22 0:22 / /mnt/other rw - cgroup2 cgroup2 rw\n"
		      "26 22 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	machine.options.flags = CGTUNE_NO_ENV;
	check_operation(&operations[_i], &machine.options, "a machine with two mounts");
	machine_remove(&machine);
}
END_TEST

START_TEST(named_cgroup)
{
	struct machine machine;

	machine_make(&machine);
	machine_limit(&machine);
	machine_write(&machine, "/sys/fs/cgroup/a/cpuset.cpus.effective", "0-5\n");
	machine.options.flags = CGTUNE_NO_ENV;
	machine.options.cgroup = "/a";
	check_operation(&operations[_i], &machine.options, "a cgroup by name");
	machine_remove(&machine);
}
END_TEST

/* Each read returns one byte: the same struct, byte for byte. */
START_TEST(one_byte_at_a_time)
{
	const char *tree = trees.gl_pathv[_i];
	char dir[TREE_PATH_SIZE];
	struct cgtune_options options = { .size = sizeof(options), .root = dir, .flags = CGTUNE_NO_ENV };

	ck_assert_int_eq(tree_make(dir, sizeof(dir)), 0);
	ck_assert_int_eq(tree_unpack(tree, dir), 0);
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		union result whole, bytes;
		struct heard heard;
		int whole_r = run(&operations[i], &options, &heard, &whole), r;

		fault.one_byte = true;
		fault.calls = -1000000;		/* of which there are many */
		r = run(&operations[i], &options, &heard, &bytes);
		fault.one_byte = false;
		fault.calls = 0;
		ck_assert_msg(r == whole_r && memcmp(&whole, &bytes, operations[i].size) == 0,
			      "%s on %s: another answer (%d, %d)", operations[i].name, strrchr(tree, '/') + 1, r, whole_r);
	}
	ck_assert_int_eq(tree_remove(dir), 0);
}
END_TEST

/*
 * The life of a process on a fake root, with a fault in one of its phases:
 * init, descriptor, a written limit, a move. What follows the phase runs clean
 * and must come to the right values.
 */
enum phase { INIT, DESCRIPTOR, WRITTEN, MOVED, PHASES };
static const char *const phase_names[] = { "cgtune_init_with", "cgtune_fd", "cgtune_dispatch", "cgtune_dispatch after a move" };

struct life {
	struct machine machine;
	enum phase phase;
	long at;
	int error;
	bool from_then_on;
};

/* Shared with the forked child: what it has to say. */
static struct told {
	bool fired;
	unsigned descriptors;
	char wrong[512];
} *told;

static bool begin(const struct life *life, enum phase phase)
{
	if (life->phase != phase)
		return false;
	fault_on(life->at, life->error, life->from_then_on);
	return true;
}

static void end(bool faulted)
{
	if (faulted)
		told->fired = fault_off();
}

static void complain(const struct life *life, const char *what, int r)
{
	if (!told->wrong[0])
		snprintf(told->wrong, sizeof(told->wrong), "%s, call %ld (system call %ld) %s %s: %s (%d; threads %u)",
			 phase_names[life->phase], life->at, fault.fired, life->from_then_on ? "and all later" : "once",
			 strerrorname_np(life->error), what, r, cgtune_threads());
}

static bool may_leave_out(const struct life *life)
{
	return !is_fatal(life->error);
}

static void live_init(const struct life *life)
{
	bool faulted = begin(life, INIT);
	int r = cgtune_init_with(&life->machine.options);

	end(faulted);
	if (r >= 0 && cgtune_threads() != 3 && !may_leave_out(life))
		complain(life, "cgtune_init_with succeeds with another answer", r);
	if (r < 0 && getenv("CGTUNE_SET"))
		complain(life, "cgtune_init_with fails, and sets variables", r);
	if (r < 0 && cgtune_threads() < 1)
		complain(life, "no host's value after a failure", r);
	if (!faulted)
		return;
	r = cgtune_dispatch();
	if (r < 0 || cgtune_threads() != 3 || cgtune_memory() != BUDGET_1G)
		complain(life, "a clean dispatch after it does not come to the right values", r);
}

static void live_descriptor(const struct life *life)
{
	bool faulted = begin(life, DESCRIPTOR);
	int fd = cgtune_fd();

	end(faulted);
	if (fd < 0 && !faulted)
		complain(life, "cgtune_fd fails", fd);
	fd = cgtune_fd();
	if (fd < 0)
		complain(life, "a clean cgtune_fd after it fails", fd);
}

static void live_dispatch(const struct life *life, enum phase phase, unsigned before, unsigned right, uint64_t memory)
{
	bool faulted = begin(life, phase);
	int r = cgtune_dispatch();

	end(faulted);
	if (faulted && r < 0 && cgtune_threads() != before)
		complain(life, "dispatch fails, and values change", r);
	if (faulted && r >= 0 && cgtune_threads() != right && cgtune_threads() != before && !may_leave_out(life))
		complain(life, "dispatch succeeds with another answer", r);
	if (faulted)
		r = cgtune_dispatch();
	/* What could not be read while the cgroup was searched is looked for again at the next move. */
	if (r >= 0 && may_leave_out(life) && life->phase != INIT)
		return;
	if (r < 0 || cgtune_threads() != right || cgtune_memory() != memory)
		complain(life, phase == MOVED ? "the move is not followed by a clean dispatch" :
						"the limit is not followed by a clean dispatch", r);
}

static void live(const struct life *life)
{
	live_init(life);
	live_descriptor(life);
	machine_write(&life->machine, CPU_MAX, "500000 100000\n");
	live_dispatch(life, WRITTEN, 3, 5, BUDGET_1G);
	machine_write(&life->machine, "/proc/self/cgroup", "0::/b\n");
	live_dispatch(life, MOVED, 5, 6, CGTUNE_UNLIMITED);
	told->descriptors = descriptors_open();
}

static void live_once(struct life *life)
{
	int status;
	pid_t child;

	machine_limit(&life->machine);
	machine_write(&life->machine, "/proc/self/cgroup", "0::/a\n");
	memset(told, 0, sizeof(*told));
	child = fork();
	if (child == 0) {
		live(life);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (status)
		complain(life, "the process ends", status);
}

START_TEST(life_with_a_fault)
{
	struct life life = { .phase = PHASES };
	unsigned descriptors;

	environment_clear();
	machine_make(&life.machine);
	machine_write(&life.machine, "/sys/fs/cgroup/b/cpu.max", "600000 100000\n");
	live_once(&life);
	ck_assert_msg(!told->wrong[0], "without a fault: %s", told->wrong);
	descriptors = told->descriptors;
	life.phase = (enum phase)(_i / (int)ARRAY_SIZE(errors));
	life.error = errors[_i % (int)ARRAY_SIZE(errors)];
	for (int mode = 0; mode < 2; mode++) {
		life.from_then_on = mode;
		life.at = 0;
		do {
			life.at++;
			live_once(&life);
			if (told->descriptors > descriptors)
				complain(&life, "a descriptor is left open", (int)told->descriptors);
			ck_assert_msg(!told->wrong[0], "%s", told->wrong);
		} while (told->fired);
	}
	machine_remove(&life.machine);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test, int from, int to)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, test, from, to);
	suite_add_tcase(suite, tcase);
}

/* Memory that forked tests share with this process. */
static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(EXIT_FAILURE);
	return memory;
}

int main(void)
{
	Suite *suite = suite_create("faults");
	char folder[TREE_PATH_SIZE], pattern[TREE_PATH_SIZE + 16];
	int status;

	setenv("CK_FORK", "yes", 1);
	points = shared(sizeof(*points));
	told = shared(sizeof(*told));
	suite_folder(folder, sizeof(folder), "FIXTURES", "fixtures");
	snprintf(pattern, sizeof(pattern), "%s/*.tree", folder);
	if (glob(pattern, 0, NULL, &trees) != 0) {
		fprintf(stderr, "no fixtures: %s\n", pattern);
		return EXIT_FAILURE;
	}
	add(suite, "real root", real_root, 0, ARRAY_SIZE(operations));
	add(suite, "two mounts", two_mounts, 0, ARRAY_SIZE(operations));
	add(suite, "named cgroup", named_cgroup, 0, ARRAY_SIZE(operations));
	add(suite, "life", life_with_a_fault, 0, PHASES * ARRAY_SIZE(errors));
	add(suite, "one byte", one_byte_at_a_time, 0, (int)trees.gl_pathc);
	for (int i = 0; i < (int)trees.gl_pathc; i += getenv("FAULTS_ALL") ? 1 : 10)
		add(suite, "fixtures", fixture, i, i + 1);
	status = suite_run(suite);
	printf("# %u fault points\n", *points);
	return status;
}
