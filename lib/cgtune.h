/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgtune - size thread pools and memory budgets from cgroup limits
 *
 *   cgtune_init()    read, plan, apply, remember: the one call of a service
 *   cgtune_threads() worker threads to run, cgtune_memory() bytes to use
 *   cgtune_fd()      one pollable descriptor: the limits changed
 *
 *   cgtune_read()    what the kernel allows      struct cgtune_limits
 *   cgtune_plan()    what to do about it         struct cgtune_plan
 *   cgtune_apply()   tell the language runtimes
 *
 *   cgtune_limiter_acquire() ... cgtune_limiter_release()   a request, admitted or refused
 *
 * The same for every function, unless its comment says otherwise:
 *  - 0 or a positive value is success, a negative one is -errno; the variable
 *    errno is not part of the contract. Results are written last and are left
 *    untouched on failure.
 *  - Values are plain structs that begin with their size, which the caller
 *    sets: struct cgtune_limits limits = { .size = sizeof(limits) };
 *    Members may be added at the end, never moved (the rule of openat2(2)):
 *    -EINVAL is a size below the first release's, -E2BIG an option that this
 *    library does not know yet.
 *  - Thread-safe; safe in a forked child. Up to 64 KiB of stack are used.
 *  - Nothing is printed unless CGTUNE_LOG or a logger asks for it.
 */
#ifndef CGTUNE_H
#define CGTUNE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** No limit, in every member that counts bytes. */
#define CGTUNE_UNLIMITED UINT64_MAX
/** Not known: the kernel does not count it, or the file cannot be read. */
#define CGTUNE_UNKNOWN UINT64_MAX
/** Room for a path, its final NUL included (PATH_MAX of the kernel). */
#define CGTUNE_PATH_SIZE 4096

/** Resources, as a mask. */
enum cgtune_resource {
	CGTUNE_CPU = 1u << 0,		/**< CPU quota, affinity, threads */
	CGTUNE_MEMORY = 1u << 1,	/**< memory limit, memory.high, budget */
	CGTUNE_MOVED = 1u << 2,		/**< the process is in another cgroup, perhaps one of the same name;
					     cgtune_dispatch() only */
};

/** Who decided a value. cgtune_source_name() gives the word for it. */
enum cgtune_source {
	CGTUNE_SOURCE_NONE,
	CGTUNE_SOURCE_OPTION,		/**< struct cgtune_options */
	CGTUNE_SOURCE_CGROUP,		/**< a file of the cgroup or of an ancestor */
	CGTUNE_SOURCE_AFFINITY,		/**< sched_getaffinity(2), cpuset(7) */
	CGTUNE_SOURCE_HOST,		/**< the machine: no limit was found */
	CGTUNE_SOURCE_OFF,		/**< the variable CGTUNE=off */
	CGTUNE_SOURCE_CPUS,		/**< CGTUNE_CPUS */
	CGTUNE_SOURCE_MEMORY,		/**< CGTUNE_MEMORY */
	CGTUNE_SOURCE_THREADS,		/**< CGTUNE_THREADS */
	CGTUNE_SOURCE_BUDGET,		/**< CGTUNE_BUDGET */
	CGTUNE_SOURCE_GOMAXPROCS,	/**< GOMAXPROCS */
	CGTUNE_SOURCE_GOMEMLIMIT,	/**< GOMEMLIMIT */
	CGTUNE_SOURCE_AUTOMEMLIMIT,	/**< AUTOMEMLIMIT=off */
};

/** How a fraction of a CPU becomes a thread; the result is at least 1. */
enum cgtune_rounding {
	CGTUNE_ROUND_DEFAULT,		/**< CGTUNE_ROUND, else ceil */
	CGTUNE_ROUND_CEIL,
	CGTUNE_ROUND_FLOOR,
	CGTUNE_ROUND_NEAREST,		/**< half goes up */
};

/** Flags of struct cgtune_options. */
enum cgtune_flag {
	CGTUNE_NO_ENV = 1u << 0,	/**< read no environment variable */
	CGTUNE_NO_APPLY = 1u << 1,	/**< cgtune_init_with() sets nothing */
	CGTUNE_CALL_RUNTIMES = 1u << 2,	/**< cgtune_apply() also calls runtimes that are already loaded:
					     OpenMP, OpenBLAS, MKL, malloc arenas */
	CGTUNE_NO_PROBE = 1u << 3,	/**< cgtune_throttle_read(): cpu.stat alone; bpf(2) is never called */
	CGTUNE_MAPPED = 1u << 4,	/**< cgtune_throttle_read(): from memory alone where a probe is mapped */
};

