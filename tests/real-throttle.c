/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real-throttle - cgtune_throttle_read() with a probe: the probe's counts, and cpu.stat alone wherever there can be none
 *
 * The BPF file system is mounted at the usual place too, in a mount namespace of this program's own.
 */
#include "bpffs.h"
#include "process.h"
#include "real.h"
#include "shared.h"
#include "suite.h"

#include <bpf/bpf.h>
#include <cgtune-probe.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 300				/* of a test: a VM without KVM is slow */
#define USUAL "/sys/fs/bpf"
#define NOBODY 65534

static struct cgtune_probe *probe;

static struct cgtune_probe_options probe_options(void)
{
	return (struct cgtune_probe_options){ .size = sizeof(struct cgtune_probe_options), .bpffs = bpffs_path() };
}

static void probe_start(uint32_t flags, uint64_t subtree)
{
	struct cgtune_probe_options options = probe_options();

	options.flags = flags;
	options.subtree = subtree;
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), 0);
}

static void probe_stop(void)
{
	struct cgtune_probe_options options = probe_options();

	cgtune_probe_close(probe);
	probe = NULL;
	ck_assert_int_eq(cgtune_probe_stop(&options), 0);
}

static void stop_any(void)
{
	struct cgtune_probe_options options = probe_options();

	cgtune_probe_stop(&options);
}

static struct cgtune_throttle throttle_of(uint32_t flags, const char *cgroup)
{
	struct cgtune_options options = { .size = sizeof(options), .flags = flags, .cgroup = cgroup };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };

	ck_assert_int_eq(cgtune_throttle_read(&options, &throttle), 0);
	return throttle;
}

/* A CPU that is taken away in the middle of a count keeps the counts from being read meanwhile: again, then. */
static struct cgtune_throttle await_source(uint32_t flags, const char *cgroup, uint32_t source)
{
	struct cgtune_throttle throttle = throttle_of(flags, cgroup);

	for (int i = 0; i < 1000 && throttle.source != source; i++) {
		usleep(20000);
		throttle = throttle_of(flags, cgroup);
	}
	ck_assert_uint_eq(throttle.source, source);
	return throttle;
}

static void expect_stat(struct cgtune_throttle t)
{
	ck_assert_uint_eq(t.source, CGTUNE_THROTTLE_STAT);
	ck_assert_uint_eq(t.throttles, CGTUNE_UNKNOWN);
	ck_assert_uint_eq(t.episodes, CGTUNE_UNKNOWN);
	ck_assert_uint_eq(t.wall_ns, CGTUNE_UNKNOWN);
	ck_assert_uint_eq(t.max_ns, CGTUNE_UNKNOWN);
	ck_assert_uint_eq(t.since_ns, CGTUNE_UNKNOWN);
	ck_assert_uint_eq(t.updated_ns, CGTUNE_UNKNOWN);
	ck_assert_uint_ne(t.periods, CGTUNE_UNKNOWN);
}

static uint64_t id_of(const char *name)
{
	char path[REAL_PATH_SIZE];
	struct stat st;

	ck_assert_int_eq(stat(real_path(name, REAL_CPU, "", path), &st), 0);
	return st.st_ino;
}

static void make_slow(const char *name)
{
	real_make(name);
	real_quota(name, 20000, 100000);
}

/* Until the group of this process was stopped that often more. */
static void burn(const char *name, uint64_t stops)
{
	stops += real_number(name, REAL_CPU, "cpu.stat", "nr_throttled");
	while (real_number(name, REAL_CPU, "cpu.stat", "nr_throttled") < stops)
		for (volatile unsigned i = 0; i < 1000000; i++)
			;
}

/* In a process that ends; then what the probe counts does not change for long. */
static void burn_in(const char *name, const char *limited)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		real_move(name, 0);
		burn(limited, 3);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void read_probe(struct cgtune_stalls *stalls)
{
	int r = -EAGAIN;

	for (int i = 0; i < 1000 && r == -EAGAIN; i++)
		r = cgtune_probe_read(probe, stalls->cgroup, stalls->hierarchy, stalls);
	ck_assert_int_eq(r, 0);
}

/* What the probe's own reader says of the group, and cgtune_throttle_read() in between. */
static struct cgtune_throttle compare(const char *name, uint32_t flags, const char *cgroup)
{
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct cgtune_stalls before = { .size = sizeof(before) }, after = before;
	uint32_t cursor = 0;
	struct cgtune_throttle got;

