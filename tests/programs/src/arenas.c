/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arenas - how many arenas glibc's malloc makes for as many threads as it is given */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_barrier_t all_have;

static void *allocate(void *unused)
{
	void *memory = malloc(100000);

	pthread_barrier_wait(&all_have);
	free(memory);
	return unused;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1, arenas = 0;
	pthread_t thread;
	char *text = NULL;
	size_t size;
	FILE *info;

	pthread_barrier_init(&all_have, NULL, n + 1);
	for (int i = 0; i < n; i++)
		if (pthread_create(&thread, NULL, allocate, NULL))
			return 1;
	pthread_barrier_wait(&all_have);
	info = open_memstream(&text, &size);
	malloc_info(0, info);
	fclose(info);
	for (char *at = text; (at = strstr(at, "<heap nr")); at++)
		arenas++;
	printf("%d\n", arenas);
	return 0;
}