/** What struct cgtune_report tells of. */
enum cgtune_report_kind {
	CGTUNE_REPORT_WARNING,		/**< a value or file that was refused, and what was used instead */
	CGTUNE_REPORT_LEVEL,		/**< one file of one level of the hierarchy that was looked at */
	CGTUNE_REPORT_NOTE,		/**< a fact that explains an answer */
};

/**
 * struct cgtune_report - one line of the explanation of an answer
 *
 * Strings end in NUL, may hold any other byte, and are valid only during the
 * call; what does not apply is NULL.
 */
struct cgtune_report {
	size_t size;
	uint32_t kind;			/**< enum cgtune_report_kind */
	uint32_t resource;		/**< CGTUNE_CPU, CGTUNE_MEMORY or 0 */
	const char *file;		/**< path below the root, or NULL */
	const char *variable;		/**< environment variable, or NULL */
	const char *value;		/**< raw text of the file or variable, or NULL; may be cut */
	const char *text;		/**< the sentence, without a final newline */
};
typedef void cgtune_report_fn(const struct cgtune_report *report, void *user);

/**
 * struct cgtune_options - what to read and how to decide
 *
 * NULL in its place, or zero in a member, is the default. Strings belong to
 * the caller; those given to cgtune_init_with() must stay valid for the life
 * of the process.
 */
struct cgtune_options {
	size_t size;			/**< sizeof(struct cgtune_options) */
	const char *root;		/**< directory that holds proc/ and sys/; default "/". With any
					     other, nothing of the real host is read */
	uint64_t cpu_milli;		/**< CPU limit instead of the quota; 1000 is one CPU */
	uint64_t memory;		/**< memory limit instead of the cgroup's; bytes */
	uint32_t permille;		/**< share of the memory limit to budget, 1 to 1000; default 900 */
	uint32_t rounding;		/**< enum cgtune_rounding */
	uint32_t flags;			/**< enum cgtune_flag */
	int32_t pid;			/**< process to read of; default: the caller */
	const char *cgroup;		/**< read of this cgroup instead: its path as in /proc/PID/cgroup */
	cgtune_report_fn *report;	/**< is told every warning and every level looked at */
	void *report_user;		/**< handed to report */
};

/**
 * struct cgtune_limits - facts: what the kernel grants this process
 *
 * The CPU limit is the smallest quota/period over the cgroup and its visible
 * ancestors (Documentation/scheduler/sched-bwc.rst, cgroup-v2.rst "cpu.max"),
 * kept as the exact pair; the memory limits likewise (cgroup-v2.rst
 * "memory.max", "memory.high"; cgroup-v1/memory.rst).
 */
struct cgtune_limits {
	size_t size;			/**< sizeof(struct cgtune_limits) */
	uint64_t cpu_quota_us;		/**< the pair that decided; both 0: no quota */
	uint64_t cpu_period_us;
	uint64_t memory;		/**< hard limit below memory_physical, or CGTUNE_UNLIMITED */
	uint64_t memory_high;		/**< memory.high below memory_physical, or CGTUNE_UNLIMITED */
	uint64_t memory_physical;	/**< MemTotal of the host in bytes; 0: unknown */
	uint32_t cpus;			/**< CPUs of the affinity mask, at least 1 */
	uint32_t cpus_source;		/**< affinity when that is fewer than are online, else host; none
					     where a quota decides, as it was not looked at then */
	uint32_t cpu_source;		/**< who gave the quota; cpus_source when there is none */
	uint32_t memory_source;		/**< who gave memory, or memory_high where that is alone; else host */
	uint32_t cpu_hierarchy;		/**< cgroup version that holds the controller: 1, 2; 0: not visible */
	uint32_t memory_hierarchy;
	uint32_t scheduler;		/**< sched_getscheduler(2) class of the calling thread, or of pid */
	uint32_t reserved;
	char cpu_from[CGTUNE_PATH_SIZE];	/**< file that decided, below the root; "" when none did */
	char memory_from[CGTUNE_PATH_SIZE];
};

