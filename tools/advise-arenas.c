/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* advise-arenas - how many arenas malloc(3) of a process has, seen from outside */
#include "advise.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/*
 * glibc, malloc/arena.c: the heaps of an arena that is not the main one are HEAP_MAX_SIZE bytes of address space each, and
 * begin at a multiple of that; what is not in use of one is not readable. Its first word points to its arena.
 */
#define HEAP_BYTES (UINT64_C(64) << 20)
#define MOST_ARENAS 4096

struct mapping {
	uint64_t begin, end;
	bool readable, anonymous;
};

static bool parse(const char *line, struct mapping *ret)
{
	unsigned long long begin, end, inode;
	char rights[5];

	if (sscanf(line, "%llx-%llx %4s %*x %*x:%*x %llu", &begin, &end, rights, &inode) != 4)
		return false;
	*ret = (struct mapping){ begin, end, strncmp(rights, "rw-", 3) == 0, inode == 0 && !strchr(line, '[') };
	return true;
}

static bool begins_heap(const struct mapping *m)
{
	return m->anonymous && m->readable && m->begin % HEAP_BYTES == 0;
}

/* The rest of a heap, which is reserved; one that is used up has none. */
static bool is_heap(const struct mapping *first, const struct mapping *next)
{
	if (first->end - first->begin == HEAP_BYTES)
		return true;
	return next && next->anonymous && !next->readable && next->begin == first->end && next->end == first->begin + HEAP_BYTES;
}

static int by_address(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The arenas of all heaps, some more than once. -EPERM and the like: not ours to look into. */
static int collect(int32_t pid, FILE *maps, uint64_t *arenas, int most)
{
	struct mapping first = { 0 }, next;
	char *line = NULL;
	size_t room = 0;
	int n = 0, r = 0;

	while (r == 0 && n < most && getline(&line, &room, maps) > 0) {
		if (!parse(line, &next))
			continue;
		if (begins_heap(&first) && is_heap(&first, &next)) {
			struct iovec to = { &arenas[n], sizeof(void *) }, from = { (void *)(uintptr_t)first.begin, sizeof(void *) };

			if (process_vm_readv(pid, &to, 1, &from, 1, 0) == sizeof(void *))
				n++;
			else if (errno != EFAULT)	/* it is gone again */
				r = -errno;
		}
		first = next;
	}
	free(line);
	return r < 0 ? r : n;
}

int advise_arenas(int32_t pid)
{
	static uint64_t arenas[MOST_ARENAS];
	char path[64];
	FILE *maps;
	int n, different = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return errno == ENOENT ? -ESRCH : -errno;
	n = collect(pid, maps, arenas, MOST_ARENAS);
	fclose(maps);
	if (n > 0)
		qsort(arenas, (size_t)n, sizeof(arenas[0]), by_address);
	for (int i = 0; i < n; i++)
		different += i == 0 || arenas[i] != arenas[i - 1];
	return n < 0 ? n : different;
}
