/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-view - everything that a program can see of what the preload object answers
 *
 * Usage: preload-view counts|names|all. `all` leaves out what changes by itself, so
 * that two runs compare byte for byte.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MASK_SIZE 1024			/* of 8,192 CPUs */

extern char **environ;

static void print_mask(const char *name, int r, const unsigned char *mask, size_t size)
{
	const char *between = "";

	printf("%s ", name);
	if (r)
		printf("error %d", r);
	for (size_t i = 0; !r && i < 8 * size; i++) {
		if (mask[i / 8] & 1 << i % 8) {
			printf("%s%zu", between, i);
			between = ",";
		}
	}
	printf("\n");
}

static void print_masks(void)
{
	unsigned char mask[MASK_SIZE];
	int r;

	memset(mask, 0xA5, sizeof(mask));
	r = sched_getaffinity(0, sizeof(mask), (cpu_set_t *)mask) < 0 ? errno : 0;
	print_mask("affinity", r, mask, sizeof(mask));
	memset(mask, 0xA5, sizeof(mask));
	r = pthread_getaffinity_np(pthread_self(), sizeof(mask), (cpu_set_t *)mask);
	print_mask("thread", r, mask, sizeof(mask));
}

static void counts(void)
{
	struct sysinfo info;

	sysinfo(&info);
	printf("onln %ld\nconf %ld\n", sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_NPROCESSORS_CONF));
	printf("nprocs %d\nnprocs_conf %d\n", get_nprocs(), get_nprocs_conf());
	printf("phys %lld\n", (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
	printf("get_phys %lld\n", (long long)get_phys_pages() * sysconf(_SC_PAGESIZE));
	printf("totalram %llu\n", (unsigned long long)info.totalram * info.mem_unit);
	printf("totalswap %llu\n", (unsigned long long)info.totalswap * info.mem_unit);
	print_masks();
}

/* What changes from moment to moment. */
static void available(void)
{
	struct sysinfo info;

	sysinfo(&info);
	printf("avphys %lld\n", (long long)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE));
	printf("get_avphys %lld\n", (long long)get_avphys_pages() * sysconf(_SC_PAGESIZE));
	printf("freeram %llu\n", (unsigned long long)info.freeram * info.mem_unit);
	printf("bufferram %llu\n", (unsigned long long)info.bufferram * info.mem_unit);
}

/* Every name of sysconf(3) but those that the preload object answers, and some that there are none of. */
static void names(void)
{
	for (int name = -2; name <= 300; name++) {
		long value;

		if (name == _SC_NPROCESSORS_ONLN || name == _SC_PHYS_PAGES || name == _SC_AVPHYS_PAGES)
			continue;
		errno = 7777;
		value = sysconf(name);
		printf("sysconf %d %ld %d\n", name, value, errno);
	}
}

/* The bytes that the call leaves in masks of odd sizes, its result and errno. */
static void raw_masks(void)
{
	static const size_t sizes[] = { 0, 1, 4, 7, 8, 9, 12, 16, 24, 63, 64, 128, 136, 512, 1024 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		unsigned char mask[MASK_SIZE + 8];
		int r;

		memset(mask, 0xA5, sizeof(mask));
		errno = 7777;
		r = sched_getaffinity(0, sizes[i], (cpu_set_t *)mask);
		printf("raw %zu %d %d ", sizes[i], r, errno);
		for (size_t at = 0; at < sizes[i] + 8; at++)
			printf("%02x", mask[at]);
		memset(mask, 0xA5, sizeof(mask));
		r = pthread_getaffinity_np(pthread_self(), sizes[i], (cpu_set_t *)mask);
		printf(" thread %d %02x %02x\n", r, mask[0], mask[sizes[i]]);
	}
}

/* Which there are, without the one of the folder itself. */
static void descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned long open = 0;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.' && atoi(entry->d_name) != dirfd(dir) && atoi(entry->d_name) < 64)
			open |= 1ul << atoi(entry->d_name);
	if (dir)
		closedir(dir);
	printf("descriptors %#lx\n", open);
}

static void environment(char **argv, int argc)
{
	printf("environ is %s\n", environ == argv + argc + 1 ? "the kernel's" : "another");
	for (char **entry = environ; entry && *entry; entry++)
		printf("environ %s\n", *entry);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "counts";
	bool all = strcmp(what, "all") == 0;

	if (all || strcmp(what, "counts") == 0)
		counts();
	if (strcmp(what, "counts") == 0)
		available();
	if (all || strcmp(what, "names") == 0)
		names();
	if (all)
		raw_masks();
	if (all)
		descriptors();
	if (all)
		environment(argv, argc);
	return EXIT_SUCCESS;
}
