/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * torture-preload - what a command that is to be tortured has preloaded
 *
 * fail.c's allocator is in the same object. It begins when the loader and the
 * libraries have done their part, and is out of the environment by then: what the
 * command executes is left alone.
 */
#include "fail.h"
#include "torture.h"

#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Where it crashed is in what it said. */
static void on_crash(int signal)
{
	void *frames[32];

	backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
	raise(signal);			/* which has its default action again */
}

static __attribute__((constructor)) void begin(void)
{
	const struct sigaction crash = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER };
	const char *at = getenv("TORTURE_ALLOCATION");
	long n = at ? atol(at) : 0;
	bool from_then_on = at && strchr(at, '+');
	void *frame;

	backtrace(&frame, 1);		/* it loads what it needs at its first call */
	sigaction(SIGSEGV, &crash, NULL);
	sigaction(SIGABRT, &crash, NULL);
	unsetenv("TORTURE_ALLOCATION");
	unsetenv("LD_PRELOAD");
	prctl(TORTURE_MAGIC, TORTURE_ARM);
	fail_allocations(n, from_then_on);
}

static __attribute__((destructor)) void end(void)
{
	prctl(TORTURE_MAGIC, TORTURE_COUNTED, fail_calls());
}

/* Said at once: the program may end in any way. */
void fail_says(void)
{
	prctl(TORTURE_MAGIC, TORTURE_FIRED);
}
