/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * live - follow limits that change while the process runs
 *
 * One epoll(7) descriptor with two in it: inotify(7), told of writes to the
 * files that were read at every visible level, and a timer for what the kernel
 * tells nobody: a move to another cgroup, and a changed affinity mask. The
 * files stay open, so that a re-read is a pread(2) each.
 */
#include "log.h"
#include "process.h"
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
#define SECOND_NS UINT64_C(1000000000)

/* Settings, of the whole process and its children. */
static _Atomic unsigned interval_ms = INTERVAL_DEFAULT_MS;
static struct {
	cgtune_change_fn *fn;
	void *user;
} callback;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS) };
}

/* Tick at every interval, and once when the next callback that was held back is due. */
static void arm_timer(struct live *live)
{
	uint64_t interval = (uint64_t)interval_ms * 1000000, first = interval, now = now_ns();
	struct itimerspec timer;

	for (size_t i = 0; i < ARRAY_SIZE(live->changes); i++) {
		uint64_t due = live->changes[i].told_ns + SECOND_NS, wait = due > now ? due - now : 1;

		if (live->changes[i].pending && (!first || wait < first))
			first = wait;
	}
	timer.it_interval = timespec_of(interval);
	timer.it_value = timespec_of(first);
	sys4(SYS_timerfd_settime, live->timer, 0, &timer, NULL);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		sys1(SYS_close, *fd);
	*fd = -1;
}

static void forget_files(struct live *live)
{
	for (size_t i = 0; i < LIMIT_HELD; i++)
		close_fd(&live->held[i]);	/* FILE_NEW from now on */
	close_fd(&live->membership);
	close_fd(&live->inotify);		/* its watches end, and it leaves the epoll set */
}

