/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* torture - one allocation or one system call of a child fails, or all from it on */
#include "torture.h"
#include "fail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Far above what any child needs: one without an end is found. */
#define MOST_SECONDS 120
#define MOST_CALLS 1000000
#define MOST_THREADS 32

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
		 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

/* A traced thread in a call that is to be answered with an error. */
static struct thread {
	pid_t id;			/* 0: a free place */
	int error;			/* 0: none */
	uint64_t asked;			/* of brk(2), whose argument was taken away; 0: nothing */
} threads[MOST_THREADS];

static pid_t root;
static bool armed;
static long seen;

static struct thread *thread_of(pid_t id)
{
	for (int i = 0; i < MOST_THREADS; i++)
		if (threads[i].id == id)
			return &threads[i];
	for (int i = 0; i < MOST_THREADS; i++)
		if (!threads[i].id) {
			threads[i] = (struct thread){ .id = id };
			return &threads[i];
		}
	fprintf(stderr, "torture: more than %d threads\n", MOST_THREADS);
	exit(EXIT_FAILURE);
}

#define CALLS(...) .calls = (const int[]){ __VA_ARGS__ }, .count = sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)
#define NO_PATH (-1)

/* What a class of calls fails with. */
static const struct class {
	int errors[TORTURE_VARIANTS];
	int path;			/* the argument that is a path, or NO_PATH */
	const int *calls;
	size_t count;
	bool performs;			/* the call is done all the same */
} classes[] = {
	{ { EMFILE, EACCES, ENOENT }, 1, CALLS(SYS_openat, 437 /* openat2 */) },
	{ { EMFILE, EACCES, ENOENT }, 0, CALLS(SYS_open) },
	{ { EIO, ENOMEM, EINTR }, NO_PATH, CALLS(SYS_read, SYS_pread64, SYS_getdents64, SYS_readlink, SYS_readlinkat, SYS_recvfrom) },
	{ { ENOSPC, EIO, EINTR }, NO_PATH, CALLS(SYS_write, SYS_writev, SYS_pwrite64, SYS_sendto, SYS_ftruncate) },
	{ { EACCES, ENOMEM, ENOENT }, 0, CALLS(SYS_stat, SYS_access, SYS_lstat, SYS_statfs) },
	{ { EACCES, ENOMEM, ENOENT }, 1, CALLS(SYS_newfstatat, SYS_statx, SYS_faccessat, 439 /* faccessat2 */) },
	{ { EACCES, ENOSPC, EROFS }, 0, CALLS(SYS_mkdir, SYS_unlink, SYS_rename, SYS_chmod, SYS_chown) },
	{ { EACCES, ENOSPC, EROFS }, 1, CALLS(SYS_mkdirat, SYS_unlinkat, SYS_renameat2, SYS_fchmodat, SYS_fchownat) },
	{ { EBUSY, EACCES, EIO }, 0, CALLS(SYS_rmdir) },
	{ { ENOMEM, ENOMEM, ENOMEM }, NO_PATH, CALLS(SYS_mmap, SYS_mremap, SYS_brk, SYS_mprotect, SYS_mlock) },
	{ { EAGAIN, ENOMEM, EAGAIN }, NO_PATH, CALLS(SYS_fork, SYS_vfork, SYS_clone, SYS_clone3) },
	{ { ENOMEM, EACCES, ENOENT }, 0, CALLS(SYS_execve) },
	{ { EMFILE, ENOMEM, EACCES }, NO_PATH, CALLS(SYS_socket, SYS_accept4, SYS_bind, SYS_listen, SYS_pipe2, SYS_dup, SYS_fcntl,
						     SYS_epoll_create1, SYS_eventfd2, SYS_timerfd_create, SYS_inotify_init1) },
	{ { ENOMEM, EPERM, EINVAL }, NO_PATH, CALLS(SYS_bpf, SYS_perf_event_open) },
	{ { ENOMEM, EINTR, EINVAL }, NO_PATH, CALLS(SYS_poll, SYS_ppoll, SYS_epoll_wait, SYS_epoll_pwait) },
	{ { EIO, EINTR, ENOSPC }, NO_PATH, CALLS(SYS_close, SYS_close_range), .performs = true },
};
static const struct class others = { .errors = { ENOMEM, EPERM, ENOSYS }, .path = NO_PATH };

/* What a kernel never refuses, or only to a program that is wrong; and waiting, which only signals end. */
static const int spared[] = {
	SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigpending,
	SYS_rt_sigtimedwait, SYS_futex, SYS_munmap, SYS_sched_yield, SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid,
	SYS_getgid, SYS_getegid, SYS_getsid, SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday,
	SYS_restart_syscall, SYS_wait4, SYS_waitid, SYS_kill, SYS_tgkill, SYS_set_robust_list, SYS_rseq, SYS_arch_prctl,
	SYS_set_tid_address, SYS_madvise, SYS_uname, SYS_umask, SYS_sigaltstack, SYS_getcwd,
};

