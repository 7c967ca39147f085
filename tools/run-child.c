/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run-child - start the command, hand signals on, wait for it
 *
 * The command stays in our process group, so that the terminal's job control and
 * its keys reach both; what a process sends to us alone is handed on.
 */
#include "run.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child says when it does not come as far as the command. */
struct trouble {
	int error;
	bool exec;			/* the command cannot be executed */
	char what[PATH_MAX];
};

/* How signals were before us, which is how the command gets them; and those that we take. */
static struct {
	sigset_t mask;
	struct sigaction child, pipe;
} before;
static sigset_t caught;

/* Nobody may read what we say, but the cgroup is to be removed, and the status returned. */
void run_ignore_pipe(void)
{
	const struct sigaction ignored = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignored, &before.pipe);
}

/* Our own faults, and what nobody can catch or only stops who reads, stay as they are. */
void run_block_signals(void)
{
	static const int ours[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGTTIN, SIGTTOU, SIGPIPE };
	const struct sigaction plain = { .sa_handler = SIG_DFL };

	sigfillset(&caught);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		sigdelset(&caught, ours[i]);
	sigprocmask(SIG_BLOCK, &caught, &before.mask);
	/* Where it is ignored, no child can be waited for. */
	sigaction(SIGCHLD, &plain, &before.child);
}

static void restore_signals(void)
{
	sigaction(SIGCHLD, &before.child, NULL);
	sigaction(SIGPIPE, &before.pipe, NULL);
	sigprocmask(SIG_SETMASK, &before.mask, NULL);
}

static int report(const struct trouble *trouble)
{
	run_failed(trouble->what, "%s", trouble->exec ? strerror(trouble->error) : cgtune_strerror(-trouble->error));
	if (!trouble->exec)
		return RUN_FAILED;
	return trouble->error == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE;
}

/* Our parent says it, with the status that fits; if it can be told. */
static void give_up(int fd, const struct trouble *trouble)
{
	_exit(write(fd, trouble, sizeof(*trouble)) == (ssize_t)sizeof(*trouble) ? RUN_FAILED : report(trouble));
}

/* In the child: into the cgroup, then the environment that fits it, then the command. */
static void become(const struct run_options *options, const struct group *group, const char *object, int fd)
{
	static struct trouble trouble;
	int r = group ? group_attach(group, trouble.what, sizeof(trouble.what)) : 0;

	if (r == 0) {
		snprintf(trouble.what, sizeof(trouble.what), "the environment");
		r = environment_set(options, object);
	}
	if (r < 0) {
		trouble.error = -r;
		give_up(fd, &trouble);
	}
	restore_signals();
	execvp(options->argv[0], options->argv);
	trouble.error = errno;
	trouble.exec = true;
	snprintf(trouble.what, sizeof(trouble.what), "%s", options->argv[0]);
	give_up(fd, &trouble);
}

/* Stop as the command did, so that the shell that waits for us sees it; without a terminal nobody would continue us. */
static void stop_like(int signal)
{
	sigset_t one;
	int tty = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (tty < 0)
		return;
	close(tty);
	sigemptyset(&one);
	sigaddset(&one, signal);
	/* In this order it is one with the terminal's own, which may be pending, and stops us once. */
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	if (signal == SIGTSTP)
		sigprocmask(SIG_BLOCK, &one, NULL);
}

/*
 * Whether a signal is for us alone. What the terminal sends, its whole process group has got;
 * but for a hangup, which goes to the leader of the session (drivers/tty/tty_jobctrl.c).
 */
static bool is_for_us(const siginfo_t *info)
{
	return info->si_code <= 0 || (info->si_signo == SIGHUP && getsid(0) == getpid());
}

static void hand_on(pid_t child, const siginfo_t *info)
{
	if (info->si_code == SI_QUEUE)
		sigqueue(child, info->si_signo, info->si_value);
	else if (info->si_signo == SIGCONT || is_for_us(info))
		kill(child, info->si_signo);
}

/* Take every process that has ended, as the first process of a container must, until it is the command. */
static bool reap(pid_t child, int *status)
{
	pid_t pid;

	while ((pid = waitpid(-1, status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != child)
			continue;
		if (!WIFSTOPPED(*status))
			return true;
		stop_like(WSTOPSIG(*status));
	}
	return false;
}

static void wait_for(pid_t child, struct run_result *ret)
{
	siginfo_t info;
	int status;

	while (!reap(child, &status)) {
		int signal = sigwaitinfo(&caught, &info);

		if (signal > 0 && signal != SIGCHLD)
			hand_on(child, &info);
	}
	ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	ret->status = ret->signal ? RUN_SIGNAL + ret->signal : WEXITSTATUS(status);
}

void run_child(const struct run_options *options, const struct group *group, const char *object,
	       struct run_result *ret)
{
	static struct trouble trouble;
	int fds[2];
	pid_t child;

	*ret = (struct run_result){ .status = RUN_FAILED };
	if (pipe2(fds, O_CLOEXEC) < 0) {
		run_failed("pipe", "%s", strerror(errno));
		return;
	}
	fflush(NULL);
	ret->wall_ns = tool_now_ns();
	child = fork();
	if (child == 0)
		become(options, group, object, fds[1]);
	close(fds[1]);
	if (child < 0) {
		run_failed("fork", "%s", strerror(errno));
	} else {
		wait_for(child, ret);
		/* Read at the end: it is one write, which the pipe holds. */
		if (read(fds[0], &trouble, sizeof(trouble)) == (ssize_t)sizeof(trouble))
			ret->status = report(&trouble);
		else
			ret->started = true;
	}
	close(fds[0]);
	ret->wall_ns = tool_now_ns() - ret->wall_ns;
}
