/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-advise - `cgtune advise` of real cgroups: each rule with work for which it speaks, and with work for which it is silent
 *
 * A rule speaks of what was seen for half a second. Where the machine's CPUs are taken away meanwhile that may be too little:
 * it is asked again until it does. What must be silent is so for a reason that no scheduling changes.
 */
#include "real.h"
#include "suite.h"

#include <errno.h>
#include <json-c/json.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIES 120			/* of half a second each */
#define MOST_WORKERS 8

static char command[PATH_MAX];		/* beside the folder of this program */
static pid_t worker[MOST_WORKERS];
static int workers;

/*
 * With many others at work it would not come to use a quota up: this one gets nearly all of the CPUs that there are, so that
 * the quota is what stops it.
 */
static void favour(const char *group)
{
	const char *const groups[] = { "", group };

	for (int i = 0; i < 2; i++)
		if (real_version(REAL_CPU) == 2)
			real_set(groups[i], REAL_CPU, "cpu.weight", "10000");
		else
			real_set(groups[i], REAL_CPU, "cpu.shares", "262144");
}

static void *burn(void *unused)
{
	(void)unused;
	for (;;)
		;
	return NULL;
}

static void burn_threads(int64_t n)
{
	pthread_t thread;

	while (n-- > 1)
		ck_assert_int_eq(pthread_create(&thread, NULL, burn, NULL), 0);
	burn(NULL);
}

static uint64_t used_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* Twice the quota at a time, then five periods of nothing: 40 of the 100 to 120 ms that it may use meanwhile. */
static void burn_in_bursts(int64_t unused)
{
	(void)unused;
	for (;;) {
		uint64_t until = used_ns() + 40000000;

		while (used_ns() < until)
			;
		usleep(500000);
	}
}

static void sleep_on(int64_t unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void hold(int64_t bytes)
{
	char *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	for (;;)
		pause();
}

static pthread_barrier_t all;

static void *allocate(void *unused)
{
	char *volatile memory = malloc(100);

	(void)unused;
	memory[0] = 1;
	pthread_barrier_wait(&all);
	for (;;)
		pause();
	return NULL;
}

/* Arenas are for threads that live at the same time. */
static void allocate_in_threads(int64_t n)
{
	pthread_t thread;

	pthread_barrier_init(&all, NULL, (unsigned)n + 1);
	while (n-- > 0)
		ck_assert_int_eq(pthread_create(&thread, NULL, allocate, NULL), 0);
	pthread_barrier_wait(&all);
	burn(NULL);
}

/* A process in the group that works from the time on that it is there. */
static pid_t work(const char *group, void (*fn)(int64_t argument), int64_t argument)
{
	pid_t parent = getpid(), pid;
	int go[2];
	char byte;

	ck_assert_int_eq(pipe(go), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || read(go[0], &byte, 1) != 1)
			_exit(1);
		fn(argument);
	}
	real_move(group, pid);
	ck_assert_int_eq(write(go[1], "", 1), 1);
	close(go[0]);
	close(go[1]);
	ck_assert_int_lt(workers, MOST_WORKERS);
	worker[workers++] = pid;
	return pid;
}

static void rest(void)
{
	while (workers > 0) {
		kill(worker[--workers], SIGKILL);
		waitpid(worker[workers], NULL, 0);
	}
}

/* What it says of a group, or with a pid of that. */
static struct json_object *advise(const char *group, pid_t pid, const char *seconds)
{
	static char text[1 << 17];
	char line[2 * PATH_MAX], path[REAL_PATH_SIZE];
	struct json_object *said;
	FILE *out;

	if (pid)
		snprintf(line, sizeof(line), "'%s' advise --json --duration %s --pid %d", command, seconds, pid);
	else
		snprintf(line, sizeof(line), "'%s' advise --json --duration %s --cgroup '%s'", command, seconds, real_cgroup(group, path));
	out = popen(line, "r");
	ck_assert_ptr_nonnull(out);
	text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
	ck_assert_msg(pclose(out) == 0, "%s: %s", line, text);
	said = json_tokener_parse(text);
	ck_assert_msg(said != NULL, "%s", text);
	return said;
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value;

	ck_assert_msg(json_object_object_get_ex(object, name, &value), "no %s in %s", name, json_object_to_json_string(object));
	return value;
}