/** struct cgtune_plan - decisions made from limits, options and environment */
struct cgtune_plan {
	size_t size;			/**< sizeof(struct cgtune_plan) */
	uint64_t memory;		/**< budget in bytes, or CGTUNE_UNLIMITED */
	uint32_t threads;		/**< worker threads to run, at least 1 */
	uint32_t limit;			/**< requests to run at once: threads x multiplier */
	uint32_t backlog;		/**< requests that may wait: limit x multiplier */
	uint32_t threads_source;	/**< enum cgtune_source */
	uint32_t memory_source;		/**< enum cgtune_source */
	uint32_t limited;		/**< mask of resources of which a limit binds */
	uint32_t tuned;			/**< mask of resources that cgtune_apply() acts upon */
	uint32_t cpus;			/**< CPUs of the affinity mask */
	uint32_t flags;			/**< CGTUNE_CALL_RUNTIMES, as in the options */
	uint32_t reserved;
};

/** struct cgtune_usage - what is used now by the cgroup of the process */
struct cgtune_usage {
	size_t size;			/**< sizeof(struct cgtune_usage) */
	uint64_t memory;		/**< memory.current; bytes, or CGTUNE_UNKNOWN */
	uint64_t memory_inactive_file;	/**< page cache that reclaim takes first; bytes, or CGTUNE_UNKNOWN */
	uint64_t cpu_ns;		/**< CPU time used by the cgroup since it was made, or CGTUNE_UNKNOWN */
};

/** What told of throttling. */
enum cgtune_throttle_source {
	CGTUNE_THROTTLE_STAT,		/**< cpu.stat */
	CGTUNE_THROTTLE_PROBE,		/**< cpu.stat, and a started probe for the members from throttles on */
	CGTUNE_THROTTLE_MAPPED,		/**< a started probe alone: CGTUNE_MAPPED */
};

/**
 * struct cgtune_throttle - what the CPU quota has done so far
 *
 * Of the level whose quota decides, or of the cgroup itself where no quota is
 * visible. The first four members are cpu.stat's, since the cgroup was made; those
 * from throttles on are a probe's (`cgtune probe start`), since that was started.
 * CGTUNE_UNKNOWN is what nobody counts. Of two readings of a member the difference
 * tells what happened between them, as long as since_ns is the same in both.
 */
struct cgtune_throttle {
	size_t size;			/**< sizeof(struct cgtune_throttle) */
	uint64_t periods;		/**< nr_periods: periods in which the cgroup could run */
	uint64_t throttled;		/**< nr_throttled: those in which it was stopped */
	uint64_t throttled_ns;		/**< time stopped, summed over CPUs */
	uint64_t local_ns;		/**< cpu.stat.local: time that this cgroup was stopped by any quota,
					     those of invisible ancestors too (kernel 6.6 and later) */
	uint64_t throttles;		/**< times that a CPU of the cgroup was stopped */
	uint64_t episodes;		/**< times that it went from no stopped CPU to one */
	uint64_t wall_ns;		/**< time with at least one CPU stopped, in episodes that have ended */
	uint64_t max_ns;		/**< the longest stop of a CPU */
	uint64_t since_ns;		/**< CLOCK_MONOTONIC when the probe was started */
	uint64_t updated_ns;		/**< CLOCK_MONOTONIC when it last counted something here; 0: never. With
					     CGTUNE_MAPPED periods, throttled and throttled_ns are of then */
	uint32_t source;		/**< enum cgtune_throttle_source */
	uint32_t reserved;
};

/**
 * cgtune_init() - read the limits, plan, apply, and remember
 *
 * Once per process: later calls return what the first one did. Sets the
 * variables of language runtimes (see cgtune_apply()), so call it before the
 * first thread is started; cgtune_init_with() and CGTUNE_NO_APPLY leave the
 * environment alone.
 *
 * Return: 0: no limit applies, nothing was changed; > 0: mask of CGTUNE_CPU and
 * CGTUNE_MEMORY that was tuned; < 0: the limits could not be read, the getters
 * answer with the host's values.
 */
int cgtune_init(void);

/**
 * cgtune_init_with() - cgtune_init() with options; NULL means the defaults
 *
 * Before cgtune_fd(): what follows live changes keeps the options that it began with.
 */
int cgtune_init_with(const struct cgtune_options *options);

/**
 * cgtune_threads() - worker threads to run
 *
 * Initialises on first use, without touching the environment; an atomic load
 * after. Follows live changes when cgtune_dispatch() or the watcher runs.
 *
 * Return: at least 1; never fails.
 */
unsigned cgtune_threads(void);

/** cgtune_memory() - memory budget in bytes, or CGTUNE_UNLIMITED; else as cgtune_threads() */
uint64_t cgtune_memory(void);

