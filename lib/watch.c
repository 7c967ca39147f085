/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watch - a thread that dispatches live changes, for programs without an event loop */
#include "log.h"
#include "process.h"
#include "sys.h"
#include "util.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

/* Its descriptors by value: the state may be another watcher's when it starts to run. */
static void *watcher_main(void *stop)
{
	struct pollfd fds[] = {
		{ .fd = cgtune_fd(), .events = POLLIN }, { .fd = (int)(intptr_t)stop, .events = POLLIN },
	};

	while (!fds[1].revents) {
		int n = poll(fds, ARRAY_SIZE(fds), -1);

		if (n < 0 && errno != EINTR) {		/* EINVAL: the program has lowered RLIMIT_NOFILE below two */
			log_message(CGTUNE_LOG_ERROR, "the watcher cannot wait any more, and ends: limits are no longer followed");
			break;
		}
		if (n > 0 && fds[0].revents)
			cgtune_dispatch();
	}
	return NULL;
}

/* The program's signal handlers run in its own threads. */
static int start_thread(struct process *p)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&p->live.watcher, NULL, watcher_main, (void *)(intptr_t)p->live.stop);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

_public_ int cgtune_watch_start(void)
{
	struct process *p;
	int r = cgtune_fd();

	if (r < 0)
		return r;
	p = process_lock();
	if (!p)
		return -ENOMEM;
	r = 0;
	if (!p->live.watching) {
		p->live.stop = (int)sys2(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
		r = p->live.stop < 0 ? p->live.stop : start_thread(p);
		if (r < 0 && p->live.stop >= 0)
			sys1(SYS_close, p->live.stop);
		p->live.watching = r == 0;
	}
	process_unlock(p);
	return r;
}

_public_ int cgtune_watch_stop(void)
{
	struct process *p = process_lock_existing();
	uint64_t one = 1;
	pthread_t watcher;
	long r;
	int stop;

	if (!p)
		return 0;
	if (!p->live.watching || pthread_equal(p->live.watcher, pthread_self())) {
		bool watching = p->live.watching;

		process_unlock(p);
		return watching ? -EDEADLK : 0;
	}
	watcher = p->live.watcher;
	stop = p->live.stop;
	r = sys3(SYS_write, stop, &one, sizeof(one));
	p->live.watching = r < 0;		/* or one would wait for ever for who was not told */
	process_unlock(p);
	if (r < 0)
		return (int)r;
	pthread_join(watcher, NULL);
	sys1(SYS_close, stop);
	return 0;
}
