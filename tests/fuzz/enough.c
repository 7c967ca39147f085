/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* enough - a fuzzer that has had its processor time (RLIMIT_CPU) ends as libFuzzer does when asked to */
#include <signal.h>

static void enough(int signal)
{
	(void)signal;
	raise(SIGUSR1);
}

__attribute__((constructor))
static void end_when_enough(void)
{
	struct sigaction action = { .sa_handler = enough, .sa_flags = SA_RESTART };

	sigaction(SIGXCPU, &action, NULL);
}