/**
 * cgtune_fd() - one descriptor that becomes readable when to call cgtune_dispatch()
 *
 * A written limit is seen at once (inotify(7) on every visible level), a move
 * to another cgroup, a removal or a changed affinity mask at the next interval
 * (timerfd). Works with poll(2) and with epoll(7), level- and edge-triggered.
 * The descriptor is close-on-exec, belongs to cgtune and must not be closed or
 * read. A forked child gets its own by calling again; those of the parent stay
 * open in it until it executes another program.
 *
 * Return: the descriptor, the same one at every call; -EMFILE, -ENFILE,
 * -ENOMEM; or what cgtune_init() returned when it failed.
 */
int cgtune_fd(void);

/**
 * cgtune_dispatch() - follow the limits: re-read and re-plan without blocking
 *
 * The getters answer with the new values when it returns, and the callback of
 * cgtune_on_change() is called. Does not touch the environment, allocates
 * nothing, and after cgtune_fd() opens nothing as long as the process stays
 * in its cgroup.
 *
 * Return: mask of CGTUNE_CPU, CGTUNE_MEMORY (a limit, the affinity mask or a
 * decision changed) and CGTUNE_MOVED; 0: nothing changed; or -errno, and the
 * values stay as they were.
 */
int cgtune_dispatch(void);

/**
 * cgtune_set_interval() - how often moves, removals and affinity are looked at
 * @milliseconds: default 5000; 0: never. Takes effect at once.
 */
void cgtune_set_interval(unsigned milliseconds);

/** struct cgtune_change - what a callback of cgtune_on_change() is given */
struct cgtune_change {
	size_t size;
	uint32_t resource;		/**< CGTUNE_CPU or CGTUNE_MEMORY */
	uint32_t reserved;
	uint64_t old_limit, new_limit;	/**< CPU limit in milli-CPUs rounded up; memory limit in bytes;
					     CGTUNE_UNLIMITED: none */
	uint64_t old_value, new_value;	/**< threads; budget in bytes or CGTUNE_UNLIMITED */
};
typedef void cgtune_change_fn(const struct cgtune_change *change, void *user);

/**
 * cgtune_on_change() - be called when a limit or a decision changes
 *
 * From within cgtune_dispatch() or the watcher thread, with no lock held; at
 * most once a second per resource: changes that follow faster are joined, and
 * reported with the value before the first and after the last. NULL ends it, but
 * for a call that another thread is in: stop the watcher before user is freed.
 */
void cgtune_on_change(cgtune_change_fn *fn, void *user);

/**
 * cgtune_watch_start() - a thread that waits for changes and dispatches them
 *
 * For programs without an event loop. All signals are blocked in it; it holds
 * no lock while it waits. Not inherited by a forked child.
 *
 * Return: 0, also when it runs already; -EAGAIN, -ENOMEM; or as cgtune_fd().
 */
int cgtune_watch_start(void);

/**
 * cgtune_watch_stop() - end the watcher and wait for it
 *
 * Return: 0, also when none runs; -EDEADLK from the callback; or why it cannot be told
 * (a filter of seccomp(2) that refuses write(2)), and it runs on.
 */
int cgtune_watch_stop(void);

/**
 * cgtune_undo() - take back what cgtune_apply() did
 *
 * Variables that still hold the value that cgtune gave them get the one they
 * had before, or are unset; runtimes that were called get their old count.
 * Not thread-safe, as setenv(3) is not.
 *
 * Return: 0; -ENOMEM.
 */
int cgtune_undo(void);

/**
 * cgtune_read() - read the limits of a process: facts only, no state
 *
 * A missing file or controller is no limit. A file that cannot be read or
 * understood is reported as a warning, and the other levels count. So is a
 * hierarchy of cgroup v1 that does not have options.cgroup, though another has.
 *
 * Return: 0; -EINVAL, -E2BIG; -EMFILE, -ENFILE, -ENOMEM; -ESRCH: no such pid;
 * -ENOENT: no such cgroup or root; -ENODEV: the process was moved and its cgroup
 * removed three times meanwhile; or why the root or a /proc/self/cgroup that is
 * there cannot be read.
 */
int cgtune_read(const struct cgtune_options *options, struct cgtune_limits *ret);

/**
 * cgtune_plan() - decide: arithmetic on limits, options and environment; no file
 *
 * threads = limit rounded (enum cgtune_rounding), at least 1, at most cpus;
 * memory = min(ratio x limit, limit - reserve, memory_high), at least 4 MiB.
 *
 * Return: 0; -EINVAL, -E2BIG.
 */
int cgtune_plan(const struct cgtune_options *options, const struct cgtune_limits *limits,
		struct cgtune_plan *ret);

