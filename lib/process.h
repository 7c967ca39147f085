/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process - the one process-wide state behind cgtune_init()
 *
 * It lies in a mapping that is zeroed in a forked child (MADV_WIPEONFORK), so
 * that the child starts afresh: no stale value, no lock held by a thread that
 * it does not have, no descriptor that it shares with its parent.
 */
#ifndef CGTUNE_PROCESS_H
#define CGTUNE_PROCESS_H

#include "pass.h"
#include "plan.h"
#include "published.h"
#include "usage.h"

#include <pthread.h>
#include <stdatomic.h>

/* What follows the limits while the process runs; live.c alone uses it. */
struct live {
	bool open;
	bool found;				/* the files that are held are those of our cgroup */
	bool due;				/* something is to be told at once */
	uint64_t window_ns;			/* of feedback, as the timer was armed for */
	int epoll, inotify, timer, membership;	/* membership: /proc/self/cgroup */
	int text_length;
	char text[FILE_LINE];			/* what it said */
	int held[PASS_HELD];
	struct pass pass;
	struct cgtune_limits reread;		/* before they are taken over */
	struct {
		bool pending;
		uint64_t told_ns;		/* CLOCK_MONOTONIC of the last callback; 0: none */
		struct cgtune_change change;
	} changes[2];				/* of CPU and of memory */
	bool watching;
	pthread_t watcher;
	int stop;				/* eventfd(2) that ends the watcher */
};

/* What adapts limiters; feedback.c alone uses it. */
struct feedback_sample {
	uint64_t at_ns;			/* CLOCK_MONOTONIC */
	struct usage_cpu cpu;
	struct published_counts counts;	/* of a probe; since_ns 0: there is none */
};

struct feedback {
	pthread_mutex_t lock;			/* over the list of limiters and all that follows */
	struct feedback_sample sample;		/* the last one; at_ns 0: none */
};

struct process {
	_Atomic uint32_t threads;	/* 0: not initialised; written last */
	_Atomic uint64_t memory;
	pthread_mutex_t lock;		/* over all that follows */
	bool done;			/* cgtune_init() was called, not just a getter */
	int result;			/* of cgtune_init() */
	int read_result;
	struct env env;
	struct cgtune_limits limits;
	struct cgtune_plan plan;
	struct live live;
	struct feedback feedback;
	struct published published;	/* has a lock of its own */
	_Atomic uint64_t throttled;	/* periods that who traces was told of; throttle.c alone uses it */
};

/* The state, not locked, perhaps not initialised; NULL: out of memory. */
struct process *process_state(void);
/* The state, locked and initialised; NULL: out of memory. */
struct process *process_lock(void);
/* The state, locked, perhaps not initialised; NULL: nobody has used it yet. */
struct process *process_lock_existing(void);
void process_unlock(struct process *process);

/* Let the timer tick as often as is needed now; with the lock held. */
void live_arm(struct process *process);

/* Log what was decided. */
void process_log(const struct process *process);

/* Let the getters answer with process->plan. */
void process_publish(struct process *process);

/* The options of cgtune_init_with(), without report. */
const struct cgtune_options *process_options(void);

#endif
