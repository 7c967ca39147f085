/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns counting system calls with ptrace(2): exact, without a tool to install, and apart from the timed runs. */
#include "trace.h"

#include <fcntl.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long ptrace_call(long request, pid_t pid, uintptr_t address, uintptr_t data)
{
	return syscall(SYS_ptrace, request, (long)pid, address, data);
}

static void child(char *const argv[])
{
	int null = open("/dev/null", O_WRONLY);

	dup2(null, STDOUT_FILENO);
	ptrace_call(PTRACE_TRACEME, 0, 0, 0);
	execv(argv[0], argv);
	_exit(127);
}

static bool is_read(uint64_t call)
{
	return call == SYS_read || call == SYS_pread64 || call == SYS_readv || call == SYS_preadv;
}

/* One stop at a system call's entry or exit. */
static void count(pid_t pid, bool whole, struct trace *trace)
{
	static uint64_t call;
	static bool counting;
	struct ptrace_syscall_info info;

	if (ptrace_call(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (uintptr_t)&info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		call = info.entry.nr;
		if (call == SYS_getppid)
			counting = !counting;
		else if (counting || whole)
			trace->calls += call != SYS_clock_gettime;
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && (counting || whole)) {
		if (is_read(call) && info.exit.rval > 0)
			trace->bytes += (unsigned long)info.exit.rval;
	}
}

bool trace_run(char *const argv[], bool whole, struct trace *ret)
{
	struct trace trace = { 0 };
	pid_t pid = fork();
	int status, deliver;

	if (pid == 0)
		child(argv);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	ptrace_call(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (deliver = 0; ptrace_call(PTRACE_SYSCALL, pid, 0, (uintptr_t)deliver) == 0;) {
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		deliver = WSTOPSIG(status);
		if (deliver == (SIGTRAP | 0x80))
			count(pid, whole, &trace);
		if (deliver == (SIGTRAP | 0x80) || deliver == SIGTRAP)	/* the latter: another execve(2) */
			deliver = 0;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return false;
	*ret = trace;
	return true;
}
