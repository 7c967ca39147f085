/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload-follow - counts before and after its own limits are changed
 *
 * Usage: preload-follow QUOTA-FILE MEMORY-FILE. It takes the quota away, and sets 400 MiB.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRIES 50			/* of 0.1 s: a refresh is due after one second */
#define NEW_MEMORY 419430400L

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

static long bytes(void)
{
	return sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
	struct timespec tenth = { .tv_nsec = 100 * 1000 * 1000 };

	if (argc != 3)
		return EXIT_FAILURE;
	printf("%ld %ld\n", sysconf(_SC_NPROCESSORS_ONLN), bytes());
	put(argv[1], strstr(argv[1], "cpu.max") ? "max 100000" : "-1");
	put(argv[2], "419430400");
	for (int i = 0; i < TRIES; i++) {
		nanosleep(&tenth, NULL);
		if (bytes() == NEW_MEMORY && sysconf(_SC_NPROCESSORS_ONLN) > 1)
			break;
	}
	printf("%ld %ld\n", sysconf(_SC_NPROCESSORS_ONLN), bytes());
	return EXIT_SUCCESS;
}