	for (int r = 1; r == -EAGAIN || (r == 1 && before.cgroup != id_of(name));)
		r = cgtune_probe_next(probe, &cursor, &before);
	ck_assert_uint_eq(before.cgroup, id_of(name));
	do {
		read_probe(&before);
		got = throttle_of(flags, cgroup);
		after = before;
		read_probe(&after);
	} while (memcmp(&before, &after, sizeof(before)) != 0 || got.source == CGTUNE_THROTTLE_STAT);
	cgtune_probe_state(probe, &state);
	ck_assert_uint_eq(got.throttles, before.throttles);
	ck_assert_uint_eq(got.episodes, before.episodes);
	ck_assert_uint_eq(got.wall_ns, before.wall_ns);
	ck_assert_uint_eq(got.max_ns, before.max_ns);
	ck_assert_uint_eq(got.updated_ns, before.updated_ns);
	ck_assert_uint_eq(got.since_ns, state.loaded_ns);
	return got;
}

/* Of another group: that of its limit. */
START_TEST(of_a_group)
{
	char path[REAL_PATH_SIZE];
	struct cgtune_throttle got;
	const char *cgroup;

	make_slow("slow");
	real_make("slow/leaf");
	cgroup = real_cgroup("slow/leaf", path);
	expect_stat(throttle_of(0, cgroup));
	probe_start(0, 0);
	got = throttle_of(0, cgroup);			/* nothing, if nothing of the machine was lost */
	if (got.source == CGTUNE_THROTTLE_PROBE) {
		ck_assert_uint_eq(got.throttles, 0);
		ck_assert_uint_eq(got.updated_ns, 0);
	}
	burn_in("slow/leaf", "slow");
	got = compare("slow", CGTUNE_MAPPED, cgroup);	/* which is for this process only */
	ck_assert_uint_eq(got.source, CGTUNE_THROTTLE_PROBE);
	ck_assert_uint_ge(got.throttles, 1);	/* one that lasts is of several periods */
	ck_assert_uint_eq(got.throttled, real_number("slow", REAL_CPU, "cpu.stat", "nr_throttled"));
	expect_stat(throttle_of(CGTUNE_NO_PROBE, cgroup));
	probe_stop();
	expect_stat(throttle_of(0, cgroup));
}
END_TEST

/* Stopped, and started again: other counts, of another beginning. */
START_TEST(of_this_process)
{
	struct cgtune_throttle first, second;

	make_slow("self");
	real_move("self", 0);
	probe_start(0, 0);
	burn("self", 2);
	await_source(0, NULL, CGTUNE_THROTTLE_PROBE);
	compare("self", CGTUNE_MAPPED, NULL);
	first = await_source(CGTUNE_MAPPED, NULL, CGTUNE_THROTTLE_MAPPED);
	ck_assert_uint_ge(first.throttled_ns, first.max_ns);
	ck_assert_uint_eq(first.local_ns, CGTUNE_UNKNOWN);
	ck_assert_uint_eq(throttle_of(CGTUNE_MAPPED | CGTUNE_NO_PROBE, NULL).source, CGTUNE_THROTTLE_STAT);
	burn("self", 2);
	second = await_source(CGTUNE_MAPPED, NULL, CGTUNE_THROTTLE_MAPPED);
	ck_assert_uint_gt(second.throttles, first.throttles);
	ck_assert_uint_gt(second.updated_ns, first.updated_ns);
	probe_stop();
	expect_stat(throttle_of(CGTUNE_MAPPED, NULL));
	expect_stat(throttle_of(0, NULL));
	probe_start(0, 0);
	burn("self", 2);
	await_source(0, NULL, CGTUNE_THROTTLE_PROBE);
	first = await_source(CGTUNE_MAPPED, NULL, CGTUNE_THROTTLE_MAPPED);
	ck_assert_uint_gt(first.since_ns, second.since_ns);
	probe_stop();
}
END_TEST

/* Another cgroup counts once a call without the flag, or cgtune_dispatch(), has seen it. */
START_TEST(moved)
{
	make_slow("from");
	make_slow("to");
	real_move("from", 0);
	probe_start(0, 0);
	burn("from", 2);
	await_source(0, NULL, CGTUNE_THROTTLE_PROBE);
	compare("from", CGTUNE_MAPPED, NULL);
	ck_assert_int_ge(cgtune_fd(), 0);
	real_move("to", 0);
	burn("to", 2);
	compare("from", CGTUNE_MAPPED, NULL);
	ck_assert(cgtune_dispatch() & CGTUNE_MOVED);
	ck_assert_uint_ne(throttle_of(CGTUNE_MAPPED, NULL).source, CGTUNE_THROTTLE_MAPPED);
	await_source(CGTUNE_MAPPED, NULL, CGTUNE_THROTTLE_MAPPED);
	compare("to", CGTUNE_MAPPED, NULL);
	probe_stop();
}
END_TEST