static const struct class *class_of(long number)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		for (size_t k = 0; k < classes[i].count; k++)
			if (classes[i].calls[k] == number)
				return &classes[i];
	return &others;
}

static bool is_spared(long number, uint64_t first)
{
	for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
		if (spared[i] == number)
			return true;
	/* Or nobody could say what went wrong. */
	return (number == SYS_write || number == SYS_writev) && first == STDERR_FILENO;
}

static void read_path(pid_t id, uint64_t address, char path[TORTURE_PATH])
{
	struct iovec here = { path, TORTURE_PATH - 1 }, there = { (void *)(uintptr_t)address, TORTURE_PATH - 1 };
	size_t page = 4096 - address % 4096;

	if (there.iov_len > page)
		there.iov_len = page;
	if (process_vm_readv(id, &here, 1, &there, 1, 0) < 0)
		path[0] = '\0';
}

static void listen_to(struct torture *t, uint64_t word, uint64_t number)
{
	if (word == TORTURE_FIRED)
		t->fired = true;
	else if (word == TORTURE_COUNTED && t->kind == TORTURE_ALLOCATION)
		t->counted = (long)number;
	else if (word != TORTURE_COUNTED)
		armed = word == TORTURE_ARM;
}

static void enter(struct torture *t, pid_t id, const struct __ptrace_syscall_info *info)
{
	long number = (long)info->entry.nr;
	const struct class *class = class_of(number);
	char path[sizeof(t->path)] = "";
	int error;

	if (number == SYS_prctl && info->entry.args[0] == TORTURE_MAGIC) {
		listen_to(t, info->entry.args[1], info->entry.args[2]);
		return;
	}
	if (armed && t->waits && number == t->waits)
		kill(root, SIGINT);
	if (!armed || t->kind != TORTURE_CALL || is_spared(number, info->entry.args[0]))
		return;
	t->counted++;
	if (!t->at || (t->counted != t->at && !(t->from_then_on && t->counted > t->at)))
		return;
	error = class->errors[t->variant];
	if (class->path != NO_PATH)
		read_path(id, info->entry.args[class->path], path);
	if (error == EINTR && t->from_then_on)		/* which no signal does */
		error = class->errors[0];
	if (error == ENOENT && !*path)			/* what is open is there */
		error = class->errors[1];
	thread_of(id)->error = error;
	if (!t->fired) {
		t->fired = true;
		t->number = number;
		t->error = error;
		memcpy(t->path, path, sizeof(path));
	}
	if (number == SYS_brk) {	/* a break that cannot be moved is answered with where it is, as brk(0) is */
		*thread_of(id) = (struct thread){ .id = id, .asked = info->entry.args[0] };
		ptrace(PTRACE_POKEUSER, id, offsetof(struct user, regs.rdi), NULL);
	} else if (!class->performs) {
		ptrace(PTRACE_POKEUSER, id, offsetof(struct user, regs.orig_rax), (void *)-1L);
	}
}

static void leave(pid_t id)
{
	struct thread *thread = thread_of(id);

	if (thread->error)
		ptrace(PTRACE_POKEUSER, id, offsetof(struct user, regs.rax), (void *)(long)-thread->error);
	if (thread->asked)
		ptrace(PTRACE_POKEUSER, id, offsetof(struct user, regs.rdi), (void *)(uintptr_t)thread->asked);
	*thread = (struct thread){ .id = id };
}

static void at_call(struct torture *t, pid_t id)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, id, (void *)sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		enter(t, id, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		leave(id);
}

/* A stopped thread goes on. Who executes another program is not ours any more, unless it is the child itself. */
static void go_on(struct torture *t, pid_t id, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (event == PTRACE_EVENT_EXEC && id != root) {
		thread_of(id)->id = 0;
		ptrace(PTRACE_DETACH, id, NULL, NULL);
		return;
	}
	if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
		ptrace(PTRACE_LISTEN, id, NULL, NULL);
		return;
	}
	if (signal == (SIGTRAP | 0x80))
		at_call(t, id);
	ptrace(PTRACE_SYSCALL, id, NULL, (void *)(long)(event || signal == (SIGTRAP | 0x80) ? 0 : signal));
}

static void kill_all(struct torture *t)
{
	t->hung = true;
	for (int i = 0; i < MOST_THREADS; i++)
		if (threads[i].id)
			kill(threads[i].id, SIGKILL);
	kill(root, SIGKILL);
}

