/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * advise - what the parts of `cgtune advise` share
 *
 *   cgroups' files, /proc -advise-watch, advise-threads-> facts -advise-rules-> advice -advise-commands-> how to set it
 *
 * CGTUNE_UNKNOWN, or a number below 0, is what is not known.
 */
#ifndef CGTUNE_ADVISE_H
#define CGTUNE_ADVISE_H

#include "cgtune.h"
#include "groups.h"
#include "rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADVISE_LEVELS 32		/* that are looked at, from the cgroup up */
#define ADVISE_UNREAD 16

/* The cgroup itself, or one above it, in the cpu hierarchy. */
struct advise_cpu {
	char *path;
	struct row_cpu before, after;
	uint64_t burst_us;		/* unknown: the kernel has none */
};

/* The same in memory's. */
struct advise_memory {
	char *path;
	struct row_memory before, after;
	uint64_t unreclaimable;		/* the most that was seen of use without inactive_file */
	uint64_t peak;			/* since it was made */
};

/* What could not be read, and why. */
struct advise_unread {
	const char *what;
	char why[120];
};

struct advise_facts {
	uint64_t ns;			/* watched */
	uint32_t online;		/* CPUs */
	struct cgtune_limits limits;
	struct cgtune_plan plan;	/* without this shell's environment */
	int cpu_version, memory_version;	/* of cgroups; 0: there is none */
	char cpu_mount[4096], memory_mount[4096];
	struct advise_cpu cpu[ADVISE_LEVELS];
	size_t cpus;
	struct advise_memory memory[ADVISE_LEVELS];
	size_t memories;
	double use, use_most;		/* CPUs: all the time, and between two looks at most */
	bool use_by_threads;		/* from those that live, as nobody counts it for the cgroup */
	unsigned looks, threads, runnable_most;	/* threads that there are */
	unsigned looks_above;		/* looks with more runnable ones than plan.threads */
	double runnable;		/* at once, on average */
	unsigned arenas;		/* of malloc(3), of the process that has most */
	int32_t arenas_pid;		/* 0: none was looked into */
	double cpu_pressure, memory_pressure;	/* share of the time in which some waited */
	struct advise_unread unread[ADVISE_UNREAD];
	size_t unread_count;
};

void advise_unread(struct advise_facts *facts, const char *what, const char *why);

/* Whom it is about, and for how long. */
struct advise_subject {
	int32_t pid;			/* 0: all of the cgroup */
	int32_t member;			/* a process that is in both cgroups; 0: they have one path */
	const char *cpu_path, *memory_path;	/* NULL: not there */
	double seconds;
};

/* advise-watch.c: look again and again, until the time is up or *stop. 0 or -errno. */
int advise_watch(const struct advise_subject *subject, const volatile int *stop, struct advise_facts *ret);
void advise_free(struct advise_facts *facts);

/* advise-threads.c: the threads of a process or of all cgroups below a directory, at one time. */
struct advise_thread {
	int32_t tid;
	bool runnable;
	uint64_t used_ns;		/* since it was started */
};

struct advise_threads {
	struct advise_thread *threads;	/* by tid */
	size_t count;
};

int advise_threads_read(const struct advise_subject *subject, const struct groups *groups, struct advise_threads *ret);
/* CPU time between two looks, of those that lived at the second. */
uint64_t advise_threads_used(const struct advise_threads *old, const struct advise_threads *new);

/* advise-arenas.c: arenas of malloc(3) in 64-bit glibc that are not the main one. >= 0 or -errno. */
int advise_arenas(int32_t pid);

/* What is to be set. */
enum advise_setting {
	ADVISE_NOTHING, ADVISE_THREADS, ADVISE_CPUS, ADVISE_BURST, ADVISE_MEMORY_MAX, ADVISE_MEMORY_HIGH, ADVISE_ARENAS
};

#define ADVISE_EVIDENCE 10

struct advice {
	const char *rule;
	char what[200], why[600];
	enum advise_setting setting;
	double value;			/* CPUs, bytes, microseconds, a number of threads or of arenas; below 0: not known */
	const char *path;		/* the cgroup to set it for */
	uint64_t period_us;		/* of CPUs */
	struct {
		const char *name;
		double value;
	} evidence[ADVISE_EVIDENCE];
	size_t evidences;
};

/* advise-rules.c: what follows from the facts; how many, at most n. */
#define ADVISE_MOST 16
size_t advise_rules(const struct advise_facts *facts, struct advice *ret, size_t n);
/* The level of the cpu hierarchy that stopped it most; NULL: none did. */
const struct advise_cpu *advise_stopper(const struct advise_facts *facts);
double advise_quota(const struct advise_cpu *level);
/* The same threads did so little that nothing follows of it. */
bool advise_is_idle(const struct advise_facts *facts);

/* advise-commands.c */
enum advise_place { ADVISE_V2, ADVISE_V1, ADVISE_SYSTEMD, ADVISE_KUBERNETES, ADVISE_START, ADVISE_PLACES };
const char *advise_place_name(int place);
/* The command that sets it there, in room; NULL: it cannot be set there. */
const char *advise_command(const struct advise_facts *facts, const struct advice *advice, int place, char *room, size_t size);
/* Whether the cgroup is one of that place. */
bool advise_is_at(const struct advise_facts *facts, const struct advice *advice, int place);

/* advise-print.c */
void advise_print(const struct advise_subject *subject, const struct advise_facts *facts, const struct advice *advice, size_t n);
void advise_print_json(const struct advise_subject *subject, const struct advise_facts *facts, const struct advice *advice, size_t n);

#endif