static struct json_object *find(struct json_object *said, const char *rule)
{
	struct json_object *advice = member(said, "advice");

	for (size_t i = 0; i < json_object_array_length(advice); i++) {
		struct json_object *one = json_object_array_get_idx(advice, i);

		if (strcmp(json_object_get_string(member(one, "rule")), rule) == 0)
			return one;
	}
	return NULL;
}

/* Until it does; the advice itself, of what was said last. */
static struct json_object *speaks(const char *rule, const char *group, pid_t pid)
{
	struct json_object *said = NULL, *one = NULL;

	for (int i = 0; i < TRIES && !one; i++) {
		if (said)
			json_object_put(said);
		said = advise(group, pid, "0.5");
		one = find(said, rule);
	}
	ck_assert_msg(one != NULL, "%s is not said of it: %s", rule, json_object_to_json_string(said));
	return one;
}

static void is_silent(const char *rule, const char *group)
{
	struct json_object *said = advise(group, 0, "0.5");

	ck_assert_msg(find(said, rule) == NULL, "%s is said of it: %s", rule, json_object_to_json_string(said));
	json_object_put(said);
}

static double number(struct json_object *object, const char *name)
{
	return json_object_get_double(member(object, name));
}

static double evidence(struct json_object *advice, const char *name)
{
	return number(member(advice, "evidence"), name);
}

static const char *how(struct json_object *advice, const char *place)
{
	const char *text = json_object_get_string(member(member(advice, "commands"), place));

	return text ? text : "none";
}

START_TEST(test_threads)
{
	struct json_object *one;
	pid_t pid;

	real_make("threads");
	favour("threads");
	real_quota("threads", 50000, 100000);
	pid = work("threads", burn_threads, 8);
	one = speaks("threads-over-quota", "threads", 0);
	ck_assert_double_eq_tol(number(one, "recommended"), 1, 1e-9);
	ck_assert_double_eq_tol(evidence(one, "threads"), 8, 1e-9);
	ck_assert_double_gt(evidence(one, "runnable_mean"), 1);
	ck_assert_double_eq_tol(evidence(one, "quota_cpus"), 0.5, 1e-9);
	ck_assert_double_ge(evidence(one, "throttled_periods"), 1);
	ck_assert_double_le(evidence(one, "used_cpus"), (double)sysconf(_SC_NPROCESSORS_ONLN) + 0.5);
	ck_assert_ptr_nonnull(strstr(how(one, "start"), "cgtune run"));
	one = speaks("threads-over-quota", NULL, pid);
	ck_assert_double_eq_tol(evidence(one, "threads"), 8, 1e-9);
	rest();
	work("threads", burn_threads, 1);		/* no more than one can want to run */
	is_silent("threads-over-quota", "threads");
	rest();
}
END_TEST

/* One thread in half a CPU would use a whole one. */
START_TEST(test_quota_too_small)
{
	char path[REAL_PATH_SIZE];
	struct json_object *one;

	real_make("quota-too-small");
	favour("quota-too-small");
	real_quota("quota-too-small", 50000, 100000);
	work("quota-too-small", burn_threads, 1);
	one = speaks("quota-too-small", "quota-too-small", 0);
	ck_assert_double_gt(number(one, "recommended"), 0.5);
	ck_assert_double_le(number(one, "recommended"), 1.1);
	ck_assert_str_eq(json_object_get_string(member(one, "cgroup")), real_cgroup("quota-too-small", path));
	ck_assert_ptr_nonnull(strstr(how(one, real_version(REAL_CPU) == 2 ? "cgroup_v2" : "cgroup_v1"),
				     real_path("quota-too-small", REAL_CPU, real_quota_file(), path)));
	ck_assert_ptr_nonnull(strstr(how(one, "systemd"), "CPUQuota="));
	ck_assert_ptr_nonnull(strstr(how(one, "kubernetes"), "--limits=cpu="));
	ck_assert_str_eq(how(one, "start"), "none");
	real_quota("quota-too-small", 200000, 100000);	/* no thread uses two CPUs */
	is_silent("quota-too-small", "quota-too-small");
	rest();
}
END_TEST

