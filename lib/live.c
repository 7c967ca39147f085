/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * live - follow limits that change while the process runs
 *
 * One epoll(7) descriptor with two in it: inotify(7), told of writes to the
 * files that were read at every visible level, and a timer for what the kernel
 * tells nobody: a move to another cgroup, and a changed affinity mask. The
 * files stay open, so that a re-read is a pread(2) each.
 */
#include "change.h"
#include "feedback.h"
#include "limit.h"
#include "sys.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>

#define INTERVAL_DEFAULT_MS 5000

/* Settings, of the whole process and its children. */
static _Atomic unsigned interval_ms = INTERVAL_DEFAULT_MS;
static struct {
	cgtune_change_fn *fn;
	void *user;
} callback;

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / CHANGE_SECOND_NS), (long)(ns % CHANGE_SECOND_NS) };
}

/* Tick at every interval, or window of feedback where that is shorter, and once when the next
 * callback that was held back is due. */
static void arm_timer(struct process *p)
{
	struct live *live = &p->live;
	uint64_t interval = (uint64_t)interval_ms * 1000000, first, now = change_now_ns();
	struct itimerspec timer;

	live->window_ns = feedback_window_ns(p);
	if (live->window_ns && (!interval || live->window_ns < interval))
		interval = live->window_ns;
	first = interval;
	if (live->due)
		first = 1;
	if (!live->found && (!first || first > CHANGE_SECOND_NS))
		first = CHANGE_SECOND_NS;	/* nothing is watched: try again soon */
	for (size_t i = 0; i < ARRAY_SIZE(live->changes); i++) {
		uint64_t due = live->changes[i].told_ns + CHANGE_SECOND_NS, wait = due > now ? due - now : 1;

		if (live->changes[i].pending && (!first || wait < first))
			first = wait;
	}
	timer.it_interval = timespec_of(interval);
	timer.it_value = timespec_of(first);
	sys4(SYS_timerfd_settime, live->timer, 0, &timer, NULL);
}

/* After a dispatch: only where something waits that is due before the next interval. */
static void rearm_timer(struct process *p)
{
	struct live *live = &p->live;

	live->due = false;
	if (live->open && (!live->found || live->changes[0].pending || live->changes[1].pending ||
			   live->window_ns != feedback_window_ns(p)))
		arm_timer(p);
}

void live_arm(struct process *p)
{
	if (p->live.open)
		arm_timer(p);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		sys1(SYS_close, *fd);
	*fd = -1;
}

static void forget_files(struct live *live)
{
	for (size_t i = 0; i < PASS_HELD; i++)
		close_fd(&live->held[i]);	/* FILE_NEW from now on */
	close_fd(&live->membership);
	close_fd(&live->inotify);		/* its watches end, and it leaves the epoll set */
}

