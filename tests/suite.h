/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite - run a Check suite with TAP on standard output, as make check reads it */
#ifndef CGTUNE_TESTS_SUITE_H
#define CGTUNE_TESTS_SUITE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* The exit status. CK_FORK=no, as for a debugger, is obeyed. */
static inline int suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_fork_status(runner, CK_FORK_GETENV);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * The folder of test data "tests/NAME": below $srcdir, which make check sets, or
 * below the working directory; the variable replaces it.
 */
static inline void suite_folder(char *ret, size_t size, const char *variable, const char *name)
{
	const char *folder = getenv(variable), *srcdir = getenv("srcdir");

	if (folder && *folder)
		snprintf(ret, size, "%s", folder);
	else
		snprintf(ret, size, "%s/tests/%s", srcdir && *srcdir ? srcdir : ".", name);
}

/* The exit status of a program that cannot run here. */
static inline int suite_skip(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
	return EXIT_SUCCESS;
}

#endif