/* Nothing is said of one that does nothing, but what could not be read. */
START_TEST(test_idle)
{
	struct json_object *said;

	real_make("idle");
	real_quota("idle", 50000, 100000);
	real_memory("idle", 64 * REAL_MIB);
	work("idle", sleep_on, 0);
	said = advise("idle", 0, "0.5");
	ck_assert_msg(json_object_array_length(member(said, "advice")) == 0, "%s", json_object_to_json_string(said));
	ck_assert_double_eq_tol(number(member(said, "threads"), "count"), 1, 1e-9);
	ck_assert_double_eq_tol(number(member(said, "memory"), "limit"), 64.0 * REAL_MIB, 1e-9);
	ck_assert_int_eq(json_object_get_type(member(said, "unread")), json_type_array);
	json_object_put(said);
	rest();
}
END_TEST

/* Whose memory is in another cgroup: that one is named, and its limit is the one that counts. */
START_TEST(test_other_memory)
{
	char cpu[REAL_PATH_SIZE], memory[REAL_PATH_SIZE], pid[32];
	struct json_object *said;

	if (strcmp(real_path("apart", REAL_CPU, ".", cpu), real_path("apart", REAL_MEMORY, ".", memory)) == 0) {
		suite_skip_test("one hierarchy has both controllers");
		return;
	}
	real_make("apart");
	real_make("elsewhere");
	real_memory("elsewhere", 64 * REAL_MIB);
	snprintf(pid, sizeof(pid), "%d", work("apart", sleep_on, 0));
	real_set("elsewhere", REAL_MEMORY, "cgroup.procs", pid);
	ck_assert_int_eq(rmdir(real_path("apart", REAL_MEMORY, "", memory)), 0);
	said = advise("apart", 0, "0.5");
	ck_assert_str_eq(json_object_get_string(member(said, "cgroup")), real_cgroup("apart", cpu));
	ck_assert_str_eq(json_object_get_string(member(member(said, "memory"), "cgroup")), real_cgroup("elsewhere", cpu));
	ck_assert_double_eq_tol(number(member(said, "memory"), "limit"), 64.0 * REAL_MIB, 1e-9);
	json_object_put(said);
	rest();
}
END_TEST

START_TEST(test_quota_too_large)
{
	struct json_object *one;
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	real_make("quota-too-large");
	favour("quota-too-large");
	real_quota("quota-too-large", (online + 8) * 100000, 100000);
	work("quota-too-large", burn_threads, 1);
	one = speaks("quota-too-large", "quota-too-large", 0);
	ck_assert_double_le(number(one, "recommended"), 3);
	one = speaks("quota-above-cpus", "quota-too-large", 0);
	ck_assert_double_eq_tol(number(one, "recommended"), (double)online, 1e-9);
	is_silent("threads-over-quota", "quota-too-large");
	rest();
	is_silent("quota-too-large", "quota-too-large");	/* what it would use is not known */
	real_quota("quota-too-large", 100000, 100000);
	work("quota-too-large", burn_threads, 2);		/* what is used up is not too large, what is not is no four times the use */
	is_silent("quota-above-cpus", "quota-too-large");
	rest();
}
END_TEST

START_TEST(test_ancestor)
{
	char path[REAL_PATH_SIZE];
	struct json_object *one;

	real_make("ancestor/below");
	favour("ancestor");
	real_quota("ancestor", 30000, 100000);
	work("ancestor/below", burn_threads, 2);
	one = speaks("ancestor-quota", "ancestor/below", 0);
	ck_assert_str_eq(json_object_get_string(member(one, "cgroup")), real_cgroup("ancestor", path));
	ck_assert_double_gt(number(one, "recommended"), 0.3);
	is_silent("quota-too-small", "ancestor/below");
	real_quota("ancestor", REAL_NONE, 0);
	is_silent("ancestor-quota", "ancestor/below");
	rest();
}
END_TEST

