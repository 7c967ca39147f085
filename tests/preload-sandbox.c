/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preload-sandbox - every call after a program has locked itself in: no descriptors, no system calls, no files */
#include "case.h"
#include "preload-calls.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

char **case_arguments;

static void expect_calls(void)
{
	const char *wrong = calls_check();

	EXPECT(!wrong, "%s", wrong);
}

/* What needs no system call. */
static bool counts_are_right(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) == 1 && get_nprocs() == 1 && sysconf(_SC_PHYS_PAGES) == get_phys_pages();
}

/* What is one call of sysinfo(2) in a C library. */
static bool memory_is_right(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 && sysconf(_SC_AVPHYS_PAGES) <= get_phys_pages() && get_avphys_pages() <= get_phys_pages();
}

static void after_all_descriptors_are_closed(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	for (int fd = 3; fd < 1024 && fd < (int)limit.rlim_cur; fd++)
		close(fd);
	expect_calls();
	limit.rlim_cur = 3;
	EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	expect_calls();
}

/* In a child, as nothing but write(2) and exit(2) is left to it: not even _exit(2), which is exit_group(2). */
static void after_seccomp_strict(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
			syscall(SYS_exit, 2);
		for (int i = 0; i < 1000; i++)
			if (!counts_are_right())
				syscall(SYS_exit, 1);
		syscall(SYS_exit, 0);
	}
	EXPECT(waitpid(child, &status, 0) == child);
	EXPECT(status == 0, "status %#x", status);
}

/* As a sandbox that ends whoever looks at files or CPUs. */
static void after_a_filter_of_files_and_affinity(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_open
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 3, 0),
#else
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 3, 0),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_getaffinity, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
			_exit(2);
		_exit(!counts_are_right() || !memory_is_right());
	}
	EXPECT(waitpid(child, &status, 0) == child);
	EXPECT(status == 0, "status %#x", status);
}

/* As a browser's, that refuses instead: the refusal must come out as it is. */
static void after_a_filter_that_refuses(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_getaffinity, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	cpu_set_t set;

	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	EXPECT(sched_getaffinity(0, sizeof(set), &set) == -1 && errno == EPERM, "%d", errno);
	EXPECT(pthread_getaffinity_np(pthread_self(), sizeof(set), &set) == EPERM);
	EXPECT(counts_are_right());
}

/* The argument: the folder. */
static void after_chroot(void)
{
	EXPECT(chroot(case_arguments[0] ? case_arguments[0] : "/proc/self/fdinfo") == 0 && chdir("/") == 0);
	expect_calls();
	EXPECT(open("/proc/cpuinfo", O_RDONLY) == -1 && errno == ENOENT, "%d", errno);
	EXPECT(!fopen("/proc/meminfo", "r") && errno == ENOENT, "%d", errno);
}

static void after_privileges_are_dropped(void)
{
	EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
	expect_calls();
}

static const struct case_entry entries[] = {
	{ "after_all_descriptors_are_closed", after_all_descriptors_are_closed },
	{ "after_seccomp_strict", after_seccomp_strict },
	{ "after_a_filter_of_files_and_affinity", after_a_filter_of_files_and_affinity },
	{ "after_a_filter_that_refuses", after_a_filter_that_refuses },
	{ "after_chroot", after_chroot },
	{ "after_privileges_are_dropped", after_privileges_are_dropped },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	(void)argc;
	return case_main(argv, entries);
}