/**
 * cgtune_apply() - set OMP_NUM_THREADS, GOMAXPROCS and GOMEMLIMIT where unset
 *
 * For the resources in plan->tuned; a value of the user is never touched. What
 * was set stands in CGTUNE_SET with its value, so that a child can tell. Nothing
 * is done in a setuid program.
 * Not thread-safe, as setenv(3) is not: call it before the first thread.
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int cgtune_apply(const struct cgtune_plan *plan);

/** cgtune_usage_read() - read what the cgroup uses; errors as cgtune_read(), and -ENODATA: it cannot be found */
int cgtune_usage_read(const struct cgtune_options *options, struct cgtune_usage *ret);

/**
 * cgtune_throttle_read() - read what the CPU quota has done
 *
 * Where a probe is started and this user may read it, its array is mapped: once,
 * for good, about 2 MB that nobody but the kernel's programs can write. With
 * CGTUNE_MAPPED in the flags, for this process and not another, later calls then
 * take what it counts from there: no system call, no lock, no page fault, well
 * below 1 us, so that it can be done before and after each request. The process's
 * cgroup is then the one of the last call without that flag or of the first with it,
 * until cgtune_dispatch() sees it move or its quota change. Where memory cannot
 * answer, the files do, and source says so: no probe, one that was stopped or
 * counts another subtree only, one of another version, or what is no probe's array.
 *
 * Only this function and adaptive limiters ever call bpf(2), and only when there
 * is a pin "cgtune-1/map" in /sys/fs/bpf that this user can reach, and no seccomp(2)
 * filter is in force, as that might kill for it. CGTUNE_PROBE=DIR names another
 * BPF file system, which is then asked under a filter too. CGTUNE_PROBE=off,
 * CGTUNE=off and CGTUNE_NO_PROBE: not at all.
 * No descriptor is kept. A forked child maps its own, at its first call.
 *
 * Return: as cgtune_usage_read().
 */
int cgtune_throttle_read(const struct cgtune_options *options, struct cgtune_throttle *ret);

/**
 * cgtune_pool_size() - size of a pool that waits more than it computes
 *
 * Return: multiplier x cgtune_threads(), saturating at UINT_MAX, and at least
 * minimum and 1; never fails.
 */
unsigned cgtune_pool_size(unsigned multiplier, unsigned minimum);

/**
 * cgtune_memory_share() - a part of the budget, for a cache
 * @permille: 0 to 1000; more counts as 1000
 *
 * Return: bytes, or CGTUNE_UNLIMITED when there is no budget; never fails.
 */
uint64_t cgtune_memory_share(unsigned permille);

/**
 * cgtune_memory_available() - bytes left below the memory limit
 *
 * The smallest of limit - (use - inactive_file) over the cgroup and its
 * visible ancestors, 0 where the use is above the limit.
 *
 * Return: 0, with CGTUNE_UNLIMITED where no limit applies; -ENODATA: there is
 * a limit but the use cannot be read, or the cgroup cannot be found; else as cgtune_read().
 */
int cgtune_memory_available(uint64_t *ret);

/** cgtune_memory_available_of() - cgtune_memory_available() with options */
int cgtune_memory_available_of(const struct cgtune_options *options, uint64_t *ret);

/*
 * The admission limiter: so many requests at once, so many more that wait, for
 * so long, and every other one refused at once and with a reason. The words are
 * those of chi's throttle middleware: limit, backlog, backlog timeout.
 *
 *	struct cgtune_limiter *limiter;
 *
 *	cgtune_limiter_new(NULL, &limiter);
 *	r = cgtune_limiter_acquire(limiter, -1);
 *	if (r < 0)		503, Retry-After: cgtune_limiter_retry_after(limiter),
 *				X-Cgtune-Reject: cgtune_limiter_reason(r)
 *	...
 *	cgtune_limiter_release(limiter);
 *
 * Every function may be called from any thread, from a callback too, but not
 * from a signal handler. A forked child finds each limiter of its parent with
 * no slot taken and nobody waiting: it must neither leave for the parent's requests
 * nor cancel the parent's waiters. No limiter starts a thread.
 */
struct cgtune_limiter;

/** What the backlog counts. */
enum cgtune_counting {
	CGTUNE_COUNT_CHI,		/**< who waits */
	CGTUNE_COUNT_GTS,		/**< who waits and who runs, as GoToSocial does; at least the limit */
};