static int add_to_epoll(struct live *live, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return (int)sys4(SYS_epoll_ctl, live->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* What /proc/self/cgroup says, by a descriptor that belongs to this process: one
 * inherited from a parent would go on telling of the parent. */
static int read_membership(struct live *live, char text[FILE_LINE])
{
	int n;

	live->pass.files.held = &live->membership;
	n = file_text(&live->pass.files, 0, "/proc/self/cgroup", text, FILE_LINE);
	live->pass.files.held = live->held;
	return n;
}

static int hold_membership(struct live *live)
{
	int n;

	live->text_length = 0;
	if (process_options()->pid || process_options()->cgroup)
		return 0;
	n = read_membership(live, live->text);
	if (n >= 0)
		live->text_length = n;
	return file_error_is_fatal(n) ? n : 0;
}

static bool has_moved(struct live *live)
{
	int n;

	if (live->membership < 0)
		return false;
	n = read_membership(live, live->pass.scratch.text);
	return n >= 0 && (n != live->text_length ||
			  memcmp(live->pass.scratch.text, live->text, (size_t)n) != 0);
}

/* A cpuset's own files, at each level: a change shows in the affinity mask at once. */
static void watch_cpuset(struct live *live)
{
	struct pass *pass = &live->pass;
	struct cgroup cpuset = { .controller = "cpuset" };
	struct cgroup_search search = {
		.files = &pass->files, .scratch = &pass->scratch, .pid = process_options()->pid,
		.path = process_options()->cgroup, .warn = pass_warn_unreadable, .user = pass,
	};

	if (!pass->files.real || cgroup_find(&search, &cpuset, 1) < 0 || !cpuset.version)
		return;
	for (size_t length = cpuset.length;; length = cgroup_parent(&cpuset, length)) {
		if (pass_path(pass, &cpuset, length, "cpuset.cpus"))
			sys3(SYS_inotify_add_watch, live->inotify, pass->path, IN_MODIFY);
		if (length <= cpuset.top)
			return;
	}
}

static int hold_once(struct live *live, struct cgtune_limits *limits)
{
	struct file_set *files = &live->pass.files;
	int r;

	forget_files(live);
	live->inotify = (int)sys1(SYS_inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
	if (live->inotify >= 0 && add_to_epoll(live, live->inotify) < 0)
		close_fd(&live->inotify);	/* the timer alone must do, as where none may be had */
	files->held = live->held;
	files->watch = -1;
	r = hold_membership(live);
	if (r == 0)
		r = pass_find(&live->pass);
	files->watch = live->inotify;
	live->pass.whole = true;		/* to watch every level */
	if (r == 0)
		r = limit_walk(&live->pass, limits);
	live->pass.whole = false;
	if (r == 0 && live->inotify >= 0)
		watch_cpuset(live);
	file_set_flush(files);
	return r;
}

/* Find the cgroups anew, hold their files and watch them; again where one is removed meanwhile. */
static int hold_files(struct live *live, struct cgtune_limits *limits)
{
	int r = -ENODEV;

	for (int tries = PASS_TRIES; tries > 0 && r == -ENODEV; tries--) {
		live->pass.retry = tries > 1;
		r = hold_once(live, limits);
	}
	live->pass.retry = false;
	live->found = r == 0;
	return r;
}

static void live_close(struct live *live)
{
	forget_files(live);
	close_fd(&live->timer);
	close_fd(&live->epoll);
	pass_close(&live->pass);
	live->open = false;
}

static int open_descriptors(struct live *live)
{
	live->epoll = (int)sys1(SYS_epoll_create1, EPOLL_CLOEXEC);
	live->timer = (int)sys2(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (live->epoll < 0 || live->timer < 0)
		return live->epoll < 0 ? live->epoll : live->timer;
	return add_to_epoll(live, live->timer);
}

static int live_open(struct process *p)
{
	struct live *live = &p->live;
	struct cgtune_limits *limits = &live->reread;
	struct cgtune_plan plan;
	int r;

	for (size_t i = 0; i < PASS_HELD; i++)
		live->held[i] = FILE_NEW;
	live->membership = live->inotify = -1;
	r = pass_open(&live->pass, process_options(), &p->env);
	if (r < 0)
		return r;
	r = open_descriptors(live);
	if (r == 0)
		r = hold_files(live, limits);
	if (r < 0) {
		live_close(live);
		return r;
	}
	/* What changed since cgtune_init() was seen by no watch. */
	plan_make(process_options(), &p->env, limits, &plan);
	live->due = change_compare(p, limits, &plan) != 0;
	live->open = true;
	arm_timer(p);
	return 0;
}

_public_ int cgtune_fd(void)
{
	struct process *p = process_lock();
	int r;

	if (!p)
		return -ENOMEM;
	r = p->live.open ? 0 : p->read_result < 0 ? p->read_result : live_open(p);
	if (r == 0)
		r = p->live.epoll;
	process_unlock(p);
	return r;
}

_public_ void cgtune_set_interval(unsigned milliseconds)
{
	struct process *p;

	interval_ms = milliseconds;
	p = process_lock_existing();
	if (!p)
		return;
	live_arm(p);
	process_unlock(p);
}

_public_ void cgtune_on_change(cgtune_change_fn *fn, void *user)
{
	struct process *p = process_lock_existing();

	callback.user = user;
	callback.fn = fn;
	if (p)
		process_unlock(p);
}

/* Empty both descriptors, so that level-triggered epoll is quiet and edge-triggered fires again.
 * true: the timer has ticked. */
static bool drain(struct live *live)
{
	char *events = live->pass.scratch.text;
	uint64_t ticks = 0;

	while (live->inotify >= 0 &&
	       sys3(SYS_read, live->inotify, events, sizeof(live->pass.scratch.text)) > 0)
		;
	return sys3(SYS_read, live->timer, &ticks, sizeof(ticks)) == sizeof(ticks);
}

/* The limits as they are now. 0; CGTUNE_MOVED: of another cgroup; or -errno. */
static int reread(struct process *p, bool ticked, struct cgtune_limits *limits)
{
	struct live *live = &p->live;
	struct pass pass;
	int r;

	limits->size = sizeof(*limits);
	if (!live->open) {
		r = pass_open(&pass, process_options(), &p->env);
		if (r < 0)
			return r;
		r = limit_read(&pass, limits);
		pass_close(&pass);
		return r;
	}
	live->pass.files.retry_missing = ticked;
	if (live->found && !has_moved(live)) {
		r = limit_walk(&live->pass, limits);
		file_set_flush(&live->pass.files);
		if (r != -ENODEV)
			return r;
	}
	r = hold_files(live, limits);
	return r < 0 ? r : CGTUNE_MOVED;
}

_public_ int cgtune_dispatch(void)
{
	struct process *p = process_lock();
	struct cgtune_change due[2];
	struct cgtune_plan plan;
	cgtune_change_fn *fn;
	void *user;
	int changed = 0, moved, n;
	bool ticked, off;

	if (!p)
		return -ENOMEM;
	ticked = p->live.open && drain(&p->live);
	off = env_is_off(&p->env);
	moved = off ? 0 : reread(p, ticked, &p->live.reread);
	if (moved >= 0 && !off) {
		plan_make(process_options(), &p->env, &p->live.reread, &plan);
		changed = change_compare(p, &p->live.reread, &plan);
		if (changed) {
			change_take_over(p, changed, &plan);
			process_log(p);
		}
	}
	fn = callback.fn;
	user = callback.user;
	n = change_take_due(&p->live, fn != NULL, due);
	rearm_timer(p);
	process_unlock(p);
	if (changed || moved)
		published_remember(&p->published, NULL);
	if (changed)
		feedback_resize();
	if (ticked)
		feedback_tick();
	for (int i = 0; fn && i < n; i++)
		fn(&due[i], user);
	return moved < 0 ? moved : moved | changed;
}
