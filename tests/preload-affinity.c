/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-affinity - what a program may do with masks: look, save, pin, restore
 *
 * Each case holds natively as well, but for the number of CPUs shown. The truth
 * is asked of the kernel, past the C library.
 */
#include "case.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNTOUCHED 7777

char **case_arguments;

static cpu_set_t truth_of(pid_t pid)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	EXPECT(syscall(SYS_sched_getaffinity, pid, sizeof(set), &set) > 0);
	return set;
}

static cpu_set_t truth(void)
{
	return truth_of(0);
}

static cpu_set_t shown(void)
{
	cpu_set_t set;

	EXPECT(sched_getaffinity(0, sizeof(set), &set) == 0);
	return set;
}

static cpu_set_t thread_shown(void)
{
	cpu_set_t set;

	EXPECT(pthread_getaffinity_np(pthread_self(), sizeof(set), &set) == 0);
	return set;
}

static bool within(const cpu_set_t *inner, const cpu_set_t *outer)
{
	cpu_set_t both;

	CPU_AND(&both, inner, outer);
	return CPU_EQUAL(&both, inner);
}

/* Another mask than what is shown: one CPU of the truth, outside it where there is one. */
static cpu_set_t other_cpu(void)
{
	cpu_set_t all = truth(), view = shown(), one;
	int last = -1;

	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && (last < 0 || !CPU_ISSET(i, &view)))
			last = i;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	return one;
}

static void expect_truth(const cpu_set_t *wanted)
{
	cpu_set_t now = truth();

	EXPECT(CPU_EQUAL(&now, wanted), "%d CPUs, not %d", CPU_COUNT(&now), CPU_COUNT(wanted));
}

/* The argument is how many there should be; without one: as many as sysconf() says. */
static void as_many_real_ids_as_threads(void)
{
	cpu_set_t all = truth(), view = shown(), thread = thread_shown();
	long n = case_number(0) ? case_number(0) : sysconf(_SC_NPROCESSORS_ONLN);

	EXPECT(CPU_COUNT(&view) == n, "%d, not %ld", CPU_COUNT(&view), n);
	EXPECT(within(&view, &all));
	EXPECT(CPU_EQUAL(&view, &thread));
}

static void small_masks_fail_as_in_the_kernel(void)
{
	unsigned char mask[2048], raw[2048];

	for (size_t size = 0; size <= sizeof(mask); size += size < 130 ? 1 : 127) {
		long wanted = syscall(SYS_sched_getaffinity, 0, size, raw);
		int wanted_errno = wanted < 0 ? errno : UNTOUCHED, r;

		errno = UNTOUCHED;
		r = sched_getaffinity(0, size, (cpu_set_t *)mask);
		EXPECT(r == (wanted < 0 ? -1 : 0), "size %zu: %d", size, r);
		EXPECT(errno == wanted_errno, "size %zu: errno %d, not %d", size, errno, wanted_errno);
		errno = UNTOUCHED;
		r = pthread_getaffinity_np(pthread_self(), size, (cpu_set_t *)mask);
		EXPECT(r == (wanted < 0 ? wanted_errno : 0), "size %zu: thread %d", size, r);
		EXPECT(errno == UNTOUCHED, "size %zu: thread errno %d", size, errno);
	}
}

static void the_rest_of_a_large_mask_is_zeroed(void)
{
	static unsigned char mask[65536 + 64];
	cpu_set_t view = shown();

	for (int way = 0; way < 2; way++) {
		memset(mask, 0xA5, sizeof(mask));
		if (way == 0)
			EXPECT(sched_getaffinity(0, 65536, (cpu_set_t *)mask) == 0);
		else
			EXPECT(pthread_getaffinity_np(pthread_self(), 65536, (cpu_set_t *)mask) == 0);
		EXPECT(memcmp(mask, &view, sizeof(view)) == 0);
		for (size_t i = sizeof(view); i < 65536; i++)
			EXPECT(mask[i] == 0, "way %d, byte %zu", way, i);
		for (size_t i = 65536; i < sizeof(mask); i++)
			EXPECT(mask[i] == 0xA5, "way %d, byte %zu behind the end", way, i);
	}
}

static void a_mask_at_an_odd_address(void)
{
	unsigned char room[sizeof(cpu_set_t) + 1];
	cpu_set_t view = shown(), all = truth();

	EXPECT(sched_getaffinity(0, sizeof(view), (cpu_set_t *)(room + 1)) == 0);
	EXPECT(memcmp(room + 1, &view, sizeof(view)) == 0);
	EXPECT(sched_setaffinity(0, sizeof(view), (cpu_set_t *)(room + 1)) == 0);
	expect_truth(&all);
}