/** Who of equal priority is admitted first. */
enum cgtune_order {
	CGTUNE_ORDER_FIFO,		/**< who has waited longest. Of those who wait nobody goes before it; while its
					     thread is woken, at most 16 who come then do */
	CGTUNE_ORDER_LIFO,		/**< who came last: in an overload most waiters have given up already */
};

/** How the limit is found. */
enum cgtune_mode {
	CGTUNE_MODE_STATIC,		/**< from the sizes in the options, or from the limits of the process */
	CGTUNE_MODE_ADAPTIVE,		/**< at most that, and less while the CPU quota stops the process. Needs
					     cgtune_dispatch() or the watcher; static while those do not run */
};

/** Flags of struct cgtune_limiter_options. */
enum cgtune_limiter_flag {
	CGTUNE_LIMITER_DRY_RUN = 1u << 0,	/**< admit all, at once, and count what would have been refused */
	CGTUNE_LIMITER_BIND_PROCESS = 1u << 1,	/**< follow the limits of the process, when cgtune_dispatch()
						     or the watcher sees them change; implied by NULL options
						     and by CGTUNE_MODE_ADAPTIVE */
	CGTUNE_LIMITER_UNLIMITED = 1u << 2,	/**< admit all; they are counted */
	CGTUNE_LIMITER_RETRY_AUTO = 1u << 3,	/**< cgtune_limiter_retry_after() is computed, not fixed */
};

/**
 * struct cgtune_limiter_options - sizes and rules of a limiter
 *
 * Zero in a member is its default; but with a limit the backlog is taken as
 * given. What is given here wins over CGTUNE_THROTTLE_MULTIPLIER and
 * CGTUNE_THROTTLE_RETRY_AFTER, those over the defaults. The name is copied.
 */
struct cgtune_limiter_options {
	size_t size;			/**< sizeof(struct cgtune_limiter_options) */
	const char *name;		/**< for metrics, at most 63 bytes; default "default". Two limiters of
					     one name are two */
	uint32_t limit;			/**< requests at once; default threads x multiplier */
	uint32_t backlog;		/**< requests that may wait; default limit x multiplier, and then also at
					     most what is completed within the backlog timeout, as far as that
					     is known: it is measured while requests wait */
	uint32_t multiplier;		/**< default CGTUNE_THROTTLE_MULTIPLIER (0 or less: admit all), else 8 */
	uint32_t backlog_timeout_ms;	/**< how long to wait; default 30000; UINT32_MAX: for ever */
	uint32_t retry_after_s;		/**< default CGTUNE_THROTTLE_RETRY_AFTER, else 30 */
	uint32_t counting;		/**< enum cgtune_counting */
	uint32_t order;			/**< enum cgtune_order */
	uint32_t mode;			/**< enum cgtune_mode */
	uint32_t min;			/**< least limit that is computed; default: 1, adaptive: the threads */
	uint32_t max;			/**< largest limit that is computed; default: none */
	uint32_t status;		/**< HTTP status of a refusal, 400 to 599; default 503 */
	uint32_t flags;			/**< enum cgtune_limiter_flag */
	uint64_t mem_per_request;	/**< bytes that a request needs: at most as many at once as fit in what is
					     left of the memory budget; default: memory does not count */
};

/** Flags of struct cgtune_request. */
enum cgtune_request_flag {
	CGTUNE_REQUEST_BYPASS = 1u << 0,	/**< a health check: admitted where the limiter is full, above the
						     limit if need be; refused only where it is closed */
	CGTUNE_REQUEST_NOWAIT = 1u << 1,	/**< admitted or refused at once */
};

/** struct cgtune_request - one request that asks to be admitted; zero in a member is its default */
struct cgtune_request {
	size_t size;			/**< sizeof(struct cgtune_request) */
	uint32_t priority;		/**< 0, the default, to 3. Of those who wait the highest is admitted first,
					     and above 0 before all who come; where the backlog is full the lowest is refused for a higher one */
	int32_t timeout_ms;		/**< how long to wait; 0 and -1: the backlog timeout */
	uint32_t flags;			/**< enum cgtune_request_flag */
	uint32_t reserved;
};

/**
 * struct cgtune_waiter - a request that waits without a thread: cgtune_limiter_async()
 *
 * Part of the caller's own struct, which stays where it is until granted was
 * called or the request cancelled. A request of all zeroes is the default one.
 */
struct cgtune_waiter {
	struct cgtune_request request;	/**< set before cgtune_limiter_async() */
	void *user;			/**< the caller's */
	/* The limiter's own: */
	struct cgtune_waiter *next, *prev;
	void (*granted)(struct cgtune_waiter *waiter, int result);
	uint64_t since_ns, until_ns;
	int32_t result;
	uint32_t state;
};

