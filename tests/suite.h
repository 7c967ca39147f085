/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite - run a Check suite with TAP on standard output, as make check reads it */
#ifndef CGTUNE_TESTS_SUITE_H
#define CGTUNE_TESTS_SUITE_H

#include <check.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SUITE_REASON = 256 };

/* Why the test that is running cannot be done here: "" while it can. Shared with the process that it is in. */
__attribute__((weak)) char *suite_reason;

/* In a test, which returns then: it is a skip, and not passed. */
__attribute__((format(printf, 1, 2))) static inline void suite_skip_test(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(suite_reason, SUITE_REASON, format, arguments);
	va_end(arguments);
}

/* Check knows no skips: its line of a test, as all lines written at once, is that of one. */
static inline ssize_t suite_write(void *unused, const char *text, size_t n)
{
	bool passed = n > 3 && strncmp(text, "ok ", 3) == 0;

	(void)unused;
	if (passed && *suite_reason)
		dprintf(1, "%.*s # SKIP %s\n", (int)n - 1, text, suite_reason);
	else
		dprintf(1, "%.*s", (int)n, text);
	if (passed || (n > 7 && strncmp(text, "not ok ", 7) == 0))
		*suite_reason = '\0';
	return (ssize_t)n;
}

/* The exit status. CK_FORK=no, as for a debugger, is obeyed. */
static inline int suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = suite_write });
	int failed;

	suite_reason = mmap(NULL, SUITE_REASON, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!out || suite_reason == MAP_FAILED || setvbuf(out, NULL, _IOLBF, BUFSIZ) != 0)
		return EXIT_FAILURE;
	fflush(stdout);
	stdout = out;
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
