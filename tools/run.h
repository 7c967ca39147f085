/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run - what the parts of `cgtune run` share: what was asked for, and the cgroup that is made for it */
#ifndef CGTUNE_RUN_H
#define CGTUNE_RUN_H

#include "inspect.h"
#include "tuning.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* As env(1) has them; and 128 + the signal that ended the command. */
enum { RUN_FAILED = 125, RUN_NOT_EXECUTABLE = 126, RUN_NOT_FOUND = 127, RUN_SIGNAL = 128 };

struct run_options {
	uint64_t cpus_micro;		/* 0: not asked for */
	uint64_t memory, memory_high;	/* CGTUNE_UNLIMITED: not asked for */
	const char *cpuset;		/* these: NULL: not asked for */
	const char *name;
	const char *runtime;
	bool summary, why, dry_run;
	bool in_scope;			/* systemd made the cgroup that we are in for us alone */
	char **argv;			/* the command */
	char path[PATH_MAX];		/* the command as it was found */
	struct inspect inspect;
};

/* Whether a limit is asked for, and with it a cgroup. */
bool run_wants_group(const struct run_options *options);

/* "cgtune: WHAT: TEXT" on stderr; returns RUN_FAILED. */
int run_failed(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A command line, quoted for a shell where that is needed, and a line break. */
void run_print_command(FILE *out, char *const *argv);

/* run-place: where the cgroup goes, and what is written. Nothing is changed. */
#define GROUP_CONTROLLERS 5
#define GROUP_VALUES 12
#define GROUP_TEXT 4096

struct group_controller {
	const char *name;		/* "cpu" */
	int version;			/* of its hierarchy */
	size_t mount;			/* length of the mount point within parent */
	char parent[PATH_MAX];		/* the directory that it is made in */
	char dir[PATH_MAX];		/* and its own; the same for controllers of one hierarchy */
};

struct group_value {
	unsigned controller;
	const char *file;
	char text[GROUP_TEXT];
};

struct group {
	char name[NAME_MAX + 1];
	unsigned controllers, values;
	struct group_controller controller[GROUP_CONTROLLERS];
	struct group_value value[GROUP_VALUES];
	struct tuning_limits limits;	/* as they will be */
	char cpuset[GROUP_TEXT];	/* the CPUs, where they are limited; "" */
};

/* 0; or RUN_FAILED, and it has been said why. group_name() comes after. */
int group_place(const struct run_options *options, struct group *ret);
/* Give it its name, and with it its directories. */
void group_name(struct group *group, const char *name);
/* The limits alone, tightened by those that hold here: for who makes a cgroup elsewhere. */
int group_limits(const struct run_options *options, struct group *ret);
/* The caller's own cgroup, to read of. */
int group_own(const struct run_options *options, struct group *ret);
/* The index of the controller's entry; -1: the group is not in its hierarchy. */
int group_find(const struct group *group, const char *controller);
/* Whether this controller is the first of those that share a directory. */
bool group_is_first(const struct group *group, unsigned controller);

/* run-cgroup: make, enter, remove. 0; or RUN_FAILED, and it has been said why. */
int group_make(const struct group *group);
/* In the child: 0; or -errno, with what could not be done in what. */
int group_attach(const struct group *group, char *what, size_t size);
/* Remove directories, those below first; returns -errno of the first that stays, and which. */
int group_remove_dirs(const char *const *dirs, unsigned count, unsigned tries, const char **stays);
/* False: some of it is left, which has been said. */
bool group_remove(const struct group *group);

/* run-record: what a killed run leaves, and who removes it. */
struct record {
	int fd;				/* locked as long as the run lives; -1: none could be made */
	char path[PATH_MAX];
};
/* Note the group's directories before they are made. 0; -EEXIST: the name is in use; another error leaves no record. */
int record_make(const struct group *group, struct record *ret);
void record_remove(struct record *record);
int record_gc(void);

/* run-env: the environment of the command. */
/* The preload object for it; "": there is none, which has been said. */
void environment_object(const struct run_options *options, char object[PATH_MAX]);
/* Set it, in the child that is in its cgroup already. 0; or -errno. */
int environment_set(const struct run_options *options, const char *object);
/* Print it instead: the limits are still to come. */
int environment_print(const struct run_options *options, const char *object, const struct tuning_limits *limits);

/* run-child: start the command, hand signals on, wait. Its exit status. */
struct run_result {
	int status;			/* to exit with */
	int signal;			/* that ended it, or 0 */
	bool started;			/* the command itself ran */
	uint64_t wall_ns;
};
/* From here on no signal ends us before the cgroup is removed. */
void run_block_signals(void);

/* Before anything is said: a closed pipe is no reason to end. */
void run_ignore_pipe(void);
/* group: NULL: it stays where we are. */
void run_child(const struct run_options *options, const struct group *group, const char *object,
	       struct run_result *ret);

/* run-summary: what the limits did. */
struct summary {
	uint64_t cpu_ns, periods, throttled, throttled_ns, peak, limit, oom_kills;	/* CGTUNE_UNKNOWN */
	uint64_t throttles, max_ns;	/* of a probe, of a cgroup of the command's own */
	bool has_quota;			/* of periods there may be none, as nothing ran in them */
};
/* own: the caller's cgroup, as of group_own(); its CPU quota may be that of a level above. */
void summary_read(const struct group *group, bool own, struct summary *ret);
/* before: NULL: the cgroup was the command's alone. */
void summary_print(const struct summary *before, const struct summary *after, const struct run_result *result);
/* Without a summary: one line where the memory limit of the group, the command's own, has killed it. */
void summary_print_kill(const struct group *group, const char *command, const struct run_result *result);

/* run-systemd: where systemd is, it alone makes cgroups. */
bool systemd_is_here(void);
int systemd_run(const struct run_options *options);

#endif
