/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * case - programs that run inside the preload object: one named case each time, silent when all is well
 *
 * They link nothing but libc, as what they try is how a stranger's program fares.
 */
#ifndef CGTUNE_TESTS_CASE_H
#define CGTUNE_TESTS_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct case_entry {
	const char *name;
	void (*run)(void);
};

/* Arguments behind the name of the case; NULL ends them. */
extern char **case_arguments;

/* End with what went wrong, as a comment of TAP. */
#define EXPECT(condition, ...) do { \
	if (!(condition)) { \
		fprintf(stderr, "# %s:%d: %s", __FILE__, __LINE__, #condition); \
		fprintf(stderr, ": " __VA_ARGS__); \
		fputc('\n', stderr); \
		_Exit(EXIT_FAILURE); \
	} \
} while (0)

/* The argument as a number; 0: there is none. */
static inline long case_number(int n)
{
	for (int i = 0; i < n; i++)
		if (!case_arguments[i])
			return 0;
	return case_arguments[n] ? atol(case_arguments[n]) : 0;
}

/* Usage: PROGRAM --list, or PROGRAM CASE [ARGUMENT...]. The list ends with a name of NULL. */
static inline int case_main(char **argv, const struct case_entry *entries)
{
	if (argv[1] && strcmp(argv[1], "--list") == 0) {
		for (; entries->name; entries++)
			puts(entries->name);
		return EXIT_SUCCESS;
	}
	for (; argv[1] && entries->name; entries++) {
		if (strcmp(argv[1], entries->name) == 0) {
			case_arguments = argv + 2;
			entries->run();
			return EXIT_SUCCESS;
		}
	}
	fprintf(stderr, "# %s: no such case: %s\n", argv[0], argv[1] ? argv[1] : "");
	return EXIT_FAILURE;
}

#endif