START_TEST(test_burst)
{
	const char *file = real_version(REAL_CPU) == 2 ? "cpu.max.burst" : "cpu.cfs_burst_us";
	struct json_object *one;
	char text[64];

	real_make("burst");
	favour("burst");
	real_quota("burst", 20000, 100000);
	work("burst", burn_in_bursts, 0);
	if (!real_text("burst", REAL_CPU, file, text, sizeof(text))) {
		is_silent("use-burst", "burst");
		rest();
		suite_skip_test("no %s, which Linux 5.14 has", file);
		return;
	}
	one = speaks("use-burst", "burst", 0);
	ck_assert_double_eq_tol(number(one, "recommended"), 20000, 1e-9);
	ck_assert_ptr_nonnull(strstr(how(one, real_version(REAL_CPU) == 2 ? "cgroup_v2" : "cgroup_v1"), file));
	ck_assert_str_eq(how(one, "kubernetes"), "none");
	real_set("burst", REAL_CPU, file, "20000");
	is_silent("use-burst", "burst");		/* it is in use */
	rest();
}
END_TEST

START_TEST(test_cpuset)
{
	struct json_object *one;

	if (!real_version(REAL_CPUSET) || sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		suite_skip_test("no controller of cpusets, or one CPU only");
		return;
	}
	real_make("cpuset");
	real_set("cpuset", REAL_CPUSET, "cpuset.cpus", "0");
	real_quota("cpuset", 150000, 100000);
	one = speaks("quota-above-cpus", "cpuset", 0);
	ck_assert_double_eq_tol(evidence(one, "cpuset_cpus"), 1, 1e-9);
	ck_assert_double_eq_tol(number(one, "recommended"), 1, 1e-9);
	real_set("cpuset", REAL_CPUSET, "cpuset.cpus", "0-1");
	is_silent("quota-above-cpus", "cpuset");
}
END_TEST

START_TEST(test_memory_max)
{
	struct json_object *one;

	real_make("memory-max");
	real_memory("memory-max", 64 * REAL_MIB);
	work("memory-max", hold, 60 * REAL_MIB);
	one = speaks("memory-near-max", "memory-max", 0);
	ck_assert_double_ge(number(one, "recommended"), 76.0 * REAL_MIB);
	ck_assert_double_ge(evidence(one, "unreclaimable_bytes"), 0.9 * 64 * REAL_MIB);
	ck_assert_ptr_nonnull(strstr(how(one, "systemd"), "MemoryMax="));
	rest();
	work("memory-max", hold, 20 * REAL_MIB);
	is_silent("memory-near-max", "memory-max");
	is_silent("oom-kills", "memory-max");
	rest();
}
END_TEST

START_TEST(test_memory_high)
{
	struct json_object *one;

	if (real_version(REAL_MEMORY) != 2) {
		suite_skip_test("memory is on v1, which has no memory.high");
		return;
	}
	real_make("memory-high");
	real_set("memory-high", REAL_MEMORY, "memory.high", "33554432");
	work("memory-high", hold, 36 * REAL_MIB);
	one = speaks("memory-near-high", "memory-high", 0);
	ck_assert_double_gt(number(one, "recommended"), 32.0 * REAL_MIB);
	ck_assert_double_ge(evidence(one, "high_events"), 0);
	ck_assert_ptr_nonnull(strstr(how(one, "cgroup_v2"), "memory.high"));
	ck_assert_str_eq(how(one, "cgroup_v1"), "none");
	rest();
	real_set("memory-high", REAL_MEMORY, "memory.high", "134217728");
	is_silent("memory-near-high", "memory-high");
}
END_TEST

START_TEST(test_oom)
{
	struct json_object *one;
	int status;

	real_make("oom");
	real_memory("oom", 16 * REAL_MIB);
	ck_assert_int_gt(waitpid(work("oom", hold, 200 * REAL_MIB), &status, 0), 0);
	workers--;
	ck_assert(WIFSIGNALED(status));
	one = speaks("oom-kills", "oom", 0);
	ck_assert_double_ge(evidence(one, "oom_kills"), 1);
	ck_assert_double_eq_tol(number(one, "recommended"), 24.0 * REAL_MIB, 1e-9);
}
END_TEST

START_TEST(test_memory_too_large)
{
	const char *peak = real_version(REAL_MEMORY) == 2 ? "memory.peak" : "memory.max_usage_in_bytes";
	char text[64];

	real_make("memory-too-large");
	favour("memory-too-large");
	real_memory("memory-too-large", 512 * REAL_MIB);
	if (real_text("memory-too-large", REAL_MEMORY, peak, text, sizeof(text))) {
		work("memory-too-large", burn_threads, 1);
		ck_assert_double_le(number(speaks("memory-too-large", "memory-too-large", 0), "recommended"), 192.0 * REAL_MIB);
		rest();
	} else {
		suite_skip_test("no memory.peak, which Linux 5.19 has");
	}
	work("memory-too-large", sleep_on, 0);			/* what it needs is not known of one that does nothing */
	is_silent("memory-too-large", "memory-too-large");
	rest();
}
END_TEST