static void bad_addresses_are_errors(void)
{
	void *const bad[] = { NULL, (void *)8, (void *)(uintptr_t)-4096 };

	shown();				/* there is something to compare them with */
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		errno = UNTOUCHED;
		EXPECT(sched_getaffinity(0, sizeof(cpu_set_t), bad[i]) == -1 && errno == EFAULT, "%zu: %d", i, errno);
		EXPECT(pthread_getaffinity_np(pthread_self(), sizeof(cpu_set_t), bad[i]) == EFAULT, "%zu", i);
		errno = UNTOUCHED;
		EXPECT(sched_setaffinity(0, sizeof(cpu_set_t), bad[i]) == -1 && errno == EFAULT, "%zu: %d", i, errno);
		EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(cpu_set_t), bad[i]) == EFAULT, "%zu", i);
	}
}

static void what_the_kernel_refuses_is_refused(void)
{
	cpu_set_t all = truth(), view = shown(), set;

	CPU_ZERO(&set);
	errno = UNTOUCHED;
	EXPECT(sched_setaffinity(0, sizeof(set), &set) == -1 && errno == EINVAL, "empty: %d", errno);
	EXPECT(sched_setaffinity(0, 0, &view) == -1 && errno == EINVAL, "no bytes: %d", errno);
	CPU_SET(CPU_SETSIZE - 1, &set);
	errno = UNTOUCHED;
	EXPECT(sched_setaffinity(0, sizeof(set), &set) == -1 && errno == EINVAL, "CPU 1023: %d", errno);
	errno = UNTOUCHED;
	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == EINVAL);
	EXPECT(errno == UNTOUCHED);
	errno = UNTOUCHED;
	EXPECT(sched_getaffinity(0x3ffffffe, sizeof(set), &set) == -1 && errno == ESRCH, "no such pid: %d", errno);
	EXPECT(sched_setaffinity(0x3ffffffe, sizeof(view), &view) == -1 && errno == ESRCH, "no such pid: %d", errno);
	EXPECT(sched_getaffinity(-1, sizeof(set), &set) == -1, "negative pid");
	expect_truth(&all);
}

static void errno_is_kept(void)
{
	cpu_set_t set;

	errno = UNTOUCHED;
	EXPECT(sched_getaffinity(0, sizeof(set), &set) == 0 && errno == UNTOUCHED);
	EXPECT(sched_setaffinity(0, sizeof(set), &set) == 0 && errno == UNTOUCHED);
	EXPECT(pthread_getaffinity_np(pthread_self(), sizeof(set), &set) == 0 && errno == UNTOUCHED);
	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0 && errno == UNTOUCHED);
}

static void own_ids_are_self(void)
{
	cpu_set_t view = shown(), set;

	EXPECT(sched_getaffinity(getpid(), sizeof(set), &set) == 0);
	EXPECT(CPU_EQUAL(&set, &view));
	EXPECT(sched_getaffinity((pid_t)syscall(SYS_gettid), sizeof(set), &set) == 0);
	EXPECT(CPU_EQUAL(&set, &view));
}

static void other_processes_show_the_truth(void)
{
	cpu_set_t all = truth(), set;
	int wait_for[2], status;
	pid_t child;

	EXPECT(pipe(wait_for) == 0);
	child = fork();
	if (child == 0) {
		close(wait_for[1]);
		_Exit(read(wait_for[0], &set, 1) < 0);
	}
	EXPECT(sched_getaffinity(child, sizeof(set), &set) == 0);
	EXPECT(CPU_EQUAL(&set, &all), "%d CPUs", CPU_COUNT(&set));
	EXPECT(sched_getaffinity(getppid(), sizeof(set), &set) == 0);
	all = truth_of(getppid());
	EXPECT(CPU_EQUAL(&set, &all), "%d CPUs of the parent", CPU_COUNT(&set));
	close(wait_for[1]);
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

static void save_and_restore(void)
{
	cpu_set_t all = truth(), saved = shown();

	for (int i = 0; i < 3; i++) {
		EXPECT(sched_setaffinity(0, sizeof(saved), &saved) == 0);
		expect_truth(&all);
	}
}

static void save_and_restore_of_threads(void)
{
	cpu_set_t all = truth(), saved = thread_shown();

	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(saved), &saved) == 0);
	expect_truth(&all);
}