/** How a request ended. */
enum cgtune_outcome {
	CGTUNE_OUTCOME_OK,
	CGTUNE_OUTCOME_IGNORED,		/**< says nothing about the load: a bad request, a cache hit */
	CGTUNE_OUTCOME_DROPPED,		/**< it failed for overload: a time-out further down */
};

/** Of struct cgtune_limiter_stats: slot i counts waits below 2^i microseconds, the last one all others. */
#define CGTUNE_WAIT_SLOTS 32

/**
 * struct cgtune_limiter_stats - what a limiter does, and has done since it was made
 *
 * Every request is counted once in admitted or in one of the rejected_ members
 * (with CGTUNE_LIMITER_DRY_RUN in both) or, if it was cancelled, in cancelled.
 * When nobody is in a call, admitted = ok + ignored + dropped + inflight.
 */
struct cgtune_limiter_stats {
	size_t size;			/**< sizeof(struct cgtune_limiter_stats) */
	const char *name;		/**< valid until cgtune_limiter_free() */
	uint32_t limit;			/**< in force now; UINT32_MAX: all are admitted */
	uint32_t limit_static;		/**< the same without adaptive mode */
	uint32_t backlog;
	uint32_t inflight;
	uint32_t waiting;
	uint32_t status;		/**< HTTP status of a refusal */
	uint64_t admitted;		/**< at once, after waiting, and by bypass */
	uint64_t bypassed;		/**< by CGTUNE_REQUEST_BYPASS */
	uint64_t waited;		/**< admitted after waiting */
	uint64_t ok, ignored, dropped;	/**< left, by outcome */
	uint64_t cancelled;		/**< while they waited */
	uint64_t rejected_capacity, rejected_timeout, rejected_closed, rejected_memory;
	uint64_t resized;		/**< changes of the limit */
	uint64_t wait_ns;		/**< sum over all that were admitted */
	uint64_t wait_hist[CGTUNE_WAIT_SLOTS];	/**< of all that were admitted, those who did not wait in slot 0 */
};

/**
 * cgtune_limiter_new() - make a limiter
 * @options: NULL: sized from the limits of the process, which it follows
 *
 * Return: 0, and the limiter is the caller's to free; -EINVAL, -E2BIG; -ENOMEM.
 */
int cgtune_limiter_new(const struct cgtune_limiter_options *options, struct cgtune_limiter **ret);

/** cgtune_limiter_free() - free a limiter that nobody is in a call of, nor waits for; NULL is nothing */
void cgtune_limiter_free(struct cgtune_limiter *limiter);

/**
 * cgtune_limiter_acquire() - be admitted, now or after waiting
 * @timeout_ms: 0: do not wait; -1: wait for the backlog timeout
 *
 * No cancellation point of pthread_cancel(3).
 *
 * Return: 0: admitted, cgtune_limiter_release() is due; -EBUSY: the backlog is
 * full, or a higher priority took the place; -ENOMEM: the same, and it is memory
 * that sets the limit; -ETIMEDOUT; -ESHUTDOWN: closed; -EINVAL.
 */
int cgtune_limiter_acquire(struct cgtune_limiter *limiter, int timeout_ms);

/** cgtune_limiter_acquire_as() - cgtune_limiter_acquire() with a priority and flags; NULL: a request of zeroes; also -E2BIG */
int cgtune_limiter_acquire_as(struct cgtune_limiter *limiter, const struct cgtune_request *request);

/** cgtune_limiter_try() - be admitted now or not at all; 0, -EBUSY, -ENOMEM or -ESHUTDOWN as cgtune_limiter_acquire() */
int cgtune_limiter_try(struct cgtune_limiter *limiter);

/**
 * cgtune_limiter_async() - be admitted without blocking, for event loops
 * @granted: called once, with 0, -ETIMEDOUT, -ESHUTDOWN, -EBUSY or -ENOMEM as
 * cgtune_limiter_acquire(); with no lock held, on the thread that left, resized,
 * closed or looked for who is due, or on this one and perhaps before this returns.
 * It may call any function of the limiter, and free the waiter.
 *
 * Whose time is up is told so when a slot becomes free, or by
 * cgtune_limiter_expire(), which a loop calls from a timer.
 *
 * Return: 0: granted was or will be called; or as cgtune_limiter_acquire() and
 * -E2BIG, and it will not.
 */
int cgtune_limiter_async(struct cgtune_limiter *limiter, struct cgtune_waiter *waiter,
			 void (*granted)(struct cgtune_waiter *waiter, int result));

