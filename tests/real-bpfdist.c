/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-bpfdist - bpf(2) calls of which the number is known, counted by command, on each rung: all of them, and no others */
#include "bpfdist.h"
#include "real.h"
#include "suite.h"

#include <bpf/bpf.h>
#include <cgtune-probe.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 120
#define NOBODY 65534
#define LOOKUPS 500				/* of a thread */
#define MISSES 50				/* of those */
#define OTHERS 300				/* of another process */
#define NO_COMMAND 1000

static char text[1 << 16];
static int map, gate[2];
static struct bpfdist *dist;

static void setup(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	uint32_t key = 1, value = 1;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	map = bpf_map_create(BPF_MAP_TYPE_HASH, "known", sizeof(key), sizeof(value), 4, NULL);
	ck_assert_int_ge(map, 0);
	ck_assert_int_eq(bpf_map_update_elem(map, &key, &value, BPF_ANY), 0);
	ck_assert_int_eq(pipe(gate), 0);
}

static void start(uint32_t rung, uint32_t tgid, uint64_t cgroup)
{
	struct bpfdist_options options = {
		.filter = { .own = (uint32_t)getpid(), .tgid = tgid, .cgroup = cgroup, .unified = real_version(REAL_CPU) == 2 },
		.rungs = 1u << rung, .text = text, .text_size = sizeof(text),
	};

	ck_assert_msg(bpfdist_start(&options, &dist) == 0, "%s: %.3000s", cgtune_probe_rung_name(rung), text);
	ck_assert_uint_eq(bpfdist_rung(dist), rung);
}

static void await_start(void)
{
	char byte;

	close(gate[1]);
	if (read(gate[0], &byte, 1) != 0)
		_exit(1);
}

/* Those who wait do what they do; until all have ended. */
static void let_go(int children)
{
	int status;

	close(gate[0]);
	close(gate[1]);
	while (children--) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	bpfdist_stop(dist);
}

static void *look_up(void *unused)
{
	uint32_t value;

	for (uint32_t i = 0, key; i < LOOKUPS; i++) {
		key = i % (LOOKUPS / MISSES) ? 1 : 2;
		if ((bpf_map_lookup_elem(map, &key, &value) == 0) != (key == 1))
			_exit(2);
	}
	return unused;
}

/* Two threads, and nothing else that calls. */
static pid_t fork_threads(void)
{
	pid_t pid = check_fork();
	pthread_t other;

	if (pid)
		return pid;
	await_start();
	pthread_create(&other, NULL, look_up, NULL);
	look_up(NULL);
	pthread_join(other, NULL);
	_exit(0);
}

static pid_t fork_other(const char *group)
{
	uint32_t key = 1, value;
	pid_t pid = check_fork();

	if (pid)
		return pid;
	if (group)
		real_move(group, 0);
	await_start();
	for (int i = 0; i < OTHERS; i++)
		bpf_map_lookup_elem(map, &key, &value);
	_exit(0);
}

/* So many, but for those that are said to be lost, as some kernels let programs be kept from running. */
static void expect_count(const char *what, uint64_t got, uint64_t expected, uint64_t lost)
{
	ck_assert_msg(got <= expected && got + lost >= expected, "%s: %lu of %lu, %lu lost", what, (unsigned long)got,
		      (unsigned long)expected, (unsigned long)lost);
}

/* That command, with so many errors, all of this errno; and no other command. */
static void expect_only(uint32_t command, uint64_t calls, int error, uint64_t errors)
{
	uint64_t sum = 0, count = 0, lost = bpfdist_lost(dist);
	struct bpfdist_value value;
	uint32_t key = 0;

	for (uint32_t i = 0; i < BPFDIST_COMMANDS; i++) {
		ck_assert_int_eq(bpfdist_read(dist, i, &value), 0);
		expect_count("calls", value.calls, i == command ? calls : 0, lost);
	}
	ck_assert_int_eq(bpfdist_read(dist, command, &value), 0);
	for (int i = 0; i < BPFDIST_HIST; i++)
		sum += value.hist[i];
	ck_assert_uint_eq(sum, value.calls);
	ck_assert_uint_gt(value.ns, 0);
	if (errors) {
		ck_assert_int_eq(bpfdist_next_error(dist, &key, &count), 1);
		ck_assert_uint_eq(key, BPFDIST_ERROR_KEY(command, (uint32_t)error));
		expect_count("errors", count, errors, lost);
	}
	ck_assert_int_eq(bpfdist_next_error(dist, &key, &count), 0);
	if (lost)
		printf("# %lu calls at most were lost\n", (unsigned long)lost);
	bpfdist_free(dist);
}