static void saved_one_way_restored_the_other(void)
{
	cpu_set_t all = truth(), saved = shown();

	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(saved), &saved) == 0);
	expect_truth(&all);
	saved = thread_shown();
	EXPECT(sched_setaffinity(getpid(), sizeof(saved), &saved) == 0);
	expect_truth(&all);
}

static void save_pin_restore(void)
{
	cpu_set_t all = truth(), saved = shown(), one = other_cpu(), now;

	EXPECT(sched_setaffinity(0, sizeof(one), &one) == 0);
	expect_truth(&one);
	now = shown();
	EXPECT(CPU_EQUAL(&now, &one), "%d CPUs are shown", CPU_COUNT(&now));
	EXPECT(sched_setaffinity(0, sizeof(saved), &saved) == 0);
	expect_truth(&all);
}

static void save_pin_restore_of_threads(void)
{
	cpu_set_t all = truth(), saved = thread_shown(), one = other_cpu(), now;

	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(one), &one) == 0);
	expect_truth(&one);
	now = thread_shown();
	EXPECT(CPU_EQUAL(&now, &one));
	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(saved), &saved) == 0);
	expect_truth(&all);
}

static void *restore(void *saved)
{
	cpu_set_t all = truth();

	EXPECT(sched_setaffinity(0, sizeof(cpu_set_t), saved) == 0);
	expect_truth(&all);
	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(cpu_set_t), saved) == 0);
	expect_truth(&all);
	return NULL;
}

static void saved_here_restored_in_another_thread(void)
{
	cpu_set_t saved = shown();
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, restore, &saved) == 0);
	EXPECT(pthread_join(thread, NULL) == 0);
}

static void *save(void *saved)
{
	*(cpu_set_t *)saved = thread_shown();
	return NULL;
}

static void saved_in_another_thread_restored_here(void)
{
	cpu_set_t saved;
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, save, &saved) == 0);
	EXPECT(pthread_join(thread, NULL) == 0);
	restore(&saved);
}

static void *wait_pinned(void *barrier)
{
	cpu_set_t one = other_cpu(), now;

	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(one), &one) == 0);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	now = truth();
	EXPECT(CPU_COUNT(&now) > 1, "%d CPU", CPU_COUNT(&now));
	return NULL;
}

/* As a pool that gives its workers the mask of its starter. */
static void a_thread_is_given_the_mask_of_another(void)
{
	cpu_set_t saved = thread_shown();
	pthread_barrier_t barrier;
	pthread_t thread;

	EXPECT(pthread_barrier_init(&barrier, NULL, 2) == 0);
	EXPECT(pthread_create(&thread, NULL, wait_pinned, &barrier) == 0);
	pthread_barrier_wait(&barrier);
	EXPECT(pthread_setaffinity_np(thread, sizeof(saved), &saved) == 0);
	pthread_barrier_wait(&barrier);
	EXPECT(pthread_join(thread, NULL) == 0);
}

static void *wait_numbered(void *slot)
{
	struct { pthread_barrier_t barrier; pid_t tid; } *with = slot;

	with->tid = (pid_t)syscall(SYS_gettid);
	return wait_pinned(&with->barrier);
}

/* The same by the thread's number, as programs do that are older than pthread_setaffinity_np(). */
static void a_thread_is_given_it_by_number(void)
{
	struct { pthread_barrier_t barrier; pid_t tid; } with;
	cpu_set_t saved = shown();
	pthread_t thread;

	EXPECT(pthread_barrier_init(&with.barrier, NULL, 2) == 0);
	EXPECT(pthread_create(&thread, NULL, wait_numbered, &with) == 0);
	pthread_barrier_wait(&with.barrier);
	EXPECT(sched_setaffinity(with.tid, sizeof(saved), &saved) == 0);
	pthread_barrier_wait(&with.barrier);
	EXPECT(pthread_join(thread, NULL) == 0);
}

static void restored_in_a_child(void)
{
	cpu_set_t saved = shown();
	pid_t child = fork();
	int status;

	if (child == 0) {
		restore(&saved);
		_Exit(0);
	}
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

/* Bind the thread to two CPUs of its own: the first two of the machine, or the next two. */
static cpu_set_t take_two(int skip)
{
	cpu_set_t all = truth(), two;

	CPU_ZERO(&two);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&two) < 2; i++)
		if (CPU_ISSET(i, &all) && skip-- <= 0)
			CPU_SET(i, &two);
	EXPECT(sched_setaffinity(0, sizeof(two), &two) == 0);
	expect_truth(&two);
	return two;
}