/* Nothing but what is mapped: strict seccomp(2) kills for any call. */
START_TEST(no_system_call)
{
	struct cgtune_options options = { .size = sizeof(options), .flags = CGTUNE_MAPPED };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };
	int status, r = 0;

	make_slow("strict");
	probe_start(0, 0);
	if (check_fork() == 0) {
		real_move("strict", 0);
		burn("strict", 2);
		real_quota("strict", REAL_NONE, 0);	/* nothing is counted any more */
		await_source(0, NULL, CGTUNE_THROTTLE_PROBE);
		await_source(CGTUNE_MAPPED, NULL, CGTUNE_THROTTLE_MAPPED);
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
		for (int i = 0; i < 1000; i++)
			r |= cgtune_throttle_read(&options, &throttle);
		syscall(SYS_exit, r != 0 || throttle.source != CGTUNE_THROTTLE_MAPPED || throttle.throttles == 0);
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
	probe_stop();
}
END_TEST

/* Whether this process has the array mapped. */
static bool is_mapped(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;

	while (fgets(line, sizeof(line), file))
		found |= strstr(line, "bpf-map") || strstr(line, "bpf_map");
	fclose(file);
	return found;
}

/* What the child finds is its own, whatever threads were doing in its parent. */
START_TEST(forked)
{
	int status;

	make_slow("fork");
	real_move("fork", 0);
	probe_start(0, 0);
	cgtune_probe_close(probe);
	probe = NULL;
	burn("fork", 2);
	await_source(0, NULL, CGTUNE_THROTTLE_PROBE);
	ck_assert(is_mapped());
	if (check_fork() == 0) {
		bool before = is_mapped();

		await_source(0, NULL, CGTUNE_THROTTLE_PROBE);
		_exit(before || !is_mapped());
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
	probe_stop();
}
END_TEST

static atomic_bool reading;

static void *read_on(void *unused)
{
	struct cgtune_options options = { .size = sizeof(options) };
	struct cgtune_throttle throttle = { .size = sizeof(throttle) };

	for (unsigned i = 0; atomic_load(&reading); i++) {
		options.flags = i % 8 ? CGTUNE_MAPPED : 0;
		if (cgtune_throttle_read(&options, &throttle) < 0)
			return (void *)1L;
	}
	return unused;
}

/* Mappings come and go under those who read them. */
START_TEST(restarted_under_readers)
{
	pthread_t threads[3];
	void *failed;

	make_slow("many");
	real_move("many", 0);
	atomic_store(&reading, true);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on, NULL), 0);
	real_quota("many", 150000, 100000);
	for (int i = 0; i < 4; i++) {
		probe_start(0, 0);
		throttle_of(0, NULL);
		probe_stop();
	}
	atomic_store(&reading, false);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	throttle_of(0, NULL);
	ck_assert(!is_mapped());
}
END_TEST

