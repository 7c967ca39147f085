/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* follow - what the tests of live changes share */
#include "follow.h"

#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

int follow_cpus;
int follow_soon_ms = 1000;
int follow_reads = 20000;

const struct cgtune_options follow_options = {
	.size = sizeof(follow_options), .flags = CGTUNE_NO_ENV | CGTUNE_NO_APPLY,
};

int follow(const char *name)
{
	int fd;

	real_make(name);
	real_move(name, 0);
	ck_assert_int_ge(cgtune_init_with(&follow_options), 0);
	cgtune_set_interval(0);
	fd = cgtune_fd();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(cgtune_fd(), fd);
	return fd;
}

bool follow_is_readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

void follow_expect(int fd, int mask)
{
	ck_assert(follow_is_readable(fd, follow_soon_ms));
	ck_assert_int_eq(cgtune_dispatch(), mask);
	ck_assert(!follow_is_readable(fd, 0));
}

unsigned follow_at_most_cpus(unsigned threads)
{
	return threads < (unsigned)follow_cpus ? threads : (unsigned)follow_cpus;
}

void follow_expect_values(unsigned threads, int64_t bytes)
{
	ck_assert_uint_eq(cgtune_threads(), follow_at_most_cpus(threads));
	ck_assert_uint_eq(cgtune_memory(), bytes == REAL_NONE ? CGTUNE_UNLIMITED : FOLLOW_BUDGET(bytes));
}

uint64_t follow_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int follow_ticks(int fd)
{
	uint64_t end = follow_now_ms() + FOLLOW_INTERVAL_MS + (uint64_t)follow_soon_ms;
	int r = 0;

	while (r == 0 && follow_now_ms() < end)
		if (follow_is_readable(fd, follow_soon_ms))
			r = cgtune_dispatch();
	return r;
}

bool follow_eventually(bool (*holds)(void))
{
	uint64_t end = follow_now_ms() + (uint64_t)follow_soon_ms;

	while (!holds() && follow_now_ms() < end)
		usleep(1000);
	return holds();
}

int follow_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -3;				/* ".", ".." and the directory's own */

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

const char *follow_begin(void)
{
	const char *why = real_begin();
	cpu_set_t mask;

	if (getenv("CGTUNE_VM")) {		/* emulated: slow */
		follow_soon_ms = 10000;
		follow_reads = 2000;
	}
	sched_getaffinity(0, sizeof(mask), &mask);
	follow_cpus = CPU_COUNT(&mask);
	return why;
}
