/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the cost of a start: spawns a program again and again, with each of several preloads in turn, and prints the times. */
#include "bench.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct subject {
	const char *name;
	char *environment[3];		/* "LD_PRELOAD=...", perhaps another variable */
	uint64_t *times;
};

static uint64_t spawn_once(char **argv, const struct subject *subject)
{
	uint64_t start = bench_now();
	int status;
	pid_t pid;

	if (posix_spawn(&pid, argv[0], NULL, NULL, argv, (char **)subject->environment) != 0 || waitpid(pid, &status, 0) != pid ||
	    status != 0) {
		fprintf(stderr, "exec: %s with %s failed\n", argv[0], subject->name);
		exit(1);
	}
	return bench_now() - start;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* NAME=PRELOAD[ VARIABLE=VALUE]; false: not of that form. */
static int take(struct subject *subject, char *text, unsigned long runs)
{
	char *value = strchr(text, '='), *variable = value ? strchr(value, ' ') : NULL;

	subject->times = calloc(runs, sizeof(uint64_t));
	if (!value || !subject->times)
		return 0;
	*value++ = '\0';
	if (variable)
		*variable++ = '\0';
	subject->name = text;
	subject->environment[1] = variable;
	return !*value || asprintf(&subject->environment[0], "LD_PRELOAD=%s", value) >= 0;
}

/* exec RUNS PROGRAM SUBJECT...: name, minimum and median in nanoseconds, a line each */
int main(int argc, char **argv)
{
	unsigned long runs = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
	char *program[] = { argc > 3 ? argv[2] : NULL, NULL };
	int count = argc - 3;
	struct subject *subjects = calloc(count > 0 ? (size_t)count : 1, sizeof(*subjects));

	if (!runs || !subjects)
		return 2;
	for (int i = 0; i < count; i++) {
		if (!take(&subjects[i], argv[i + 3], runs))
			return 2;
		spawn_once(program, &subjects[i]);		/* into the page cache */
	}
	for (unsigned long run = 0; run < runs; run++)
		for (int i = 0; i < count; i++)
			subjects[i].times[run] = spawn_once(program, &subjects[i]);
	for (int i = 0; i < count; i++) {
		qsort(subjects[i].times, runs, sizeof(uint64_t), compare);
		printf("%s\t%llu\t%llu\n", subjects[i].name, (unsigned long long)subjects[i].times[0],
		       (unsigned long long)subjects[i].times[runs / 2]);
	}
	return 0;
}