static int add_to_epoll(struct live *live, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return (int)sys4(SYS_epoll_ctl, live->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Remember what /proc/self/cgroup says, in a descriptor that belongs to this process:
 * one inherited from a parent would go on telling of the parent. */
static void hold_membership(struct live *live)
{
	struct file_set *files = &live->pass.files;
	int slot;

	live->text_length = 0;
	live->membership = FILE_NEW;
	if (live->options.pid || live->options.cgroup)
		return;
	files->held = &live->membership;
	slot = file_text(files, 0, "/proc/self/cgroup", live->text, sizeof(live->text));
	files->held = live->held;
	live->text_length = slot < 0 ? 0 : slot;
}

static bool has_moved(struct live *live)
{
	char *text = live->pass.scratch.text;
	int n;

	if (live->membership < 0)
		return false;
	live->pass.files.held = &live->membership;
	n = file_text(&live->pass.files, 0, "/proc/self/cgroup", text, sizeof(live->text));
	live->pass.files.held = live->held;
	return n >= 0 && (n != live->text_length || memcmp(text, live->text, (size_t)n) != 0);
}

/* A cpuset's own files, at each level: a change shows in the affinity mask at once. */
static void watch_cpuset(struct live *live)
{
	struct limit_pass *pass = &live->pass;
	struct cgroup cpuset = { .controller = "cpuset" };
	struct cgroup_search search = {
		.files = &pass->files, .scratch = &pass->scratch, .pid = live->options.pid,
		.path = live->options.cgroup, .warn = limit_warn_unreadable, .user = pass,
	};

	if (!pass->files.real || cgroup_find(&search, &cpuset, 1) < 0 || !cpuset.version)
		return;
	for (size_t length = cpuset.length;; length = cgroup_parent(&cpuset, length)) {
		if (limit_path(pass, &cpuset, length, "cpuset.cpus"))
			sys3(SYS_inotify_add_watch, live->inotify, pass->path, IN_MODIFY);
		if (length <= cpuset.top)
			return;
	}
}

/* Find the cgroups anew, hold their files and watch them. */
static int hold_files(struct live *live, struct cgtune_limits *limits)
{
	struct file_set *files = &live->pass.files;
	int r;

	forget_files(live);
	live->inotify = (int)sys1(SYS_inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
	if (live->inotify >= 0 && add_to_epoll(live, live->inotify) < 0)
		close_fd(&live->inotify);	/* the timer alone must do, as where none may be had */
	files->held = live->held;
	files->watch = -1;
	hold_membership(live);
	r = limit_find(&live->pass);
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

static void live_close(struct live *live)
{
	forget_files(live);
	close_fd(&live->timer);
	close_fd(&live->epoll);
	limit_close(&live->pass);
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
	int r;

	live->options = *process_options();
	for (size_t i = 0; i < LIMIT_HELD; i++)
		live->held[i] = FILE_NEW;
	live->membership = live->inotify = -1;
	r = limit_open(&live->pass, &live->options, &p->env);
	if (r < 0)
		return r;
	r = open_descriptors(live);
	for (int i = 0; r == 0 && i < 2; i++) {
		r = hold_files(live, limits);
		if (r == -ENODEV)
			r = 0;
		else
			break;
	}
	if (r < 0) {
		live_close(live);
		return r;
	}
	live->open = true;
	arm_timer(live);
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
	if (p->live.open)
		arm_timer(&p->live);
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
	struct limit_pass pass;
	int r;

	limits->size = sizeof(*limits);
	if (!live->open) {
		r = limit_open(&pass, process_options(), &p->env);
		if (r < 0)
			return r;
		r = limit_read(&pass, limits);
		limit_close(&pass);
		return r;
	}
	live->pass.files.retry_missing = ticked;
	if (!has_moved(live)) {
		r = limit_walk(&live->pass, limits);
		file_set_flush(&live->pass.files);
		if (r != -ENODEV)
			return r;
	}
	r = hold_files(live, limits);
	return r < 0 ? r : CGTUNE_MOVED;
}

static uint64_t cpu_milli(const struct cgtune_limits *limits)
{
	uint64_t milli;

	if (!limits->cpu_period_us)
		return CGTUNE_UNLIMITED;
	milli = util_mul_div(limits->cpu_quota_us, 1000, limits->cpu_period_us);
	if (milli != UINT64_MAX &&
	    util_fraction_less(milli, 1000, limits->cpu_quota_us, limits->cpu_period_us))
		milli++;
	return milli;
}

/* What differs, as a mask; the exact pairs are compared, not their milli-CPUs. */
static int compare(const struct process *p, const struct cgtune_limits *limits, const struct cgtune_plan *plan)
{
	const struct cgtune_limits *old = &p->limits;
	int changed = 0;

	if (old->cpu_quota_us != limits->cpu_quota_us || old->cpu_period_us != limits->cpu_period_us ||
	    old->cpus != limits->cpus || p->plan.threads != plan->threads)
		changed |= CGTUNE_CPU;
	if (old->memory != limits->memory || old->memory_high != limits->memory_high ||
	    p->plan.memory != plan->memory)
		changed |= CGTUNE_MEMORY;
	return changed;
}

/* Note a change for the callback; one that still waits keeps its old values. */
static void note(struct live *live, int i, uint32_t resource, uint64_t old_limit, uint64_t old_value,
		 uint64_t new_limit, uint64_t new_value)
{
	struct cgtune_change *change = &live->changes[i].change;

	if (!live->changes[i].pending)
		*change = (struct cgtune_change){
			.size = sizeof(*change), .resource = resource,
			.old_limit = old_limit, .old_value = old_value,
		};
	change->new_limit = new_limit;
	change->new_value = new_value;
	live->changes[i].pending = true;
}

/* Take out the changes that may be told now: at most one a second of each resource. */
static int take_due(struct live *live, struct cgtune_change ret[2])
{
	uint64_t now = now_ns();
	int n = 0;

	for (int i = 0; i < 2; i++) {
		const struct cgtune_change *change = &live->changes[i].change;

		if (!live->changes[i].pending ||
		    (live->changes[i].told_ns && now - live->changes[i].told_ns < SECOND_NS))
			continue;
		live->changes[i].pending = false;
		if (change->old_limit == change->new_limit && change->old_value == change->new_value)
			continue;		/* there and back again */
		live->changes[i].told_ns = now;
		ret[n++] = *change;
	}
	return n;
}

static void take_over(struct process *p, int changed, const struct cgtune_plan *plan)
{
	struct live *live = &p->live;
	const struct cgtune_limits *limits = &live->reread;

	if (changed & CGTUNE_CPU)
		note(live, 0, CGTUNE_CPU, cpu_milli(&p->limits), p->plan.threads, cpu_milli(limits), plan->threads);
	if (changed & CGTUNE_MEMORY)
		note(live, 1, CGTUNE_MEMORY, p->limits.memory, p->plan.memory, limits->memory, plan->memory);
	p->limits = *limits;
	p->plan = *plan;
	p->read_result = 0;
	process_publish(p);
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
		changed = compare(p, &p->live.reread, &plan);
		if (changed)
			take_over(p, changed, &plan);
	}
	fn = callback.fn;
	user = callback.user;
	n = take_due(&p->live, due);
	if (p->live.open)
		arm_timer(&p->live);
	process_unlock(p);
	for (int i = 0; fn && i < n; i++)
		fn(&due[i], user);
	return moved < 0 ? moved : moved | changed;
}