START_TEST(test_arenas)
{
	struct json_object *one;
	pid_t pid;

	real_make("arenas");
	real_quota("arenas", 50000, 100000);
	real_memory("arenas", 256 * REAL_MIB);
	pid = work("arenas", allocate_in_threads, 14);
	one = speaks("malloc-arenas", "arenas", 0);
	ck_assert_double_eq_tol(number(one, "recommended"), 8, 1e-9);
	ck_assert_double_ge(evidence(one, "arenas"), 9);
	ck_assert_double_le(evidence(one, "arenas"), 15);
	ck_assert_str_eq(how(one, "start"), "MALLOC_ARENA_MAX=8 COMMAND");
	speaks("malloc-arenas", NULL, pid);
	rest();
	work("arenas", allocate_in_threads, 3);
	is_silent("malloc-arenas", "arenas");
	rest();
}
END_TEST

/* More threads than CPUs, and no quota: they wait for each other. */
START_TEST(test_contention)
{
	char text[256];

	real_make("contention");
	work("contention", burn_threads, 2 * sysconf(_SC_NPROCESSORS_ONLN));
	if (real_version(REAL_CPU) == 2 && real_text("contention", REAL_CPU, "cpu.pressure", text, sizeof(text))) {
		ck_assert_double_ge(evidence(speaks("cpu-contention", "contention", 0), "cpu_pressure"), 0.2);
	} else {
		is_silent("cpu-contention", "contention");	/* who cannot see it does not say it */
		suite_skip_test("no cpu.pressure: cpu is on v1, or PSI is off");
	}
	rest();
	work("contention", sleep_on, 0);
	is_silent("cpu-contention", "contention");
	rest();
}
END_TEST

/* The status, and what was said on standard error. */
static int fails(const char *arguments, char *said, size_t size)
{
	char line[2 * PATH_MAX];
	FILE *out;

	snprintf(line, sizeof(line), "'%s' advise %s 2>&1 >/dev/null", command, arguments);
	out = popen(line, "r");
	ck_assert_ptr_nonnull(out);
	said[fread(said, 1, size - 1, out)] = '\0';
	return WEXITSTATUS(pclose(out));
}

START_TEST(test_failures)
{
	char said[512];

	ck_assert_int_eq(fails("--cgroup /nowhere", said, sizeof(said)), 1);
	ck_assert_ptr_nonnull(strstr(said, "cgtune: /nowhere: "));
	ck_assert_ptr_nonnull(strstr(said, "no such"));
	ck_assert_int_eq(fails("--pid 4194305", said, sizeof(said)), 1);
	ck_assert_ptr_nonnull(strstr(said, "no such process"));
	ck_assert_int_eq(fails("--pid x", said, sizeof(said)), 2);
	ck_assert_int_eq(fails("--cgroup x", said, sizeof(said)), 2);
	ck_assert_int_eq(fails("--pid 1 --cgroup /", said, sizeof(said)), 2);
	ck_assert_int_eq(fails("--duration 0", said, sizeof(said)), 2);
	ck_assert_int_eq(fails("--duration nan", said, sizeof(said)), 2);
	ck_assert_int_eq(fails("x", said, sizeof(said)), 2);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = {
		test_threads, test_quota_too_small, test_idle, test_other_memory, test_quota_too_large, test_ancestor, test_burst, test_cpuset,
		test_memory_max, test_memory_high, test_oom, test_memory_too_large, test_arenas, test_contention, test_failures,
	};
	Suite *all_tests = suite_create("real-advise");
	TCase *tcase = tcase_create("all");

	tcase_set_timeout(tcase, 400);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(all_tests, tcase);
	return all_tests;
}

int main(void)
{
	char self[PATH_MAX];
	const char *why;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return suite_skip("no /proc/self/exe");
	self[n] = '\0';
	snprintf(command, sizeof(command), "%s/../cgtune", dirname(self));
	why = real_begin();
	return why ? suite_skip(why) : suite_run(suite());
}