static void on_alarm(int signal)
{
	(void)signal;			/* it has ended waitpid(2) */
}

/* Until all that is traced has ended. */
static void follow(struct torture *t)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	struct sigaction before;
	int status;
	pid_t id;

	sigaction(SIGALRM, &action, &before);
	alarm(MOST_SECONDS);
	while ((id = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (id < 0 || ++seen == MOST_CALLS) {
			kill_all(t);
			continue;
		}
		if (WIFSTOPPED(status)) {
			go_on(t, id, status);
			continue;
		}
		thread_of(id)->id = 0;
		if (id == root)
			t->status = status;
	}
	alarm(0);
	sigaction(SIGALRM, &before, NULL);
}

static void start(struct torture *t, int fds[2], int (*child)(void *user), void *user)
{
	char byte;

	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		_exit(EXIT_FAILURE);
	close(fds[0]);
	(void)t;
	exit(child(user));		/* not _exit(2): the counters of gcov(1) are written */
}

void torture_run(struct torture *t, int (*child)(void *user), void *user)
{
	int fds[2], status;

	t->fired = t->hung = armed = false;
	t->number = -1;
	t->error = ENOMEM;
	t->path[0] = '\0';
	t->counted = seen = 0;
	memset(threads, 0, sizeof(threads));
	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) < 0 || (root = fork()) < 0) {
		perror("torture");
		exit(EXIT_FAILURE);
	}
	if (root == 0)
		start(t, fds, child, user);
	close(fds[0]);
	if (ptrace(PTRACE_SEIZE, root, NULL, (void *)(long)OPTIONS) < 0 || ptrace(PTRACE_INTERRUPT, root, NULL, NULL) < 0 ||
	    waitpid(root, &status, __WALL) != root || ptrace(PTRACE_SYSCALL, root, NULL, NULL) < 0 ||
	    write(fds[1], "", 1) != 1) {
		perror("torture");
		exit(EXIT_FAILURE);
	}
	close(fds[1]);
	follow(t);
}

void torture_environment(const struct torture *t)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld%s", t->kind == TORTURE_ALLOCATION ? t->at : 0, t->from_then_on ? "+" : "");
	setenv("TORTURE_ALLOCATION", text, 1);
}

void torture_arm(const struct torture *t)
{
	if (t->kind == TORTURE_ALLOCATION)
		fail_allocations(t->at, t->from_then_on);
	prctl(TORTURE_MAGIC, TORTURE_ARM);
}

void torture_disarm(void)
{
	prctl(TORTURE_MAGIC, TORTURE_DISARM);
	prctl(TORTURE_MAGIC, TORTURE_COUNTED, fail_calls());
	if (fail_fired())
		prctl(TORTURE_MAGIC, TORTURE_FIRED);
	fail_allocations(0, false);
}

const char *torture_says(const struct torture *t, char *room, size_t size)
{
	const char *mode = t->from_then_on ? "and all later" : "once";

	if (!t->at)
		snprintf(room, size, "without a fault");
	else if (t->kind == TORTURE_ALLOCATION)
		snprintf(room, size, "allocation %ld %s", t->at, mode);
	else
		snprintf(room, size, "call %ld (system call %ld%s%s) %s %s", t->at, t->number, t->path[0] ? ", " : "", t->path,
			 mode, strerrorname_np(t->error));
	return room;
}

/* Where not each point has every error, the next one has another. */
unsigned torture_all(const struct torture *plan, long most, void (*fn)(struct torture *torture, void *user), void *user)
{
	struct torture t = *plan;
	long step = most ? plan->counted / most + 1 : 1;
	unsigned points = 0;

	for (int variant = 0; variant < (!most && t.kind == TORTURE_CALL ? TORTURE_VARIANTS : 1); variant++)
		for (int mode = 0; mode < 2; mode++) {
			t.from_then_on = mode;
			t.at = 1 - step;
			do {
				t.at += step;
				t.variant = most ? (int)(t.at / step % TORTURE_VARIANTS) : variant;
				fn(&t, user);
				points += t.fired;
			} while (t.fired);
		}
	return points;
}

void *torture_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("torture");
		exit(EXIT_FAILURE);
	}
	return memory;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
const char *torture_why_not(void)
{
	return "a sanitizer has an allocator of its own";
}
#else
static int end_well(void *user)
{
	(void)user;
	return 0;
}

const char *torture_why_not(void)
{
	struct torture t = { .kind = TORTURE_CALL };
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return "nobody may be traced here (ptrace(2))";
	torture_run(&t, end_well, NULL);
	return t.status ? "a traced child does not end well" : NULL;
}
#endif