static uint64_t id_of(const char *name)
{
	char path[REAL_PATH_SIZE];
	struct stat st;

	ck_assert_int_eq(stat(real_path(name, REAL_CPU, "", path), &st), 0);
	return st.st_ino;
}

/* All threads of one process, and no other process. */
START_TEST(of_a_process)
{
	pid_t pid = fork_threads();

	fork_other(NULL);
	start((uint32_t)_i, (uint32_t)pid, 0);
	let_go(2);
	expect_only(BPF_MAP_LOOKUP_ELEM, 2 * LOOKUPS, ENOENT, 2 * MISSES);
}
END_TEST

/* Those in it and below it; not the loader's own, which is in it, too. */
START_TEST(of_a_cgroup)
{
	uint32_t key = 1, value;

	real_make("dist/below");
	real_make("elsewhere");
	real_make("dist/own");
	real_move("dist/own", 0);
	fork_threads();
	fork_other("dist/below");
	fork_other("elsewhere");
	start((uint32_t)_i, 0, id_of("dist"));
	for (int i = 0; i < 100; i++)
		bpf_map_lookup_elem(map, &key, &value);
	let_go(3);
	expect_only(BPF_MAP_LOOKUP_ELEM, 2 * LOOKUPS + OTHERS, ENOENT, 2 * MISSES);
}
END_TEST

/* Numbers that no kernel has share a place. */
START_TEST(unknown_command)
{
	pid_t pid = check_fork();

	if (pid == 0) {
		await_start();
		for (int i = 0; i < 7; i++)
			syscall(SYS_bpf, NO_COMMAND + i, NULL, 0);
		_exit(0);
	}
	start((uint32_t)_i, (uint32_t)pid, 0);
	let_go(1);
	expect_only(BPFDIST_COMMANDS - 1, 7, EINVAL, 7);
}
END_TEST

#ifdef __x86_64__
/* As a 32-bit program calls. */
static long call_32(long number, long argument)
{
	__asm__ volatile("int $0x80" : "+a"(number) : "b"(argument), "c"(0L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
	return number;
}

/* Whether this kernel takes such calls. */
static bool has_32(void)
{
	int status;

	if (check_fork() == 0)
		_exit(call_32(20 /* getpid */, 0) != getpid());
	ck_assert_int_gt(wait(&status), 0);
	return status == 0;
}

/* A number is one call in a 32-bit program, and another in a 64-bit one. */
START_TEST(compatible)
{
	bool narrow = has_32();
	pid_t pid = check_fork();

	if (pid == 0) {
		await_start();
		for (int i = 0; i < 5; i++) {
			syscall(357);				/* none; bpf(2) of 32-bit programs */
			syscall(SYS_bpf, NO_COMMAND, NULL, 0);
		}
		for (int i = 0; i < 20 && narrow; i++) {
			call_32(321, -1);			/* signalfd(2); bpf(2) of 64-bit programs */
			if (i % 2)
				call_32(357, NO_COMMAND);
		}
		_exit(0);
	}
	start((uint32_t)_i, (uint32_t)pid, 0);
	let_go(1);
	expect_only(BPFDIST_COMMANDS - 1, narrow ? 15 : 5, EINVAL, narrow ? 15 : 5);
}
END_TEST
#endif

START_TEST(no_rights)
{
	struct bpfdist_options options = { .text = text, .text_size = sizeof(text) };
	int status;

	if (check_fork() == 0) {
		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(255);
		_exit(bpfdist_start(&options, &dist) != -EPERM || strncmp(text, "not permitted: ", 15) != 0);
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-bpfdist");
	TCase *tcase = tcase_create("bpfdist");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, of_a_process, CGTUNE_PROBE_TRACEPOINT, CGTUNE_PROBE_RAW + 1);
	tcase_add_loop_test(tcase, of_a_cgroup, CGTUNE_PROBE_TRACEPOINT, CGTUNE_PROBE_RAW + 1);
	tcase_add_loop_test(tcase, unknown_command, CGTUNE_PROBE_TRACEPOINT, CGTUNE_PROBE_RAW + 1);
#ifdef __x86_64__
	tcase_add_loop_test(tcase, compatible, CGTUNE_PROBE_TRACEPOINT, CGTUNE_PROBE_RAW + 1);
#endif
	tcase_add_test(tcase, no_rights);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = real_begin();

	return why ? suite_skip(why) : suite_run(suite());
}