static void *look_at_others(void *barrier)
{
	take_two(2);
	pthread_barrier_wait(barrier);
	thread_shown();
	return NULL;
}

/* As servers that have a group of threads on each node. */
static void with_4_CPUs_threads_have_masks_of_their_own(void)
{
	pthread_barrier_t barrier;
	pthread_t thread;
	cpu_set_t saved, two;

	EXPECT(pthread_barrier_init(&barrier, NULL, 2) == 0);
	EXPECT(pthread_create(&thread, NULL, look_at_others, &barrier) == 0);
	two = take_two(0);
	saved = thread_shown();
	pthread_barrier_wait(&barrier);
	EXPECT(pthread_join(thread, NULL) == 0);
	EXPECT(pthread_setaffinity_np(pthread_self(), sizeof(saved), &saved) == 0);
	expect_truth(&two);
}

/* As a library looks while a program is bound to a part of the machine. Where the part is shown as the
 * whole was, it stays bound to it. */
static void with_4_CPUs_a_look_in_between(void)
{
	cpu_set_t all = truth(), saved = shown(), two = take_two(2), other = thread_shown();

	EXPECT(sched_setaffinity(0, sizeof(saved), &saved) == 0);
	expect_truth(CPU_EQUAL(&saved, &other) ? &two : &all);
}

/* The kernel takes masks of any length. */
static void restored_with_other_sizes(void)
{
	static const size_t sizes[] = { 8, 16, 64, 128, 1024, 4096 };
	static unsigned char mask[4096];
	cpu_set_t all = truth(), saved = shown();

	memcpy(mask, &saved, sizeof(saved));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		EXPECT(sched_setaffinity(0, sizes[i], (cpu_set_t *)mask) == 0);
		expect_truth(&all);
	}
}

/* Before any mask was handed out: what a program like taskset(1) means. */
static void a_mask_never_handed_out_pins(void)
{
	cpu_set_t all = truth(), one;

	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		EXPECT(sched_setaffinity(0, sizeof(one), &one) == 0, "CPU %d", i);
		expect_truth(&one);
		EXPECT(sched_setaffinity(0, sizeof(all), &all) == 0);
		expect_truth(&all);
	}
}

static const struct case_entry entries[] = {
	{ "as_many_real_ids_as_threads", as_many_real_ids_as_threads },
	{ "small_masks_fail_as_in_the_kernel", small_masks_fail_as_in_the_kernel },
	{ "the_rest_of_a_large_mask_is_zeroed", the_rest_of_a_large_mask_is_zeroed },
	{ "a_mask_at_an_odd_address", a_mask_at_an_odd_address },
	{ "bad_addresses_are_errors", bad_addresses_are_errors },
	{ "what_the_kernel_refuses_is_refused", what_the_kernel_refuses_is_refused },
	{ "errno_is_kept", errno_is_kept },
	{ "own_ids_are_self", own_ids_are_self },
	{ "other_processes_show_the_truth", other_processes_show_the_truth },
	{ "save_and_restore", save_and_restore },
	{ "save_and_restore_of_threads", save_and_restore_of_threads },
	{ "saved_one_way_restored_the_other", saved_one_way_restored_the_other },
	{ "save_pin_restore", save_pin_restore },
	{ "save_pin_restore_of_threads", save_pin_restore_of_threads },
	{ "saved_here_restored_in_another_thread", saved_here_restored_in_another_thread },
	{ "saved_in_another_thread_restored_here", saved_in_another_thread_restored_here },
	{ "a_thread_is_given_the_mask_of_another", a_thread_is_given_the_mask_of_another },
	{ "a_thread_is_given_it_by_number", a_thread_is_given_it_by_number },
	{ "restored_in_a_child", restored_in_a_child },
	{ "with_4_CPUs_a_look_in_between", with_4_CPUs_a_look_in_between },
	{ "with_4_CPUs_threads_have_masks_of_their_own", with_4_CPUs_threads_have_masks_of_their_own },
	{ "restored_with_other_sizes", restored_with_other_sizes },
	{ "a_mask_never_handed_out_pins", a_mask_never_handed_out_pins },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	(void)argc;
	return case_main(argv, entries);
}