/* bpf(2) ends this process from now on. */
static void forbid_bpf(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* The source that a child finds, or -SIGNAL that it dies of. */
static int source_of_child(const char *place, uint32_t flags, uid_t uid, bool forbidden, uint32_t expected)
{
	int status;

	if (check_fork() == 0) {
		if (place)
			setenv("CGTUNE_PROBE", place, 1);
		else
			unsetenv("CGTUNE_PROBE");
		if (uid && (setgid(uid) < 0 || setuid(uid) < 0))
			_exit(255);
		if (forbidden)
			forbid_bpf();
		for (int i = 0; throttle_of(flags, NULL).source != expected && i < 1000; i++)
			usleep(20000);
		_exit((int)throttle_of(flags, NULL).source);
	}
	ck_assert_int_gt(wait(&status), 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void expect_source(const char *place, uint32_t flags, uid_t uid, bool forbidden, int expected)
{
	ck_assert_int_eq(source_of_child(place, flags, uid, forbidden, (uint32_t)expected), expected);
}

START_TEST(where_and_whether)
{
	make_slow("where");
	real_move("where", 0);
	probe_start(0, 0);
	burn("where", 2);
	expect_source(NULL, 0, 0, false, CGTUNE_THROTTLE_PROBE);
	expect_source(bpffs_path(), 0, 0, false, CGTUNE_THROTTLE_PROBE);
	expect_source("/tmp", 0, 0, false, CGTUNE_THROTTLE_STAT);
	expect_source("/nowhere", 0, 0, false, CGTUNE_THROTTLE_STAT);
	expect_source("off", 0, 0, false, CGTUNE_THROTTLE_STAT);
	expect_source("relative", 0, 0, false, CGTUNE_THROTTLE_PROBE);
	expect_source("off", CGTUNE_NO_ENV, 0, false, CGTUNE_THROTTLE_PROBE);
	/* A filter that kills for bpf(2) kills nobody who did not ask for it by name. */
	expect_source(NULL, 0, 0, true, CGTUNE_THROTTLE_STAT);
	expect_source(bpffs_path(), 0, 0, true, -SIGSYS);
	expect_source(bpffs_path(), CGTUNE_NO_PROBE, 0, true, CGTUNE_THROTTLE_STAT);
	expect_source("off", 0, 0, true, CGTUNE_THROTTLE_STAT);
	/* The pin is root's, the folder too. */
	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	expect_source(bpffs_path(), 0, NOBODY, true, CGTUNE_THROTTLE_STAT);
	probe_stop();
}
END_TEST

/* Where the kernel lets users make no bpf(2) call at all, as before 5.13, the mode does not help. */
START_TEST(readers)
{
	struct cgtune_probe_options options = probe_options();
	int expected = CGTUNE_THROTTLE_STAT, status;

	make_slow("readers");
	real_move("readers", 0);
	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	probe_start(CGTUNE_PROBE_READERS_ALL, 0);
	burn("readers", 2);
	if (check_fork() == 0) {
		struct cgtune_probe *theirs;

		_exit(setgid(NOBODY) < 0 || setuid(NOBODY) < 0 ? 255 : -cgtune_probe_open(&options, &theirs));
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_msg(status == 0 || WEXITSTATUS(status) == EPERM, "%d", status);
	if (status == 0)
		expected = CGTUNE_THROTTLE_PROBE;
	expect_source(NULL, 0, NOBODY, false, expected);
	probe_stop();
}
END_TEST

/* Who has it mapped and gives up its rights goes on with it, until it is stopped. */
START_TEST(rights_given_up)
{
	int told[2], go_on[2], status;
	char byte;

	make_slow("given");
	real_move("given", 0);
	probe_start(0, 0);
	burn("given", 2);
	ck_assert_int_eq(pipe(told) | pipe(go_on), 0);
	if (check_fork() == 0) {
		await_source(0, NULL, CGTUNE_THROTTLE_PROBE);
		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(255);
		await_source(0, NULL, CGTUNE_THROTTLE_PROBE);
		if (write(told[1], "", 1) != 1 || read(go_on[0], &byte, 1) != 1)
			_exit(254);
		expect_stat(throttle_of(0, NULL));
		_exit(0);
	}
	close(told[1]);
	ck_assert_int_eq(read(told[0], &byte, 1), 1);
	probe_stop();
	ck_assert_int_eq(write(go_on[1], "", 1), 1);
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* A group that is not looked at has no counts; it is not said to have none. */
START_TEST(subtree)
{
	char path[REAL_PATH_SIZE];

	make_slow("in");
	real_make("out");
	probe_start(0, id_of("in"));
	burn_in("in", "in");
	ck_assert_uint_ge(compare("in", 0, real_cgroup("in", path)).throttles, 1);
	expect_stat(throttle_of(0, real_cgroup("out", path)));
	probe_stop();
}
END_TEST

static const struct other {
	enum bpf_map_type type;
	uint32_t value_size, entries;
	bool mappable;
	struct probe_header header;
} others[] = {
	{ BPF_MAP_TYPE_HASH, PROBE_ELEMENT, 16, false, { .magic = 0 } },
	{ BPF_MAP_TYPE_ARRAY, 8, 16, true, { .magic = 0 } },
	{ BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(64), true, { .magic = 0 } },
#define HEADER .magic = PROBE_MAGIC, .abi = PROBE_ABI, .element = PROBE_ELEMENT, .slots = 64, .events = PROBE_EVENTS
	{ BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(64), false, { HEADER } },
	{ BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, 16, true, { HEADER } },
	{ BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(64), true, { HEADER, .stopped_ns = 1 } },
	{ BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(64), true,
	  { .magic = PROBE_MAGIC, .abi = PROBE_ABI + 1, .element = PROBE_ELEMENT, .slots = 64, .events = PROBE_EVENTS } },
	{ BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(64), true,
	  { .magic = PROBE_MAGIC, .abi = PROBE_ABI, .element = PROBE_ELEMENT, .slots = UINT32_MAX, .events = PROBE_EVENTS } },
	{ BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(64), true, { HEADER, .overflow = 1 } },
};

/* Something else in its place, a header that lies, or counts that are not all. */
START_TEST(foreign)
{
	const struct other *other = &others[_i];
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = other->mappable ? BPF_F_MMAPABLE : 0);
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned char value[PROBE_ELEMENT] = { 0 };
	char folder[128], path[256];
	uint32_t zero = 0;
	int fd;

	real_make("foreign");
	real_move("foreign", 0);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	fd = bpf_map_create(other->type, "foreign", sizeof(zero), other->value_size, other->entries, &opts);
	ck_assert_int_ge(fd, 0);
	memcpy(value, &other->header, sizeof(other->header));
	ck_assert_int_eq(bpf_map_update_elem(fd, &zero, value, BPF_ANY), 0);
	snprintf(folder, sizeof(folder), "%s/cgtune-%d", bpffs_path(), PROBE_ABI);
	snprintf(path, sizeof(path), "%s/map", folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(bpf_obj_pin(fd, path), 0);
	close(fd);
	expect_stat(throttle_of(0, NULL));
	expect_stat(throttle_of(CGTUNE_MAPPED, NULL));
}
END_TEST

/* An older caller's struct is shorter. */
START_TEST(shorter)
{
	struct { struct cgtune_throttle throttle; } got;

	real_make("shorter");
	real_move("shorter", 0);
	memset(&got, 0x5a, sizeof(got));
	got.throttle.size = offsetof(struct cgtune_throttle, throttles);
	ck_assert_int_eq(cgtune_throttle_read(NULL, &got.throttle), 0);
	ck_assert_uint_eq(got.throttle.throttles, UINT64_C(0x5a5a5a5a5a5a5a5a));
	got.throttle.size--;
	ck_assert_int_eq(cgtune_throttle_read(NULL, &got.throttle), -EINVAL);
}
END_TEST

/* Whether the last sample of feedback had a probe's counts. */
static bool feedback_has_counts(void)
{
	struct process *p = process_state();
	bool has;

	pthread_mutex_lock(&p->feedback.lock);
	has = p->feedback.sample.at_ns && p->feedback.sample.counts.since_ns;
	pthread_mutex_unlock(&p->feedback.lock);
	return has;
}

/* Adaptive limiters: the probe's counts while there is one, and back to the files without. */
START_TEST(feedback)
{
	struct cgtune_limiter_options options = { .size = sizeof(options), .mode = CGTUNE_MODE_ADAPTIVE };
	struct cgtune_limiter *limiter;
	struct pollfd fd = { .events = POLLIN };

	make_slow("feedback");
	real_move("feedback", 0);
	probe_start(0, 0);
	burn("feedback", 2);
	fd.fd = cgtune_fd();
	ck_assert_int_ge(fd.fd, 0);
	ck_assert_int_eq(cgtune_limiter_new(&options, &limiter), 0);
	while (!feedback_has_counts()) {
		ck_assert_int_ge(poll(&fd, 1, 60000), 0);
		ck_assert_int_ge(cgtune_dispatch(), 0);
	}
	probe_stop();
	while (feedback_has_counts()) {
		ck_assert_int_ge(poll(&fd, 1, 60000), 0);
		ck_assert_int_ge(cgtune_dispatch(), 0);
	}
	cgtune_limiter_free(limiter);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-throttle");
	TCase *tcase = tcase_create("throttle");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, stop_any, stop_any);
	tcase_add_test(tcase, of_a_group);
	tcase_add_test(tcase, of_this_process);
	tcase_add_test(tcase, moved);
#ifndef TSAN				/* which makes system calls itself */
	tcase_add_test(tcase, no_system_call);
#endif
	tcase_add_test(tcase, forked);
	tcase_add_test(tcase, restarted_under_readers);
	tcase_add_test(tcase, where_and_whether);
	tcase_add_test(tcase, readers);
	tcase_add_test(tcase, rights_given_up);
	tcase_add_test(tcase, subtree);
	tcase_add_loop_test(tcase, foreign, 0, sizeof(others) / sizeof(others[0]));
	tcase_add_test(tcase, shorter);
	tcase_add_test(tcase, feedback);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = real_begin();
	int status;

	if (!why)
		why = bpffs_begin();
	if (!why && mount(bpffs_path(), USUAL, NULL, MS_BIND, NULL) < 0)
		why = "no BPF file system at " USUAL;
	if (why)
		return suite_skip(why);
	unsetenv("CGTUNE_PROBE");
	status = suite_run(suite());
	umount2(USUAL, MNT_DETACH);
	bpffs_end();
	return status;
}
