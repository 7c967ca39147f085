/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * signals - print every signal that comes, and who sent it, for tests in shell
 *
 * "ready", then a line each: "INT kernel", "INT process"; SIGQUIT is the last. Exit status 9.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>


int main(void)
{
	sigset_t all;
	siginfo_t info = { 0 };

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	puts("ready");
	fflush(stdout);
	while (info.si_signo != SIGQUIT) {
		if (sigwaitinfo(&all, &info) < 0)
			continue;
		printf("%s %s\n", sigabbrev_np(info.si_signo), info.si_code > 0 ? "kernel" : "process");
		fflush(stdout);
	}
	return 9;
}
