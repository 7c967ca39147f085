/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preload-calls - every call that the preload object answers, checked against one CPU */
#ifndef CGTUNE_TESTS_PRELOAD_CALLS_H
#define CGTUNE_TESTS_PRELOAD_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* Those that may be called from a signal handler; NULL, or the one that answered wrongly. */
static inline const char *calls_check(void)
{
	struct sysinfo info;
	cpu_set_t set;
	int before = errno;

	if (sysconf(_SC_NPROCESSORS_ONLN) != 1)
		return "sysconf(_SC_NPROCESSORS_ONLN)";
	if (sysconf(_SC_NPROCESSORS_CONF) < 1 || get_nprocs_conf() < 1)
		return "sysconf(_SC_NPROCESSORS_CONF)";
	errno = before;			/* these two are the C library's, which opens a file */
	if (sysconf(_SC_PHYS_PAGES) != get_phys_pages() || sysconf(_SC_AVPHYS_PAGES) > get_phys_pages())
		return "sysconf(_SC_PHYS_PAGES)";
	if (get_nprocs() != 1 || get_avphys_pages() < 0)
		return "get_nprocs()";
	if (sysinfo(&info) != 0)
		return "sysinfo()";
	if (sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) != 1)
		return "sched_getaffinity()";
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		return "sched_setaffinity()";
	if (pthread_getaffinity_np(pthread_self(), sizeof(set), &set) != 0 || CPU_COUNT(&set) != 1)
		return "pthread_getaffinity_np()";
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0)
		return "pthread_setaffinity_np()";
	return errno == before ? NULL : "errno";
}

/* Those that open; NULL, or the one that failed. */
static inline const char *calls_open(void)
{
	int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	FILE *file;

	if (fd < 0 || close(fd) != 0)
		return "open()";
	fd = openat(AT_FDCWD, "/proc/stat", O_RDONLY);
	if (fd < 0 || close(fd) != 0)
		return "openat()";
	file = fopen("/proc/meminfo", "re");
	if (!file || fclose(file) != 0)
		return "fopen()";
	return NULL;
}

#endif