/**
 * cgtune_limiter_cancel() - wait no longer
 *
 * For a waiter given to cgtune_limiter_async() that is still valid.
 *
 * Return: 1: cancelled, granted will not be called; 0: the grant won the race:
 * granted(waiter, 0) was or will be called, and the slot is to be released;
 * -ETIMEDOUT, -ESHUTDOWN, -EBUSY, -ENOMEM: granted was or will be called with that;
 * -EINVAL: it never waited.
 */
int cgtune_limiter_cancel(struct cgtune_limiter *limiter, struct cgtune_waiter *waiter);

/**
 * cgtune_limiter_expire() - tell every waiter of cgtune_limiter_async() whose time is up
 *
 * Return: milliseconds, rounded up, until the next one is due; -1: nobody is.
 */
int cgtune_limiter_expire(struct cgtune_limiter *limiter);

/** cgtune_limiter_release() - leave: cgtune_limiter_finish() with CGTUNE_OUTCOME_OK */
void cgtune_limiter_release(struct cgtune_limiter *limiter);

/**
 * cgtune_limiter_finish() - leave, and say how it ended
 * @outcome: enum cgtune_outcome; any other value counts as ok
 *
 * Admits who waits, if the limit allows. Where nobody is in, nothing happens.
 */
void cgtune_limiter_finish(struct cgtune_limiter *limiter, int outcome);

/**
 * cgtune_limiter_resize() - set limit and backlog
 *
 * No waiter and no slot is lost: a higher limit admits waiters at once; with a
 * lower one those who are in stay, and those who wait go on waiting. From now on the
 * limiter no longer follows the limits of the process; adaptive mode stays.
 *
 * Return: 0; -EINVAL: limit 0.
 */
int cgtune_limiter_resize(struct cgtune_limiter *limiter, uint32_t limit, uint32_t backlog);

/** cgtune_limiter_close() - refuse from now on, and wake all who wait; those who are in leave as ever */
void cgtune_limiter_close(struct cgtune_limiter *limiter);

/**
 * cgtune_limiter_drain() - cgtune_limiter_close(), and wait until those who are in have left
 * @timeout_ms: how long to wait; 0: just look; -1: for ever
 *
 * For the end of a server; again and again, as it likes. Not for a thread that is in itself,
 * nor for an event loop: that closes, and looks at inflight when somebody leaves. Who left last may
 * still be in the call: join its thread before cgtune_limiter_free().
 *
 * Return: 0: nobody is in; -ETIMEDOUT: somebody still is; -EINVAL.
 */
int cgtune_limiter_drain(struct cgtune_limiter *limiter, int timeout_ms);

/** cgtune_limiter_stats() - read the counters; 0; -EINVAL */
int cgtune_limiter_stats(struct cgtune_limiter *limiter, struct cgtune_limiter_stats *ret);

/**
 * cgtune_limiter_retry_after() - seconds for the header Retry-After
 *
 * Fixed; or with CGTUNE_LIMITER_RETRY_AUTO the time that those who wait now will
 * take, at least 1 and at most retry_after_s, give or take a fifth so that not all
 * come back at once, and retry_after_s as long as that is not known.
 *
 * Return: at least 0.
 */
int cgtune_limiter_retry_after(struct cgtune_limiter *limiter);

/** cgtune_limiter_reason() - "capacity", "timeout", "closed" or "memory", of a refusal; else "unknown"; never NULL */
const char *cgtune_limiter_reason(int error);

/** cgtune_source_name() - "cgroup", "affinity", "host", "option", "GOMAXPROCS", ...; never NULL */
const char *cgtune_source_name(uint32_t source);

/** cgtune_strerror() - a sentence for a negative return value; never NULL, never freed */
const char *cgtune_strerror(int error);

/** cgtune_version() - "0.1.0" */
const char *cgtune_version(void);

/** Levels of a log message. */
enum cgtune_log {
	CGTUNE_LOG_ERROR = 1,
	CGTUNE_LOG_WARNING,
	CGTUNE_LOG_INFO,
	CGTUNE_LOG_DEBUG,
};

/**
 * cgtune_set_logger() - be given the messages of cgtune_init() and the live changes
 * @fn: NULL: back to silence, or to stderr where CGTUNE_LOG asks for it
 *
 * Set it before cgtune_init(). fn is called from the thread that has the
 * message, and must not call cgtune but for cgtune_strerror() and the like.
 */
void cgtune_set_logger(void (*fn)(int level, const char *text, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
